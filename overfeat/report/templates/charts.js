// Charts are drawn already; here a pointer reads them, from the table behind each, and a class is picked out of curves.
const SVG = "http://www.w3.org/2000/svg";

function startCharts() {
  for (const figure of document.querySelectorAll("figure.chart")) {
    if (!figure.closest(".pickable")) startReadout(figure);
  }
  for (const block of document.querySelectorAll(".pickable")) startPick(block);
}

function startReadout(figure) {
  const svg = figure.querySelector("svg[data-x]");
  const rows = [...figure.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
  const heads = [...figure.querySelectorAll("thead th")].map((cell) => cell.textContent);
  const [low, high] = svg.dataset.x.split(" ").map(Number);
  const values = rows.map((row) => Number(row[0]));
  if (values.length < 2 || values.some((value) => value < low - 1e-9 || value > high + 1e-9)) return;
  const base = svg.querySelector("line.grid");
  const [left, right] = [Number(base.getAttribute("x1")), Number(base.getAttribute("x2"))];
  const box = svg.viewBox.baseVal;
  const line = document.createElementNS(SVG, "line");
  const words = document.createElement("p");
  line.setAttribute("class", "crosshair");
  words.className = "readout";
  line.setAttribute("y1", 18);
  line.setAttribute("y2", box.height - 42);
  const hide = () => { line.remove(); words.remove(); };
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", (event) => {
    const shown = svg.getBoundingClientRect();
    const share = ((event.clientX - shown.left) / shown.width * box.width - left) / (right - left);
    const wanted = low + Math.min(1, Math.max(0, share)) * (high - low);
    let nearest = 0;
    values.forEach((value, i) => { if (Math.abs(value - wanted) < Math.abs(values[nearest] - wanted)) nearest = i; });
    const at = left + (values[nearest] - low) / (high - low) * (right - left);
    line.setAttribute("x1", at);
    line.setAttribute("x2", at);
    words.textContent = rows[nearest].map((cell, i) => `${heads[i]}: ${cell}`).join("\n");
    words.classList.toggle("left", share > 0.5);
    svg.append(line);
    figure.append(words);
  });
}

function startPick(block) {
  const pick = block.querySelector("select");
  const lines = [...block.querySelectorAll("[data-key]")];
  pick.addEventListener("change", () => {
    block.classList.toggle("picked", pick.value !== "");
    for (const line of lines) {
      const chosen = line.dataset.key === pick.value;
      line.classList.toggle("chosen", chosen);
      if (chosen) line.parentNode.append(line);
    }
  });
}
