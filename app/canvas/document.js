// The document: the picture, its mask and their history, and what Python and the autosave are told.
//
// Every change goes through here: it lands in the history, is saved, and becomes one message to
// Python. A picture is only replaced once its pixels are there, so a failure changes nothing.
//
// Another model, or another lens (lens.js), has another lattice. A mask that was carried over
// remembers how it was painted, `painted: {grid, cells}`, and is always carried from there: going
// from model to model, or from size to size, and back changes nothing.
//
// A painted cell is of the class that is chosen beside the picture, or of a further one (classes.js).

function createDocument(state, { paper, history, store, grid, settings, tell, changed, fail }) {
  let showing = 0;
  let lastStroke = null; // its entry, which a stroke that goes on replaces
  let arriving = Promise.resolve(); // the last entry that was asked for, until it is shown

  function entryNow() {
    const { picture, cells, shown, painted, lens, classes } = state;
    return { picture, cells: cells.slice(), shown, painted, lens, classes };
  }

  const latticeOfEntry = ({ picture, lens }, tokens = grid()) =>
    latticeFor(picture, lensFor(lens ?? plainLens(tokens), tokens, picture));

  function settle(entry) {
    state.picture = entry.picture;
    state.lens = entry.lens ?? plainLens(grid());
    state.lattice = latticeOfEntry(state);
    state.cells = entry.cells.slice();
    state.shown = entry.shown;
    state.painted = entry.painted ?? null;
    state.classes = classesFor(entry.classes ?? [], state.classes);
    state.swatch = Math.min(state.swatch, state.classes.length + 1);
    state.keyCursor = -1;
  }

  /** What Python reads: a picture id, its size, the painted cells and the model's window. */
  function message(entry = state) {
    if (!entry.picture) return null;
    const { id, width, height } = entry.picture;
    const { grid: side, span, at, coverage } = latticeOfEntry(entry);
    const mask = { grid: side, cells: packCells(entry.cells), count: countCells(entry.cells) };
    const classes = packClasses(entry.cells, entry.classes ?? state.classes, state.choices());
    const further = classes.length ? { classes } : {};
    return JSON.stringify({ picture: id, width, height, ...mask, span, at, coverage, ...further });
  }

  /** Lets the browser keep it all, with the settings beside it. */
  function keep() {
    store.save(() => {
      const { entries, position } = history;
      return { grid: grid(), entries: entries.slice(), position, settings: settings() };
    });
  }

  function publish(event) {
    keep();
    tell(message(), event);
    changed();
  }

  /** Shows an entry; its pixels may have to be decoded first, and the last request wins. */
  async function show(entry, event) {
    const token = ++showing;
    if (entry.picture !== state.picture) {
      tell(message(entry)); // a run that is asked for meanwhile is about this entry
      const { colours, clear, close } = await decodePicture(entry.picture);
      if (token === showing) paper.replace(colours, clear);
      close();
      if (token !== showing) return;
    }
    settle(entry);
    publish(event);
  }

  function move(by) {
    if (state.running) return;
    const entry = history.move(by);
    if (!entry) return;
    arriving = show(entry, "stroke").catch((error) => {
      if (history.current() === entry) history.move(-by);
      fail(word("document.step_lost", { reason: error.message }));
      tell(message());
    });
  }

  /** Waits until no undo or redo is on its way any more. */
  async function settled() {
    for (let last = null; last !== arriving; ) await (last = arriving);
  }

  return {
    message,
    settled,
    keep,
    undo: () => move(-1),
    redo: () => move(1),
    /** A finished stroke, or any other change of the mask; one that goes on is one entry. */
    stroke(goesOn = false) {
      showing++; // it was painted on what is seen, whatever undo was about to bring
      state.painted = null;
      const entry = entryNow();
      if (goesOn && history.current() === lastStroke) history.replace(entry);
      else history.push(entry);
      lastStroke = entry;
      publish("stroke");
    },
    setCells(next) {
      if (!state.lattice || state.running) return;
      const same = state.shown && state.cells.every((cell, index) => cell === next[index]);
      if (same) return;
      state.cells = next;
      state.shown = true;
      this.stroke();
    },
    /** Other classes; `renumber` maps the numbers of cells, where these change. */
    setClasses(classes, renumber = null) {
      if (state.running) return;
      const isPainted = numbersIn(state.cells).some((number) => {
        return number > 1 && classes[number - 2] !== state.classes[number - 2];
      });
      state.classes = classes;
      if (renumber) {
        state.cells = state.cells.map(renumber);
        const { painted } = state;
        state.painted = painted && { ...painted, cells: painted.cells.map(renumber) };
      }
      if (!history.current()) return changed();
      if (isPainted) history.push(entryNow());
      else history.replace({ ...history.current(), ...entryNow() });
      publish(isPainted ? "stroke" : null);
    },
    setShown(shown) {
      state.shown = shown;
      if (history.current()) history.replace({ ...history.current(), shown });
      publish(null);
    },
    /** Another window, or another fineness; a `nudge` after a nudge is one step of the history. */
    setLens(lens, isNudge = false) {
      if (!state.lattice || state.running) return;
      showing++;
      const { lattice, cells } = state;
      const painted = state.painted ?? { grid: lattice.grid, cells: cells.slice() };
      const entry = { ...onGrid({ ...entryNow(), lens, painted }, grid()), isNudge };
      settle(entry);
      if (isNudge && history.current().isNudge && !history.canRedo()) history.replace(entry);
      else history.push(entry);
      publish(null);
    },
    /** What is painted, to be given to `add` with a picture of the same size. */
    mask() {
      const { cells, painted, lens, classes } = state;
      return { cells: cells.slice(), painted, lens, classes };
    },
    /** The same lens with nothing painted. */
    noMask: () => ({ cells: new Uint8Array(state.lattice.size), lens: state.lens }),
    /** A picture whose pixels are on the paper already; without a mask, nothing is painted. */
    add(picture, mask, shown, event = null, isResult = true) {
      showing++;
      const { size } = latticeOfEntry({ picture, lens: mask?.lens });
      settle({ picture, shown, cells: new Uint8Array(size), ...mask });
      history.push({ ...entryNow(), isResult });
      publish(event);
    },
    /** A picture that is not on the paper, with nothing painted; for one that was here before. */
    async bring(picture) {
      const { colours, clear, close } = await decodePicture(picture);
      paper.replace(colours, clear);
      close();
      this.add(picture, null, true, null, false);
    },
    /** Another variation of the same run: it replaces the result as long as that is untouched. */
    swap(picture, run) {
      showing++;
      const now = history.current();
      const isFresh = now.isResult && run.results.includes(now.picture);
      const { width, height } = state.picture;
      const isAsLarge = picture.width === width && picture.height === height;
      state.picture = picture;
      if (!isAsLarge) state.lens = plainLens(grid());
      state.lattice = latticeOfEntry(state);
      const { size } = state.lattice;
      if (state.cells.length !== size) {
        state.cells = new Uint8Array(size);
        state.painted = null;
      }
      state.shown = false;
      const entry = { ...entryNow(), isResult: true };
      if (isFresh) history.replace(entry);
      else history.push(entry);
      publish(null);
    },
    restore({ grid: savedGrid, entries, position }) {
      history.reset(entries.map((entry) => onGrid(entry, savedGrid)), position);
      return show(history.current(), null);
    },
    /** The model changed: masks are carried over to its lattice. */
    regrid(from) {
      history.entries = history.entries.map((entry) => onGrid(entry, from));
      if (!state.picture) return;
      settle(history.current());
      publish(null);
    },
    publish,
  };

  /** An entry on the lattice that it has under the present model; `from` had so many tokens. */
  function onGrid(entry, from) {
    const { picture, cells, lens = plainLens(from) } = entry;
    const painted = entry.painted ?? { grid: latticeOfEntry({ picture, lens }, from).grid, cells };
    const old = makeLattice(picture.width, picture.height, painted.grid);
    const now = latticeOfEntry({ picture, lens });
    if (painted.cells.length !== old.size) { // saved by another version
      return { ...entry, lens, cells: new Uint8Array(now.size), painted: null };
    }
    if (old.grid === now.grid) return { ...entry, lens, cells: painted.cells.slice(), painted: null };
    return { ...entry, lens, cells: carryCells(painted.cells, old, now), painted };
  }
}
