// What tests see of the page: `studio` on the component's element (#canvas by default), read-only:
//   ready          true once there is a first picture (restored or example) or none can be had
//   count, cells   painted cells: their number, and hex as it is sent to Python
//   message        what is told to Python
//   changing       how many of them will change
//   cols, rows     size of the lattice
//   grid           cells on the short side; fine: cells along a token
//   modelGrid      tokens along a side of what the model sees
//   sees           [left, top, side] of the square that the model will see, or null
//   window         the same as it is drawn, also where nothing is painted and while it is dragged
//   at             [row, col] where somebody has put it, or null
//   coverage       share of a token that must be exceeded for it to open
//   shown          whether the mask is in sight (a run hides it)
//   swatch         number of the class that is painted with; classes: id and cells of further ones
//   tool, size     tool by name, brush size in cells
//   zoom           CSS pixels per picture pixel
//   box            {left, top, width, height} of the picture in the browser's window, CSS pixels
//   picture        {id, width, height} or null
//   running        whether a run is under way
//   step, steps    position on the timeline (0 = start, steps = result) and its length; 0 without
//   seen           step whose picture lies on the stage, or -1 where the document itself does
//   isDrawn        whether the stage shows what it is to show
//   reconstructed  whether that is the tokenizer's own picture
//   overlay        name of the overlay, see overlays.js
//   mapped         step whose map of uncertainty is here, or -1
//   variations     number of results to pick from; variation: index of the taken one, or -1
//   historyLength, position   entries of the history, and the index of the present one
//   status         {text, kind} of the status line; kind is "", "busy" or "error"
//   branches       nodes of the tree of branches; branchesShown: how many have an element
//   node           id of the open one, or null; walking: whether it is an unfinished branch
//   asking         whether the server is asked to steer or to go on
//   picked         number of cells that are picked; looksAt: the inspected one, or -1
//   live           whether painting is live; sketching: whether a sketch is asked for
//   sketched       cells that the sketch on the stage is about, 0 without
//   varying        whether pictures close to a result are asked for
//   larger         {left, top, right, bottom, windows}: sides to add; windows: 0 until it is known
//   saved          true when the autosave has nothing left to write
//   pixel(x, y)    [r, g, b] of the document, whatever is shown over it

const probe = {
  ready: () => state.isReady,
  count: () => countCells(state.cells),
  cells: () => packCells(state.cells),
  swatch: () => state.swatch,
  classes() {
    return state.classes.map((id, i) => ({ id, count: state.cells.filter((cell) => cell === i + 2).length }));
  },
  message: () => doc.message(),
  changing: () => (state.lattice ? countCells(changingCells(state.lattice, state.cells)) : 0),
  grid: () => state.lattice?.grid ?? 0,
  modelGrid: () => props.grid,
  fine: () => state.lattice?.fine ?? 1,
  at: () => state.lattice?.at ?? null,
  coverage: () => state.lattice?.coverage ?? 0,
  window() {
    const { lattice, at } = state.lattice ? framing.frame() : {};
    return at ? squareAt(lattice, at) : null;
  },
  sees: () => state.lattice && squareSeen(state.lattice, state.cells),
  cols: () => state.lattice?.cols ?? 0,
  rows: () => state.lattice?.rows ?? 0,
  shown: () => state.shown,
  tool: () => state.tool,
  size: () => state.size,
  zoom: () => view.scale,
  box() {
    const { left, top } = stage.getBoundingClientRect();
    const { width, height } = paper.size();
    const { x, y, scale } = view;
    return { left: left + x, top: top + y, width: width * scale, height: height * scale };
  },
  picture() {
    if (!state.picture) return null;
    const { id, width, height } = state.picture;
    return { id, width, height };
  },
  running: () => state.running,
  step: () => state.run?.at ?? 0,
  steps: () => state.run?.steps ?? 0,
  seen: () => preview.seen()?.step.index ?? -1,
  isDrawn: () => preview.isDrawn(),
  reconstructed: () => preview.seen()?.isReconstruction ?? false,
  mapped: () => (overlays.about(state.step)?.entropy ? state.step.index : -1),
  overlay: () => state.overlay,
  variations: () => (state.run?.done ? state.run.patches.length : 0),
  variation: () => state.run?.results?.indexOf(state.picture) ?? -1,
  historyLength: () => history.entries.length,
  position: () => history.position,
  status: () => ({ text: find(".mgs-status").textContent, kind: find(".mgs-status").dataset.kind }),
  ...lab.about,
  live: () => state.live,
  sketched: () => countCells(state.sketched ?? []),
  sketching: () => live.isAsking(),
  varying: () => more.isAsking(),
  larger: () => enlarging.about(),
  saved: () => store.isIdle(),
  pixel: () => (x, y) => paper.pixel(x, y),
};
const studio = {};
for (const [name, get] of Object.entries(probe)) {
  Object.defineProperty(studio, name, { get, enumerable: true });
}
for (const node of [root, element, element.closest(".block")]) {
  if (node) Object.defineProperty(node, "studio", { value: studio, configurable: true });
}
