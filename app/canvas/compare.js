// Before and after: hold a key or the button to see the picture before, or drag a divider.
//
// "Before" is the picture that the present one was made from. Where there is none, holding shows
// the picture without mask and grid.

function createCompare(root, view, history, { redraw }) {
  const part = (name) => root.querySelector(`.mgs-${name}`);
  const [frame, surface, handle] = ["before", "divider", "handle"].map(part);
  const canvas = frame.querySelector("canvas");
  let loaded = null; // the picture on the canvas
  let isHeld = false;
  let isSliding = false;
  let share = 0.5;

  async function load() {
    const picture = history.before();
    if (picture === loaded) return;
    loaded = picture;
    frame.hidden = true;
    if (!picture) return;
    const { colours, clear, close } = await decodePicture(picture);
    if (picture !== loaded) return close();
    Object.assign(canvas, { width: picture.width, height: picture.height });
    exactContext(canvas).drawImage(colours, 0, 0);
    if (clear) layBoard(canvas, clear);
    close();
    const [left, top] = history.current().picture.origin ?? [0, 0];
    Object.assign(canvas.style, { left: `${left}px`, top: `${top}px` });
    update();
  }

  function update() {
    const on = isHeld || isSliding;
    root.classList.toggle("mgs-comparing", on);
    frame.hidden = !on || !loaded;
    surface.hidden = !isSliding || isHeld;
    frame.style.clipPath = isHeld ? "none" : `inset(0 ${100 - share * 100}% 0 0)`;
    const now = history.current()?.picture;
    if (now) handle.style.left = `${view.x + share * now.width * view.scale}px`;
    handle.setAttribute("aria-valuenow", Math.round(share * 100));
    if (on) redraw();
  }

  function hold(on) {
    if (on === isHeld) return;
    isHeld = on;
    if (on) load().catch(() => {});
    update();
  }

  function slide(on) {
    isSliding = on && Boolean(history.before());
    if (isSliding) load().catch(() => {});
    update();
    return isSliding;
  }

  function moveTo(next) {
    share = Math.max(0, Math.min(1, next));
    update();
  }

  surface.addEventListener("pointerdown", (event) => {
    event.stopPropagation(); // the stage would paint
    try {
      surface.setPointerCapture(event.pointerId);
    } catch {
      // Synthetic events have no pointer to capture.
    }
    follow(event);
  });
  surface.addEventListener("pointermove", (event) => {
    event.stopPropagation();
    if (event.buttons) follow(event);
  });
  function follow(event) {
    const now = history.current()?.picture;
    if (now) moveTo(view.toPicture(event).x / now.width);
  }
  handle.addEventListener("keydown", (event) => {
    const back = { ArrowLeft: -0.02, ArrowDown: -0.02, Home: -1 };
    const step = { ...back, ArrowRight: 0.02, ArrowUp: 0.02, End: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    moveTo(share + step);
  });

  return {
    hold, slide, update,
    isSliding: () => isSliding,
    hasBefore: () => history.before() !== null,
    refresh: () => {
      if (isSliding && !history.before()) isSliding = false;
      if (isSliding || isHeld) load().catch(() => {});
      if (isSliding || isHeld) update();
    },
  };
}
