/** Those parts of ECharts that are used; nothing else of it is loaded. */
import { LineChart } from "echarts/charts";
import { BrushComponent, GridComponent, MarkAreaComponent, MarkLineComponent, ToolboxComponent, TooltipComponent } from "echarts/components";
import { type EChartsType, init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([LineChart, BrushComponent, GridComponent, MarkAreaComponent, MarkLineComponent, ToolboxComponent, TooltipComponent, CanvasRenderer]);

export { init };
export type { EChartsType };
