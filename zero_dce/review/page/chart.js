// What all plots share: their look, and the run that is nearest to the mouse. uPlot is a script of its own before this.

import { logRange, logSplits } from "./axes.js";
import { nameOf, short } from "./data.js";
import { standingText } from "./pareto.js";
import { pin, point } from "./pointing.js";

const POINT = 9;

export const styleOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

export function series(run, show) {
  const points = { show, size: POINT, fill: run.colour, stroke: run.colour };
  return { label: nameOf(run), stroke: run.colour, width: 1.5, spanGaps: true, points };
}

// The page's text is 14 px high, and larger on larger screens; the plots' sizes grow with it.
export const textScale = () => parseFloat(styleOf("font-size")) / 14;

// The vertical axis is logarithmic where values are given, the horizontal one where it is asked for.
export function plotOptions(box, logValues, logAcross) {
  const scale = textScale();
  const range = logValues && logRange(logValues);
  const axis = {
    stroke: styleOf("--quiet"),
    grid: { stroke: styleOf("--raised"), width: 1 },
    ticks: { show: false },
    // On a logarithmic axis uPlot would name only powers of ten.
    filter: (_, splits) => splits,
    font: `${12 * scale}px system-ui, sans-serif`,
    values: (_, splits) => splits.map((value) => (value === null ? "" : Number(value.toPrecision(6)).toString())),
  };
  const vertical = { ...axis, size: 62 * scale, space: 26 * scale };
  if (range) vertical.splits = () => logSplits(...range);
  return {
    width: box.clientWidth || 380,
    height: 172 * scale,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
    focus: { alpha: 0.3 },
    scales: { x: { time: false, distr: logAcross ? 3 : 1 }, y: range ? { distr: 3, range } : {} },
    axes: [{ ...axis, size: 28 * scale, space: 60 * scale }, vertical],
    series: [{}],
  };
}

// The run whose line or point is nearest to the mouse is the one that is pointed at.
export function linked(plot, lines) {
  plot.lines = lines;
  plot.over.onmousemove = (event) => {
    const found = nearest(plot, event.offsetX, event.offsetY);
    if (!found) return;
    const { run, value, across } = found;
    const text = plot.label ? standingText(run) : `${nameOf(run)}: ${short(value)} at ${short(across)}`;
    point(run, text);
  };
  plot.over.onmouseleave = () => point(null);
  plot.over.onclick = (event) => {
    const found = nearest(plot, event.offsetX, event.offsetY);
    if (found) pin(found.run);
  };
  return plot;
}

function nearest(plot, x, y) {
  let best = null;
  const [across, ...down] = plot.data;
  const places = across.map((value) => plot.valToPos(value, "x"));
  down.forEach((values, line) => {
    values.forEach((value, at) => {
      if (value === null || value === undefined) return;
      const distance = Math.hypot(places[at] - x, plot.valToPos(value, "y") - y);
      if (!best || distance < best.distance) best = { distance, run: plot.lines[line], across: across[at], value };
    });
  });
  return best;
}
