// The painting surface, put together. Read in this order:
//
//   cells.js       the lattice: which cells a picture has and which a tool touches
//   lens.js        how large the model's window is, and how fine is painted
//   window.js      the window, moved and resized
//   pixels.js      exact pixels in and out         png.js       files that a canvas cannot write
//   transparency.js  the checkerboard              paper.js     the stack of picture canvases
//   view.js        zoom and pan                    layers.js    mask, grid, cursor, shimmer
//   steps.js       a step of a run                 overlays.js  what to show over it, and legends
//   maps.js        overlays as colours, outlines   tools.js     strokes
//   pointer.js     mouse, pen, fingers             keys.js      shortcuts, keyboard painting
//   history.js     undo and redo                   document.js  the picture and its mask
//   store.js       autosave                        opening.js   files, drops, pastes, examples
//   run.js         frames of a run                 player.js    the timeline
//   sights.js      pictures and maps, when wanted  preview.js   a step's picture on the paper
//   thumbnails.js  the steps as small pictures     plots.js     a run as curves
//   keeping.js     films and files of a run        hearing.js   listening beyond the canvas
//   variations.js  results to pick from            compare.js   before and after
//   tree.js        branches as values              odds.js      probabilities, reshaped
//   grove.js       what is kept of every run       walk.js      opening, steering, going on
//   marks.js       looking at cells, picking them  inspector.js what is in a cell
//   steering.js    buttons that steer              branches.js  the tree, drawn
//   versus.js      two branches compared           lab.js       these, put together
//   more.js        pictures close to one           live.js      imagining while painting
//   sides.js       a larger picture, in numbers    enlarging.js its frame, dragged by hand
//   masks.js       masks as files, grown, shrunk   wand.js      cells of one colour
//   chunks.js      bytes of files                  saving.js    pictures with their recipe
//   remaking.js    what a recipe brings back       zip.js       archives, packed and unpacked
//   project.js     everything here as one file
//   classes.js     several classes as colours      picking.js   words that no class is called
//   standing.js    a thing that stands out         toolbar.js   buttons, counter, status
//   beginnings.js  one run at a time               main.js      this file: parts, actions, commands
//   probe.js       all of it, for tests
//
// They are joined into the body of the function that Gradio calls with `element`, `trigger`,
// `props`, `server`, `upload` and `watch`. Text of any origin reaches the page by textContent only.

const root = element.querySelector(".mgs");
const find = (selector) => root.querySelector(selector);
const stage = find(".mgs-stage");

let grid = props.grid; // of the lattice that is shown; follows the model between runs

const state = {
  picture: null, // what makePicture returns; its pixels are on the paper
  lattice: null,
  cells: new Uint8Array(0),
  painted: null, // how the mask was painted, if that was on another lattice
  classes: [], // ids of further classes, in the order of their swatches
  swatch: 1, // what is painted with: the class beside the picture, or a further one
  lens: null, // how large the model's window is, where it lies, and how fine is painted
  shown: true,
  tool: "brush",
  brush: 2, // size in tokens of the largest window: the same on the picture, whatever the lattice
  get size() { // in cells
    return Math.max(1, Math.round(this.brush * cellsInToken()));
  },
  showGrid: true,
  hover: null, // pointer on the picture, {x, y}
  keyCursor: -1, // cell under the keyboard's cursor
  draft: null, // rectangle or lasso that is being drawn
  spaceHeld: false,
  extend: null, // sides of a larger picture, while their frame is shown
  run: null, // the run on the timeline
  running: false,
  step: null, // the step that is shown over the document, if any
  overlay: "mask",
  isReady: false,
  grid: () => grid,
  choices: () => classes.choices(),
  resolution: () => props.resolution, // side of what the model sees, in its own pixels
  target: (point) => painter.target(point),
  isStroking: () => painter.isActive(),
  aboutStep: () => overlays.about(state.step),
};

/** How many cells lie along a token of the largest window. */
const cellsInToken = () => (state.lattice ? state.lattice.grid / grid : 1);

// --- actions: what buttons, keys and commands do ---------------------------------------------

