// Evidence: what the windows of a picture said. See overfeat/report/evidence.py for what the files beside the page hold.
const LEVELS = ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
const RAMP = [[45, 17, 96], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]];
const EDGES = ["rgb(255 255 255 / .9)", "rgb(20 16 40 / .9)"]; // of a window that was merged: on dark, on bright
const evidence = new Map();

window.overfeatEvidence = (stem, given) => { evidence.set(stem, decoded(given)); };

// A page from disk may not read files, but it may load scripts. Resolves to null where there is none.
function loadEvidence(picture) {
  if (!picture.evidence) return Promise.resolve(null);
  if (evidence.has(picture.stem)) return Promise.resolve(evidence.get(picture.stem));
  return new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = `evidence/${picture.stem}.js`;
    script.onload = () => { script.remove(); resolve(evidence.get(picture.stem) || null); };
    script.onerror = () => { script.remove(); resolve(null); };
    document.head.append(script);
  });
}

function decoded({maps, levels, members}) {
  let begin = 0;
  const found = maps.map(([member, scale, flip, votes, rows, cols, first, x, stepX, y, stepY, width, height]) => {
    const place = {x, stepX, y, stepY, width, height};
    begin += rows * cols;
    return {member, scale, flip: flip === 1, votes: votes === 1, rows, cols, first, begin: begin - rows * cols, ...place};
  });
  const probabilities = Object.fromEntries(Object.entries(levels).map(([label, text]) => {
    const whole = text.replace(/~(\d+)~/g, (_, run) => ".".repeat(Number(run)));
    return [label, Float32Array.from(whole, (character) => LEVELS.indexOf(character) / (LEVELS.length - 1))];
  }));
  const windows = members.map((text) => {
    const set = new Set();
    for (const part of text ? text.split(".") : []) {
      const [low, high] = part.split("-").map(Number);
      for (let number = low; number <= (high ?? low); number++) set.add(number);
    }
    return set;
  });
  return {maps: found, probabilities, members: windows};
}

// The probability of a class at each window of a map, row by row; 0 where it is about that, or was not kept.
function valuesOf(of, map, label) {
  const all = of.probabilities[label];
  return all ? all.subarray(map.begin, map.begin + map.rows * map.cols) : null;
}

const greatestOf = (values) => (values || []).reduce((most, value) => Math.max(most, value), 0);

function colour(probability, alpha) {
  const place = probability * (RAMP.length - 1);
  const low = Math.min(RAMP.length - 2, Math.floor(place));
  const [r, g, b] = RAMP[low].map((value, i) => Math.round(value + (RAMP[low + 1][i] - value) * (place - low)));
  return `rgb(${r} ${g} ${b} / ${alpha})`;
}

// The place of a window in the picture: around the middle of its field of view, as large as a step to its neighbour.
function cellOf(map, row, col) {
  const width = map.cols > 1 ? Math.abs(map.stepX) : map.width;
  const height = map.rows > 1 ? Math.abs(map.stepY) : map.height;
  const x = map.x + map.stepX * col + map.width / 2;
  const y = map.y + map.stepY * row + map.height / 2;
  return [x - width / 2, y - height / 2, width, height];
}

const viewOf = (map, row, col) => [map.x + map.stepX * col, map.y + map.stepY * row, map.width, map.height];

function drawLegend(canvas) {
  const paper = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x++) {
    paper.fillStyle = colour(x / (canvas.width - 1), 1);
    paper.fillRect(x, 0, 1, canvas.height);
  }
}

function drawHeat(canvas, picture, map, values, members) {
  const scale = Math.max(1, window.devicePixelRatio || 1);
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(canvas.clientHeight * scale);
  const paper = canvas.getContext("2d");
  const [fx, fy] = [canvas.width / picture.width, canvas.height / picture.height];
  for (let row = 0; row < map.rows; row++) {
    for (let col = 0; col < map.cols; col++) {
      const [x, y, width, height] = cellOf(map, row, col);
      const value = values ? values[row * map.cols + col] : 0;
      const [left, top] = [Math.round(x * fx), Math.round(y * fy)];
      const [right, bottom] = [Math.round((x + width) * fx), Math.round((y + height) * fy)];
      if (value > 0) {
        paper.fillStyle = colour(value, 0.08 + 0.74 * value);
        paper.fillRect(left, top, right - left, bottom - top);
      }
      if (members && members.has(map.first + row * map.cols + col)) {
        paper.strokeStyle = EDGES[value > 0.6 ? 1 : 0];
        paper.lineWidth = scale;
        paper.strokeRect(left + scale, top + scale, right - left - 2 * scale, bottom - top - 2 * scale);
      }
    }
  }
}

// A map alone, a pixel a window, as it lies over the picture: those of mirror images are turned back.
function drawSmall(canvas, map, values) {
  canvas.width = map.cols;
  canvas.height = map.rows;
  const paper = canvas.getContext("2d");
  for (let row = 0; row < map.rows; row++) {
    for (let col = 0; col < map.cols; col++) {
      const value = values ? values[row * map.cols + col] : 0;
      if (value === 0) continue;
      paper.fillStyle = colour(value, 1);
      paper.fillRect(map.stepX < 0 ? map.cols - 1 - col : col, row, 1, 1);
    }
  }
}
