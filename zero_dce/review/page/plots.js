// Loss curves of all runs, and a scatter of weights against measures; both show and choose the same runs as the grid.

const plots = [];
let stage = "training";
const POINT = 9;
// Values that span more than this are easier to compare on a logarithmic axis.
const WIDE = 8;
// Within this span both axes look the same, and round numbers are found on a linear one.
const NARROW = 2;
// Up to so many different weights each get a name below the scatter.
const MOST_MARKS = 7;

const swept = new Set(runs.flatMap((run) => Object.keys(run.swept)));

function buildPlotChoices() {
  choice(byId("stage"), [["training", "Training"], ["validation", "Validation"]], stage, (chosen) => {
    stage = chosen;
    mark(byId("stage"), stage);
    drawPlots();
  });
  byId("logarithmic").onchange = drawPlots;
  // Objectives also before any run has a value.
  const named = [...new Set([...objectives.keys(), ...numericFields.filter((name) => name !== "run")])];
  const first = (names) => names.find((name) => named.includes(name)) ?? named[0] ?? "";
  const [across, down] = objectives.keys();
  fillSelect(byId("scatter-x"), named, first([across, ...swept, "exp", "step"]));
  fillSelect(byId("scatter-y"), named, first([down, "psnr_gain", "saturation_ratio", "brightness_out", "train/total"]));
  byId("scatter-x").onchange = byId("scatter-y").onchange = drawPlots;
}

function fillSelect(select, names, chosen) {
  const options = (wanted) => names.filter(wanted).map((name) => element("option", { value: name }, name));
  const [first, others] = [options((name) => objectives.has(name)), options((name) => !objectives.has(name))];
  if (first.length === 0) select.replaceChildren(...others);
  else select.replaceChildren(element("optgroup", { label: "objectives" }, ...first), element("optgroup", { label: "others" }, ...others));
  select.value = chosen;
}

function drawPlots() {
  plots.splice(0).forEach((plot) => plot.destroy());
  const charts = byId("charts");
  charts.replaceChildren();
  if (byId("plots").hidden) return;
  for (const loss of data.losses) charts.append(lossChart(loss));
  // Where a choice is between objectives, the scatter is what to look at first.
  charts[objectives.size ? "prepend" : "append"](scatterChart());
  for (const box of charts.children) box.draw?.();
  highlight();
}

function chartBox(title, note, makePlot) {
  const heading = element("h3", {}, title, element("span", { class: "quiet" }, note && ` ${note}`));
  const box = element("div", { class: "chart" }, heading);
  box.draw = () => {
    const plot = makePlot(box);
    if (plot) plots.push(plot);
    else box.append(element("p", { class: "quiet" }, "nothing logged yet"));
  };
  return box;
}

function lossChart(loss) {
  const lines = state.visible.filter((run) => run[stage].values[loss]?.some((value) => value !== null));
  const values = lines.flatMap((run) => run[stage].values[loss]).filter((value) => value !== null);
  const wanted = byId("logarithmic").checked;
  const possible = values.every((value) => value > 0);
  const note = loss === "total" ? "weighted: not comparable between weights" : wanted && !possible ? "linear, it has values of 0" : "unweighted";
  const logarithmic = wanted && possible && Math.max(...values) / Math.min(...values) >= NARROW;
  return chartBox(loss, note, (box) => {
    if (lines.length === 0) return null;
    const tables = lines.map((run) => [run[stage].steps, run[stage].values[loss]]);
    const options = plotOptions(box, logarithmic ? values : null, false);
    options.series.push(...lines.map((run) => series(run, tables.every(([steps]) => steps.length < 3))));
    return linked(new uPlot(options, uPlot.join(tables), box), lines);
  });
}

function scatterChart() {
  const [x, y] = [byId("scatter-x").value, byId("scatter-y").value];
  const shown = state.visible.filter((run) => [x, y].every((name) => typeof run.fields[name] === "number"));
  shown.sort((a, b) => a.fields[x] - b.fields[x]);
  const left = state.visible.length - shown.length;
  const box = chartBox(`${y} over ${x}`, left ? `${left} ${left === 1 ? "run lacks" : "runs lack"} one of them` : "a point a run", (box) => {
    if (shown.length === 0) return null;
    if (objectives.size) return frontScatter(box, shown, x, y);
    const across = shown.map((run) => run.fields[x]);
    const log = spansWidely(across);
    const options = plotOptions(box, null, log);
    options.scales.x.range = rangeOf(across, log);
    const marks = [...new Set(across)];
    if (hasOwnMeaning(x) && marks.length <= MOST_MARKS) options.axes[0].splits = () => marks;
    options.series.push(...shown.map((run) => ({ ...series(run, true), paths: () => null })));
    // A series a run, each with its one point, so that it can be marked and hidden like a curve.
    const table = [across, ...shown.map((run, place) => across.map((_, at) => (at === place ? run.fields[y] : null)))];
    return linked(new uPlot(options, table, box), shown);
  });
  box.classList.toggle("of-front", objectives.size > 0);
  return box;
}