const actions = {
  tool(name) {
    hand.cancel();
    state.tool = name;
    state.hover = null;
    if (name === "inspect") lab.open(true);
    redraw();
  },
  size(cells) {
    state.brush = Math.min(MAX_SIZE, Math.max(1, cells) / cellsInToken());
    redraw();
  },
  invert: () => setMask(state.cells.map((cell) => (cell ? 0 : state.swatch))),
  clear: () => setMask(new Uint8Array(state.cells.length)),
  paint_all: () => setMask(new Uint8Array(state.cells.length).fill(state.swatch)),
  swatch: (by) => classes.move(by),
  masks: () => masks.open(),
  grow: () => masks.grow(),
  shrink: () => masks.shrink(),
  paintClear: () => masks.paintClear(),
  saveMask: () => masks.save(),
  loadMask: () => masks.choose(),
  undo: () => (state.walking ? lab.walk.up() : doc.undo()),
  redo: () => (state.walking ? lab.walk.down() : doc.redo()),
  lab: () => lab.open(),
  follow: () => framing.follow(),
  windowLarger: () => framing.larger(),
  windowSmaller: () => framing.smaller(),
  fine: () => framing.setFine(),
  grid() {
    state.showGrid = !state.showGrid;
    redraw();
  },
  mask() {
    showDocument();
    doc.setShown(!state.shown);
  },
  fit: () => view.fit(),
  actual: () => view.zoomTo(1),
  zoomIn: () => view.zoomBy(1.25),
  zoomOut: () => view.zoomBy(0.8),
  open: () => opening.choose(),
  download: () => saving.picture(),
  downloadAlone: () => saving.pictureAlone(),
  saving: () => saving.open(),
  saveProject: () => project.save(),
  compareHold: (on) => compare.hold(on && Boolean(state.lattice) && !state.running),
  slide() {
    compare.slide(!compare.isSliding());
    refresh();
  },
  space(on) {
    state.spaceHeld = on;
    refresh();
  },
  play: () => player.toggle(),
  back: () => player.step(-1),
  forward: () => player.step(1),
  fill: () => press("#fill"),
  nextSeed: () => state.running || press("#next-seed"),
  lockSeed: () => press("#randomise input"),
  more: () => more.go(),
  live() {
    live.toggle();
    refresh();
  },
  stopLive: () => live.stop(),
  help: () => find(".mgs-help").showModal(),
  closeHelp: () => find(".mgs-help").close(),
};

// --- the parts; they call each other only after all of them exist ----------------------------

/** Says how few bytes the browser has left. */
const littleRoom = (bytes) =>
  word("keeping.little_room", { size: Math.max(0, Math.floor(bytes / 1e6)) });
const refresh = () => {
  toolbar.refresh();
  enlarging.refresh();
  framing.refresh();
  classes.refresh();
  standing.refresh();
  beginnings.refresh();
};
const redraw = () => {
  layers.invalidate();
  refresh();
};
/** Back from whatever step is shown over it: somebody wants to paint. */
function showDocument() {
  lab.walk.leave();
  player.rest();
}
function setMask(cells) {
  showDocument();
  doc.setCells(cells);
}
/** Presses a button of the page beside the canvas. */
const press = (selector) => document.querySelector(selector)?.click();
const controls = () => window.studioControls; // see events.py
const say = (words, kind) => toolbar.say(words, kind);
const fail = (words) => toolbar.say(words, "error");
const settle = (controls) => trigger("settle", { controls });

let restored = null; // settings that came with the document, until the page shows them
/** The controls by their names, as a document and a project keep them. */
function settings() {
  const { title: _, ...values } = restored ?? controls() ?? {};
  return values;
}

/** Asks the server about a run; one that has forgotten its picture gets it once more. */
async function askAbout(name, run, request) {
  const ask = () => server[name]({ context: run.context, ...request });
  let answer = await ask();
  if (answer?.error?.code === "unknown-picture" && run.base) {
    await opening.upload(run.base);
    answer = await ask();
  }
  if (!answer?.ok) throw new Error(answer?.error?.message ?? word("lost"));
  return answer;
}

