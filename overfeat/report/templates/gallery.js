// The gallery: its filters, and cards that are made when they come near the window.
const AT_ONCE = 48;
const field = (name) => document.getElementById(`f-${name}`);
let state = {};
let shown = [];
let made = 0;
let filledFor = null;

function startGallery() {
  fill(field("task"), [["recognition", "classification, localization"], ["detection", "detection"]]);
  fill(field("sort"), Object.entries(SORTS));
  const form = document.getElementById("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const kind of ["input", "change"]) form.addEventListener(kind, fromForm);
  form.addEventListener("reset", (event) => { event.preventDefault(); show({task: state.task}); });
  for (const what of ["truth", "guess"]) {
    const box = document.getElementById(`show-${what}`);
    const apply = () => document.getElementById("cards").classList.toggle(`no-${what}`, !box.checked);
    box.addEventListener("change", apply);
    apply();
  }
  const more = document.getElementById("more-row");
  document.getElementById("more").addEventListener("click", () => makeCards(true));
  if ("IntersectionObserver" in window) {
    const near = (seen) => { if (seen.some((one) => one.isIntersecting)) makeCards(false); };
    new IntersectionObserver(near, {rootMargin: "800px"}).observe(more);
  }
  window.addEventListener("hashchange", () => { if (location.hash.startsWith("#gallery?")) fromAddress(); });
  fromAddress();
}

// Another task begins with its own splits, classes and scores. What the form says already is not shown again.
function fromForm() {
  const task = field("task").value;
  const said = {task};
  if (task === state.task) for (const key of KEYS) if (key !== "picture") said[key] = field(key).value;
  if (said.from !== undefined && said.from !== "" && Number(said.from) === DATA.tasks[task].from) said.from = "";
  if (said.sort === "worst") said.sort = "";
  if (hashOf(stateOf(hashOf(said))) !== hashOf({...state, picture: ""})) show(said);
}

function fromAddress() {
  const asked = stateOf(location.hash);
  const wanted = location.hash.startsWith("#gallery?");
  show(asked, wanted);
  if (wanted) document.getElementById("gallery").scrollIntoView();
  if (asked.picture) {
    const place = shown.findIndex((one) => one.picture.id === asked.picture);
    if (place >= 0) openViewer(place);
  }
}

// Shows the pictures of a state, given as the form or the address has it.
function show(wanted, inAddress = true) {
  state = stateOf(hashOf(wanted));
  fillForm();
  shown = select(state);
  made = 0;
  document.getElementById("cards").replaceChildren();
  const of = DATA.tasks[state.task];
  const all = PICTURES[state.task].length;
  document.getElementById("count").textContent = all
    ? `${count(shown.length)} of ${count(all)} pictures` : "No picture of this task is in the gallery.";
  about(of, all);
  makeCards(false);
  if (inAddress) writeAddress(state);
}

const count = (number) => number.toLocaleString("en-US");

function about(of, all) {
  const looked = of.pictures.reduce((sum, one) => sum + one, 0);
  const parts = [];
  if (!looked) parts.push("No picture was looked at for this task.");
  else if (all < looked) {
    parts.push(`${count(all)} of the ${count(looked)} pictures that were looked at are here: half of them the worst`);
    parts.push("mistakes, the rest spread over all others (report.pictures).");
  } else parts.push("All pictures that were looked at.");
  const blind = of.splits.filter((split) => !of.known.includes(split));
  if (blind.length) parts.push(`The truth of split ${blind.join(", ")} is not known: nothing in it is right or wrong.`);
  if (looked) parts.push("A picture opens its windows as heat maps.");
  document.getElementById("gallery-about").textContent = parts.join(" ");
}

function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

// Puts a task's splits, kinds and classes into the form: once, since there may be a thousand classes.
function fillChoices(task) {
  const of = DATA.tasks[task];
  fill(field("split"), [["", "all"], ...of.splits.map((split) => [split, split])]);
  fill(field("kind"), Object.entries(KINDS[task]));
  const classes = of.labels.map((label, i) => [label, of.names[i]]).sort((a, b) => a[1].localeCompare(b[1], "en"));
  fill(field("class"), [["", "any"], ...classes]);
  fill(field("other"), [["", "any"], ...classes]);
  for (const end of ["from", "to"]) {
    document.getElementById(`${end}-name`).textContent = `${of.by === "confidence" ? "Confidence" : "Score"} ${end}`;
  }
  for (const name of ["from", "to"]) Object.assign(field(name), {min: of.low, max: of.high, step: 0.01});
}

function fillForm() {
  const of = DATA.tasks[state.task];
  if (filledFor !== state.task) fillChoices(state.task);
  filledFor = state.task;
  for (const key of KEYS.filter((key) => key !== "picture")) {
    const value = state[key] || "";
    if (document.activeElement !== field(key) || field(key).value !== value) field(key).value = value;
  }
  if (state.from === undefined && document.activeElement !== field("from")) field("from").value = of.from;
  if (!state.sort) field("sort").value = "worst";
  field("as").disabled = !state.class;
}

function makeCards(focus) {
  const list = document.getElementById("cards");
  const until = Math.min(shown.length, made + AT_ONCE);
  const cards = [];
  for (let place = made; place < until; place++) cards.push(card(place));
  list.append(...cards);
  if (focus && cards.length) cards[0].firstChild.focus();
  made = until;
  document.getElementById("more-row").hidden = made >= shown.length;
  if (!shown.length) {
    const none = document.createElement("li");
    none.className = "none";
    none.textContent = PICTURES[state.task].length ? "No picture fits these filters." : "There is nothing to show.";
    list.replaceChildren(none);
  }
}
