// What begins a run or opens a picture in the page beside the canvas: one thing at a time.
//
// While a run lasts these buttons are out of use. Gradio ignores a press, too, once it knows of a
// run, which takes it a moment; until then a press is let through once. After Stop they are there
// again, though the run is not over yet: presses.py lets a press wait. A server that does not
// answer Stop keeps nothing locked: the canvas lets go of that run.

const BEGINNING = "#fill, #generate, #next-seed, #outpaint-run";
const ENLARGING = ".mgs-enlarge [data-enlarge=run]"; // is off while a run lasts, see enlarging.js
const OPENING = "#examples button";
const STOP_PATIENCE_MS = 5_000;

function createBeginnings(root, state, { say, giveUp }) {
  let isAsked = false; // for a run that has not begun
  let isStopping = false;
  let unheard = 0; // timer of Stop

  const isOff = () => state.running && !state.walking && !isStopping;

  function refresh() {
    if (state.running) isAsked = false;
    else isStopping = false;
    for (const button of document.querySelectorAll(`${BEGINNING}, ${OPENING}`)) {
      button.setAttribute("aria-disabled", String(isOff())); // truly disabled, it would lose the focus
    }
  }

  function stopping() {
    const run = state.running && !state.walking ? state.run.id : null;
    isAsked = false;
    isStopping = run !== null;
    clearTimeout(unheard);
    unheard = setTimeout(() => giveUp(run), STOP_PATIENCE_MS);
    refresh();
  }

  // Before Gradio hears of it.
  hearWhile(root, document, "click", (event) => {
    const isOn = (selector) => Boolean(event.target.closest?.(selector));
    const begins = isOn(`${BEGINNING}, ${ENLARGING}`);
    if (isOn("#stop")) return stopping();
    if (!begins && !isOn(OPENING)) return;
    if (isOff()) say(word("busy"), "error");
    if (isOff() || (begins && isAsked)) event.stopImmediatePropagation();
    else if (begins) isAsked = true;
  }, { capture: true });
  hearWhile(root, window, "studio-run-over", () => {
    isAsked = false; // refused, called off, or lost
  });
  hearWhile(root, window, "studio-stop-over", () => clearTimeout(unheard));

  return { refresh };
}