const paper = createPaper(root, () => view);
const view = createView(stage, paper.element, () => {
  compare.update();
  redraw();
});
const layers = createLayers(root, find(".mgs-lower"), find(".mgs-upper"), view, state);
const history = createHistory();
const store = createStore(
  () => fail(word("keeping.not_kept")),
  (bytes) => fail(littleRoom(bytes)),
  () => lab.bases(),
);
const sights = createSights(askAbout);
const preview = createPreview(find(".mgs-preview"), paper, sights);
const overlays = createOverlays(root, state, {
  sights,
  redraw: () => layers.invalidate(),
  reshow: () => state.run && player.show(state.run.at),
});
const strip = createThumbnails(root, state, { paper, sights, seek: (at) => player.seek(at) });
const plots = createPlots(root, state, { seek: (at) => player.seek(at) });
const keeping = createKeeping(root, state, {
  ask: askAbout,
  pace: () => player.pace(),
  say: (...words) => say(...words),
  fail: (words) => fail(words),
});
const more = createMore(root, state, {
  ask: askAbout,
  controls,
  isRelevant: () => player.isRelevant(),
  receive: (frame) => runs.receive(frame),
  begun: () => trigger("walk"), // what was said about the last run is old
  say: (...words) => say(...words),
  fail: (words) => fail(words),
});
const player = createPlayer(root, state, {
  preview, sights, overlays, layers,
  views: [strip, overlays, plots, keeping, more],
});
const compare = createCompare(root, view, history, { redraw });
const toolbar = createToolbar(root, state, { history, view, player, compare, actions });
const doc = createDocument(state, {
  paper, history, store, settings, fail,
  grid: () => grid,
  tell(message, event) {
    if (message !== null && message !== props.value) props.value = message;
    if (event) trigger(event);
  },
  changed() {
    opening.introduce(state.picture);
    lab.walk.follow();
    live.follow();
    player.rest();
    player.refresh();
    variations.refresh();
    compare.refresh();
    redraw();
  },
});
const live = createLive(root, state, {
  server, doc, preview, controls, press, refresh, say, fail,
  upload: (picture) => opening.upload(picture),
  halt: () => runs.stop(),
  redraw: () => layers.invalidate("lower"),
});
const painter = createPainter(state, {
  canvas: paper.canvas,
  redraw: () => layers.invalidate(),
  refresh, say,
  starting() {
    toolbar.relent();
    showDocument();
    live.begin();
  },
  moved: live.moved,
  cancelled: live.cancelled,
  finished({ hasChanged, isByKey, goesOn }) {
    live.hold();
    if (hasChanged) doc.stroke(goesOn);
    else refresh();
    live.release(hasChanged && !isByKey);
  },
});
const framing = createWindowTool(root, stage, state, {
  doc, view,
  announce: (words) => toolbar.announce(words),
  redraw: () => redraw(),
});
const classes = createClasses(root, state, {
  doc, say, redraw,
  list: () => JSON.parse(props.classes || "[]"),
});
const standing = createStandingOut(root, state, {
  framing, settle, controls, say,
  strength: () => JSON.parse(props.stand_out || "null"),
});
createPicking(root, { say });
const variations = createVariations(root, find(".mgs-ghost"), state, {
  paper, doc, player, say, fail,
  branch: {
    keep: (...which) => lab.keep(...which),
    isKept: (...which) => lab.isKept(...which),
  },
  render: (run, index) => runs.render(run, index, () => state.running || run !== state.run),
});
const runs = createRuns(state, {
  server, player, variations, paper, doc, painter, say, fail, refresh,
  upload: (picture) => opening.upload(picture),
  retry: () => trigger("retry"),
  ended() {
    live.over();
    followModel();
  },
  makeWay() {
    lab.walk.leave();
    live.makeWay();
  },
  accepts: () => live.accepts(),
  bringIntoSight: () => view.bringIntoSight(),
  record(run, isStopped) {
    lab.record(run, isStopped);
    variations.refresh();
  },
});
const beginnings = createBeginnings(root, state, { say, giveUp: (run) => runs.giveUp(run) });
const enlarging = createEnlarging(root, view, state, {
  controls, announce: (words) => toolbar.announce(words), say, fail, redraw,
  relent: () => toolbar.relent(),
  take: () => actions.tool("enlarge"),
  ask: (name, question) => server[name](question),
  send(sides) {
    window.studioSides = SIDES.map((side) => sides[side]); // events.py reads it
    trigger("sides");
  },
  run: () => trigger("enlarge"),
});
const masks = createMasks(root, state, { setMask, alpha: () => paper.alpha(), say, fail });
const remake = createRemaking(state, {
  paper, doc,
  cellsOf: (...what) => masks.cellsOf(...what),
  settle: (controls) => settle(controls),
});
const opening = createOpening(root, state, {
  server, paper, doc, say, fail, remake,
  openProject: (file) => project.open(file),
});
const saving = createSaving(root, state, {
  server, paper, history, say, fail,
  bases: () => lab.bases(),
  upload: (picture) => opening.upload(picture),
});
const lab = createLab(root, state, {
  player, paper, doc, variations, store, sights, painter, say, fail, refresh,
  ask: askAbout,
  announce: toolbar.announce,
  redraw: () => layers.invalidate("upper"),
  conclude: (frame) => runs.conclude(frame),
  opened: () => trigger("walk"),
});
const project = createProject(root, state, { server, doc, history, lab, settle, settings, say, fail });
const hand = framing.over(lab.marks.hand);
createPointer(stage, view, state, hand, {
  refresh,
  interrupt: () => (TOOLS.includes(state.tool) ? live.interrupt() : null),
  redrawUpper: () => layers.invalidate("upper"),
});
createKeys(root, stage, view, state, painter, actions, layers, {
  announce: toolbar.announce,
  onCells: lab.marks.onKey,
  onWindow: framing.onKey,
});

