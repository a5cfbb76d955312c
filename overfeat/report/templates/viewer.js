// The dialog: a picture with its answers, and for each answer where the windows saw its class.
const viewer = document.getElementById("viewer");
const part = (id) => document.getElementById(id);
let view = null; // what is shown: see openViewer

function startViewer() {
  part("previous").addEventListener("click", () => step(-1));
  part("next").addEventListener("click", () => step(1));
  part("close").addEventListener("click", () => viewer.close());
  viewer.addEventListener("close", () => {
    const card = view && part("cards").children[view.place];
    view = null;
    writeAddress({...state, picture: ""});
    if (card) card.firstChild.focus();
  });
  viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
  viewer.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.key === "ArrowRight") step(1);
    else if (event.key === "ArrowLeft") step(-1);
    else return;
    event.preventDefault();
  });
  for (const name of ["heat", "members", "truth", "guess"]) part(`with-${name}`).addEventListener("change", draw);
  part("stage").addEventListener("pointermove", pointAt);
  part("stage").addEventListener("pointerleave", () => {
    if (!view) return;
    view.window = null;
    drawWindow();
  });
  new ResizeObserver(() => { if (view) draw(); }).observe(part("stage"));
  drawLegend(part("legend-bar"));
}

function step(by) {
  const place = view.place + by;
  if (place >= 0 && place < shown.length) openViewer(place);
}

// Opens the picture at a place of those that are shown. `of` is its evidence, once it is loaded; `answer` or `truth` the
// one that is chosen (else -1), of which `label` is the class; `map` the heat map; `window` the one that is pointed at.
async function openViewer(place) {
  const {picture, items} = shown[place];
  while (made <= place) makeCards(false);
  view = {place, picture, items, of: null, loading: true, answer: -1, truth: -1, label: -1, map: 0, window: null};
  const wanted = view;
  fillHead();
  const image = part("stage-picture");
  image.src = `pictures/${picture.stem}.jpg`;
  image.alt = `Picture ${picture.id}`;
  part("stage").style.aspectRatio = `${picture.width} / ${picture.height}`;
  part("stage").style.setProperty("--aspect", picture.width / picture.height);
  if (!viewer.open) viewer.showModal();
  writeAddress({...state, picture: picture.id});
  listAnswers();
  listTruths();
  choose(firstChoice());
  const of = await loadEvidence(picture);
  if (view !== wanted) return; // closed, or at another picture meanwhile
  Object.assign(view, {of, loading: false});
  choose({answer: view.answer, truth: view.truth});
}

function fillHead() {
  const {place, picture, items} = view;
  part("viewer-title").textContent = picture.id;
  const split = DATA.tasks[picture.task].splits[picture.split];
  const where = [`${count(place + 1)} of ${count(shown.length)}`, split, `${picture.width} x ${picture.height} pixels`];
  part("viewer-place").textContent = where.join(", ");
  // not `disabled`: a button that is would lose the focus, and the keys with it
  part("previous").setAttribute("aria-disabled", place === 0);
  part("next").setAttribute("aria-disabled", place === shown.length - 1);
  part("verdict").textContent = verdict(picture, items);
}

// What is shown first: the surest wrong answer, else an object that was missed, else the surest answer, else an object.
function firstChoice() {
  const answers = view.items.filter((item) => item.answer >= 0);
  const first = answers.find(isMistake) || view.items.find(isMistake) || answers[0];
  if (first) return first.answer >= 0 ? {answer: first.answer, truth: -1} : {answer: -1, truth: first.object};
  return {answer: -1, truth: truthsOf(view.picture).length ? 0 : -1};
}

// Shows the class of an answer or of an object on the map where it is surest.
function choose({answer, truth}) {
  const answers = answersOf(view.picture);
  const chosen = answer >= 0 ? answers.find((one) => one.answer === answer) : truthsOf(view.picture)[truth];
  Object.assign(view, {answer, truth, label: chosen ? chosen.label : -1, window: null});
  for (const button of viewer.querySelectorAll(".answers button[data-answer]")) {
    const {answer: own, truth: object} = button.dataset;
    button.setAttribute("aria-pressed", Number(own) === answer && Number(object) === truth);
  }
  part("maps-class").textContent = nameOf(view.picture.task, view.label);
  if (view.of) {
    const greatest = view.of.maps.map((map) => greatestOf(valuesOf(view.of, map, view.label)));
    view.map = Math.max(0, greatest.indexOf(greatestOf(greatest)));
  }
  listMaps();
  draw();
}
