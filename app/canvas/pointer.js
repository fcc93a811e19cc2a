// Mouse, pen and fingers on the stage.
//
//   one finger, pen, left button    paint (during a run: move the picture; a live one makes way)
//   right button, a pen's eraser    erase with the same tool; Alt does it too
//   middle button, Space and drag   move the picture (with the frame, the left button, too)
//   two fingers                     move and zoom
//   wheel, trackpad pinch           zoom at the pointer; sideways scrolling moves

function createPointer(stage, view, state, painter, { redrawUpper, refresh, interrupt }) {
  const fingers = new Map(); // touches on the stage, by pointer id
  let action = null; // {kind: "paint" | "pan", id, x, y}, and `points` while a stroke cannot begin
  let pinch = null;

  const isFrame = () => state.tool === "enlarge"; // there is nothing to paint with it
  const isMove = (event) => event.button === 1 || state.spaceHeld || isFrame();
  const isErase = (event) => event.button === 2 || event.button === 5 || event.altKey;

  stage.addEventListener("pointerdown", (event) => {
    if (event.button > 2 && event.button !== 5) return;
    if (!state.lattice || event.target.closest("button, input")) return;
    if (event.pointerType === "touch") {
      if (action && action.type === "pen") return; // the palm beside a pen
      fingers.set(event.pointerId, event);
      if (fingers.size === 2) return startPinch();
      if (fingers.size > 2) return;
    }
    if (action) return;
    if (event.button === 1) event.preventDefault(); // no autoscroll
    stage.focus({ preventScroll: true });
    capture(event);
    const waits = isMove(event) ? null : interrupt();
    const kind = isMove(event) || (state.running && !waits) ? "pan" : "paint";
    const place = view.toPicture(event);
    const paints = () => painter.begin(place, isErase(event), event.shiftKey);
    if (kind === "paint" && !waits && !paints()) return;
    const { pointerId: id, pointerType: type, clientX: x, clientY: y } = event;
    action = { kind, id, type, x, y };
    if (waits) paintAfter(waits, action, paints);
    refresh();
  });

  /** Begins a stroke when a run has made way, with all that was drawn meanwhile. */
  async function paintAfter(waits, stroke, paints) {
    stroke.points = [];
    await waits;
    const { points } = stroke;
    stroke.points = null;
    if ((action !== stroke && !stroke.isOver) || !paints()) return;
    if (points.length) painter.extend(points);
    if (stroke.isOver) painter.finish();
  }

  stage.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event);
    if (pinch) return movePinch();
    if (action?.id === event.pointerId) {
      if (action.kind === "pan") {
        view.pan(event.clientX - action.x, event.clientY - action.y);
        Object.assign(action, { x: event.clientX, y: event.clientY });
      } else if (action.points) {
        action.points.push(...pointsOf(event));
      } else {
        painter.extend(pointsOf(event));
      }
    }
    state.hover = event.pointerType === "touch" || isFrame() ? null : view.toPicture(event);
    if (state.hover) state.keyCursor = -1;
    redrawUpper();
  });

  const release = (event) => {
    fingers.delete(event.pointerId);
    if (pinch && fingers.size < 2) pinch = null;
    if (action?.id !== event.pointerId) return;
    const { kind, points } = action;
    if (points) action.isOver = event.type !== "pointercancel";
    action = null;
    if (kind === "paint" && !points) {
      if (event.type === "pointercancel") painter.cancel();
      else painter.finish();
    }
    refresh();
  };
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);
  stage.addEventListener("lostpointercapture", release);
  stage.addEventListener("pointerleave", () => {
    state.hover = null;
    redrawUpper();
  });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());

  stage.addEventListener("wheel", (event) => {
    if (!state.lattice) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1; // lines, pages
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) return view.pan(-(dx || dy), 0);
    const box = stage.getBoundingClientRect();
    const speed = event.ctrlKey ? 0.01 : 0.0016; // a pinch on a trackpad arrives as Ctrl and wheel
    const factor = Math.exp(Math.max(-0.5, Math.min(0.5, -dy * speed)));
    view.zoomBy(factor, event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  function capture(event) {
    try {
      stage.setPointerCapture(event.pointerId); // a stroke goes on outside the stage
    } catch {
      // Synthetic events have no pointer to capture.
    }
  }

  /** All positions since the last frame: without them fast strokes would have corners. */
  function pointsOf(event) {
    const events = event.getCoalescedEvents?.() ?? [];
    return (events.length ? events : [event]).map(view.toPicture);
  }

  function startPinch() {
    if (action?.kind === "paint") painter.cancel(); // it was the start of a pinch, not a stroke
    action = null;
    pinch = measurePinch();
    refresh();
  }

  function measurePinch() {
    const [a, b] = [...fingers.values()];
    const box = stage.getBoundingClientRect();
    return {
      x: (a.clientX + b.clientX) / 2 - box.left,
      y: (a.clientY + b.clientY) / 2 - box.top,
      distance: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1,
    };
  }

  function movePinch() {
    const next = measurePinch();
    view.pan(next.x - pinch.x, next.y - pinch.y);
    view.zoomBy(next.distance / pinch.distance, next.x, next.y);
    pinch = next;
  }
}
