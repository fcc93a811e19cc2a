// The keyboard: shortcuts for the whole page, and painting with a cursor on the focused stage.
//
// Shortcuts are single keys, so they stay silent while somebody types or picks from a list.

function createKeys(root, stage, view, state, painter, actions, layers, { announce, onCells, onWindow }) {
  let isOnPath = false; // Shift is held, and a cell was painted since: all of the path is one stroke

  const within = (selector) => (target) => target instanceof Element && target.closest(selector);
  const isControl = within("button, a, input, summary");
  const isTyping = within(
    "textarea, select, input:not([type=range], [type=checkbox], [type=radio]), dialog, " +
      "[contenteditable]:not([contenteditable=false]), [role=combobox], [role=listbox]",
  );

  const sizeStep = () => Math.max(1, Math.floor(state.size / MAX_SIZE)); // fine cells are many

  const single = {
    b: () => actions.tool("brush"),
    e: () => actions.tool("eraser"),
    r: () => actions.tool("rectangle"),
    l: () => actions.tool("lasso"),
    f: () => actions.tool("fill"),
    w: () => actions.tool("wand"),
    q: () => actions.tool("inspect"),
    o: () => actions.tool("enlarge"),
    s: () => actions.tool("window"),
    d: actions.fine,
    i: actions.invert,
    ".": actions.grow,
    ",": actions.shrink,
    c: () => actions.swatch(1),
    x: () => actions.swatch(-1),
    n: actions.nextSeed,
    k: actions.lockSeed,
    p: actions.live,
    v: actions.more,
    g: actions.grid,
    m: actions.mask,
    "[": () => actions.size(state.size - sizeStep()),
    "]": () => actions.size(state.size + sizeStep()),
    0: actions.fit,
    1: actions.actual,
    "+": actions.zoomIn,
    "=": actions.zoomIn,
    "-": actions.zoomOut,
    "?": actions.help,
  };

  hearWhile(root, document, "keydown", (event) => {
    if (event.defaultPrevented || isTyping(event.target)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      if (event.altKey) return;
      if (key === "Enter") {
        event.preventDefault();
        return actions.fill();
      }
      const redo = key === "y" || (key === "z" && event.shiftKey);
      if (!redo && key !== "z") return;
      event.preventDefault();
      if (redo) actions.redo();
      else actions.undo();
      return;
    }
    if (key === "Escape") {
      painter.cancel();
      actions.stopLive();
    }
    if (key === "\\") return actions.compareHold(true);
    if (event.target === stage && onStage(event, key)) return event.preventDefault();
    if (key === "Tab") state.hover = null; // from now on Space belongs to what has the focus
    if (key === " " && state.hover) {
      event.preventDefault(); // or the page would scroll, or the last button be pressed again
      if (!state.spaceHeld) actions.space(true);
      return;
    }
    if (key === "Delete" || key === "Backspace") {
      if (!isControl(event.target)) actions.clear();
      return;
    }
    if (event.altKey || !Object.hasOwn(single, key)) return;
    event.preventDefault();
    single[key]();
  });

  hearWhile(root, document, "keyup", (event) => {
    if (event.key === " " && state.spaceHeld) {
      event.preventDefault(); // some browsers press a button when Space is let go
      actions.space(false);
    }
    if (event.key === "\\") actions.compareHold(false);
    if (event.key === "Shift") isOnPath = false;
  });
  hearWhile(root, window, "blur", () => {
    isOnPath = false; // the keys' releases would go to another window
    actions.space(false);
    actions.compareHold(false);
  });

  /** Arrows move a cell cursor, Space or Enter paints there, Shift and arrow paints on the way. */
  function onStage(event, key) {
    if (!state.lattice || state.running) return false;
    if (state.tool === "inspect") return onCells(event, key);
    if (state.tool === "enlarge") return false;
    if (state.tool === "window") return onWindow(event, key);
    const { cols, rows } = state.lattice;
    const sideways = { ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = { ...sideways, ArrowUp: [-1, 0], ArrowDown: [1, 0] }[key];
    if (step) {
      const at = state.keyCursor >= 0 ? state.keyCursor : startCell();
      const move = state.keyCursor >= 0 ? step : [0, 0]; // the first press shows where it is
      const row = Math.max(0, Math.min(rows - 1, Math.floor(at / cols) + move[0]));
      const col = Math.max(0, Math.min(cols - 1, (at % cols) + move[1]));
      state.keyCursor = row * cols + col;
      if (event.shiftKey) paintAtCursor(isOnPath);
      isOnPath = event.shiftKey;
      sayCursor();
      layers.invalidate("upper");
      return true;
    }
    if (state.keyCursor < 0) return false;
    if (key !== " " && key !== "Enter") return false;
    paintAtCursor();
    sayCursor();
    return true;
  }

  function startCell() {
    const { cols, rows } = state.lattice;
    return Math.floor(rows / 2) * cols + Math.floor(cols / 2);
  }

  /** Paints; where everything under the brush is painted already, takes it away again. */
  function paintAtCursor(goesOn = false) {
    const cursor = state.keyCursor;
    const point = cellCentre(state.lattice, cursor);
    const painted = painter.target(point).every((index) => state.cells[index] === state.swatch);
    painter.begin(point, painted);
    painter.finish({ isByKey: true, goesOn });
    state.keyCursor = cursor;
    layers.invalidate("upper");
  }

  function sayCursor() {
    const { cols } = state.lattice;
    const [row, column] = [Math.floor(state.keyCursor / cols) + 1, (state.keyCursor % cols) + 1];
    const position = word("position", { row, column });
    announce(word(state.cells[state.keyCursor] ? "keys.painted" : "keys.not_painted", { position }));
  }

  // The ring is for whoever came by Tab; the browser would also show it after a mouse and a key.
  let byPointer = false;
  stage.addEventListener("pointerdown", () => {
    byPointer = true;
    isOnPath = false;
    stage.classList.remove("mgs-tabbed");
  }, { capture: true });
  stage.addEventListener("focus", () => {
    stage.classList.toggle("mgs-tabbed", !byPointer);
    byPointer = false;
  });
  stage.addEventListener("blur", () => {
    byPointer = false;
    stage.classList.remove("mgs-tabbed");
    state.keyCursor = -1;
    layers.invalidate("upper");
  });
}
