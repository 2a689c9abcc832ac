// Two outputs of one picture side by side, without names: which is better? The answers rank the marked checkpoints.

const judging = byId("judge");
const candidates = []; // [run, step]
const votes = []; // { left, right, picture, choice }, left and right are places in candidates
const SHARES = { left: 1, right: 0, equal: 0.5 };
const VERDICTS = {
  best: "Enough was judged: the first is the best, with at least 95 %.",
  alike: "Enough was judged: the first two are alike (55 to 45 at most, with at least 95 %); either will do.",
  more: "More votes are needed: the first is not yet surely the best.",
};
let pair = null; // what is shown: { left, right, picture }
let unsaved = false; // there are votes that no file has
let asked = false; // whether they are to be discarded

const rankNow = () => rankVotes(candidates.length, votes.map(({ left, right, choice }) => [left, right, SHARES[choice]]));
const countOf = (count) => (count === 1 ? "1 vote" : `${count} votes`);
const placeOf = (run, step) => candidates.findIndex(([other, at]) => other === run && at === step);
const showCount = () => (byId("open-judge").textContent = candidates.length ? `Judge ${candidates.length}` : "Judge");

// Votes name candidates by their place, so once there are votes the list stays as it is.
function toggleCandidate(run, step) {
  if (!run || !cellOf(run, step)) return;
  if (votes.length) return say("There are votes already: save and discard them before you change the candidates");
  const place = placeOf(run, step);
  if (place < 0) candidates.push([run, step]);
  else candidates.splice(place, 1);
  cellElements.get(key(run, step)).classList.toggle("candidate", place < 0);
  showCount();
  say(`${nameOf(run)}, step ${step} is ${place < 0 ? "a candidate now" : "no candidate any more"}`);
}

// Without any marked one, the last step of each shown run.
function openJudge() {
  if (!candidates.length) {
    for (const run of state.visible) {
      const step = run.steps.filter((at) => Object.keys(run.cells[at] ?? {}).length).at(-1);
      if (step !== undefined && step > 0) toggleCandidate(run, step);
    }
  }
  if (candidates.length < 2) return say("Mark at least two checkpoints first: press K on a picture");
  judging.showModal();
  byId("judge-equal").focus();
  nextPair();
}

// What a pair without the first counts, beside one with it: the verdict is about the first.
const OTHERS = 0.25;

// The pair that would tell most: uncertain which is better, and how far apart they are.
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
      // A little chance, so that equal pairs do not come in the order of the list.
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
  return votes.filter((vote) => vote.picture === number && between.every((place) => [vote.left, vote.right].includes(place))).length;
}

// One that these two were not judged by yet; of several, one that was seen least.
function leastJudged(one, other, pictures) {
  const least = (values, count) => values.filter((value) => count(value) === Math.min(...values.map(count)));
  const fresh = least(pictures, (number) => timesJudged(number, one, other));
  const free = least(fresh, (number) => timesJudged(number));
  return free[Math.floor(Math.random() * free.length)];
}

function showPair(shown) {
  pair = shown;
  byId("judge-missing").hidden = Boolean(shown);
  if (!shown) return (byId("judge-missing").textContent = "No two candidates have a picture of the same photograph.");
  for (const side of ["left", "right"]) {
    const [run, step] = candidates[shown[side]];
    const image = byId(`judge-${side}-picture`);
    image.onerror = () => {
      sayMissing();
      byId("judge-missing").hidden = false;
      byId("judge-missing").textContent = `Missing: ${decodeURI(fileOf(run, step, "output", shown.picture))}. Full pictures are not inside this page; it has to lie in the sweep's folder, ${data.folder}`;
    };
    image.src = fileOf(run, step, "output", shown.picture);
  }
}

// Says whether there are votes that no file has.
function changed(now) {
  unsaved = now;
  asked = false;
}

function vote(choice) {
  if (!pair || !byId("judge-missing").hidden) return;
  votes.push({ ...pair, choice });
  changed(true);
  nextPair();
}

function undoVote() {
  const last = votes.pop();
  if (!last) return;
  changed(votes.length > 0);
  showRanking(rankNow());
  showPair({ left: last.left, right: last.right, picture: last.picture });
}

// Takes over a file of saved votes, to judge on where it ended.
async function loadVotes(file) {
  if (votes.length) return say("There are votes already: save and discard them before you load others");
  let content;
  try {
    content = JSON.parse(await file.text());
    const found = content.candidates.map(({ run, name, step }) => [runs.find((each) => each.run === run && each.point === name), step]);
    const known = content.votes.every(({ left, right, choice }) => found[left] && found[right] && left !== right && choice in SHARES);
    if (!known || found.length < 2 || !found.every(([run, step]) => run?.cells[step])) throw new Error();
    clearCandidates();
    for (const [run, step] of found) toggleCandidate(run, step);
  } catch {
    return say("Not loaded: this is no file of votes on checkpoints of this sweep");
  }
  votes.push(...content.votes);
  nextPair();
}

function clearCandidates() {
  for (const [run, step] of candidates.splice(0)) cellElements.get(key(run, step)).classList.remove("candidate");
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
  const [first] = now.order;
  const rows = now.order.map((place, rank) => {
    const [run, step] = candidates[place];
    const judged = votes.filter(({ left, right }) => left === place || right === place).length;
    const behind = rank ? `${(now.strengths[place] - now.strengths[first]).toFixed(2)} ± ${now.error(place, first).toFixed(2)}` : "best";
    const next = now.order[rank + 1];
    const chance = next === undefined ? "" : `${Math.round(100 * now.probability(place, next))} %`;
    const cells = [rank + 1, `${nameOf(run)}, step ${step}`, behind, judged, chance].map((text) => element("td", {}, String(text)));
    return element("tr", {}, ...cells, element("td", {}, ...pickButtons(run, step)));
  });
  byId("judge-ranking").replaceChildren(...rows);
  byId("judge-verdict").textContent = `${countOf(votes.length)}. ${VERDICTS[now.verdict]}`;
}

function saveVotes() {
  const named = candidates.map(([run, step]) => ({ run: run.run, name: run.point, step }));
  const content = JSON.stringify({ sweep: data.folder, candidates: named, votes }, null, 1);
  const link = element("a", { href: URL.createObjectURL(new Blob([content], { type: "application/json" })), download: "votes.json" });
  link.click();
  URL.revokeObjectURL(link.href);
  changed(false);
}

// The way out of the page is no way to lose an hour's judging.
addEventListener("beforeunload", (event) => unsaved && event.preventDefault());

const JUDGE_KEYS = { ArrowLeft: () => vote("left"), ArrowRight: () => vote("right"), ArrowDown: () => vote("equal"), "=": () => vote("equal"), Backspace: undoVote };

for (const side of ["left", "right"]) byId(`judge-${side}`).onclick = () => vote(side);
byId("judge-equal").onclick = () => vote("equal");
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
