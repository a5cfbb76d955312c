// What the gallery shows is in the address (#gallery?task=...&class=...), so that a view can be linked and kept.
const KEYS = ["task", "split", "kind", "class", "as", "other", "from", "to", "text", "sort", "picture"];
const SORTS = {worst: "worst mistakes first", sure: "surest first", unsure: "least sure first", id: "picture id"};
const KINDS = {
  recognition: {
    "": "all pictures",
    mistakes: "mistakes",
    right: "right",
    "wrong-class": "wrong class",
    "wrong-box": "wrong box",
    "not-known": "truth not known",
  },
  detection: {
    "": "all pictures",
    mistakes: "with a mistake",
    faultless: "without a mistake",
    right: "right detections",
    "wrong-place": "wrong place",
    "wrong-class": "wrong class",
    "both-wrong": "both wrong",
    duplicate: "duplicate",
    background: "background",
    mistaken: "objects mistaken",
    missed: "objects missed",
    "not-known": "truth not known",
  },
};

// Returns the state that an address stands for; what is unknown in it is left out.
function stateOf(hash) {
  const state = {};
  const given = new URLSearchParams(hash.startsWith("#gallery?") ? hash.slice(9) : "");
  for (const key of KEYS) if (given.get(key)) state[key] = given.get(key);
  if (!DATA.tasks[state.task]) state.task = firstTask();
  const of = DATA.tasks[state.task];
  if (state.split && !of.splits.includes(state.split)) delete state.split;
  if (state.kind === "found") state.kind = "right";
  if (state.kind && !KINDS[state.task][state.kind]) delete state.kind;
  if (state.as && state.as !== "truth" && state.as !== "guess") delete state.as;
  for (const key of ["class", "other"]) if (state[key] && !of.labels.includes(state[key])) delete state[key];
  for (const key of ["from", "to"]) if (state[key] && !Number.isFinite(Number(state[key]))) delete state[key];
  if (!SORTS[state.sort]) delete state.sort;
  return state;
}

function hashOf(state) {
  const kept = KEYS.filter((key) => state[key] !== undefined && state[key] !== "").map((key) => [key, state[key]]);
  return `#gallery?${new URLSearchParams(kept)}`;
}

function firstTask() {
  return Object.keys(PICTURES).find((task) => PICTURES[task].length) || Object.keys(PICTURES)[0];
}

function writeAddress(state) {
  try { history.replaceState(null, "", hashOf(state)); } catch { location.hash = hashOf(state); }
}

const COMPARE = {
  worst: (a, b) => b.wrongness - a.wrongness,
  sure: (a, b) => (b.surest > a.surest) - (b.surest < a.surest), // surest may be -Infinity
  unsure: (a, b) => (a.surest > b.surest) - (a.surest < b.surest),
  id: () => 0,
};

// Returns the pictures that a state asks for, in its order, each with its items; those of them that fit are in `fit`.
function select(state) {
  const of = DATA.tasks[state.task];
  const from = state.from === undefined ? of.from : Number(state.from);
  const to = state.to === undefined ? Infinity : Number(state.to);
  const [label, other] = ["class", "other"].map((key) => (state[key] ? of.labels.indexOf(state[key]) : -1));
  const text = (state.text || "").toLowerCase();
  const kind = (state.kind || "").replaceAll("-", " ");
  const found = [];
  for (const picture of PICTURES[state.task]) {
    if (state.split && of.splits[picture.split] !== state.split) continue;
    if (text && !picture.id.toLowerCase().includes(text)) continue;
    const items = itemsOf(picture, from);
    if (kind === "faultless" && (!picture.known || items.some(isMistake))) continue;
    const fit = items.filter((item) => {
      return fitsKind(item, kind) && fitsClass(item, label, other, state.as) && fitsScore(item, from, to);
    });
    if (!fit.length) continue;
    found.push({picture, items, fit, wrongness: wrongnessOf(picture, items), surest: surestOf(fit)});
  }
  const order = COMPARE[state.sort || "worst"];
  const byId = (a, b) => (a.picture.id > b.picture.id) - (a.picture.id < b.picture.id);
  return found.sort((a, b) => order(a, b) || byId(a, b));
}

function fitsKind(item, kind) {
  if (kind === "mistakes") return isMistake(item);
  return kind === "" || kind === "faultless" || item.kind === kind;
}

function fitsClass(item, label, other, as) {
  const {truth, guess} = item;
  if (label < 0) return other < 0 || truth === other || guess === other;
  const asTruth = truth === label && (other < 0 || guess === other);
  const asGuess = guess === label && (other < 0 || truth === other);
  return as === "truth" ? asTruth : as === "guess" ? asGuess : asTruth || asGuess;
}

function fitsScore(item, from, to) {
  return item.score === null ? to === Infinity : item.score >= from && item.score <= to;
}
