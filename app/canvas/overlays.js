// What the model thought, as colours over its token grid, and the legend in plain words.
//
// A step carries three maps of grid * grid values: which tokens are still masked, how probable the
// model found each token it drew, and at which step a token was decided for good.

const KNOWN = -1; // in revealed_at: given by the picture from the start
const MASKED = -2; // still masked

const OVERLAYS = {
  none: { legend: () => "Only the picture, as the model sees it at this step." },
  mask: { legend: () => "Hatched cells are still open. The model keeps what it is surest of." },
  confidence: {
    legend: () => "How sure the model is of each cell at this step.",
    ends: ["unsure", "sure"],
  },
  order: {
    legend: () => "At which step each cell was decided.",
    ends: ["first", "last"],
  },
};

// Dark violet to pale yellow: evenly spaced in lightness, so it also reads without colour vision.
const RAMP = [[59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]];

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

/** Numbers of a frame: a list, or base64 of bytes, signed or not. */
function numbersOf(field, signed) {
  if (!field) return null;
  if (Array.isArray(field)) return field;
  const bytes = bytesOfBase64(field);
  return signed ? new Int8Array(bytes.buffer) : bytes;
}

/** One frame as the timeline keeps it; the picture stays encoded until it is looked at. */
function makeStep(frame, run) {
  const grid = frame.grid ?? run.grid;
  return {
    index: frame.step,
    window: frame.window ?? run.window,
    grid,
    image: frame.image,
    open: frame.open ? unpackCells(frame.open, grid * grid) : run.open,
    masked: unpackCells(frame.masked ?? "", grid * grid),
    confidence: numbersOf(frame.confidence, false),
    revealedAt: numbersOf(frame.revealed_at, true),
    tokens: frame.tokens ? new Uint16Array(bytesOfBase64(frame.tokens).buffer) : null,
    state: frame.state ?? null, // what the server needs to go on from here
  };
}

/** The value in [0, 1] that an overlay shows for a token, or null where it has nothing to say. */
function overlayValue(name, step, token, steps) {
  if (step.open && !step.open[token]) return null;
  if (name === "confidence") return step.confidence ? step.confidence[token] / 255 : null;
  if (name !== "order" || !step.revealedAt) return null;
  const at = step.revealedAt[token];
  if (at === KNOWN || at === MASKED) return null;
  return steps > 1 ? at / (steps - 1) : 1;
}

/** Walks the tokens of a step with their rectangle in picture pixels. */
function forEachToken(step, visit) {
  const [left, top, side] = step.window;
  const edge = (i) => (i * side) / step.grid;
  for (let token = 0; token < step.grid * step.grid; token++) {
    const [row, col] = [Math.floor(token / step.grid), token % step.grid];
    visit(token, left + edge(col), top + edge(row), left + edge(col + 1), top + edge(row + 1));
  }
}
