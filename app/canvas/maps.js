// How overlays look: the model's maps as colours, outlines and numbers over the cells of a step.

// Dark violet to pale yellow: evenly spaced in lightness, so it also reads without colour vision.
const RAMP = [[59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]];
const MARK = "#ffb000"; // amber: seldom in photographs, and far from the violet of the mask

function rampColour(value, alpha = 1) {
  const place = Math.max(0, Math.min(1, value)) * (RAMP.length - 1);
  const low = Math.min(RAMP.length - 2, Math.floor(place));
  const between = (from, to) => Math.round(from + (to - from) * (place - low));
  const mix = RAMP[low].map((from, i) => between(from, RAMP[low + 1][i]));
  return `rgba(${mix.join(", ")}, ${alpha})`;
}

function rampCss() {
  const stops = RAMP.map((_, i) => rampColour(i / (RAMP.length - 1)));
  return `linear-gradient(90deg, ${stops.join(", ")})`;
}

/** Draws the maps and marks of an overlay by the means of the layers, `pen`. */
function drawMaps(context, step, overlay, about, pen) {
  const lattice = latticeOf(step);
  const { value, marks, number } = overlay;
  if (value) {
    const valueOf = (token) => (mayChange(step, token) ? value(step, token, about) : null);
    const numberOf = number && ((token) => number(step, token));
    drawHeat(context, lattice, valueOf, numberOf, pen);
  }
  if (marks) {
    drawMarks(context, lattice, (token) => mayChange(step, token) && marks(step, token, about), pen);
  }
}

function drawHeat(context, lattice, valueOf, numberOf, { cellBox, ratio }) {
  context.font = `${Math.round(10 * ratio)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let token = 0; token < lattice.size; token++) {
    const value = valueOf(token);
    if (value === null) continue;
    const [x, y, width, height] = cellBox(lattice, token);
    context.fillStyle = rampColour(value, 0.72);
    context.fillRect(x, y, width, height);
    if (!numberOf || width < 20 * ratio) continue;
    context.fillStyle = value > 0.6 ? "rgba(0, 0, 0, 0.75)" : "rgba(255, 255, 255, 0.92)";
    context.fillText(numberOf(token), x + width / 2, y + height / 2);
  }
}

/** A wash over the marked cells, and one outline around each group of them. */
function drawMarks(context, lattice, isMarked, { cellBox, outlineOf, strokeTwice }) {
  context.fillStyle = "rgba(255, 176, 0, 0.2)";
  for (let token = 0; token < lattice.size; token++) {
    if (isMarked(token)) context.fillRect(...cellBox(lattice, token));
  }
  strokeTwice(context, outlineOf(lattice, isMarked), MARK, 2, "rgba(0, 0, 0, 0.55)");
}
