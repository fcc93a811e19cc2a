// The timeline: a run's steps as they come, and afterwards back and forth at will.
//
// Position 0 is the start, with everything open; position `steps` is the result. In between the
// model's picture of the window is laid over the painting, only where tokens may change. Pictures
// of steps stay encoded and are decoded when they are looked at; the last request wins.

const BITMAPS_KEPT = 24;

function createPlayer(root, preview, paper, state, layers) {
  const part = (name) => root.querySelector(`.mgs-${name}`);
  const [panel, slider, label, legend] = ["timeline", "steps", "step-label", "legend"].map(part);
  const [bar, pill] = ["bar", "pill"].map(part);
  const play = root.querySelector("[data-do=play]");
  const ramp = legend.querySelector(".mgs-ramp");
  const bitmaps = new Map(); // step -> promise of its bitmap, least recently used first
  let wanted = null; // the step to draw next; null while the result is shown
  let isDrawing = false;
  let following = true;
  let timer = 0;

  /** Another run, or none. */
  function start(run) {
    pause();
    following = true;
    bitmaps.clear();
    show(0);
    refresh();
    return run;
  }

  function follow() {
    if (following) show(newest());
    refresh();
  }

  function newest() {
    return state.run.trace.length - 1;
  }

  function finish() {
    pause();
    show(state.run.steps);
  }

  /** Back to the result, with nothing over it: somebody wants to paint. */
  function rest() {
    if (!state.run?.done || (state.run.at === state.run.steps && !state.step)) return;
    pause();
    setOverlay("mask");
    show(state.run.steps);
  }

  function show(position) {
    const { run } = state;
    if (!run) {
      state.step = wanted = null;
      preview.hidden = true;
      layers.invalidate();
      return;
    }
    run.at = Math.max(0, Math.min(run.done ? run.steps : newest(), position));
    const atResult = run.done && run.at === run.steps;
    const step = run.trace.slice(0, run.at + 1).findLast((found) => found);
    const isMap = state.overlay === "confidence" || state.overlay === "order";
    state.step = atResult && !isMap ? null : step;
    if (atResult) {
      wanted = null;
      preview.hidden = true;
    } else {
      wanted = step;
      drawWanted();
    }
    layers.invalidate();
    refresh();
    state.moved?.(); // whoever shows more about this step
  }

  /** One drawing at a time, and the latest wish next: a slow machine skips some steps, not all. */
  async function drawWanted() {
    if (isDrawing) return;
    isDrawing = true;
    for (let step = wanted; step; step = wanted === step ? null : wanted) {
      await drawPreview(state.run, step).catch(() => {}); // a broken preview is no reason to stop
    }
    isDrawing = false;
  }

  async function drawPreview(run, step) {
    const layersOfIt = [...earlierWindows(run, step), step].filter((shown) => shown.image);
    const pictures = await Promise.all(layersOfIt.map(bitmapOf));
    if (!wanted || state.run !== run) return; // the result came meanwhile, or another run
    const { width, height } = paper.size();
    const scale = Math.min(1, 2048 / Math.max(width, height));
    preview.width = Math.round(width * scale); // also clears
    preview.height = Math.round(height * scale);
    const context = preview.getContext("2d");
    context.scale(scale, scale);
    context.imageSmoothingQuality = "high";
    layersOfIt.forEach((shown, i) => drawWindow(context, shown, pictures[i]));
    preview.hidden = false;
  }

  /** Last steps of the windows before this one, when a big picture is made window by window. */
  function earlierWindows(run, step) {
    return run.trace.filter((shown, i) => {
      const next = run.trace[i + 1];
      if (!shown || !next || next.index > step.index) return false;
      return String(shown.window) !== String(next.window);
    });
  }

  function drawWindow(context, step, picture) {
    const [left, top, side] = step.window;
    context.save();
    context.beginPath();
    forEachToken(step, (token, x0, y0, x1, y1) => {
      if (!step.open || step.open[token]) context.rect(x0, y0, x1 - x0, y1 - y0);
    });
    context.clip();
    context.drawImage(picture, left, top, side, side);
    context.restore();
  }

  function bitmapOf(step) {
    const found = bitmaps.get(step) ?? createImageBitmap(blobOfDataUrl(step.image));
    bitmaps.delete(step);
    bitmaps.set(step, found);
    if (bitmaps.size > BITMAPS_KEPT) bitmaps.delete(bitmaps.keys().next().value);
    return found;
  }

  function pause() {
    clearInterval(timer);
    timer = 0;
  }

  function toggle() {
    if (timer) pause();
    else if (state.run) {
      if (state.run.at >= state.run.steps) show(0);
      timer = setInterval(() => {
        if (!root.isConnected || state.run.at >= state.run.steps) pause();
        else show(state.run.at + 1);
        refresh();
      }, Math.max(60, Math.min(450, 6000 / state.run.steps)));
    }
    refresh();
  }

  function step(by) {
    pause();
    seek(state.run.at + by);
  }

  function seek(position) {
    show(position);
    following = state.run.at >= newest();
  }

  function setOverlay(name) {
    state.overlay = name;
    for (const button of root.querySelectorAll("[data-overlay]")) {
      button.setAttribute("aria-pressed", String(button.dataset.overlay === name));
    }
    if (state.run) show(state.run.at);
    refresh();
  }

  /** The steps belong to a result: with another picture on the stage they would mislead. */
  function isRelevant() {
    const { run, picture } = state;
    if (!run) return false;
    if (state.running || run.made?.(picture)) return true;
    return picture === run.base || run.results.includes(picture);
  }

  function refresh() {
    const { run } = state;
    const relevant = isRelevant();
    panel.hidden = !relevant;
    bar.hidden = pill.hidden = !state.running;
    if (!relevant) return;
    const { at, steps } = run;
    Object.assign(slider, { min: 0, max: steps, value: at });
    const words =
      at === 0 ? (state.running ? "Starting …" : "Start")
      : run.done && at === steps ? "Result"
      : `Step ${at} of ${steps}`;
    if (label.textContent !== words) label.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    const shown = newest();
    pill.textContent = shown ? `Step ${shown} of ${steps}` : "Starting …";
    bar.firstElementChild.style.width = `${(100 * shown) / Math.max(1, steps)}%`;
    bar.setAttribute("aria-valuemax", steps);
    bar.setAttribute("aria-valuenow", shown);
    play.setAttribute("aria-label", timer ? "Pause" : "Play the steps");
    play.classList.toggle("mgs-playing", Boolean(timer));
    const { legend: text, ends } = OVERLAYS[state.overlay];
    legend.querySelector(".mgs-legend-text").textContent = text();
    ramp.hidden = !ends;
    if (ends) [ramp.firstElementChild.textContent, ramp.lastElementChild.textContent] = ends;
  }

  ramp.children[1].style.background = rampCss();
  slider.addEventListener("input", () => {
    pause();
    seek(Number(slider.value));
  });
  slider.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    toggle();
  });
  for (const button of root.querySelectorAll("[data-overlay]")) {
    button.addEventListener("click", () => setOverlay(button.dataset.overlay));
  }
  return { start, follow, finish, rest, show, toggle, step, refresh, isRelevant };
}
