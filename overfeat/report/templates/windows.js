// The heat maps of the dialog, and the window that is pointed at.
const SUREST = 5;
const VOTED = {
  coarse: "Here only coarse windows voted.",
  centre: "Here only the middle window of a map voted.",
  ten_views: "Here ten views voted, not these windows.",
};

const membersOf = () => (view.of && view.answer >= 0 ? view.of.members[view.answer] : null);
const mapOf = () => view.of && view.of.maps[view.map];

function listMaps() {
  part("maps-about").textContent = aboutMaps();
  const maps = view.of ? view.of.maps : [];
  const nets = new Set(maps.map((map) => map.member)).size;
  part("maps").replaceChildren(...maps.map((map, i) => mapButton(map, i, nets)));
  listStrongest();
}

function mapButton(map, place, nets) {
  const item = document.createElement("li");
  const button = element("button", {type: "button", className: "map"});
  button.setAttribute("aria-pressed", place === view.map);
  const canvas = document.createElement("canvas");
  canvas.setAttribute("aria-hidden", "true");
  const values = valuesOf(view.of, map, view.label);
  drawSmall(canvas, map, values);
  const net = nets > 1 ? `net ${map.member + 1}` : "";
  const words = [net, `scale ${map.scale}`, map.flip ? "mirrored" : "", map.votes ? "" : "no vote"];
  const textContent = `${words.filter((word) => word).join(", ")}: up to ${rounded(greatestOf(values))}`;
  button.append(canvas, element("span", {textContent}));
  button.addEventListener("click", () => {
    Object.assign(view, {map: place, window: null});
    listMaps();
    part("maps").children[place].firstChild.focus();
    draw();
  });
  item.append(button);
  return item;
}

function aboutMaps() {
  if (!view.of) {
    if (view.loading) return "Loading the evidence.";
    if (view.picture.evidence) return "The evidence is not there: the folder evidence belongs beside this page.";
    if (DATA.evidence) return "There is no evidence of this picture.";
    return "No evidence was kept for this report (report.evidence).";
  }
  if (view.label < 0) return "";
  if (!view.of.probabilities[view.label]) return "This class was not kept: the picture has too many classes.";
  const parts = ["A square is a window, where its middle is. To one without colour the class is next to impossible."];
  const merged = membersOf();
  if (merged && merged.size) {
    parts.push(`${count(merged.size)} windows of all maps were merged into this answer; they have an edge.`);
  }
  if (view.picture.task === "recognition" && VOTED[DATA.offsets]) parts.push(VOTED[DATA.offsets]);
  return parts.join(" ");
}

function listStrongest() {
  const map = mapOf();
  const values = map ? valuesOf(view.of, map, view.label) : null;
  const found = values ? [...values.keys()].filter((i) => values[i] > 0) : [];
  const surest = found.sort((a, b) => values[b] - values[a] || a - b).slice(0, SUREST);
  const rows = surest.map((place) => {
    const item = document.createElement("li");
    const [row, col] = [Math.floor(place / map.cols), place % map.cols];
    const textContent = `${rounded(values[place])} in row ${row + 1}, column ${col + 1}`;
    const button = element("button", {type: "button", textContent});
    button.dataset.window = place;
    button.addEventListener("click", () => {
      view.window = view.window === place ? null : place;
      drawWindow();
    });
    item.append(button);
    return item;
  });
  const none = view.of ? "To all windows of this map the class is next to impossible." : "There is no map.";
  part("strongest").replaceChildren(...(rows.length ? rows : [sentence(none)]));
}

function draw() {
  const map = mapOf();
  const hot = Boolean(part("with-heat").checked && map && view.label >= 0);
  part("stage").classList.toggle("hot", hot);
  part("legend").hidden = !hot;
  part("heat").hidden = !hot;
  if (hot) {
    const members = part("with-members").checked ? membersOf() : null;
    drawHeat(part("heat"), view.picture, map, valuesOf(view.of, map, view.label), members);
  }
  drawBoxes();
  drawWindow();
}

function drawBoxes() {
  const {picture, answer, truth} = view;
  const svg = part("stage-boxes");
  svg.setAttribute("viewBox", `0 0 ${picture.width} ${picture.height}`);
  svg.replaceChildren();
  const chosen = (is) => (is ? "chosen" : "");
  if (part("with-truth").checked) {
    truthsOf(picture).forEach(({box, kind}, i) => {
      const lost = kind === "missed" || kind === "mistaken" ? "lost" : "";
      if (box) svg.append(...edged(box, `truth ${lost} ${chosen(i === truth)}`));
    });
  }
  if (part("with-guess").checked) {
    for (const one of answersOf(picture)) {
      if (!one.box || (picture.task === "recognition" && one.answer !== answer)) continue;
      const shade = one.kind === "the true class" ? "right" : shadeOf(one.kind || "wrong class");
      svg.append(...edged(one.box, `guess ${shade} ${chosen(one.answer === answer)}`));
    }
  }
}

// Shows the field of view of the window that is pointed at, and says what it is.
function drawWindow() {
  const svg = part("stage-boxes");
  for (const old of svg.querySelectorAll(".window")) old.remove();
  for (const button of part("strongest").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", Number(button.dataset.window) === view.window);
  }
  const map = mapOf();
  if (!map || view.window === null) {
    part("pointed").textContent = map ? "Point at the picture to see what a window says." : "";
    return;
  }
  const [row, col] = [Math.floor(view.window / map.cols), view.window % map.cols];
  const [x, y, width, height] = viewOf(map, row, col);
  svg.append(...edged([x, y, x + width, y + height], "window"));
  const values = valuesOf(view.of, map, view.label);
  const value = values ? values[view.window] : 0;
  const members = membersOf();
  const merged = members && members.has(map.first + view.window) ? ", merged into the answer" : "";
  const says = value > 0 ? `probability ${rounded(value)}` : "next to impossible";
  const corners = [x, y, x + width, y + height].map((side) => side.toFixed(0)).join(", ");
  part("pointed").textContent = `Row ${row + 1}, column ${col + 1}: ${says}${merged}. It sees ${corners}.`;
}

function pointAt(event) {
  const map = view && mapOf();
  if (!map) return;
  const box = part("stage").getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width * view.picture.width;
  const y = (event.clientY - box.top) / box.height * view.picture.height;
  const within = (place, last) => Math.min(last, Math.max(0, Math.round(place)));
  const col = within((x - map.x - map.width / 2) / (map.stepX || 1), map.cols - 1);
  const row = within((y - map.y - map.height / 2) / (map.stepY || 1), map.rows - 1);
  const pointed = row * map.cols + col;
  if (pointed !== view.window) {
    view.window = pointed;
    drawWindow();
  }
}
