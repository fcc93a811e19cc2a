// The timeline: a run's steps as they come, and afterwards back and forth at will.
//
// Position 0 is the start, with everything open; position `steps` is the result. The trace may have
// gaps (two frames were merged on the way) and may be a path through a tree of branches: nothing here
// takes its steps for one unbroken run. While a run is not done the newest step is the end.

const SPEEDS = { min: 60, max: 450, all: 6000 }; // ms per step at speed 1; `all` for long runs

function createPlayer(root, state, parts) {
  const { preview, sights, overlays, layers, views } = parts;
  const part = (name) => root.querySelector(`.mgs-${name}`);
  const [panel, slider, label, speed] = ["timeline", "steps", "step-label", "speed"].map(part);
  const [bar, pill] = ["bar", "pill"].map(part);
  const play = root.querySelector("[data-do=play]");
  let following = true;
  let timer = 0;
  let last = null; // the run that was finished last, to compare the next one with

  /** Another run, or none. */
  function start(run) {
    pause();
    following = true;
    if (run && run !== last && !run.previous) run.previous = last;
    sights.forget();
    show(0);
    refresh();
    return run;
  }

  function follow() {
    if (following) show(newest(), true);
    else refresh();
  }

  const newest = () => state.run.trace.length - 1;
  const end = () => (state.run.done ? state.run.steps : newest());

  function finish() {
    pause();
    if (last && last !== state.run) last.previous = null; // only one run is remembered, not all
    last = state.run;
    show(state.run.steps);
  }

  /** Back to the result, with nothing over it: somebody wants to paint. */
  function rest() {
    if (!state.run?.done || (state.run.at === state.run.steps && !state.step)) return;
    pause();
    state.run.at = state.run.steps;
    overlays.choose("mask");
  }

  /** What only passes by is not drawn for its own sake: a run without previews stays cheap. */
  function show(position, isPassing = false) {
    const { run } = state;
    if (!run) {
      state.step = null;
      preview.show(null);
      layers.invalidate();
      return;
    }
    run.at = Math.max(0, Math.min(end(), position));
    const atResult = run.done && run.at === run.steps;
    const step = run.trace.slice(0, run.at + 1).findLast((found) => found);
    const isReconstruction = state.overlay === "tokenizer";
    state.step = atResult && !overlays.now().isOverResult ? null : step;
    const isWanted = isReconstruction || (!atResult && (!isPassing || step.image));
    preview.show(isWanted ? { run, step, isReconstruction } : null);
    overlays.fetchNeeds();
    layers.invalidate();
    refresh();
    state.moved?.(); // whoever shows more about this step
  }

  function pause() {
    clearTimeout(timer);
    timer = 0;
  }

  function toggle() {
    if (timer) pause();
    else if (state.run) {
      if (state.run.at >= end()) show(0);
      tick();
    }
    refresh();
  }

  /** Each step is timed anew, so that the speed can be changed while it plays. */
  function tick() {
    timer = setTimeout(() => {
      if (!root.isConnected || state.run.at >= end()) pause();
      else {
        show(state.run.at + 1);
        if (state.run.at < end()) tick();
        else pause();
      }
      refresh();
    }, pace());
  }

  /** Milliseconds per step, as they are played now. */
  function pace() {
    const usual = Math.max(SPEEDS.min, Math.min(SPEEDS.max, SPEEDS.all / state.run.steps));
    return usual / Number(speed.value);
  }

  function step(by) {
    pause();
    seek(state.run.at + by);
  }

  /** Somebody goes to a position; a run that goes on is followed again at its newest step. */
  function seek(position) {
    show(position);
    following = state.run.at >= newest();
  }

  /**
   * The steps belong to a result, and lie on what it was made of too, where both are of one size:
   * with another picture on the stage they would mislead.
   */
  function isRelevant() {
    const { run, picture } = state;
    if (!run) return false;
    if (state.running || run.made?.(picture)) return true;
    return (picture === run.base && !run.size) || run.results.includes(picture);
  }

  function wordsFor(position) {
    const { run } = state;
    if (position === 0) return state.running && run.at === 0 ? word("player.starting") : word("player.start");
    if (run.done && position === run.steps) return word("player.result");
    return word("step_of", { step: position, steps: run.steps });
  }

  function refresh() {
    const { run } = state;
    const relevant = isRelevant();
    panel.hidden = !relevant;
    bar.hidden = pill.hidden = !state.running;
    if (!relevant) return;
    const { at, steps } = run;
    Object.assign(slider, { min: 0, max: steps, value: at });
    const words = wordsFor(at);
    if (label.textContent !== words) label.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    const shown = newest();
    const passes = shown ? word("step_of", { step: shown, steps }) : word("player.starting");
    pill.textContent = run.refining ?? passes;
    bar.firstElementChild.style.width = `${(100 * shown) / Math.max(1, steps)}%`;
    bar.setAttribute("aria-valuemax", steps);
    bar.setAttribute("aria-valuenow", shown);
    play.setAttribute("aria-label", word(timer ? "player.pause" : "player.play"));
    play.classList.toggle("mgs-playing", Boolean(timer));
    for (const view of views) view.refresh();
  }

  slider.addEventListener("input", () => {
    pause();
    seek(Number(slider.value));
  });

  // The keys of a player, wherever in the timeline the focus is; fields keep their own keys.
  panel.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target !== slider && target.closest("input, select, [role=slider]")) return;
    const isButton = target.closest("button:not(.mgs-frame), summary");
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[key];
    if (key === " " && !isButton) toggle();
    else if (by) step(by);
    else if (key === "Home") step(-state.run.at);
    else if (key === "End") step(end() - state.run.at);
    else return;
    event.preventDefault();
  });

  return { start, follow, finish, rest, show, seek, toggle, step, pace, refresh, isRelevant };
}
