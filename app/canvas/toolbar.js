// Buttons, counter and status line: what can be done, what is chosen, what was said.

function createToolbar(root, state, { history, view, player, compare, actions }) {
  const part = (name) => root.querySelector(`.mgs-${name}`);
  const [counter, status, live, zoom] = ["counter", "status", "live", "zoom"].map(part);
  const [size, sizeLabel] = ["size", "size-label"].map(part);
  const buttons = [...root.querySelectorAll("[data-do]")];
  const tools = [...root.querySelectorAll("[data-tool]")];

  const write = (node, words) => {
    if (node.textContent !== words) node.textContent = words; // unchanged text is not read again
  };

  function say(words, kind = "") {
    write(status, words);
    status.dataset.kind = kind;
    root.setAttribute("aria-busy", String(kind === "busy"));
  }

  /** Somebody goes on: what was wrong may be right now. */
  function relent() {
    if (status.dataset.kind === "error") say("");
  }

  function count() {
    const { lattice, cells } = state;
    if (!lattice) return word("counter.no_picture");
    if (state.walking) return word("counter.branch");
    const painted = countCells(cells);
    if (!painted) return word("counter.paint");
    const changing = countCells(changingCells(lattice, cells));
    const stay = changing < painted && word("counter.stay", { count: painted - changing });
    const about = state.shown ? stay : word("counter.hidden");
    const change = word("counter.cells", { count: changing, all: lattice.size });
    return [change, about].filter(Boolean).join(" · ");
  }

  function refresh() {
    const { lattice, running } = state;
    const painted = lattice ? countCells(state.cells) : 0;
    counter.setAttribute("aria-busy", String(state.isStroking())); // spoken once, at its end
    write(counter, count());
    write(zoom, `${Math.round(view.scale * 100)}%`);
    write(sizeLabel, String(state.size));
    size.max = Math.round(MAX_SIZE * (lattice ? lattice.grid / state.grid() : 1));
    size.value = state.size;
    const can = {
      undo: !running && (state.walking || history.canUndo()),
      redo: !running && (state.walking ? state.canWalkDown() : history.canRedo()),
      invert: !running && lattice,
      clear: !running && painted > 0,
      masks: !running && lattice,
      loadMask: !running && lattice,
      paintClear: !running && lattice,
      saveMask: painted > 0,
      grow: !running && painted > 0,
      shrink: !running && painted > 0,
      open: !running,
      download: lattice && !running,
      downloadAlone: lattice && !running,
      saving: lattice && !running,
      saveProject: lattice && !running,
      compare: lattice && !running,
      slide: !running && compare.hasBefore(),
      mask: painted > 0,
    };
    const pressed = {
      live: state.live,
      mask: state.shown && painted > 0,
      grid: state.showGrid,
      slide: compare.isSliding(),
      fit: view.fitted,
    };
    for (const button of buttons) {
      const name = button.dataset.do;
      if (name in can) button.disabled = !can[name];
      if (name in pressed) button.setAttribute("aria-pressed", String(Boolean(pressed[name])));
    }
    for (const button of tools) {
      button.disabled = running || !lattice;
      button.setAttribute("aria-pressed", String(button.dataset.tool === state.tool));
    }
    root.dataset.tool = state.tool;
    root.classList.toggle("mgs-running", running);
    root.classList.toggle("mgs-empty", !lattice);
    root.classList.toggle("mgs-grabbing", state.spaceHeld || running);
  }

  for (const button of tools) {
    button.addEventListener("click", () => actions.tool(button.dataset.tool));
  }
  for (const button of buttons) {
    const name = button.dataset.do;
    if (name !== "compare") button.addEventListener("click", () => actions[name]());
  }
  size.addEventListener("input", () => actions.size(Number(size.value)));

  // Compare is held, by finger or by key; leaving the button lets go.
  const hold = root.querySelector("[data-do=compare]");
  const isPress = (event) => event.key === " " || event.key === "Enter";
  hold.addEventListener("pointerdown", () => compare.hold(true));
  hold.addEventListener("keydown", (event) => isPress(event) && compare.hold(true));
  hold.addEventListener("keyup", (event) => isPress(event) && compare.hold(false));
  for (const type of ["pointerup", "pointerleave", "pointercancel", "blur"]) {
    hold.addEventListener(type, () => compare.hold(false));
  }
  hold.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch

  // The tools are one stop for the Tab key; arrows go from one to the next.
  for (const bar of root.querySelectorAll("[role=toolbar]")) {
    bar.addEventListener("keydown", (event) => {
      const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (!by || event.target.tagName !== "BUTTON") return;
      event.preventDefault();
      const free = [...bar.querySelectorAll("button:not(:disabled)")];
      free[(free.indexOf(event.target) + by + free.length) % free.length]?.focus();
    });
  }

  return { refresh, say, relent, announce: (words) => write(live, words) };
}
