// What was answered of the picture in the dialog, and what is true, as lists to choose from.
function answersOf(picture) {
  if (picture.task === "detection") {
    const answers = view.items.filter((item) => item.answer >= 0);
    return answers.map(({answer, guess, score, box, kind}) => ({answer, label: guess, value: score, box, kind}));
  }
  return picture.guesses.map(([label, value, confidence, ...box], answer) => {
    const other = label === picture.truth ? "the true class" : "";
    return {answer, label, value, confidence, box: box.length ? box : null, kind: answer ? other : picture.kind};
  });
}

function truthsOf(picture) {
  if (picture.task === "recognition") {
    if (picture.truth < 0) return [];
    const boxes = picture.boxes.length ? picture.boxes : [null];
    return boxes.map((box) => ({label: picture.truth, box, kind: ""}));
  }
  const lost = new Map(view.items.filter((item) => item.answer < 0).map((item) => [item.object, item.kind]));
  return picture.objects.map(([label, ignored, ...box], i) => {
    return {label, box, kind: ignored ? "does not count" : lost.get(i) || "found"};
  });
}

function verdict(picture, items) {
  if (picture.task === "detection") return kindsInWords(picture, items);
  const {kind, guess, truth} = items[0];
  const [taken, is] = [guess, truth].map((label) => nameOf(picture.task, label));
  return {
    "not known": `Taken for ${taken}; the truth is not known.`,
    right: `Right: is ${is}.`,
    "wrong box": `Wrong box: is ${is}, and the box is not where the object is.`,
    "wrong class": `Wrong class: is ${is}, was taken for ${taken}.`,
  }[kind];
}

function listAnswers() {
  const rows = answersOf(view.picture).map(({answer, label, value, confidence, kind}) => {
    const sure = typeof confidence === "number" ? `confidence of its box ${rounded(confidence)}` : "";
    return choice(label, [rounded(value), sure, kind], {answer, truth: -1});
  });
  part("answers").replaceChildren(...(rows.length ? rows : [sentence("Nothing was found.")]));
}

function listTruths() {
  const rows = truthsOf(view.picture).map(({label, kind}, truth) => choice(label, [kind], {answer: -1, truth}));
  const none = view.picture.known ? "There is no object." : "It is not known.";
  part("truths").replaceChildren(...(rows.length ? rows : [sentence(none)]));
}

function choice(label, words, chosen) {
  const item = document.createElement("li");
  const button = element("button", {type: "button"});
  Object.assign(button.dataset, chosen);
  const name = element("strong", {textContent: nameOf(view.picture.task, label)});
  button.append(name, ` ${words.filter((word) => word).join(", ")}`);
  button.addEventListener("click", () => choose(chosen));
  item.append(button);
  return item;
}

const sentence = (textContent) => element("li", {className: "aside", textContent});