// With a margin, so that no point lies on the frame.
function rangeOf(values, log) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = log ? (high / low) ** 0.08 : (high - low) * 0.08 || Math.abs(low) * 0.1 || 1;
  return log ? [low / margin, high * margin] : [low - margin, high + margin];
}

const spansWidely = (values) => Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= WIDE;

function series(run, points) {
  return {
    label: nameOf(run),
    stroke: run.colour,
    fill: undefined,
    width: 1.5,
    spanGaps: true,
    points: { show: points, size: POINT, fill: run.colour, stroke: run.colour },
  };
}

// Logarithmic down where values are given, and across where asked for.
function plotOptions(box, logValues, logAcross) {
  const style = getComputedStyle(document.documentElement);
  // Of 14 px: larger on larger screens, as all text is.
  const scale = parseFloat(style.fontSize) / 14;
  const axis = {
    stroke: style.getPropertyValue("--quiet"),
    grid: { stroke: style.getPropertyValue("--raised"), width: 1 },
    ticks: { show: false },
    // On a logarithmic axis uPlot would name powers of ten alone.
    filter: (_, splits) => splits,
    font: `${12 * scale}px system-ui, sans-serif`,
  };
  const numbers = (_, splits) => splits.map((value) => (value === null ? "" : Number(value.toPrecision(6)).toString()));
  return {
    width: box.clientWidth || 380,
    height: 172 * scale,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
    focus: { alpha: 0.3 },
    scales: {
      x: { time: false, distr: logAcross ? 3 : 1 },
      y: logValues ? { distr: 3, range: logRange(logValues) } : {},
    },
    axes: [
      { ...axis, size: 28 * scale, space: 60 * scale, values: numbers },
      { ...axis, size: 62 * scale, space: 26 * scale, values: numbers, ...(logValues && { splits: () => logSplits(...logRange(logValues)) }) },
    ],
    series: [{}],
  };
}

// From the smallest to the largest value: whole powers of ten would leave most of the plot empty.
function logRange(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max((high / low) ** 0.05, 1.02);
  return [low / margin, high * margin];
}

// 1, 2 and 5 of each power of ten; more of them where there would be fewer than three.
function logSplits(low, high) {
  const within = (digits) => {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const digit of digits) found.push(digit * 10 ** power);
    }
    return found.filter((value) => value >= low && value <= high);
  };
  const choices = [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 6, 8]].map(within);
  return choices.find((found) => found.length >= 3) ?? choices.at(-1);
}

// The run whose line or point is nearest to the mouse is the one that is pointed at.
function linked(plot, lines) {
  plot.lines = lines;
  plot.over.onmousemove = (event) => {
    const found = nearest(plot, event.offsetX, event.offsetY);
    if (found) point(found.run, found.text);
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
  return best && { run: best.run, text: plot.label ? standingText(best.run) : `${nameOf(best.run)}: ${short(best.value)} at ${short(best.across)}` };
}

// Marks a run in the grid and in all plots; null goes back to the pinned one.
function point(run, text) {
  state.pointed = run ?? state.pinned;
  byId("pointed").textContent = text ?? (state.pointed ? standingText(state.pointed) : "");
  highlight();
}

function pin(run) {
  state.pinned = state.pinned === run ? null : run;
  for (const [each, row] of rowOf) row.querySelector(".name").setAttribute("aria-pressed", String(each === state.pinned));
  if (state.pinned) rowOf.get(run).scrollIntoView({ block: "nearest" });
  point(state.pinned);
}

function highlight() {
  for (const [run, row] of rowOf) row.classList.toggle("pointed", run === state.pointed);
  for (const plot of plots) {
    const place = plot.lines.indexOf(state.pointed);
    plot.setSeries(place < 0 ? null : place + 1, { focus: true });
    if (plot.label) labelPoint(plot);
  }
}
