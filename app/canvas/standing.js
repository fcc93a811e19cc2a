// A thing that stands out: one button for what the picture around does not show.
//
// Beside much of a picture a model goes on with it, and a flower in a meadow becomes grass. So the
// window frames what is painted closely, and guidance is raised: its class leads. Nothing else is
// remembered: the button is down where guidance is that high, and pressing it again undoes both.

function createStandingOut(root, state, { framing, settle, controls, say, strength }) {
  const isOut = () => strength() !== null && Number(controls()?.guidance_scale) >= strength()[1];

  function toggle() {
    if (state.running || strength() === null) return;
    const [usual, strong] = strength();
    if (isOut()) {
      framing.whole();
      settle({ guidance_scale: usual });
    } else if (countCells(state.cells)) {
      framing.closeUp();
      settle({ guidance_scale: strong });
    } else say(word("classes.stand_out_first"), "error");
  }

  /** The button lies under the classes, in a place that the page has for it (panels/make.py). */
  function refresh() {
    const button = document.querySelector("#stand-out");
    if (!button) return;
    button.hidden = strength() === null;
    button.disabled = state.running;
    button.setAttribute("aria-pressed", String(isOut()));
    button.onclick = toggle;
  }

  hearWhile(root, window, "studio-controls", refresh);
  return { refresh };
}
