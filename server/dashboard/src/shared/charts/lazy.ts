/** The chart, and ECharts with it, is fetched when the first one is shown; its place is busy until then. */
import { defineAsyncComponent, defineComponent, h } from "vue";

const ChartPlace = defineComponent({ render: () => h("div", { "aria-busy": "true", style: "width: 100%; height: 100%" }) });

export const TimeChart = defineAsyncComponent({ loader: () => import("./TimeChart.vue"), loadingComponent: ChartPlace, delay: 0 });
