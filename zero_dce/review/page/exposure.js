// The switch that shows every output at one mean, so that checkpoints are compared by what else they do than brighten.
// A filter of SVG does it while pictures are drawn: of a page opened as a file, a browser lets no script read pixels.

import { byId, cellOf, data, withStorage } from "./data.js";

const SVG = "http://www.w3.org/2000/svg";
const STORED = "zero_dce.exposure";
const root = document.documentElement;
const buttons = document.querySelectorAll(".equal-exposure");

// As in zero_dce/exposure/response.py.
const WHITEST = 1 - 0.5 / 255;
const BLACKEST = 1e-9;

function expose(value, ev) {
  const light = Math.min(WHITEST, Math.max(BLACKEST, value * WHITEST));
  const exposed = (1 - (1 - Math.sqrt(light)) ** (2 ** ev)) ** 2 / WHITEST;
  return Math.min(1, exposed);
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Returns the filter that exposes a picture by so many stops; each is made once.
function filterOf(ev) {
  const id = `ev${ev}`;
  if (!byId(id)) {
    const table = Array.from({ length: 256 }, (_, level) => expose(level / 255, ev).toFixed(5)).join(" ");
    const channels = ["R", "G", "B"].map((name) => svg(`feFunc${name}`, { type: "table", tableValues: table }));
    // Filters work on linear light unless they are told otherwise, and reach beyond the picture.
    const area = { x: 0, y: 0, width: 1, height: 1, "color-interpolation-filters": "sRGB" };
    byId("exposures").append(svg("filter", { id, ...area }, svg("feComponentTransfer", {}, ...channels)));
  }
  return `url(#${id})`;
}

// Tells an image how to be exposed while the switch is on. What is no output stays as it is.
export function setExposure(image, run, step, side, number) {
  if (side === "output") image.style.setProperty("--exposed", filterOf(cellOf(run, step, number).ev));
  else image.style.removeProperty("--exposed");
}

export const isEqual = () => root.dataset.exposure === "equal";

function chooseExposure(exposure) {
  root.dataset.exposure = exposure;
  for (const button of buttons) button.setAttribute("aria-pressed", String(isEqual()));
  withStorage((storage) => storage.setItem(STORED, exposure));
}

export const toggleExposure = () => chooseExposure(isEqual() ? "trained" : "equal");

for (const button of buttons) {
  button.title =
    `shows every output exposed to a mean of ${data.exposed_mean}, so that they differ in all but brightness; ` +
    "flags and numbers stay those of the outputs as trained";
  button.onclick = toggleExposure;
}
byId("about-mean").textContent = data.exposed_mean;
chooseExposure(withStorage((storage) => storage.getItem(STORED)) ?? "trained");
