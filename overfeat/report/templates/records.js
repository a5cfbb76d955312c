// The records of the gallery as pictures, and what is right and wrong in each. See overfeat/report/records.py for records.
const DATA = JSON.parse(document.getElementById("gallery-data").textContent);
// What is no mistake of its own: of an object that is "mistaken" a detection is the mistake already.
const FINE = new Set(["right", "ignored", "not known", "nothing", "mistaken"]);

const PICTURES = Object.fromEntries(Object.keys(DATA.tasks).map((task) => {
  return [task, DATA.tasks[task].records.map((record) => pictureOf(task, record))];
}));

function pictureOf(task, record) {
  const [stem, id, split, width, height, ...own] = record;
  const of = DATA.tasks[task];
  const common = {task, stem, id, split, width, height, known: of.known.includes(of.splits[split])};
  const evidence = own.pop() === 1;
  if (task === "detection") return {...common, evidence, objects: own[0], found: own[1]};
  return {...common, evidence, truth: own[0], kind: DATA.kinds[task][own[1]], guesses: own[2], boxes: own[3]};
}

const nameOf = (task, index) => (index < 0 ? "nothing" : DATA.tasks[task].names[index]);

// Everything that a picture is judged by: answers, and objects that none of them found. Of detections those count that
// are as sure as `from`. An item has kind, truth and guess (class indices, -1 for none), score (null for an object), box,
// and the numbers of its answer and of its object (-1 for none).
function itemsOf(picture, from) {
  return picture.task === "recognition" ? [bestGuess(picture)] : detectionItems(picture, from);
}

function bestGuess({kind, truth, guesses}) {
  if (!guesses.length) return {kind, truth, guess: -1, score: 0, box: null, answer: -1, object: -1};
  const [guess, score, , ...box] = guesses[0];
  return {kind, truth, guess, score, box: box.length ? box : null, answer: 0, object: -1};
}

function detectionItems(picture, from) {
  const items = [];
  const fate = new Map();
  picture.found.forEach(([guess, code, object, score, ...box], answer) => {
    if (score < from) return;
    const kind = picture.known ? DATA.kinds.detection[code] : "not known";
    if (kind === "right") fate.set(object, "found");
    else if ((kind === "wrong place" || kind === "wrong class") && !fate.has(object)) fate.set(object, "mistaken");
    const truth = object < 0 ? -1 : picture.objects[object][0];
    items.push({kind, truth, guess, score, box, answer, object});
  });
  picture.objects.forEach(([truth, ignored, ...box], object) => {
    const kind = fate.get(object) || "missed";
    if (ignored || kind === "found") return;
    items.push({kind, truth, guess: -1, score: null, box, answer: -1, object});
  });
  if (items.length) return items;
  const kind = picture.known ? "nothing" : "not known";
  return [{kind, truth: -1, guess: -1, score: null, box: null, answer: -1, object: -1}];
}

const isMistake = (item) => !FINE.has(item.kind);

// How wrong a picture is: a wrong answer counts as sure as it is, a missed object as one. In recognition wrong guesses
// come before right ones, and of these the surest last; scores may be logits.
function wrongnessOf(picture, items) {
  if (picture.task === "recognition") return isMistake(items[0]) ? 1e6 + items[0].score : -items[0].score;
  let sum = 0;
  for (const item of items) if (isMistake(item)) sum += item.score === null ? 1 : item.score;
  return sum;
}

function surestOf(items) {
  return items.reduce((most, item) => Math.max(most, item.score === null ? -Infinity : item.score), -Infinity);
}

function kindsInWords(picture, items) {
  if (picture.task === "recognition") return items[0].kind;
  const counts = new Map();
  for (const item of items) if (item.kind !== "mistaken") counts.set(item.kind, (counts.get(item.kind) || 0) + 1);
  if (!counts.size || counts.has("nothing")) return "nothing there, nothing found";
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(", ");
}
