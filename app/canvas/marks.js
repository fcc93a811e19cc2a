// The tool that looks at cells: a click asks about one, a drag picks a group to be steered.
//
// It works on the cells of the model's window as the timeline shows it, not on the document's
// mask: looking and picking never change the document. The group is painted by the same strokes
// as a mask, with a state of its own.

function createMarks(state, { walk, painter, inspect, redraw, changed, announce, say }) {
  const brush = { tool: "brush", swatch: 1, lattice: null, cells: new Uint8Array(0), shown: true };
  Object.defineProperty(brush, "size", { get: () => Math.ceil(state.size / state.lattice.fine) });
  const picker = createPainter(brush, {
    redraw, refresh: changed, say() {}, starting() {},
    finished() {
      brush.cells = brush.cells.map((cell, i) => cell & known.open[i]); // the rest cannot change
      changed();
    },
  });
  let known = null; // what the cells belong to
  let place = null; // the window's lattice where it lies on the picture
  let press = null; // {cell, point, erase, isDrag}
  let cursor = -1; // cell under the keyboard's cursor

  state.looksAt = -1; // the cell that is inspected

  /** Follows the timeline to another run; false where there is nothing to look at. */
  function follow() {
    const about = walk.here()?.about ?? null;
    if (about === known) return known !== null;
    picker.cancel();
    known = about;
    state.looksAt = cursor = -1;
    brush.lattice = place = null;
    brush.cells = new Uint8Array(0);
    if (!about) return false;
    const side = about.window[2];
    brush.lattice = makeLattice(side, side, about.grid);
    brush.cells = new Uint8Array(brush.lattice.size);
    place = latticeOf(about);
    return true;
  }

  const inWindow = (point) => ({ x: point.x - known.window[0], y: point.y - known.window[1] });
  const under = (point) => cellAt(brush.lattice, inWindow(point));

  function look(cell) {
    state.looksAt = cell;
    redraw();
    inspect(cell);
  }

  /** What pointer and fingers work with: this tool, or the painter for all others. */
  const hand = {
    begin(point, erase, everywhere) {
      if (state.tool !== "inspect") return painter.begin(point, erase, everywhere);
      if (!follow()) return inspect(-1);
      const cell = under(point);
      if (cell < 0) {
        look(-1);
        say(word("marks.outside"));
        return false;
      }
      cursor = -1;
      press = { cell, point: inWindow(point), erase, isDrag: false };
      return true;
    },
    extend(points) {
      if (!press) return painter.extend(points);
      const found = points.map(inWindow);
      if (!press.isDrag && found.some((point) => cellAt(brush.lattice, point) !== press.cell)) {
        press.isDrag = picker.begin(press.point, press.erase);
      }
      if (press.isDrag) picker.extend(found);
    },
    finish() {
      if (!press) return painter.finish();
      const { cell, erase, isDrag } = press;
      press = null;
      if (!isDrag) return look(cell);
      picker.finish();
      if (!erase && !brush.cells.includes(1)) say(word("marks.fixed"));
    },
    cancel() {
      if (!press) return painter.cancel();
      if (press.isDrag) picker.cancel();
      press = null;
    },
    isActive: () => press !== null || painter.isActive(),
    target: painter.target,
  };

  /** Arrows move over the cells, Enter looks, Space picks. */
  function onKey(event, key) {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[key];
    if (!by && (cursor < 0 || (key !== "Enter" && key !== " "))) return false;
    if (!follow()) return inspect(-1);
    const { grid } = known;
    if (key === "Enter") look(cursor);
    else if (key === " ") pick(cursor);
    else {
      const from = cursor >= 0 ? cursor : Math.max(state.looksAt, 0);
      const move = cursor >= 0 ? by : [0, 0]; // the first press shows where it is
      const within = (value) => Math.max(0, Math.min(grid - 1, value));
      cursor = within(Math.floor(from / grid) + move[0]) * grid + within((from % grid) + move[1]);
      if (event.shiftKey) pick(cursor, 1);
    }
    const said = brush.cells[cursor] ? "marks.picked" : "marks.not_picked";
    announce(word(said, { position: nameOf(cursor) }));
    redraw();
    return true;
  }

  function pick(cell, value = 1 - brush.cells[cell]) {
    brush.cells[cell] = value & known.open[cell];
    changed();
  }

  const nameOf = (cell) =>
    word("position", { row: Math.floor(cell / known.grid) + 1, column: (cell % known.grid) + 1 });

  /** Called by the layers, above everything else. */
  state.marks = (context, { cellBox, outlineOf, strokeTwice }) => {
    if (state.tool !== "inspect" || !follow() || (state.running && !state.walking)) return;
    const accent = "rgb(14, 116, 144)"; // not the mask's colour: this is no painting
    const outline = (has, width, colour = accent) =>
      strokeTwice(context, outlineOf(place, has), colour, width);
    context.fillStyle = "rgba(8, 145, 178, 0.30)";
    brush.cells.forEach((cell, i) => cell && context.fillRect(...cellBox(place, i)));
    if (brush.cells.includes(1)) outline((i) => brush.cells[i], 1.5);
    const pinned = walk.here().step?.pinned;
    if (pinned?.includes(1)) {
      context.setLineDash([4, 4]);
      outline((i) => pinned[i], 1.5, "rgb(20, 20, 30)");
      context.setLineDash([]);
    }
    const hover = state.hover ? under(state.hover) : -1;
    if (hover >= 0) outline((i) => i === hover, 1);
    if (cursor >= 0) outline((i) => i === cursor, 2.5);
    if (state.looksAt >= 0) outline((i) => i === state.looksAt, 2.5, "rgb(190, 24, 93)");
  };

  return {
    hand, onKey, nameOf,
    /** What an edit is about: the picked cells, or the one that is inspected; may be none. */
    chosen() {
      if (!follow()) return new Uint8Array(0);
      if (brush.cells.includes(1)) return brush.cells.slice();
      return Uint8Array.from(brush.cells, (_, i) => Number(i === state.looksAt && known.open[i]));
    },
    numPicked: () => (follow() ? countCells(brush.cells) : 0),
    clear() {
      brush.cells = brush.cells.map(() => 0);
      cursor = -1;
      redraw();
      changed();
    },
  };
}
