// Two outputs of one picture side by side, without names: which is better? The answers rank the marked checkpoints.

import { byId, cellOf, data, element, fileOf, missingText, nameOf, runs, say, sayMissing, state } from "./data.js";
import { isEqual, setExposure, toggleExposure } from "./exposure.js";
import { cellElement, focusCell, pickButtons } from "./grid.js";
import { rankVotes } from "./ranking.js";

export const judging = byId("judge");
const candidates = []; // [run, step]
// { left, right, picture, photograph, choice, equal_exposure }: left and right are places in candidates, and photograph
// is the name, which still says what was judged where the pictures are no longer at hand.
const votes = [];
let pair = null; // what is shown: { left, right, picture }
let unsaved = false; // there are votes that no file has
let asked = false; // whether they are to be discarded

const countOf = (count) => (count === 1 ? "1 vote" : `${count} votes`);
const checkpointName = ([run, step]) => `${nameOf(run)}, step ${step}`;

function rankNow() {
  const shares = votes.map(({ left, right, choice }) => [left, right, data.choices[choice]]);
  return rankVotes(candidates.length, shares);
}

function showCount() {
  byId("open-judge").textContent = candidates.length ? `Judge ${candidates.length}` : "Judge";
}

// Votes name candidates by their place, so once there are votes the list stays as it is.
export function toggleCandidate(run, step) {
  if (!run || !cellOf(run, step)) return;
  if (votes.length) return say("There are votes already: save and discard them before you change the candidates");
  const place = candidates.findIndex(([other, at]) => other === run && at === step);
  if (place < 0) candidates.push([run, step]);
  else candidates.splice(place, 1);
  cellElement(run, step).classList.toggle("candidate", place < 0);
  showCount();
  say(`${checkpointName([run, step])} is ${place < 0 ? "a candidate now" : "no candidate any more"}`);
}

// Without any marked candidate, the last step of each shown run becomes one.
function openJudge() {
  for (const run of candidates.length ? [] : state.visible) {
    const step = run.steps.filter((at) => Object.keys(run.cells[at] ?? {}).length).at(-1);
    if (step > 0) toggleCandidate(run, step);
  }
  state.chosen = true;
  if (candidates.length < 2) return say("Mark at least two checkpoints first: press K on a picture");
  judging.showModal();
  byId("judge-equal").focus();
  nextPair();
}

// What a pair without the first counts, compared with one that has it: the verdict is about the first.
const OTHERS = 0.25;

// Asks about the pair that would tell most: it is uncertain which is better, and how far apart they are.
function nextPair() {
  const now = rankNow();
  showRanking(now);
  const [first] = now.order;
  let best = null;
  for (let one = 0; one < candidates.length; one++) {
    for (let other = one + 1; other < candidates.length; other++) {
      const pictures = common(one, other);
      if (!pictures.length) continue;
      const chance = now.probability(one, other);
      // A little chance keeps equal pairs from coming in the order of the list.
      let told = (chance * (1 - chance) + 0.01) * now.error(one, other) ** 2 * (1 + 0.05 * Math.random());
      if (one !== first && other !== first) told *= OTHERS;
      // To ask the same again tells little more.
      told /= 1 + Math.min(...pictures.map((number) => timesJudged(number, one, other)));
      if (!best || told > best.told) best = { told, one, other, pictures };
    }
  }
  if (!best) return showPair(null);
  const picture = leastJudged(best.one, best.other, best.pictures);
  const [left, right] = Math.random() < 0.5 ? [best.one, best.other] : [best.other, best.one];
  showPair({ left, right, picture });
}

// Pictures that both have, and that are of the same photograph.
function common(one, other) {
  const [a, b] = [candidates[one], candidates[other]].map(([run, step]) => run.cells[step] ?? {});
  return Object.keys(a).filter((number) => a[number].size && b[number]?.size && a[number].name === b[number].name);
}

// How often a picture was judged: between two candidates, or at all.
function timesJudged(number, ...between) {
  const isOfAll = ({ left, right }) => between.every((place) => place === left || place === right);
  return votes.filter((each) => each.picture === number && isOfAll(each)).length;
}

// Returns a picture that these two were not judged by yet; of several, one that was seen least.
function leastJudged(one, other, pictures) {
  const least = (values, count) => {
    const lowest = Math.min(...values.map(count));
    return values.filter((value) => count(value) === lowest);
  };
  const fresh = least(pictures, (number) => timesJudged(number, one, other));
  const free = least(fresh, (number) => timesJudged(number));
  return free[Math.floor(Math.random() * free.length)];
}

