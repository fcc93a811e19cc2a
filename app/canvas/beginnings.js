// What begins a run or opens a picture in the page beside the canvas: one thing at a time.
//
// While a run lasts these buttons are out of use. Gradio ignores a press, too, once it knows of a
// run, which takes it a moment; until then a press is let through once. After Stop they are there
// again, though the run is not over yet: presses.py lets a press wait.

const BEGINNING = "#fill, #generate, #next-seed, #outpaint-run";
const ENLARGING = ".mgs-enlarge [data-enlarge=run]"; // looks after itself, see enlarging.js
const OPENING = "#examples button";

function createBeginnings(root, state) {
  let isAsked = false; // for a run that has not begun
  let isStopping = false;

  function refresh() {
    if (state.running) isAsked = false;
    else isStopping = false;
    const isOff = state.running && !state.walking && !isStopping;
    for (const button of document.querySelectorAll(`${BEGINNING}, ${OPENING}`)) {
      button.disabled = isOff;
    }
  }

  // Before Gradio hears of it.
  hearWhile(root, document, "click", (event) => {
    if (event.target.closest?.("#stop")) {
      isAsked = false;
      isStopping = state.running;
      refresh();
    } else if (event.target.closest?.(`${BEGINNING}, ${ENLARGING}`)) {
      if (isAsked) event.stopImmediatePropagation();
      isAsked = true;
    }
  }, { capture: true });
  hearWhile(root, window, "studio-run-over", () => {
    isAsked = false; // refused, or called off
  });

  return { refresh };
}
