// A card of the gallery: the picture with its boxes, and what is wrong with it, in words.
function card(place) {
  const {picture, items, fit} = shown[place];
  const item = document.createElement("li");
  const button = element("button", {type: "button", className: "card"});
  button.addEventListener("click", () => openViewer(place));
  const frame = element("span", {className: "frame"});
  const {width, height} = picture;
  const image = element("img", {loading: "lazy", decoding: "async", alt: "", width, height});
  image.src = `pictures/${picture.stem}.jpg`;
  frame.append(image, boxesOf(picture, items, fit));
  const words = element("span", {className: "words"});
  words.append(badge(picture, items), ...captions(picture, items));
  button.append(frame, words);
  item.append(button);
  return item;
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

function badge(picture, items) {
  const mistakes = items.filter(isMistake).length;
  if (!picture.known || items[0].kind === "not known") {
    return element("span", {className: "badge unknown", textContent: "truth not known"});
  }
  const counted = mistakes ? `${mistakes} ${mistakes === 1 ? "mistake" : "mistakes"}` : "no mistake";
  const textContent = picture.task === "recognition" ? items[0].kind : counted;
  return element("span", {className: `badge ${mistakes ? "bad" : "good"}`, textContent});
}

function captions(picture, items) {
  const lines = [];
  if (picture.task === "detection") lines.push(kindsInWords(picture, items));
  else {
    const {guess, truth, score} = items[0];
    lines.push(guess < 0 ? "no guess" : `${nameOf(picture.task, guess)} ${rounded(score)}`);
    if (truth >= 0 && truth !== guess) lines.push(`is ${nameOf(picture.task, truth)}`);
  }
  const spans = lines.map((textContent) => element("span", {className: "line", textContent}));
  return [...spans, element("span", {className: "id", textContent: picture.id})];
}

const rounded = (value) => (value === null || value === undefined ? "" : value.toFixed(2));

function boxesOf(picture, items, fit) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${picture.width} ${picture.height}`);
  svg.setAttribute("aria-hidden", "true");
  const lost = new Set(items.filter((item) => item.answer < 0).map((item) => item.object));
  const truths = picture.task === "recognition" ? picture.boxes : picture.objects.map(([, , ...box]) => box);
  truths.forEach((box, i) => svg.append(...edged(box, `truth ${lost.has(i) ? "lost" : ""}`)));
  for (const item of items) {
    if (item.answer < 0 || !item.box) continue;
    const faint = fit.length < items.length && !fit.includes(item) ? "faint" : "";
    svg.append(...edged(item.box, `guess ${shadeOf(item.kind)} ${faint}`));
  }
  return svg;
}

function shadeOf(kind) {
  if (kind === "not known" || kind === "ignored") return "";
  return FINE.has(kind) ? "right" : "wrong";
}

// A box as two rectangles: one with a dark edge, so that it is seen on anything.
function edged([x1, y1, x2, y2], name) {
  return ["edge", "colour"].map((layer) => {
    const rect = document.createElementNS(SVG, "rect");
    const place = {x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1)};
    for (const [key, value] of Object.entries(place)) rect.setAttribute(key, value);
    rect.setAttribute("class", `${layer} ${name}`);
    return rect;
  });
}
