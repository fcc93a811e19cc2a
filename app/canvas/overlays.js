// What the model thought, over the picture of a step: which there are, each with a legend in plain
// words. How they look is in maps.js.
//
// An overlay is made of cells: `value` gives a number from 0 to 1 that becomes a colour, `marks`
// says which cells are marked, `veils` asks for the hatching of what is still open. Maps that the
// server has to make, and comparisons, come in `about`:
//
//   steps     passes of the run          entropy   Uint8Array, or null while it is on its way
//   changes   {cells, count}, or null    against   what it was compared with, in words

const OVERLAYS = {
  none: { legend: () => word("overlays.none") },
  mask: {
    veils: true,
    legend: () => word("overlays.mask"),
  },
  revealed: {
    veils: true,
    marks: (step, token) => step.revealedAt?.[token] === step.index - 1,
    isOverResult: true,
    legend: (step) => {
      const count = cellsOf(step, (token) => step.revealedAt?.[token] === step.index - 1);
      if (!step.index) return word("overlays.undecided");
      return word("overlays.revealed", { cells: word("cells", { count }) });
    },
  },
  order: {
    value: (step, token, { steps }) => {
      const at = step.revealedAt?.[token] ?? MASKED;
      if (at === KNOWN || at === MASKED) return null;
      return steps > 1 ? at / (steps - 1) : 1;
    },
    number: (step, token) => step.revealedAt[token] + 1,
    isOverResult: true,
    ends: ["overlays.first", "overlays.last"],
    legend: () => word("overlays.order"),
  },
  confidence: {
    value: (step, token) => (step.confidence ? step.confidence[token] / 255 : null),
    isOverResult: true,
    ends: ["timeline.unsure", "timeline.sure"],
    legend: () => word("overlays.confidence"),
  },
  entropy: {
    value: (step, token, { entropy }) =>
      entropy && step.masked[token] ? entropy[token] / 255 : null,
    isOverResult: true,
    needs: "entropy",
    ends: ["overlays.one_choice", "overlays.all_alike"],
    legend: (step) => word(step.masked.includes(1) ? "overlays.entropy" : "overlays.none_open"),
  },
  changes: {
    marks: (step, token, { changes }) => Boolean(changes?.cells[token]),
    isOverResult: true,
    needs: "changes",
    legend: (step, { changes, against }) => {
      if (!changes) return word("overlays.nothing_against", { against });
      const { open } = countOpen(step);
      const count = cellsOf(step, (token) => changes.cells[token]);
      const cells = word("cells", { count: open });
      return word("overlays.changes", { against, count, cells });
    },
  },
  tokenizer: {
    isOverResult: true,
    needs: "reconstruction",
    legend: () => word("overlays.tokenizer"),
  },
};

function cellsOf(step, has) {
  let count = 0;
  for (let token = 0; token < step.grid * step.grid; token++) {
    if (mayChange(step, token) && has(token)) count++;
  }
  return count;
}

/** Which overlay is chosen, what it needs, and what the legend says. */
function createOverlays(root, state, { sights, redraw, reshow }) {
  const legend = root.querySelector(".mgs-legend");
  const [ramp, words] = [".mgs-ramp", ".mgs-legend-text"].map((name) => legend.querySelector(name));
  const choice = legend.querySelector(".mgs-against");
  const buttons = [...root.querySelectorAll("[data-overlay]")];
  const entropies = new WeakMap(); // step -> its map, once it is here
  let trouble = "";

  function choose(name) {
    trouble = "";
    state.overlay = name;
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.overlay === name));
    }
    reshow();
    refresh();
  }

  /** The step to compare with: the one before it, or the same one of the run before. */
  function other(step) {
    const { run } = state;
    if (choice.value === "step") return run.trace.slice(0, step.index).findLast((each) => each);
    const past = run.previous?.trace;
    return past?.slice(0, step.index + 1).findLast((each) => each);
  }

  /** What an overlay knows about a step besides what the step says itself. */
  function about(step) {
    if (!step) return null;
    const { run, overlay } = state;
    const { needs } = OVERLAYS[overlay];
    const known = { steps: run?.steps ?? 0, entropy: entropies.get(step) ?? null };
    if (needs !== "changes") return known;
    const past = other(step);
    const changes = past && differences(step, past);
    return { ...known, changes, against: choice.selectedOptions[0].textContent };
  }

  /** The shown step; at the result, its last one. */
  const stepNow = () => state.step ?? state.run?.trace.findLast((each) => each) ?? null;

  /** Asks for what is missing; when it is here, the layers draw again. */
  async function fetchNeeds() {
    const { run, step } = state;
    const { needs } = OVERLAYS[state.overlay];
    if (!step || (needs !== "entropy" && needs !== "reconstruction")) return;
    trouble = "";
    try {
      if (!sights.canAsk(run, step)) throw new Error(word("overlays.cannot_ask"));
      if (needs === "reconstruction") await sights.reconstruction(run);
      else if (step.masked.includes(1) && !entropies.has(step)) {
        entropies.set(step, await sights.entropy(run, step));
      }
    } catch (error) {
      if (state.step === step) trouble = error.message;
    }
    if (state.step !== step) return; // somebody has gone on
    refresh();
    redraw();
  }

  function refresh() {
    const step = stepNow();
    if (!step) return;
    const { legend: text, ends, needs } = OVERLAYS[state.overlay];
    const sentence = trouble || text(step, about(step));
    if (words.textContent !== sentence) words.textContent = sentence;
    choice.hidden = needs !== "changes";
    ramp.hidden = !ends;
    if (!ends) return;
    const [low, high] = ends.map((end) => word(end));
    [ramp.firstElementChild.textContent, ramp.lastElementChild.textContent] = [low, high];
  }

  ramp.children[1].style.background = rampCss();
  choice.addEventListener("change", () => {
    refresh();
    redraw();
  });
  for (const button of buttons) {
    button.addEventListener("click", () => choose(button.dataset.overlay));
  }
  return { choose, refresh, about, fetchNeeds, now: () => OVERLAYS[state.overlay] };
}