function showPair(shown) {
  pair = shown;
  sayTrouble(shown ? "" : "No two candidates have a picture of the same photograph.");
  if (!shown) return;
  for (const side of ["left", "right"]) {
    const [run, step] = candidates[shown[side]];
    const file = fileOf(run, step, "output", shown.picture);
    const image = byId(`judge-${side}-picture`);
    image.onerror = () => {
      sayMissing();
      sayTrouble(missingText([file]));
    };
    image.src = file;
    setExposure(image, run, step, "output", shown.picture);
  }
}

// Loads the pair once more where one of its pictures could not be loaded.
export function retryPair() {
  if (judging.open && pair && !byId("judge-missing").hidden) showPair(pair);
}

function sayTrouble(text) {
  byId("judge-missing").textContent = text;
  byId("judge-missing").hidden = text === "";
}

// Notes whether there are votes that no file has.
function changed(now) {
  unsaved = now;
  asked = false;
}

function vote(choice) {
  if (!pair || !byId("judge-missing").hidden) return;
  const [run, step] = candidates[pair.left];
  votes.push({ ...pair, photograph: cellOf(run, step, pair.picture).name, choice, equal_exposure: isEqual() });
  changed(true);
  nextPair();
}

function undoVote() {
  const last = votes.pop();
  if (!last) return;
  changed(votes.length > 0);
  showRanking(rankNow());
  showPair(last);
}

// Takes over a file of saved votes, to judge on where it ended.
async function loadVotes(file) {
  if (votes.length) return say("There are votes already: save and discard them before you load others");
  let content;
  try {
    content = JSON.parse(await file.text());
    const runOf = ({ run, name }) => runs.find((each) => each.run === run && each.point === name);
    const found = content.candidates.map((candidate) => [runOf(candidate), candidate.step]);
    const isVote = ({ left, right, choice }) => found[left] && found[right] && left !== right && choice in data.choices;
    const areThere = found.length > 1 && found.every(([run, step]) => run?.cells[step]);
    if (!areThere || !content.votes.every(isVote)) throw new Error();
    clearCandidates();
    for (const [run, step] of found) toggleCandidate(run, step);
  } catch {
    return say("Not loaded: this is no file of votes on checkpoints of this sweep");
  }
  votes.push(...content.votes);
  nextPair();
}

function clearCandidates() {
  for (const [run, step] of candidates.splice(0)) cellElement(run, step)?.classList.remove("candidate");
  showCount();
}

function discardVotes() {
  if (unsaved && !asked) {
    asked = true;
    return say(`Not saved yet: ${countOf(votes.length)}. To discard them, press again`);
  }
  votes.length = 0;
  changed(false);
  clearCandidates();
  judging.close();
}

function showRanking(now) {
  byId("judge-ranking").replaceChildren(...now.order.map((place, rank) => rankingRow(now, place, rank)));
  byId("judge-verdict").textContent = `${countOf(votes.length)}. ${data.verdicts[now.verdict]}`;
}

function rankingRow(now, place, rank) {
  const [first] = now.order;
  const next = now.order[rank + 1];
  const difference = now.strengths[place] - now.strengths[first];
  const behind = rank ? `${difference.toFixed(2)} ± ${now.error(place, first).toFixed(2)}` : "best";
  const judged = votes.filter(({ left, right }) => left === place || right === place).length;
  const chance = next === undefined ? "" : `${Math.round(100 * now.probability(place, next))} %`;
  const texts = [rank + 1, checkpointName(candidates[place]), behind, judged, chance];
  const cells = texts.map((text) => element("td", {}, String(text)));
  return element("tr", {}, ...cells, element("td", {}, ...pickButtons(...candidates[place])));
}

function saveVotes() {
  const named = candidates.map(([run, step]) => ({ run: run.run, name: run.point, step }));
  const content = JSON.stringify({ sweep: data.folder, candidates: named, votes }, null, 1);
  const file = new Blob([content], { type: "application/json" });
  const link = element("a", { href: URL.createObjectURL(file), download: "votes.json" });
  link.click();
  URL.revokeObjectURL(link.href);
  changed(false);
}

// An hour's judging is not lost when the page is left by accident.
addEventListener("beforeunload", (event) => unsaved && event.preventDefault());

export const JUDGE_KEYS = {
  ArrowLeft: () => vote("left"), ArrowRight: () => vote("right"),
  ArrowDown: () => vote("equal"), "=": () => vote("equal"), Backspace: undoVote, e: toggleExposure,
};

for (const choice of ["left", "right", "equal"]) byId(`judge-${choice}`).onclick = () => vote(choice);
byId("judge-undo").onclick = undoVote;
byId("judge-save").onclick = saveVotes;
byId("judge-load").onclick = () => byId("judge-file").click();
byId("judge-file").onchange = ({ target }) => {
  loadVotes(target.files[0]);
  // The same file may be chosen again.
  target.value = "";
};
byId("judge-discard").onclick = discardVotes;
byId("judge-close").onclick = () => judging.close();
byId("open-judge").onclick = openJudge;
judging.onclose = focusCell;