// --- Python speaks ---------------------------------------------------------------------------

const { paint_all, clear, invert, undo, redo, fit, download } = actions;
const commands = {
  paint_all, clear, invert, undo, redo, fit, download,
  open_example: ({ name }) => opening.openExample(name ?? ""),
  load: ({ picture }) => opening.load(picture),
  blank: ({ width, height }) => opening.blank(width, height),
  stop: () => runs.stop(),
  added: () => enlarging.reset(),
  status: ({ message, error }) => (error ? fail(message) : say(message)),
};

const read = (text) => (typeof text === "string" ? JSON.parse(text) : text);

function obey(command) {
  if (!command) return;
  if (Object.hasOwn(commands, command.do)) commands[command.do](command);
  else console.error(`The canvas knows no command ${command.do}`);
}

async function begin() {
  const isCutOff = wasCutOff();
  const saved = await store.restore();
  restored = saved?.settings ?? null;
  if (saved) await doc.restore(saved).catch(() => fail(word("keeping.lost")));
  if (saved && state.picture) lab.restore(saved);
  if (restored) settle(restored);
  if (!state.picture) await opening.openExample(props.example ?? "");
  if (store.isBroken() && state.picture) fail(word("keeping.not_kept")); // opening has wiped the status line
  else if (isCutOff) fail(word("run.cut_off"));
}

/** Takes over the lattice of another model, as soon as nothing is on its way. */
function followModel() {
  if (grid === props.grid) return;
  doc.settled().then(() => {
    if (state.running || grid === props.grid) return; // a run ends on the lattice it began with
    hand.cancel();
    lab.walk.leave();
    const from = grid;
    grid = props.grid;
    doc.regrid(from);
    redraw();
  });
}

hearWhile(root, window, "studio-controls", () => {
  if (!state.isReady) return;
  restored = null;
  if (state.picture && !state.running) doc.keep(); // a run ends with a result to keep
});

const ready = begin().finally(() => {
  state.isReady = true;
  refresh();
});
watch("frame", () => {
  const frame = read(props.frame); // now: the next one may arrive before the canvas is ready
  ready.then(() => runs.receive(frame));
});
watch("command", () => {
  const command = read(props.command);
  ready.then(() => obey(command));
});
watch("grid", () => ready.then(followModel));
watch("resolution", refresh);
watch("classes", () => ready.then(classes.follow));
watch("stand_out", standing.refresh);

// --- leaving -----------------------------------------------------------------------------------

/** Something would be lost: a run, what is not written yet, or all of it where nothing is kept. */
const wouldLose = () =>
  state.running || !store.isIdle() || (store.isBroken() && history.entries.length > 1);

// Called before the page of another language is opened, see panels/choice.js.
window.studioSettled = () => store.settled();

// Called by the page's first listener, see leaving.py.
window.studioLeaving = (event) => {
  if (!root.isConnected || !wouldLose()) return;
  event.preventDefault(); // the browser asks, in its own words
  event.stopImmediatePropagation(); // Gradio would close its connections, even if somebody stays
};

refresh();
