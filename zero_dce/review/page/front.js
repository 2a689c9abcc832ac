// How the scatter shows the Pareto front: marks that differ in form, the line along it, and the name of a point.

// The scatter of a sweep with objectives. The whole front is drawn, also where the filter leaves out some of its runs:
// a line through the others would say that nothing better was found.
function frontScatter(box, shown, x, y) {
  const corners = staircase(x, y);
  const values = (name, at) => [...shown.map((run) => run.fields[name]), ...corners.map((corner) => corner[at])];
  const [across, down] = [values(x, 0), values(y, 1)];
  const [logX, logY] = [across, down].map(spansWidely);
  box.append(markLegend(shown, x, y));
  const options = plotOptions(box, logY ? down : null, logX);
  const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / 14;
  options.height *= 2;
  options.scales.x.range = rangeOf(across, logX);
  if (logX) options.axes[0].splits = () => logSplits(...options.scales.x.range);
  options.scales.y.range ??= rangeOf(down, false);
  [x, y].forEach((name, at) => {
    Object.assign(options.axes[at], { label: axisLabel(name), labelFont: options.axes[at].font, labelSize: 20 * scale });
  });
  options.hooks = { init: [(plot) => (plot.corners = corners)], drawAxes: [drawStaircase] };
  // The front is drawn last, above the others.
  const order = Object.keys(MARKS).reverse().flatMap((mark) => shown.filter((run) => markOf(run) === mark));
  options.series.push(...order.map((run) => ({ ...markedSeries(run), paths: () => null })));
  const table = order.map((run) => shown.map((each) => (each === run ? run.fields[y] : null)));
  const plot = linked(new uPlot(options, [shown.map((run) => run.fields[x]), ...table], box), order);
  // For the eyes; the line below the plots tells it to all.
  plot.label = element("div", { class: "point-label", hidden: true, "aria-hidden": "true" });
  plot.over.append(plot.label);
  return plot;
}

// The front of two objectives alone, as corners of a line: beyond it no counted run is. With more objectives it passes
// by those runs that are on the front for another one's sake.
function staircase(x, y) {
  if (!objectives.has(x) || !objectives.has(y)) return [];
  const gain = (name, run) => (objectives.get(name) === "maximize" ? 1 : -1) * run.fields[name];
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

// Below the points. A single corner has no line.
function drawStaircase(plot) {
  const { corners, ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.beginPath();
  // An even width on whole pixels, so that it is equally sharp everywhere.
  for (const [x, y] of corners) ctx.lineTo(Math.round(plot.valToPos(x, "x", true)), Math.round(plot.valToPos(y, "y", true)));
  ctx.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--text");
  ctx.lineWidth = 2 * Math.round(devicePixelRatio);
  ctx.stroke();
  ctx.restore();
}

// A point's look tells where the run stands also without its colour.
function markedSeries(run) {
  const style = getComputedStyle(document.documentElement);
  const mark = markOf(run);
  const made = series(run, true);
  Object.assign(made.points, {
    size: MARKS[mark].size,
    width: mark === "front" ? 1.5 : 2,
    stroke: mark === "front" ? style.getPropertyValue("--accent") : run.colour,
    fill: mark === "front" ? run.colour : style.getPropertyValue("--panel"),
    paths: (plot, place) => markPath(plot, place, mark),
  });
  return made;
}

function markPath(plot, place, mark) {
  const at = plot.data[place].findIndex((value) => value !== null);
  const [x, y] = [plot.valToPos(plot.data[0][at], "x", true), plot.valToPos(plot.data[place][at], "y", true)];
  const radius = (MARKS[mark].size / 2) * devicePixelRatio;
  const path = new Path2D();
  if (mark === "other") path.arc(x, y, radius, 0, 2 * Math.PI);
  else if (mark === "front") {
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
  return objectives.get(name) === "maximize" ? `${name}: ${betterText(name)} →` : `← ${name}: ${betterText(name)}`;
}

function markLegend(shown, x, y) {
  const present = Object.keys(MARKS).filter((mark) => shown.some((run) => markOf(run) === mark));
  const parts = present.map((mark) => `${MARKS[mark].glyph} ${MARKS[mark].says}`);
  if (objectives.size > 2 && staircase(x, y).length) parts.push("line: the front of these two objectives alone");
  return element("p", { class: "quiet marks" }, ...parts.map((part) => element("span", {}, part)));
}

// Names the run that is pointed at, beside its point, on the side that has room.
function labelPoint(plot) {
  const { label } = plot;
  const run = state.pointed;
  label.hidden = !plot.lines.includes(run);
  if (label.hidden) return;
  label.replaceChildren(element("strong", {}, nameOf(run)), ...standingLines(run).map((line) => element("div", {}, line)));
  const [x, y] = ["x", "y"].map((axis) => plot.valToPos(run.fields[byId(`scatter-${axis}`).value], axis));
  const { clientWidth: width, clientHeight: height } = plot.over;
  Object.assign(label.style, {
    left: x < width / 2 ? `${x + 12}px` : "auto",
    right: x < width / 2 ? "auto" : `${width - x + 12}px`,
    top: `${Math.max(0, Math.min(y - label.offsetHeight / 2, height - label.offsetHeight))}px`,
  });
}
