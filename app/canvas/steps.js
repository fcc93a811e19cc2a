// A step of a run as the timeline keeps it: small maps over the token grid, and a picture that
// stays encoded until somebody looks at it.

const KNOWN = -1; // in revealedAt: given by the picture from the start
const MASKED = -2; // still masked

/** Numbers of a frame: a list, or base64 of an array of some type. */
function numbersOf(field, Type = Uint8Array) {
  if (!field) return null;
  return Array.isArray(field) ? field : new Type(bytesOfBase64(field).buffer);
}

function makeStep(frame, run) {
  const grid = frame.grid ?? run.grid;
  return {
    index: frame.step,
    steps: frame.steps ?? run.steps, // of the whole run, as it was planned here
    window: frame.window ?? run.window,
    grid,
    image: frame.image ?? null, // null: nobody has drawn it yet, see sights.js
    open: frame.open ? unpackCells(frame.open, grid * grid) : run.open,
    masked: unpackCells(frame.masked ?? "", grid * grid),
    confidence: numbersOf(frame.confidence),
    revealedAt: numbersOf(frame.revealed_at, Int16Array),
    tokens: numbersOf(frame.tokens, Uint16Array),
    state: frame.state ?? null, // what the server needs to go on from here
  };
}

const mayChange = (step, token) => !step.open || Boolean(step.open[token]);

/** How many cells of a step may change, and how many of them are still masked. */
function countOpen(step) {
  let [open, masked] = [0, 0];
  for (let token = 0; token < step.grid * step.grid; token++) {
    if (!mayChange(step, token)) continue;
    open++;
    if (step.masked[token]) masked++;
  }
  return { open, masked };
}

/** The tokens of a step as a lattice where its window lies on the picture. */
function latticeOf(step) {
  const [left, top, side] = step.window;
  const lattice = makeLattice(side, side, step.grid);
  const [xs, ys] = [lattice.xs.map((x) => x + left), lattice.ys.map((y) => y + top)];
  return { ...lattice, xs, ys };
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
