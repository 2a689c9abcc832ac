// Loss curves of all runs, and a scatter of weights against measures; both show and choose the same runs as the grid.

import { rangeOf, spansWidely } from "./axes.js";
import { linked, plotOptions, series } from "./chart.js";
import { arrange, byId, choice, data, element, mark, runs, state } from "./data.js";
import { hasOwnMeaning, numericFields, objectives } from "./fields.js";
import { frontScatter, labelPoint } from "./front.js";
import { onPointed } from "./pointing.js";

const charts = byId("charts");
let stage = "training";
// Within this span both axes look the same, and round numbers are found on a linear one.
const NARROW = 2;
// Up to so many different weights each get a name below the scatter.
const MOST_MARKS = 7;

export function buildPlotChoices() {
  choice(byId("stage"), [["training", "Training"], ["validation", "Validation"]], stage, (chosen) => {
    stage = chosen;
    mark(byId("stage"), stage);
    drawPlots();
  });
  byId("logarithmic").onchange = drawPlots;
  for (const select of [byId("scatter-x"), byId("scatter-y")]) {
    select.onchange = () => {
      select.chosen = select.value;
      drawPlots();
    };
  }
  fillPlotChoices();
}

// Fills the choices of the scatter with what the runs have now; what a person chose stays.
export function fillPlotChoices() {
  // The objectives can be chosen also before any run has a value.
  const named = [...new Set([...objectives.keys(), ...numericFields.filter((name) => name !== "run")])];
  const first = (names) => names.find((name) => named.includes(name)) ?? named[0] ?? "";
  const [across, down] = objectives.keys();
  const swept = runs.flatMap((run) => Object.keys(run.swept));
  fillSelect(byId("scatter-x"), named, first([across, ...swept, "exp", "step"]));
  fillSelect(byId("scatter-y"), named, first([down, "psnr_gain", "saturation_ratio", "brightness_out", "train/total"]));
}

function fillSelect(select, names, usual) {
  const optionsOf = (some) => some.map((name) => element("option", { value: name }, name));
  const first = optionsOf(names.filter((name) => objectives.has(name)));
  const others = optionsOf(names.filter((name) => !objectives.has(name)));
  const groups = [["objectives", first], ["others", others]];
  const grouped = groups.map(([label, options]) => element("optgroup", { label }, ...options));
  arrange(select, first.length === 0 ? others : grouped);
  select.value = names.includes(select.chosen) ? select.chosen : usual;
}

export function drawPlots() {
  for (const box of charts.children) box.plot?.destroy();
  charts.replaceChildren();
  if (byId("plots").hidden) return;
  charts.append(...data.losses.map((loss) => chartBox(() => lossChart(loss))));
  // Where a choice is between objectives, the scatter is what to look at first.
  charts[objectives.size ? "prepend" : "append"](chartBox(scatterChart));
  redrawPlots();
}

// Draws those plots that would look different now.
export function redrawPlots() {
  for (const box of charts.children) box.draw();
  highlight();
}

// The box draws its plot when it has its place on the page, and keeps it until `describe` gives another key.
function chartBox(describe) {
  const heading = element("h3");
  const box = element("div", { class: "chart" }, heading);
  box.draw = () => {
    const { title, note, key, makePlot } = describe();
    if (box.key === key) return;
    box.key = key;
    // Between the plots the box keeps its height, and what is scrolled its place.
    box.style.minHeight = `${box.offsetHeight}px`;
    box.plot?.destroy();
    heading.replaceChildren(title, element("span", { class: "quiet" }, ` ${note}`));
    box.replaceChildren(heading);
    box.classList.toggle("of-front", describe === scatterChart && objectives.size > 0);
    box.plot = makePlot(box);
    if (!box.plot) box.append(element("p", { class: "quiet" }, "nothing logged yet"));
    box.style.minHeight = "";
  };
  return box;
}

function lossChart(loss) {
  const isLogged = (value) => value !== null;
  const lines = state.visible.filter((run) => run[stage].values[loss]?.some(isLogged));
  const values = lines.flatMap((run) => run[stage].values[loss]).filter(isLogged);
  const wanted = byId("logarithmic").checked;
  const possible = values.every((value) => value > 0);
  const logarithmic = wanted && possible && Math.max(...values) / Math.min(...values) >= NARROW;
  let note = wanted && !possible ? "linear, it has values of 0" : "unweighted";
  if (loss === "total") note = "weighted: not comparable between weights";
  const key = JSON.stringify([note, stage, logarithmic, lines.map((run) => [run.run, run.revision])]);
  const makePlot = (box) => {
    if (lines.length === 0) return null;
    const tables = lines.map((run) => [run[stage].steps, run[stage].values[loss]]);
    const options = plotOptions(box, logarithmic ? values : null, false);
    const areShort = tables.every(([steps]) => steps.length < 3);
    options.series.push(...lines.map((run) => series(run, areShort)));
    return linked(new uPlot(options, uPlot.join(tables), box), lines);
  };
  return { title: loss, note, key, makePlot };
}

function scatterChart() {
  const [x, y] = [byId("scatter-x").value, byId("scatter-y").value];
  const shown = state.visible.filter((run) => [x, y].every((name) => typeof run.fields[name] === "number"));
  shown.sort((a, b) => a.fields[x] - b.fields[x]);
  const left = state.visible.length - shown.length;
  const note = left ? `${left} ${left === 1 ? "run lacks" : "runs lack"} one of them` : "a point a run";
  const draw = objectives.size ? frontScatter : gridScatter;
  const makePlot = (box) => (shown.length === 0 ? null : draw(box, shown, x, y));
  const values = (run) => [run.run, run.fields[x], run.fields[y], run.pareto, run.state];
  // The line along the front passes also by runs that the filter leaves out.
  const front = runs.filter((run) => run.pareto);
  const key = JSON.stringify([x, y, note, shown.map(values), front.map(values)]);
  return { title: `${y} over ${x}`, note, key, makePlot };
}

function gridScatter(box, shown, x, y) {
  const across = shown.map((run) => run.fields[x]);
  const log = spansWidely(across);
  const options = plotOptions(box, null, log);
  options.scales.x.range = rangeOf(across, log);
  const marks = [...new Set(across)];
  if (hasOwnMeaning(x) && marks.length <= MOST_MARKS) options.axes[0].splits = () => marks;
  options.series.push(...shown.map((run) => ({ ...series(run, true), paths: () => null })));
  // Each run is a series of one point, so that it can be marked and hidden like a curve.
  const table = shown.map((run, place) => across.map((_, at) => (at === place ? run.fields[y] : null)));
  return linked(new uPlot(options, [across, ...table], box), shown);
}

// Marks the run that is pointed at in all plots.
function highlight() {
  for (const { plot } of charts.children) {
    if (!plot) continue;
    const place = plot.lines.indexOf(state.pointed);
    plot.setSeries(place < 0 ? null : place + 1, { focus: true });
    if (plot.label) labelPoint(plot);
  }
}

onPointed(highlight);
