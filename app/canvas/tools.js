// Strokes: what brush, eraser, rectangle, lasso, fill and magic wand do to the mask.
//
// A stroke begins, is extended while the pointer moves, and is finished or cancelled; the mask
// before it is kept, so cancelling (a second finger arrives, Escape) leaves no trace. Brush and
// eraser paint as they go; rectangle, lasso and wand show a draft and paint at the end.

const TOOLS = ["brush", "eraser", "rectangle", "lasso", "fill", "wand"];
const MAX_SIZE = 16; // tokens of the largest window; wider than this, the rectangle is better

function createPainter(state, { canvas, redraw, refresh, say, ...listeners }) {
  const hear = { moved() {}, cancelled() {}, ...listeners }; // and starting, finished
  let stroke = null;

  const mark = (cells, value) => {
    for (const index of cells) state.cells[index] = value;
  };
  const isFree = (tool) => tool === "brush" || tool === "eraser";

  /** `everywhere` is for the wand: the colour in the whole picture, not only around the point. */
  function begin(point, erase, everywhere = false) {
    if (!state.lattice || state.running) return false;
    hear.starting();
    const { tool } = state;
    const value = tool === "eraser" || erase ? 0 : state.swatch;
    const [before, wasShown] = [state.cells.slice(), state.shown];
    const isNew = !wasShown && value > 0 && countCells(before) > 0;
    stroke = { tool, value, from: point, last: point, before, wasShown, isNew };
    if (isNew) state.cells = new Uint8Array(before.length); // what is seen is what will change
    state.shown = true;
    state.keyCursor = -1;
    if (tool === "fill") fill(point);
    else if (isFree(tool)) extend([point]);
    else if (tool === "wand") take(point, everywhere);
    else state.draft = { value, outline: [point], cells: [] };
    redraw();
    hear.moved();
    return true;
  }

  function extend(points) {
    if (!stroke) return;
    for (const point of points) {
      const { last, tool, value } = stroke;
      if (isFree(tool)) mark(brushCells(state.lattice, last, point, state.size), value);
      else if (tool === "lasso") state.draft.outline.push(point);
      stroke.last = point;
    }
    if (stroke.tool === "rectangle") {
      const [a, b] = [stroke.from, stroke.last];
      state.draft.outline = [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }];
      state.draft.cells = rectangleCells(state.lattice, a, b);
    } else if (stroke.tool === "lasso") {
      state.draft.cells = lassoCells(state.lattice, state.draft.outline);
    } else if (stroke.tool === "wand" && state.draft) {
      const [a, b] = [stroke.from, stroke.last];
      state.draft.outline = [a, b];
      state.draft.cells = stroke.alike(wandTolerance(state.lattice, a, b));
    }
    refresh();
    redraw();
    hear.moved();
  }

  function fill(point) {
    const start = cellAt(state.lattice, point);
    if (start < 0) return;
    if (Boolean(state.cells[start]) === Boolean(stroke.value)) {
      say(word(stroke.value ? "tools.painted_already" : "tools.nothing_here"));
      return;
    }
    mark(areaCells(state.lattice, state.cells, start), stroke.value);
  }

  /** Begins with the colour under a point; outside the picture there is none. */
  function take(point, everywhere) {
    if (cellAt(state.lattice, point) < 0) return;
    stroke.alike = createWand(state.lattice, canvas, point, everywhere);
    state.draft = { value: stroke.value, outline: [], cells: [] };
    extend([point]);
  }

  /** `goesOn`: the stroke is one with the last one. */
  function finish({ isByKey = false, goesOn = false } = {}) {
    if (!stroke) return;
    const { before, value, isNew } = stroke;
    if (state.draft) {
      const cells = state.draft.cells.length ? state.draft.cells : target(stroke.last);
      mark(cells, value);
    }
    stroke = state.draft = null;
    if (isNew) say(word("tools.new_mask"));
    redraw();
    const hasChanged = before.some((cell, index) => cell !== state.cells[index]);
    hear.finished({ hasChanged, isByKey, goesOn });
  }

  function cancel() {
    if (!stroke) return;
    state.cells = stroke.before;
    state.shown = stroke.wasShown;
    stroke = state.draft = null;
    redraw();
    refresh();
    hear.cancelled();
  }

  /** The cells that pressing at a point would touch. */
  function target(point) {
    if (isFree(state.tool)) return brushCells(state.lattice, point, point, state.size);
    const under = cellAt(state.lattice, point);
    return under < 0 ? [] : [under];
  }

  return { begin, extend, finish, cancel, target, isActive: () => stroke !== null };
}
