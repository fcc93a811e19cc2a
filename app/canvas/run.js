// A run: frames of Python in, a picture in the history out.
//
// While a run lasts the document is locked, so that its result fits the picture it was asked for.
// Only "done" changes the document; "stopped" and "error" leave picture and mask as they were, and
// the steps so far are kept to go on from. A branch that is walked makes way for a run.
// Frames are handled one after another, because decoding a picture takes a moment.

const PATIENCE_MS = 180_000;
const MISSED_MS = 5_000; // a result that is here waits no longer for its steps
const UNDER_WAY = "maskgit-studio-run";
const BEFORE_PX = 1024; // longest side of what is kept of the picture before, for thumbnails

/** Whether a run was on when this page was left, or its connection broke; asked once. */
function wasCutOff() {
  try {
    const run = sessionStorage.getItem(UNDER_WAY);
    sessionStorage.removeItem(UNDER_WAY);
    return run !== null;
  } catch {
    return false;
  }
}

function createRuns(state, parts) {
  const { server, player, variations, paper, doc, say, fail, upload, retry, ended } = parts;
  let queue = Promise.resolve();
  const over = new Set(); // ids of runs that have ended: frames of theirs may still be on their way
  let kept = null; // the run before, shown again if the present one is stopped
  let hasRetried = false;
  let watchdog = 0;

  /** Whether a run of the page is under way; a branch that goes on is none. */
  const isOn = () => state.running && !state.walking;

  /** A server that died in the middle of a run must not keep the document locked for ever. */
  function expectFrames() {
    clearTimeout(watchdog);
    if (!isOn()) return;
    const { id } = state.run;
    const message = word("run.silent");
    watchdog = setTimeout(() => receive({ run: id, kind: "error", message }), PATIENCE_MS);
  }

  function begin(frame) {
    parts.painter.cancel();
    kept = state.run;
    const { run: id, size = null, origin = null } = frame;
    const base = frame.base ?? state.picture;
    const run = { id, size, origin, base, results: [], done: false, at: 0 };
    learn(run, frame);
    const isStart = frame.kind === "start"; // Gradio may have merged it with what came next
    const step = makeStep(isStart ? frame : { step: 0 }, run);
    run.trace = [isStart ? step : { ...step, masked: run.open }];
    state.run = run;
    state.running = true;
    if (size) paper.stageSize(size, origin);
    parts.bringIntoSight();
    say("");
    variations.clear();
    player.start(run);
    parts.refresh();
  }

  /** What all steps have in common; a frame that is not of a step says nothing of it. */
  function learn(run, { steps = 0, window = [0, 0, 0], context = null, open, ...frame }) {
    const grid = frame.grid ?? state.grid();
    const all = grid * grid;
    const cells = open ? unpackCells(open, all) : new Uint8Array(all).fill(1);
    Object.assign(run, { steps, window, context, grid, open: cells });
  }

  async function handle(frame) {
    if (!frame || over.has(frame.run)) return;
    const { kind } = frame;
    if (isOn() && state.run.id !== frame.run) leave(); // its end was lost on the way
    if (kind === "stopped" || kind === "error") return end(frame);
    if (!state.picture && !frame.size) return;
    if (kind === "refining" && !isOn()) return; // its first frame was lost; what is done says all
    parts.makeWay();
    if (!state.running) {
      await doc.settled(); // Fill may be pressed while undo still decodes a picture
      dispatchEvent(new Event("studio-run-begun")); // presses.py waits for it
      if (!parts.accepts()) return void over.add(frame.run);
      begin(frame);
    }
    if (kind === "step") {
      addStep(frame);
      player.follow();
    } else if (kind === "refining") {
      state.run.refining = frame.message;
      player.refresh();
    } else if (kind === "done") {
      await finish(frame);
    }
  }

  function addStep(frame) {
    const { run } = state;
    if ((frame.row ?? 0) !== 0) return; // the timeline shows the first variation
    if (frame.kind === "start") learn(run, frame);
    run.trace[frame.step] = makeStep(frame, run);
    run.steps = run.trace.at(-1).steps; // one that comes late may be of an older plan
  }

  /** Frames that never came: Gradio may merge two updates. Without them the timeline has gaps. */
  async function missed(run) {
    const seen = run.trace.filter((step) => step?.state).map((step) => step.index);
    if (seen.length > run.steps) return [];
    const patience = new Promise((done) => setTimeout(done, MISSED_MS));
    const asked = server.missed({ run: run.id, seen }).catch(() => null);
    const answer = await Promise.race([asked, patience]);
    return answer?.frames ?? [];
  }

  async function finish(frame) {
    const { run } = state;
    run.size ??= frame.size ?? null;
    for (const step of frame.trace ?? (await missed(run))) addStep(step);
    await conclude(frame);
    parts.record(run);
  }

  /** Puts the result of the run on the timeline into the document. */
  async function conclude(frame) {
    const { run } = state;
    run.patches = frame.patches.map(({ png, ...rest }) => ({ ...rest, blob: blobOfDataUrl(png) }));
    run.pictureIds = frame.picture_ids ?? [];
    run.draft = frame.draft || null;
    if (!run.size) {
      run.area = unionOf(run.patches);
      run.baseCrop = paper.copy(run.area, BEFORE_PX);
    }
    const picture = await render(run, 0);
    run.done = true;
    run.refining = null;
    state.running = false;
    over.add(run.id);
    kept = null;
    hasRetried = false;
    // A mask over everything has done its work; kept, it would cover whatever is painted next.
    const again = !run.size && (state.cells.includes(0) || state.lattice.at !== null);
    const mask = again ? doc.mask() : run.size ? null : doc.noMask();
    doc.add(picture, mask, !again);
    player.finish();
    await variations.show(run);
    say(frame.message ?? "");
    parts.refresh();
  }

  /** Draws a variation onto the paper, pixel by pixel as the server sent it; null if too late. */
  async function render(run, index, isLate = () => false) {
    const patch = run.patches[index];
    const bitmap = await decodePixels(patch.blob);
    const base = run.origin && (await decodePicture(run.base)); // the server's may differ a little
    const late = isLate();
    if (!late) {
      if (run.size && !base) paper.replace(bitmap);
      else if (base) paper.replace(base.colours, base.clear, run.size, run.origin);
      if (!run.size || base) paper.draw(bitmap, patch.left, patch.top); // covers other variations
    }
    bitmap.close();
    base?.close();
    if (late) return null;
    run.results[index] ??= makePicture({
      id: run.pictureIds[index] ?? null,
      width: paper.canvas.width,
      height: paper.canvas.height,
      from: run.size && !run.origin ? null : run.base?.key ?? null,
      origin: run.origin,
      made: madeOf(patch.draft || run.draft, patch.seed),
      chunks: run.size && !run.origin ? "" : run.base?.chunks,
      ...paper.planes(),
    });
    return run.results[index];
  }

  function madeOf(draft, seed) {
    return draft ? { draft, seed } : null;
  }

  async function end(frame) {
    over.add(frame.run);
    if (isOn()) {
      parts.record(state.run, true);
      leave();
    }
    parts.refresh();
    if (frame.code === "unknown-picture" && !hasRetried && state.picture) {
      hasRetried = true;
      say(word("run.again"));
      try {
        await upload(state.picture);
        say("");
        return retry();
      } catch (error) {
        return fail(error.message);
      }
    }
    if (frame.kind === "error") fail(frame.message ?? word("run.failed"));
    else say(frame.message ?? word("run.stopped"));
  }

  function leave() {
    over.add(state.run.id);
    state.running = false;
    state.run = kept;
    kept = null;
    paper.stageSize(null);
    player.start(state.run);
    if (state.run) player.rest();
    variations.show(state.run);
    parts.refresh();
  }

  function unionOf(patches) {
    const left = Math.min(...patches.map((patch) => patch.left));
    const top = Math.min(...patches.map((patch) => patch.top));
    const right = Math.max(...patches.map((patch) => patch.left + patch.width));
    const bottom = Math.max(...patches.map((patch) => patch.top + patch.height));
    return { left, top, width: right - left, height: bottom - top };
  }

  /** Notes in the browser whether a run is on, so that a page that loads anew can say it was lost. */
  function note() {
    try {
      if (isOn()) sessionStorage.setItem(UNDER_WAY, state.run.id);
      else sessionStorage.removeItem(UNDER_WAY);
    } catch {} // a browser that keeps nothing for a page
  }

  function receive(frame) {
    queue = queue
      .then(() => handle(frame))
      .catch((error) => {
        if (isOn()) leave();
        fail(word("run.not_shown", { reason: error.message }));
      })
      .finally(() => {
        expectFrames();
        note();
        if (!state.running) ended();
      });
    return queue;
  }

  /** Lets go of a run, null where none had begun, as the server did not hear Stop. */
  function giveUp(id) {
    const message = word("run.unheard");
    if (isOn() && state.run.id === id) receive({ run: id, kind: "error", message });
    else if (id === null) fail(message);
  }

  const stop = () => (isOn() ? receive({ run: state.run.id, kind: "stopped" }) : queue);
  return { render, receive, stop, giveUp, conclude };
}
