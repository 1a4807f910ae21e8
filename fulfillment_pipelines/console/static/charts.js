// Draws every figure that brings its options as data; the page loads the library before this.
// Colours come from the design tokens, so that a chart follows the theme.
"use strict";

const drawn = new Map();

function palette() {
  const style = getComputedStyle(document.documentElement);
  const token = (name) => style.getPropertyValue(name).trim();
  return {
    color: ["--chart-1", "--chart-2", "--chart-3", "--chart-4", "--chart-5", "--chart-6"].map(token),
    text: token("--ink"), quiet: token("--ink-quiet"), line: token("--line"),
  };
}

function draw(figure) {
  const options = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
  const colours = palette();
  drawn.get(figure)?.dispose();
  const chart = echarts.init(figure.querySelector(".canvas"), null, { renderer: "canvas" });
  const axis = { axisLine: { lineStyle: { color: colours.line } }, axisLabel: { color: colours.quiet }, splitLine: { lineStyle: { color: colours.line } } };
  const themed = (one) => ({ ...axis, ...one });
  chart.setOption({
    color: colours.color,
    textStyle: { color: colours.text, fontFamily: "inherit" },
    grid: { left: 8, right: 16, top: 24, bottom: 8, containLabel: true },
    tooltip: { trigger: "axis", renderMode: "richText" },
    aria: { enabled: true },
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    ...options,
    ...(options.xAxis && { xAxis: [options.xAxis].flat().map(themed) }),
    ...(options.yAxis && { yAxis: [options.yAxis].flat().map(themed) }),
    ...(options.legend && { legend: { textStyle: { color: colours.quiet }, top: 0, ...options.legend } }),
  });
  drawn.set(figure, chart);
}

const drawAll = (root) => { for (const figure of root.querySelectorAll("[data-chart]")) draw(figure); };
document.addEventListener("DOMContentLoaded", () => drawAll(document));
document.addEventListener("htmx:load", (event) => { if (event.detail.elt !== document.body) drawAll(event.detail.elt); });
document.addEventListener("theme:changed", () => drawAll(document));
addEventListener("resize", () => { for (const chart of drawn.values()) chart.resize(); });
