// Making the picture larger by hand: a frame around it whose sides and corners can be dragged.
//
// The number fields beside the canvas hold the sides (`controls`); a drag writes them there at once
// (`send`), and whatever else changes them moves the frame. How many windows of the model it will
// take the server says, one question at a time. Nothing is computed before "Add" is pressed.
//
// Elsewhere: the arithmetic (sides.js); tint and outline of what is added (layers.js).

const GRIPS = {
  "left": { x: -1, y: 0 }, "top": { x: 0, y: -1 }, "right": { x: 1, y: 0 }, "bottom": { x: 0, y: 1 },
  "top-left": { x: -1, y: -1 }, "top-right": { x: 1, y: -1 },
  "bottom-left": { x: -1, y: 1 }, "bottom-right": { x: 1, y: 1 },
};

function createEnlarging(root, view, state, parts) {
  const { ask, controls, send, announce, fail, redraw } = parts;
  const bar = root.querySelector(".mgs-enlarge");
  const layer = root.querySelector(".mgs-grips");
  const about = bar.querySelector(".mgs-enlarge-about");
  const [shape, where] = [".mgs-shape", ".mgs-where"].map((name) => bar.querySelector(name));
  const own = bar.querySelector("input");
  const buttons = Object.fromEntries(
    [...bar.querySelectorAll("button")].map((button) => [button.dataset.enlarge, button]),
  );
  const grips = [...layer.children];
  let sides = sidesOf(controls());
  let drag = null; // {grip, id, from, at}
  let plan = null; // {key, words, windows, isRefused}: what the server said last
  let isAsking = false;
  let roomFor = ""; // what the view was last told to keep in sight
  let isSending = false;

  const isHeld = () => state.tool === "enlarge";
  const isFree = () => Boolean(state.lattice) && !state.running && !state.walking;
  const isShown = () => isFree() && (isHeld() || isLarger(sides));

  /** Takes other sides; `isOwn` where they were not read from the fields. */
  function change(next, isOwn = true) {
    if (areSameSides(next, sides)) return;
    sides = next;
    parts.relent();
    if (isOwn) tell();
    askForPlan();
    redraw();
  }

  /** Writes the sides into the fields, at most once for each picture of the screen. */
  function tell() {
    if (isSending) return;
    isSending = true;
    requestAnimationFrame(() => {
      isSending = false;
      send(sides);
    });
  }

  // --- what it will take ----------------------------------------------------------------------

  function question() {
    const { width, height } = state.lattice;
    return { model: controls()?.model ?? "", width, height, ...sides };
  }

  const keyNow = () => (isShown() && isLarger(sides) ? JSON.stringify(question()) : null);

  async function askForPlan() {
    if (isAsking) return;
    isAsking = true;
    for (let key = keyNow(); key && key !== plan?.key; key = keyNow()) {
      const answer = await ask("plan", JSON.parse(key)).catch(() => null);
      if (!answer) break; // asked again with the next change
      plan = { key, windows: answer.windows ?? 0, refusal: answer.ok ? "" : answer.error.message };
    }
    isAsking = false;
    refresh();
  }

  function words() {
    if (!isLarger(sides)) return word("enlarging.drag");
    const { width, height } = enlargedSize(state.lattice, sides);
    if (plan?.key !== keyNow()) return word("enlarging.size", { width, height });
    const { windows, refusal } = plan;
    return refusal || word("enlarging.windows", { width, height, count: windows });
  }

  // --- showing --------------------------------------------------------------------------------

  function refresh() {
    const isOn = isHeld() && isFree();
    state.extend = isShown() ? sides : null;
    layer.hidden = !isOn;
    bar.hidden = !isHeld() || !state.lattice;
    keepInSight();
    if (bar.hidden) return;
    const isRefused = Boolean(plan?.refusal) && plan.key === keyNow();
    if (isOn && about.textContent !== words()) about.textContent = words();
    about.dataset.kind = isRefused ? "error" : "";
    for (const part of [shape, where, own]) part.disabled = !isOn;
    own.hidden = shape.value !== "own";
    buttons.reset.disabled = !isOn || !isLarger(sides);
    buttons.run.disabled = !isOn || !isLarger(sides) || isRefused;
    if (isOn) placeGrips();
  }

  function placeGrips() {
    const { width, height } = enlargedSize(state.lattice, sides);
    const [left, top] = [view.x - sides.left * view.scale, view.y - sides.top * view.scale];
    const [across, down] = [width * view.scale, height * view.scale];
    Object.assign(layer.style, {
      left: `${left}px`, top: `${top}px`, width: `${across}px`, height: `${down}px`,
    });
    for (const grip of grips) {
      const side = grip.dataset.grip;
      if (!(side in sides)) continue;
      grip.setAttribute("aria-valuenow", sides[side]);
      grip.setAttribute("aria-valuetext", word("enlarging.pixels", { count: sides[side] }));
    }
  }

  /** Zooms out where the frame would not be in sight; not while somebody holds it. */
  function keepInSight() {
    if (drag || !state.lattice) return;
    const room = isShown() ? roomAround(state.lattice, sides) : null;
    const key = JSON.stringify(room);
    if (key === roomFor) return;
    roomFor = key;
    view.surround(room);
  }

  // --- mouse, pen and fingers -----------------------------------------------------------------

  layer.addEventListener("pointerdown", (event) => {
    const grip = GRIPS[event.target.dataset.grip];
    if (!grip || event.button !== 0) return;
    event.stopPropagation(); // it moves the frame, not the picture
    if (drag || !isFree()) return;
    event.target.setPointerCapture(event.pointerId);
    drag = { grip, id: event.pointerId, from: sides, at: view.toPicture(event) };
    shape.value = "";
  });
  layer.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drag?.id) return;
    const { x, y } = view.toPicture(event);
    const { grip, from, at } = drag;
    change(draggedSides(state.lattice, from, grip, x - at.x, y - at.y, event.shiftKey));
  });
  const release = (event) => {
    if (event.pointerId !== drag?.id) return;
    const { from } = drag;
    drag = null;
    if (event.type === "pointercancel") change(from);
    refresh();
    announce(words());
  };
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
    layer.addEventListener(type, release);
  }

  // --- keyboard -------------------------------------------------------------------------------

  layer.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && drag) {
      const { from } = drag;
      drag = null;
      return change(from);
    }
    const side = event.target.dataset.grip;
    if (!(side in sides) || !isFree()) return;
    const { x, y } = GRIPS[side];
    const step = event.shiftKey ? 1 : Math.max(1, Math.round(state.lattice.side));
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const [dx, dy] = by[event.key] ?? [0, 0];
    if (event.key === "Home") change({ ...sides, [side]: 0 });
    else if (x * dx || y * dy) {
      change(draggedSides(state.lattice, sides, GRIPS[side], dx * step, dy * step));
    } else return;
    shape.value = "";
    event.preventDefault();
    event.stopPropagation();
  });

  // --- the bar --------------------------------------------------------------------------------

  function takeShape() {
    own.hidden = shape.value !== "own";
    const text = shape.value === "own" ? own.value : shape.value;
    if (!text) return;
    const wanted = shapeOf(text);
    if (!wanted) return fail(word("enlarging.no_shape"));
    const next = sidesForShape(state.lattice, wanted, where.value);
    if (!next) return fail(word("enlarging.too_large"));
    parts.say(isLarger(next) ? "" : word("enlarging.same_shape"));
    change(next);
    announce(words());
  }

  shape.addEventListener("change", () => {
    takeShape();
    if (!own.hidden) own.focus();
  });
  where.addEventListener("change", takeShape);
  own.addEventListener("change", takeShape);
  function reset() {
    shape.value = "";
    change(sidesOf(null));
    refresh();
  }

  buttons.reset.addEventListener("click", reset);
  buttons.run.addEventListener("click", parts.run);
  hearWhile(root, window, "studio-enlarge", () => parts.take());
  hearWhile(root, window, "studio-controls", () => {
    if (!drag && !isSending) change(sidesOf(controls()), false);
    askForPlan(); // another model has other windows
  });

  return {
    refresh,
    reset,
    about: () => ({ ...sides, windows: plan?.key === keyNow() ? plan?.windows ?? 0 : 0 }),
  };
}
