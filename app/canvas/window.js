// The model's window: seen, moved, resized, and how fine is painted in it.
//
// Dragging shows a draft, `state.framing` {lattice, at}, and the document changes when the pointer is
// let go. Buttons, keys, wheel and slider are nudges: many in a row are one step of the history.

const GRIP_PX = 22; // CSS pixels around a corner that take it: enough for a finger
const WINDOW_STEP = 1.25; // how much larger or smaller at a press
const CLOSE_CONTEXT = 0.25; // of a close-up, on each side: as in maskgit/window.py

function createWindowTool(root, stage, state, { doc, view, redraw, announce }) {
  const panel = root.querySelector(".mgs-window");
  const sees = panel.querySelector(".mgs-sees");
  const coverage = panel.querySelector("input[type=range]");
  const share = panel.querySelector("output");
  const covers = panel.querySelector(".mgs-coverage");
  const button = (name) => panel.querySelector(`[data-do=${name}]`);
  let drag = null; // {point, square, lattice, corner: null or [1 right, 1 below]}

  state.framing = null;

  const lensNow = () => lensFor(state.lens, state.grid(), state.picture);
  const canSet = () => state.lattice && !state.running && !state.isStroking();

  /** The lattice and first cell of the window that is seen; the cell is null where none is. */
  function frame() {
    if (state.framing) return state.framing;
    return { lattice: state.lattice, at: windowCell(state.lattice, state.cells) };
  }

  /** Which corner a point of the picture takes, null for none; the farther ones give way. */
  function cornerAt({ x, y }, [left, top, side]) {
    const reach = Math.min(GRIP_PX / view.scale, side / 3);
    const near = (value, edge) => Math.abs(value - edge) <= reach;
    for (const right of [1, 0]) {
      for (const below of [1, 0]) {
        if (near(x, left + right * side) && near(y, top + below * side)) return [right, below];
      }
    }
    return null;
  }

  function begin(point) {
    if (!canSet()) return false;
    const { lattice, at } = frame();
    const first = at ?? windowCell(lattice, new Uint8Array(lattice.size));
    const square = squareAt(lattice, first);
    const corner = cornerAt(point, square);
    drag = { point, square, corner };
    const [left, top, side] = square;
    const isIn = (value, start) => value >= start && value < start + side;
    if (!corner && !(isIn(point.x, left) && isIn(point.y, top))) {
      drag.square = [point.x - side / 2, point.y - side / 2, side]; // it comes to where one presses
      extend([point]);
    }
    return true;
  }

  function extend(points) {
    if (!drag) return;
    const lens = drag.corner ? pulled(points.at(-1)) : pushed(points.at(-1));
    state.framing = { lens, lattice: latticeFor(state.picture, lens), at: lens.at };
    redraw();
  }

  function pushed({ x, y }) {
    const [left, top] = drag.square;
    const { side } = state.lattice;
    const at = [(top + y - drag.point.y) / side, (left + x - drag.point.x) / side];
    return movedLens(lensNow(), at, state.picture);
  }

  /** The corner goes with the pointer, the one across stays. */
  function pulled(point) {
    const { square: [left, top, side], corner: [right, below] } = drag;
    const across = { x: left + (1 - right) * side, y: top + (1 - below) * side };
    const wanted = Math.max(
      (point.x - across.x) * (right ? 1 : -1), (point.y - across.y) * (below ? 1 : -1), 1,
    );
    const { width, height } = state.picture;
    const lens = lensNow();
    const grid = (Math.min(width, height) * lens.tokens) / wanted;
    const resized = resizedLens({ ...lens, at: null }, grid, state.picture);
    const lattice = latticeFor(state.picture, resized);
    const at = [
      across.y / lattice.side - (below ? 0 : lattice.span),
      across.x / lattice.side - (right ? 0 : lattice.span),
    ];
    return movedLens(resized, at, state.picture);
  }

  function finish() {
    const lens = state.framing?.lens;
    cancel();
    if (lens) set(lens);
  }

  function cancel() {
    drag = state.framing = null;
    redraw();
  }

  const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

  function set(lens, isNudge = false) {
    if (!canSet() || isSame(lens, lensNow())) return;
    doc.setLens(lens, isNudge);
    announce(sees.textContent);
  }

  function follow() {
    if (canSet()) set({ ...lensNow(), at: null });
  }

  /** Larger or smaller by one step; a window that was put somewhere keeps its middle. */
  function resize(by) {
    if (!canSet()) return;
    const lens = lensNow();
    const { tokens, grid, fine, at } = lens;
    const step = by > 0 ? Math.min(grid - 1, grid / WINDOW_STEP) : Math.max(grid + 1, grid * WINDOW_STEP);
    const resized = resizedLens({ ...lens, at: null }, step, state.picture);
    const half = (tokens * fine) / 2;
    const moved = at?.map((first) => ((first + half) * resized.grid) / grid - half);
    set(movedLens(resized, moved ?? null, state.picture), true);
  }

  /** As small as helps to draw a thing: what is painted and a quarter more on every side. */
  function closeUp() {
    const box = paintedBox(state.lattice, state.cells);
    if (!canSet() || !box) return;
    const lens = { ...lensNow(), at: null };
    const longest = 1 + Math.max(box.bottom - box.top, box.right - box.left);
    const { width, height } = state.picture;
    const wanted = longest * state.lattice.side * (1 + 2 * CLOSE_CONTEXT);
    set(resizedLens(lens, (Math.min(width, height) * lens.tokens) / wanted, state.picture));
  }

  /** As large as may be, and it follows what is painted. */
  function whole() {
    if (canSet()) set(resizedLens({ ...lensNow(), at: null }, 0, state.picture));
  }

  function move(rows, cols) {
    if (!canSet()) return;
    const { at } = frame();
    const [row, col] = at ?? windowCell(state.lattice, new Uint8Array(state.lattice.size));
    set(movedLens(lensNow(), [row + rows, col + cols], state.picture), true);
  }

  /** Paints in quarters of a token, or in whole tokens again; the window stays. */
  function setFine() {
    if (!canSet()) return;
    const lens = lensNow();
    const fine = lens.fine === 1 ? FINE : 1;
    set(resizedLens({ ...lens, fine }, lens.grid, state.picture, lens));
  }

  /** Arrows move the window by cells, with Shift by tokens of fine cells; + and - resize it. */
  function onKey(event, key) {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[key];
    const step = event.shiftKey ? FINE : 1;
    if (by) move(by[0] * step, by[1] * step);
    else if (key === "+" || key === "=") resize(1);
    else if (key === "-") resize(-1);
    else return false;
    return true;
  }

  function words() {
    const { lattice, at } = frame();
    if (!at) return word("framing.wider");
    const side = squareAt(lattice, at)[2];
    const own = state.resolution();
    return word("framing.sees", { side, own });
  }

  function refresh() {
    panel.hidden = !state.lattice;
    if (!state.lattice) return;
    const lens = lensNow();
    const can = canSet();
    const text = words();
    if (sees.textContent !== text) sees.textContent = text;
    const most = Math.max(lens.tokens, mostTokens(state.picture, lens.tokens, lens.fine));
    button("windowLarger").disabled = !can || lens.grid <= lens.tokens;
    button("windowSmaller").disabled = !can || lens.grid >= most;
    button("follow").disabled = !can || lens.at === null;
    button("fine").disabled = !can || !(lens.fine > 1 || canBeFine(state.picture, lens.tokens));
    button("fine").setAttribute("aria-pressed", String(lens.fine > 1));
    covers.hidden = lens.fine === 1;
    coverage.disabled = !can;
    coverage.value = Math.round(100 * lens.coverage);
    share.textContent = `${coverage.value} %`;
  }

  coverage.addEventListener("input", () => {
    set({ ...lensNow(), coverage: Number(coverage.value) / 100 }, true);
  });

  const isOn = () => state.tool === "window";
  stage.addEventListener("dblclick", () => isOn() && follow());
  stage.addEventListener("wheel", (event) => {
    if (!isOn() || event.ctrlKey || event.shiftKey || !canSet() || !event.deltaY) return;
    const { lattice, at } = frame();
    const { x, y } = view.toPicture(event);
    const [left, top, side] = at ? squareAt(lattice, at) : [0, 0, 0];
    if (!at || x < left || y < top || x > left + side || y > top + side) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // beside the window the wheel zooms, as ever
    resize(event.deltaY < 0 ? 1 : -1);
  }, { passive: false });
  stage.addEventListener("pointermove", (event) => {
    const { lattice, at } = isOn() && state.lattice ? frame() : {};
    const corner = at ? drag?.corner ?? cornerAt(view.toPicture(event), squareAt(lattice, at)) : null;
    stage.dataset.grip = corner ? (corner[0] === corner[1] ? "nwse" : "nesw") : "";
  });

  /** What pointer and fingers work with: this tool, or what was there before. */
  const over = (hand) => ({
    begin: (...where) => (isOn() ? begin(where[0]) : hand.begin(...where)),
    extend: (points) => (drag ? extend(points) : hand.extend(points)),
    finish: () => (drag ? finish() : hand.finish()),
    cancel: () => (drag ? cancel() : hand.cancel()),
    isActive: () => drag !== null || hand.isActive(),
    target: hand.target,
  });

  return {
    over, onKey, frame, refresh, follow, setFine, closeUp, whole,
    larger: () => resize(1),
    smaller: () => resize(-1),
  };
}
