/** What ECharts is told; pure, so that gaps and clocks are tested without a browser. */
import type { EChartsCoreOption } from "echarts/core";

import { dateTime, figure, fromShown, toShown } from "../format";

export interface ChartSeries {
  name: string;
  unit: string;
  /** Instants and means; null is a gap and stays one. */
  line: readonly (readonly [number, number | null])[];
  /** Instants, minima and maxima. */
  band?: readonly (readonly [number, number | null, number | null])[];
  step?: boolean;
  faint?: boolean;
}
/** `colour` is the name of a token, which each theme has its own colour for. */
export interface ChartArea { from: number; to: number; label: string; colour: `--${string}` }
export interface ChartLimit { value: number; label: string; unit: string }
interface Chart { series: readonly ChartSeries[]; from: number; to: number; areas?: readonly ChartArea[] | undefined; limits?: readonly ChartLimit[] | undefined; zoom?: boolean | undefined }

/** Tones that are no severity's. */
const TONES = { light: ["#27557f", "#6b4f9e", "#1f736c", "#7a5c26", "#8c3f6e", "#4c5761", "#3d6b2c", "#9a5140"], dark: ["#86b8e6", "#b9a3ea", "#6cc5bc", "#d3b273", "#de95c1", "#a9b4bf", "#9bc988", "#e0a08e"] } as const;

export function tone(index: number, dark: boolean): string {
  const tones = dark ? TONES.dark : TONES.light;
  return tones[index % tones.length] ?? tones[0];
}

function tip(params: unknown, series: readonly ChartSeries[]): HTMLElement {
  const rows = params as { axisValue: number; seriesId: string; color: string; value: [number, number | null] }[];
  const box = document.createElement("div");
  box.className = "chart-tip";
  const at = rows[0]?.axisValue;
  const head = document.createElement("p");
  head.textContent = at === undefined ? "" : dateTime(fromShown(at));
  box.append(head);
  for (const row of rows) {
    const one = row.seriesId.startsWith("line") ? series[Number(row.seriesId.slice(4))] : undefined;
    if (!one) continue;
    const line = document.createElement("div");
    const mark = document.createElement("i");
    mark.style.background = row.color;
    line.append(mark, `${one.name}  ${row.value[1] === null ? "–" : figure(row.value[1])} ${one.unit}`);
    box.append(line);
  }
  return box;
}

export function chartOption(chart: Chart, token: (name: string) => string): EChartsCoreOption {
  const units = [...new Set(chart.series.map((one) => one.unit))];
  const quiet = token("--quiet");
  const dark = document.documentElement.dataset.theme === "dark";
  const areas = chart.areas ?? [];
  const limits = chart.limits ?? [];
  const lines = chart.series.flatMap((one, index) => {
    const axis = units.indexOf(one.unit);
    const colour = tone(index, dark);
    const common = { type: "line", yAxisIndex: axis, showSymbol: false, animation: false, connectNulls: false };
    const band = one.band ? [
      { ...common, id: `low${index}`, stack: `band${index}`, stackStrategy: "all", silent: true, lineStyle: { opacity: 0 }, data: one.band.map(([at, low]) => [toShown(at), low]) },
      { ...common, id: `high${index}`, stack: `band${index}`, stackStrategy: "all", silent: true, lineStyle: { opacity: 0 }, areaStyle: { color: colour, opacity: 0.16 }, data: one.band.map(([at, low, high]) => [toShown(at), low === null || high === null ? null : high - low]) },
    ] : [];
    const line = {
      ...common, id: `line${index}`, name: one.name, step: one.step ? "end" : false, itemStyle: { color: colour },
      lineStyle: { width: one.faint ? 1 : 1.6, color: colour, type: one.faint ? "dashed" : "solid" },
      // A reading with a gap on both sides would be a line without length.
      showSymbol: one.line.length <= 2, symbolSize: 4,
      data: one.line.map(([at, value]) => [toShown(at), value]),
      ...(index === 0 && areas.length ? { markArea: { silent: true, label: { color: quiet, fontSize: 11, position: "insideTop" }, data: areas.map((area) => [{ name: area.label, xAxis: toShown(area.from), itemStyle: { color: token(area.colour), opacity: 0.5 } }, { xAxis: toShown(area.to) }]) } } : {}),
      ...(index === 0 && limits.length ? { markLine: { silent: true, symbol: "none", animation: false, label: { formatter: "{b}", position: "insideEndTop", color: quiet }, lineStyle: { color: token("--high"), type: "dashed" }, data: limits.map((limit) => ({ name: limit.label, yAxis: limit.value })) } } : {}),
    };
    return [...band, line];
  });
  return {
    // ECharts knows the browser's time zone and UTC: it is told UTC, of the estate's clock.
    useUTC: true, animation: false,
    grid: { left: 56, right: units.length > 1 ? 20 + 44 * (units.length - 1) : 20, top: 28, bottom: 28 },
    ...(chart.zoom ? { brush: { xAxisIndex: 0, brushStyle: { color: token("--selected"), opacity: 0.5, borderColor: token("--focus") } }, toolbox: { show: false } } : {}),
    xAxis: { type: "time", min: toShown(chart.from), max: toShown(chart.to), axisLabel: { color: quiet, fontSize: 11, hideOverlap: true, formatter: { year: "{yyyy}", month: "{yyyy}-{MM}", day: "{MM}-{dd}", hour: "{HH}:{mm}", minute: "{HH}:{mm}", second: "{HH}:{mm}:{ss}" } }, axisLine: { lineStyle: { color: token("--line-strong") } }, splitLine: { show: false } },
    yAxis: units.map((unit, index) => ({ type: "value", scale: true, name: unit, nameTextStyle: { color: quiet, fontSize: 11 }, position: index === 0 ? "left" : "right", offset: index > 1 ? 44 * (index - 1) : 0, axisLabel: { color: quiet, fontSize: 11 }, splitLine: { show: index === 0, lineStyle: { color: token("--line") } } })),
    tooltip: { trigger: "axis", confine: true, transitionDuration: 0, backgroundColor: token("--raised"), borderColor: token("--line-strong"), formatter: (params: unknown) => tip(params, chart.series) },
    series: lines,
  };
}
