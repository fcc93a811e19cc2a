// The lens: how large the model's window is, where it lies, and how fine is painted in it.
//
// A lens is a value of the history, {tokens, fine, grid, at, coverage}:
//   tokens    along one side of the window, of the model that was in use when the lens was set
//   fine      cells to a token, on each side: 1, or FINE to paint finer things than tokens
//   grid      tokens on the picture's short side: the more, the smaller the window
//   at        [row, col], the window's first cell, where somebody has put it; null: it follows
//   coverage  share of a token's cells that must be exceeded for it to open
// Under another model a lens becomes one whose window is as large and lies in the same place. That is
// always made from the lens as it was set, so going from model to model and back changes nothing.

const FINE = 4;
const LEAST_WINDOW = 1 / 8; // of the short side
const MOST_GRID = 1024; // cells on the short side; the server has the same limit (drawing.py)
const MOST_CELLS = 1 << 19; // half of the server's: painting has to stay fast

/** The window as large as the picture allows, following what is painted in whole tokens. */
const plainLens = (tokens) => ({ tokens, fine: 1, grid: tokens, at: null, coverage: 0 });

/** The most tokens there may be on a picture's short side, or fewer than `tokens` where none may. */
function mostTokens({ width, height }, tokens, fine) {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const cells = Math.min(MOST_GRID, short, Math.sqrt((MOST_CELLS * short) / long)); // a pixel each
  return Math.floor(Math.min(tokens / LEAST_WINDOW, cells / fine));
}

const canBeFine = (picture, tokens) => mostTokens(picture, tokens, FINE) >= tokens;

/** A lens for a model of so many tokens. */
function lensFor(lens, tokens, picture) {
  if (lens.tokens === tokens) return lens;
  const fine = canBeFine(picture, tokens) ? lens.fine : 1;
  return resizedLens({ ...lens, tokens, fine }, (lens.grid * tokens) / lens.tokens, picture, lens);
}

/** The same lens with another number of tokens on the short side, as near as may be. */
function resizedLens(lens, grid, picture, from = lens) {
  const { tokens, fine } = lens;
  const most = Math.max(tokens, mostTokens(picture, tokens, fine));
  const resized = { ...lens, grid: Math.max(tokens, Math.min(most, Math.round(grid))) };
  const ratio = (resized.grid * fine) / (from.grid * from.fine);
  return movedLens(resized, from.at && from.at.map((first) => first * ratio), picture);
}

/** The same lens with the window at a cell, as near as may be; null: it follows. */
function movedLens(lens, at, { width, height }) {
  if (!at) return { ...lens, at: null };
  const { rows, cols, span } = latticeFor({ width, height }, { ...lens, at: null });
  const within = (first, count) => Math.max(0, Math.min(count - span, Math.round(first)));
  return { ...lens, at: [within(at[0], rows), within(at[1], cols)] };
}

/** The lattice of a picture under a lens. */
function latticeFor({ width, height }, { tokens, fine, grid, at, coverage }) {
  const lattice = makeLattice(width, height, grid * fine);
  return { ...lattice, tokens, span: tokens * fine, fine, at, coverage };
}
