// Live painting: what is painted is imagined while it is being painted, in one pass.
//
// One question is under way at most, and it is always about the newest cells: while an answer is on
// its way strokes only grow. When the pointer is let go and the last answer is here, Fill is pressed
// and makes the picture as it is set. Sketches lie on the stage and nowhere else: they are never in
// the history, and trouble leaves the mask as it is painted.
//
// Who paints on before the fill is done wants one fill of both strokes: the first makes way.

function createLive(root, state, parts) {
  const { server, upload, doc, preview, controls, press, halt, redraw, refresh, say, fail } = parts;
  let isAsking = false;
  let wish = null; // model, class, settings and seed of this stroke
  let asked = null; // the drawing of the newest question
  let held = null; // the drawing when the pointer was let go
  let wantsRun = false;
  // Of the run of the last stroke: "asked", "begun"; "unwanted" where another stroke began in between,
  // and "again" where that one is over, too, and is filled once the run before it has been stopped.
  let fate = null;

  state.live = false;
  state.sketched = null; // cells that the sketch on the stage is about
  hearWhile(root, window, "studio-run-over", () => {
    const isAgain = fate === "again";
    if (fate !== "begun") fate = null; // it never began
    if (isAgain) fill();
  });

  function cellsNow() {
    const cells = state.cells.slice();
    for (const index of state.draft?.cells ?? []) cells[index] = state.draft.value;
    return cells;
  }

  /** A stroke begins: the sketch before it is about other cells. */
  function begin() {
    forget();
    callOff();
    wish = state.live ? wishOf(controls()) : null;
  }

  /** A stroke has grown; one that is over at once, by a key, asks nothing. */
  function moved() {
    if (state.live && !isAsking) Promise.resolve().then(sketchAll);
  }

  async function sketchAll() {
    if (isAsking) return;
    isAsking = true;
    try {
      for (let next = due(); next; next = due()) await sketch(next);
    } catch (error) {
      switchOff();
      fail(word("live.broken", { reason: error.message }));
    } finally {
      isAsking = false;
    }
    if (wantsRun) fill();
  }

  /** What is painted by now, if nothing was asked about it yet. */
  function due() {
    if (!state.live || !state.isStroking() || !state.picture) return null;
    const cells = cellsNow();
    const { picture, lens } = state;
    const drawing = countCells(cells) ? doc.message({ picture, lens, cells }) : null;
    return drawing === asked ? null : { drawing, cells, of: wish };
  }

  async function sketch({ drawing, cells, of }) {
    asked = drawing;
    if (!drawing) return hide();
    const frame = await ask(drawing, cells, of);
    if (!state.live || wish !== of || frame.size) return; // another stroke, or none any more
    const run = { id: "sketch", grid: frame.grid, window: frame.window, open: null, trace: [] };
    const step = makeStep(frame, run);
    run.trace.push(step);
    state.sketched = cells;
    preview.show({ run, step, isReconstruction: false });
    redraw();
  }

  async function ask(drawing, cells, of, isAgain = false) {
    const { picture, lens } = state;
    const answer = await server.sketch({ ...of, drawing });
    if (answer?.ok) return answer;
    if (answer?.error?.code !== "unknown-picture" || isAgain) {
      throw new Error(answer?.error?.message ?? word("lost"));
    }
    await upload(picture);
    return ask(doc.message({ picture, lens, cells }), cells, of, true);
  }

  /** The pointer was let go; `isNew` says whether there is something to fill. */
  function release(isNew) {
    if (!state.live) return;
    if (!isNew || !countCells(state.cells)) return forget();
    wantsRun = true;
    if (!isAsking) fill();
  }

  function fill() {
    wantsRun = false;
    if (fate === "unwanted" || fate === "again") {
      fate = "again";
      return;
    }
    fate = "asked";
    press("#fill");
  }

  /** A run is about to begin; false if it was called off meanwhile. */
  function accepts() {
    const isWanted = fate !== "unwanted" && fate !== "again";
    if (!isWanted) press("#stop");
    if (fate !== "again") fate = fate === "asked" ? "begun" : null;
    return isWanted;
  }

  /** Takes a run back; Stop is not to be pressed before there is something to stop. */
  function callOff() {
    if (fate === "asked" || fate === "again") fate = "unwanted";
    if (fate === "begun" && state.running && !state.walking) press("#stop");
  }

  /** Stops a fill that was begun here, for a stroke: resolves when there can be one. */
  function interrupt() {
    if (!state.live || fate !== "begun" || !state.running || state.walking) return null;
    callOff();
    return halt();
  }

  function hide() {
    if (!state.sketched) return;
    state.sketched = null;
    preview.show(null);
    redraw();
  }

  /** Takes back whatever was asked for and not yet run. */
  function forget() {
    wish = asked = held = null;
    wantsRun = false;
    hide();
  }

  function stop() {
    if (!state.live) return;
    callOff();
    forget();
  }

  function switchOff() {
    stop();
    state.live = false;
    refresh();
  }

  return {
    begin, moved, release, stop, accepts, interrupt,
    cancelled: forget,
    hold() {
      held = doc.message();
    },
    /** The document changed: a sketch stays only over what it was made for. */
    follow() {
      if (state.sketched && held !== doc.message()) forget();
    },
    /** A run has the stage now. */
    makeWay() {
      state.sketched = null;
    },
    /** A run ended, or could not begin. */
    over() {
      if (fate === "begun") fate = null;
      if (!state.isStroking() && !wantsRun) hide();
    },
    toggle() {
      if (state.live) {
        switchOff();
        return say(word("live.off"));
      }
      state.live = true;
      say(word("live.on"));
    },
    isAsking: () => isAsking,
  };
}
