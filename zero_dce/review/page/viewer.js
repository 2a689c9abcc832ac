// One picture in true pixels, with a slider between before and after.

import {
  byId, canPick, cellOf, fileOf, flagElements, mark, missingText, nameOf, sayMissing, short, SIDES, state,
} from "./data.js";
import { setExposure } from "./exposure.js";
import { valueAt } from "./fields.js";
import { fillCommand, focusCell, moveTo, neighbour } from "./grid.js";

// The measures of validation that stand below the picture.
const MEASURES = ["psnr_gain", "saturation_ratio"];
export const viewer = byId("viewer");
export const slider = byId("slider");
const area = byId("stage-area");
const frame = byId("frame");
const handle = byId("handle");
export const view = { side: "output", compare: true, zoom: 1, request: 0, cell: null, key: null };

export function openViewer(run, step) {
  moveTo(run, step);
  state.chosen = true;
  view.side = state.side === "input" ? "output" : state.side;
  if (!viewer.open) viewer.showModal();
  area.focus();
  showPicture();
}

// Loads both sides before it shows either, so that moving on does not flicker; zoom, place and slider stay.
export async function showPicture() {
  const request = ++view.request;
  const { run, step } = state;
  view.cell = [run, step];
  view.key = pictureKey();
  describePicture(run, step);
  const beside = view.compare && view.side !== "input";
  const loading = [load(run, step, view.side), beside ? load(run, step, "input") : null];
  const [shown, before] = await Promise.all(loading);
  if (request !== view.request) return;
  showImage("shown", shown, view.side);
  showImage("before", before, "input");
  handle.hidden = !before || !shown;
  slider.disabled = handle.hidden;
  byId("slider-label").style.visibility = handle.hidden ? "hidden" : "";
  const lacking = [];
  if (!shown) lacking.push(view.side);
  if (beside && !before) lacking.push("input");
  sayWhatLacks(run, step, lacking);
  layOut();
  preload();
}

// What the enlarged view shows of the current cell.
function pictureKey() {
  const { run, step } = state;
  return JSON.stringify([cellOf(run, step), canPick(run, step), ...MEASURES.map((name) => valueAt(run, step, name))]);
}

// Shows the picture again if something about it has changed.
export function refreshPicture() {
  if (viewer.open && view.key !== pictureKey()) showPicture();
}

async function load(run, step, side) {
  const source = fileOf(run, step, side);
  if (!source) return null;
  const image = new Image();
  image.src = source;
  try {
    await image.decode();
    return image;
  } catch {
    return null;
  }
}

function showImage(name, loaded, side) {
  const image = byId(name);
  image.hidden = !loaded;
  if (!loaded) return image.removeAttribute("src");
  image.src = loaded.src;
  image.alt = `${side}, ${nameOf(state.run)}, step ${state.step}`;
  setExposure(image, state.run, state.step, side);
}

function sayWhatLacks(run, step, lacking) {
  const box = byId("viewer-missing");
  box.hidden = lacking.length === 0;
  if (box.hidden) return;
  const paths = lacking.map((side) => fileOf(run, step, side)).filter(Boolean);
  if (paths.length === 0) {
    box.textContent = cellOf(run, step)?.broken ?? `The run has not saved this: ${lacking.join(", ")}.`;
    return;
  }
  sayMissing();
  box.textContent = missingText(paths);
}

function describePicture(run, step) {
  const content = cellOf(run, step);
  byId("viewer-title").textContent = `${nameOf(run)} · step ${step}`;
  byId("viewer-flags").replaceChildren(...flagElements(content?.flags ?? []));
  byId("after-name").textContent = SIDES[view.side].toLowerCase();
  const measured = MEASURES.filter((name) => valueAt(run, step, name) !== null);
  const numbers = measured.map((name) => `${name} ${short(valueAt(run, step, name))}`).join("  ");
  const texts = [content?.name, numbers && `validation: ${numbers}`];
  byId("viewer-measures").textContent = texts.filter(Boolean).join("  ·  ");
  fillCommand(byId("viewer-pick"), run, step);
  mark(byId("viewer-sides"), view.side);
  byId("compare").setAttribute("aria-pressed", String(view.compare));
}

// One pixel of the file is a whole number of pixels of the screen, and begins on one.
function layOut() {
  const content = cellOf(state.run, state.step);
  if (!content?.size) return;
  const pixel = 1 / devicePixelRatio;
  const [width, height] = content.size.map((side) => side * view.zoom * pixel);
  // If the area itself lay between two pixels, everything in it would.
  area.style.marginTop = "0";
  const above = area.getBoundingClientRect().top;
  area.style.marginTop = `${Math.ceil(above / pixel) * pixel - above}px`;
  const onPixel = (free) => Math.max(0, Math.round(free / 2 / pixel) * pixel);
  const [left, top] = [onPixel(area.clientWidth - width), onPixel(area.clientHeight - height)];
  Object.assign(frame.style, { width: `${width}px`, height: `${height}px`, left: `${left}px`, top: `${top}px` });
  byId("zoom").textContent = `${view.zoom}:1`;
  slide();
}

function slide() {
  const part = Number(slider.value);
  byId("before").style.clipPath = `inset(0 ${100 - part}% 0 0)`;
  handle.style.left = `${part}%`;
}

export function moveSlider(by) {
  slider.value = Number(slider.value) + by;
  slide();
}

export function zoom(by) {
  const before = view.zoom;
  view.zoom = Math.min(8, Math.max(1, before + by));
  // What is in the middle stays there.
  const grown = view.zoom / before;
  const x = (area.scrollLeft + area.clientWidth / 2) * grown - area.clientWidth / 2;
  const y = (area.scrollTop + area.clientHeight / 2) * grown - area.clientHeight / 2;
  layOut();
  area.scrollTo(x, y);
}

export function showSide(side) {
  view.side = side;
  showPicture();
}

export function toggleCompare() {
  view.compare = !view.compare;
  showPicture();
}

// Decodes ahead what the arrow keys may lead to next.
function preload() {
  for (const move of ["left", "right", "up", "down"]) {
    const next = neighbour(move);
    if (next) load(...next, view.side);
  }
}

function drag(target, moved) {
  target.onpointerdown = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    target.setPointerCapture(event.pointerId);
    target.classList.add("dragging");
    target.onpointermove = moved;
    target.onpointerup = target.onpointercancel = () => {
      target.onpointermove = null;
      target.classList.remove("dragging");
    };
  };
}

drag(handle, (event) => {
  const box = frame.getBoundingClientRect();
  slider.value = (100 * (event.clientX - box.left)) / box.width;
  slide();
});
drag(frame, (event) => area.scrollBy(-event.movementX, -event.movementY));
slider.oninput = slide;
byId("compare").onclick = toggleCompare;
byId("zoom-in").onclick = () => zoom(1);
byId("zoom-out").onclick = () => zoom(-1);
byId("close").onclick = () => viewer.close();
viewer.onclose = () => {
  // The browser has given the focus back to the cell that was opened; the last one seen is the current one.
  moveTo(...view.cell);
  focusCell();
};
addEventListener("resize", () => viewer.open && layOut());
