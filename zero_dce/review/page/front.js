// How the scatter shows the Pareto front: marks that differ in form, the line along it, and the name of a point.

import { logSplits, rangeOf, spansWidely } from "./axes.js";
import { linked, plotOptions, series, styleOf, textScale } from "./chart.js";
import { byId, element, nameOf, runs, state } from "./data.js";
import { objectives } from "./fields.js";
import { betterText, isMaximized, markOf, MARKS, standingLines } from "./pareto.js";

// Draws the scatter of a sweep with objectives, with the whole front also where the filter leaves out some of its
// runs: a line through the others would say that nothing better was found.
export function frontScatter(box, shown, x, y) {
  const corners = staircase(x, y);
  box.append(markLegend(shown, corners));
  const options = frontOptions(box, shown, corners, x, y);
  // The front is drawn last, above the others.
  const order = Object.keys(MARKS).reverse().flatMap((mark) => shown.filter((run) => markOf(run) === mark));
  options.series.push(...order.map((run) => ({ ...markedSeries(run), paths: () => null })));
  const table = order.map((run) => shown.map((each) => (each === run ? run.fields[y] : null)));
  const plot = linked(new uPlot(options, [shown.map((run) => run.fields[x]), ...table], box), order);
  // The label is only for the eyes; the line below the plots says the same to a screen reader.
  plot.label = element("div", { class: "point-label", hidden: true, "aria-hidden": "true" });
  plot.over.append(plot.label);
  return plot;
}

function frontOptions(box, shown, corners, x, y) {
  const across = [...shown.map((run) => run.fields[x]), ...corners.map((corner) => corner[0])];
  const down = [...shown.map((run) => run.fields[y]), ...corners.map((corner) => corner[1])];
  const logAcross = spansWidely(across);
  const options = plotOptions(box, spansWidely(down) ? down : null, logAcross);
  options.height *= 2;
  options.scales.x.range = rangeOf(across, logAcross);
  options.scales.y.range ??= rangeOf(down, false);
  if (logAcross) options.axes[0].splits = () => logSplits(...options.scales.x.range);
  [x, y].forEach((name, at) => {
    const axis = options.axes[at];
    Object.assign(axis, { label: axisLabel(name), labelFont: axis.font, labelSize: 20 * textScale() });
  });
  options.hooks = { init: [(plot) => (plot.corners = corners)], drawAxes: [drawStaircase] };
  return options;
}

// The front of only these two objectives, as corners of a line: no run that counts is beyond it. With more objectives
// it passes by those runs that are on the front for another one's sake.
function staircase(x, y) {
  if (!objectives.has(x) || !objectives.has(y)) return [];
  const gain = (name, run) => (isMaximized(name) ? run.fields[name] : -run.fields[name]);
  const best = runs.filter((run) => run.pareto).sort((a, b) => gain(x, b) - gain(x, a) || gain(y, b) - gain(y, a));
  const corners = [];
  let last = null;
  for (const run of best) {
    if (last && gain(y, run) <= gain(y, last)) continue;
    // Between two runs lies what either reaches: the worse of both in each.
    if (last) corners.push([run.fields[x], last.fields[y]]);
    corners.push([run.fields[x], run.fields[y]]);
    last = run;
  }
  return corners;
}

// Draws the line below the points. A single corner has no line.
function drawStaircase(plot) {
  const { corners, ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.beginPath();
  // The line has an even width and lies on whole pixels, so that it is equally sharp everywhere.
  const pixel = (value, axis) => Math.round(plot.valToPos(value, axis, true));
  for (const [x, y] of corners) ctx.lineTo(pixel(x, "x"), pixel(y, "y"));
  ctx.strokeStyle = styleOf("--text");
  ctx.lineWidth = 2 * Math.round(devicePixelRatio);
  ctx.stroke();
  ctx.restore();
}

// A point's look tells where the run stands also without its colour.
function markedSeries(run) {
  const mark = markOf(run);
  const made = series(run, true);
  Object.assign(made.points, { size: MARKS[mark].size, paths: (plot, place) => markPath(plot, place, mark) });
  if (mark === "front") Object.assign(made.points, { width: 1.5, stroke: styleOf("--accent"), fill: run.colour });
  else Object.assign(made.points, { width: 2, stroke: run.colour, fill: styleOf("--panel") });
  return made;
}

function markPath(plot, place, mark) {
  const at = plot.data[place].findIndex((value) => value !== null);
  const x = plot.valToPos(plot.data[0][at], "x", true);
  const y = plot.valToPos(plot.data[place][at], "y", true);
  const radius = (MARKS[mark].size / 2) * devicePixelRatio;
  const path = new Path2D();
  if (mark === "other") {
    path.arc(x, y, radius, 0, 2 * Math.PI);
  } else if (mark === "front") {
    for (const [right, down] of [[0, -1], [1, 0], [0, 1], [-1, 0]]) path.lineTo(x + right * radius, y + down * radius);
    path.closePath();
  } else {
    for (const slope of [1, -1]) {
      path.moveTo(x - radius, y - slope * radius);
      path.lineTo(x + radius, y + slope * radius);
    }
  }
  return { stroke: path, fill: path, clip: null, flags: 3 };
}

// An arrow stands at the end that it points to; text beside the vertical axis reads upwards.
function axisLabel(name) {
  if (!objectives.has(name)) return name;
  return isMaximized(name) ? `${name}: ${betterText(name)} →` : `← ${name}: ${betterText(name)}`;
}

function markLegend(shown, corners) {
  const present = Object.keys(MARKS).filter((mark) => shown.some((run) => markOf(run) === mark));
  const parts = present.map((mark) => `${MARKS[mark].glyph} ${MARKS[mark].says}`);
  if (objectives.size > 2 && corners.length) parts.push("line: the front of these two objectives alone");
  return element("p", { class: "quiet marks" }, ...parts.map((part) => element("span", {}, part)));
}

// Names the run that is pointed at, beside its point, on the side that has room.
export function labelPoint(plot) {
  const { label } = plot;
  const run = state.pointed;
  label.hidden = !plot.lines.includes(run);
  if (label.hidden) return;
  const lines = standingLines(run).map((line) => element("div", {}, line));
  label.replaceChildren(element("strong", {}, nameOf(run)), ...lines);
  const [x, y] = ["x", "y"].map((axis) => plot.valToPos(run.fields[byId(`scatter-${axis}`).value], axis));
  const { clientWidth: width, clientHeight: height } = plot.over;
  const onLeftHalf = x < width / 2;
  Object.assign(label.style, {
    left: onLeftHalf ? `${x + 12}px` : "auto",
    right: onLeftHalf ? "auto" : `${width - x + 12}px`,
    top: `${Math.max(0, Math.min(y - label.offsetHeight / 2, height - label.offsetHeight))}px`,
  });
}
