// The steps as small pictures: a strip under the timeline's slider, each a button to go there.
//
// A run may have hundreds of steps, so a thumbnail is drawn when it comes into sight, one after
// another; one that the server has to draw first waits until no run is under way.

const FRAME = 112; // device pixels; shown at half of it

function createThumbnails(root, state, { paper, sights, seek }) {
  const strip = root.querySelector(".mgs-strip");
  const drawn = new WeakMap(); // button -> the step that is drawn on it
  const seen = new Set(); // buttons in sight
  let isDrawing = false;
  let current = null;

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) seen.add(target);
        else seen.delete(target);
      }
      drawSeen();
    },
    { rootMargin: "0px 120px" },
  );

  function makeFrame(position) {
    const button = document.createElement("button");
    const number = document.createElement("span");
    button.type = "button";
    button.className = "mgs-frame";
    button.tabIndex = -1; // the slider is the way by keyboard; this is a second one to the same
    number.textContent = position || "";
    button.append(makeCanvas(FRAME, FRAME), number);
    button.addEventListener("click", () => {
      seek(position);
      button.focus({ preventScroll: true });
    });
    watcher.observe(button);
    return button;
  }

  function refresh() {
    const { run } = state;
    const frames = strip.children;
    while (frames.length > run.steps + 1) {
      watcher.unobserve(strip.lastElementChild);
      seen.delete(strip.lastElementChild);
      strip.lastElementChild.remove();
    }
    while (frames.length < run.steps + 1) strip.append(makeFrame(frames.length));
    for (let i = 0; i < frames.length; i++) {
      const step = run.trace[i] ?? null;
      if (frames[i].step === step && frames[i].run === run) continue;
      Object.assign(frames[i], { step, run, disabled: !step });
      const name = i ? word("step_of", { step: i, steps: run.steps }) : word("player.start");
      frames[i].title = step ? word("timeline.open", { name, count: countOpen(step).masked }) : name;
      frames[i].setAttribute("aria-label", frames[i].title);
    }
    point(frames[run.at]);
    drawSeen();
  }

  /** Marks the shown step and brings it into sight, without scrolling the page. */
  function point(frame) {
    if (frame === current || !frame) return;
    current?.removeAttribute("aria-current");
    current = frame;
    frame.setAttribute("aria-current", "step");
    const [left, right] = [frame.offsetLeft, frame.offsetLeft + frame.offsetWidth];
    const room = strip.clientWidth;
    if (left < strip.scrollLeft || right > strip.scrollLeft + room) {
      strip.scrollLeft = (left + right - room) / 2;
    }
  }

  const isReady = ({ run, step }) => step?.image || !state.running || !sights.canAsk(run, step);

  async function drawSeen() {
    if (isDrawing) return;
    isDrawing = true;
    const next = () =>
      [...seen].find((each) => drawn.get(each) !== (each.step ?? undefined) && isReady(each));
    for (let frame = next(); frame; frame = next()) {
      const { run, step } = frame;
      drawn.set(frame, step ?? undefined); // first: what cannot be drawn is not tried for ever
      delete frame.dataset.drawn;
      await draw(frame.firstElementChild, run, step).then(
        () => { frame.dataset.drawn = step ? step.index : ""; },
        () => {}, // one picture less is no reason to stop
      );
    }
    isDrawing = false;
  }

  /** A square of the window around what may change, with something of its surroundings. */
  function cropOf(step) {
    const [left, top, side] = step.window;
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    forEachToken(step, (token, x0, y0, x1, y1) => {
      if (!mayChange(step, token)) return;
      [x0, y0].forEach((value, i) => { box[i] = Math.min(box[i], value); });
      [x1, y1].forEach((value, i) => { box[i + 2] = Math.max(box[i + 2], value); });
    });
    const size = Math.min(side, Math.max(side / 3, 1.3 * Math.max(box[2] - box[0], box[3] - box[1])));
    const within = (start, middle) =>
      Math.max(start, Math.min(start + side - size, middle - size / 2));
    return {
      left: within(left, (box[0] + box[2]) / 2),
      top: within(top, (box[1] + box[3]) / 2),
      side: size,
    };
  }

  /** The window as the model sees it, under a veil where it is still open. */
  async function draw(canvas, run, step) {
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    if (!step) return context.clearRect(0, 0, FRAME, FRAME);
    const picture = step.index && sights.hasPicture(run, step) && (await sights.bitmap(run, step));
    const [left, top, side] = step.window;
    const crop = cropOf(step);
    context.imageSmoothingQuality = "high";
    context.clearRect(0, 0, FRAME, FRAME);
    context.scale(FRAME / crop.side, FRAME / crop.side);
    context.translate(-crop.left, -crop.top);
    if (picture) context.drawImage(picture, left, top, side, side);
    else if (!run.size) context.drawImage(paper.canvas, 0, 0);
    if (!picture && run.baseCrop) {
      const { left: x, top: y, width, height } = run.area;
      context.drawImage(run.baseCrop, x, y, width, height);
    }
    context.fillStyle = "rgba(24, 20, 40, 0.62)";
    forEachToken(step, (token, x0, y0, x1, y1) => {
      if (step.masked[token] && mayChange(step, token)) context.fillRect(x0, y0, x1 - x0, y1 - y0);
    });
  }

  return { refresh };
}
