// The model's picture of a step, laid over the painting only where tokens may change.
//
// One drawing at a time, and the latest wish next: a slow machine skips some steps, not all. What
// was shown before stays until the next picture is there, so scrubbing never flickers.

function createPreview(canvas, paper, sights) {
  let wanted = null; // {run, step, isReconstruction}; null while the document itself is shown
  let isDrawing = false;
  let seen = null; // the wish that is on the canvas

  function show(wish) {
    wanted = wish;
    if (wish) return drawWanted();
    seen = null;
    canvas.hidden = true;
  }

  async function drawWanted() {
    if (isDrawing) return;
    isDrawing = true;
    for (let wish = wanted; wish; wish = wanted === wish ? null : wanted) {
      await draw(wish).catch(() => {}); // a broken preview is no reason to stop
    }
    isDrawing = false;
  }

  async function draw(wish) {
    const { run, step, isReconstruction } = wish;
    const steps = [...earlierWindows(run, step), step].filter((each) => sights.hasPicture(run, each));
    const pictures = isReconstruction
      ? [await sights.reconstruction(run)]
      : await Promise.all(steps.map((each) => sights.bitmap(run, each)));
    if (!wanted || wanted.run !== run) return; // the result came meanwhile, or another run
    const context = begin();
    if (isReconstruction) drawSquare(context, step, pictures[0]);
    else if (steps.length) steps.forEach((each, i) => drawWindow(context, each, pictures[i]));
    else if (run.baseCrop) context.drawImage(run.baseCrop, run.area.left, run.area.top);
    canvas.hidden = false;
    seen = wish;
  }

  function begin() {
    const { width, height } = paper.size();
    const scale = Math.min(1, 2048 / Math.max(width, height));
    canvas.width = Math.round(width * scale); // also clears
    canvas.height = Math.round(height * scale);
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    context.imageSmoothingQuality = "high";
    return context;
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
    context.save();
    context.beginPath();
    forEachToken(step, (token, x0, y0, x1, y1) => {
      if (mayChange(step, token)) context.rect(x0, y0, x1 - x0, y1 - y0);
    });
    context.clip();
    drawSquare(context, step, picture);
    context.restore();
  }

  function drawSquare(context, { window: [left, top, side] }, picture) {
    context.drawImage(picture, left, top, side, side);
  }

  return { show, seen: () => seen, isDrawn: () => seen === wanted };
}
