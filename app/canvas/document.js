// The document: the picture, its mask and their history, and what Python and the autosave are told.
//
// Every change goes through here: it lands in the history, is saved, and becomes one message to
// Python. A picture is only replaced once its pixels are there, so a failure changes nothing.
//
// Another model has another lattice. A mask that was carried over remembers how it was painted,
// `painted: {grid, cells}`, and is always carried from there: going from model to model and back
// changes nothing.

function createDocument(state, { paper, history, store, grid, tell, changed, fail }) {
  let showing = 0;
  let arriving = Promise.resolve(); // the last entry that was asked for, until it is shown

  function entryNow() {
    const { picture, cells, shown, painted } = state;
    return { picture, cells: cells.slice(), shown, painted };
  }

  function settle(entry) {
    state.picture = entry.picture;
    state.lattice = makeLattice(entry.picture.width, entry.picture.height, grid());
    state.cells = entry.cells.slice();
    state.shown = entry.shown;
    state.painted = entry.painted ?? null;
    state.keyCursor = -1;
  }

  /** What Python reads: a picture id, its size and the painted cells. */
  function message(entry = state) {
    if (!entry.picture) return null;
    const { id, width, height } = entry.picture;
    const [cells, count] = [packCells(entry.cells), countCells(entry.cells)];
    return JSON.stringify({ picture: id, width, height, grid: grid(), cells, count });
  }

  function publish(event) {
    store.save(() => {
      const { entries, position } = history;
      return { grid: grid(), entries: entries.slice(), position };
    });
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
    undo: () => move(-1),
    redo: () => move(1),
    /** A finished stroke, or any other change of the mask. */
    stroke() {
      showing++; // it was painted on what is seen, whatever undo was about to bring
      state.painted = null;
      history.push(entryNow());
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
    setShown(shown) {
      state.shown = shown;
      if (history.current()) history.replace({ ...history.current(), shown });
      publish(null);
    },
    /** What is painted, to be given to `add` with a picture of the same size. */
    mask: () => ({ cells: state.cells.slice(), painted: state.painted }),
    /** A picture whose pixels are on the paper already; without a mask, nothing is painted. */
    add(picture, mask, shown, event = null, isResult = true) {
      showing++;
      const size = makeLattice(picture.width, picture.height, grid()).size;
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
      state.picture = picture;
      state.lattice = makeLattice(picture.width, picture.height, grid());
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

  function onGrid(entry, from) {
    const { width, height } = entry.picture;
    const painted = entry.painted ?? { grid: from, cells: entry.cells };
    const old = makeLattice(width, height, painted.grid);
    const now = makeLattice(width, height, grid());
    if (painted.cells.length !== old.size) { // saved by another version
      return { ...entry, cells: new Uint8Array(now.size), painted: null };
    }
    if (old.grid === now.grid) return { ...entry, cells: painted.cells.slice(), painted: null };
    return { ...entry, cells: carryCells(painted.cells, old, now), painted };
  }
}
