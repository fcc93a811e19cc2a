// More like this: pictures close to the result that is shown.
//
// A share of its cells, those the model was least certain of, is drawn again by seeds of its own;
// the answer is a run like any other, with variations to pick from. The result it came from is one
// undo away.

const FEWEST_CLOSE = 4; // one alone would give nothing to pick from

function createMore(root, state, { ask, isRelevant, controls, receive, say, fail, begun }) {
  const panel = root.querySelector(".mgs-more");
  const button = panel.querySelector("[data-do=more]");
  const shares = [...panel.querySelectorAll("[data-share]")];
  let share = 0.25;
  let isAsking = false;
  let count = 0;

  /** The result on the stage with the state that made it, or null. */
  function source() {
    const { run, picture } = state;
    if (state.running || !run?.done || !run.context || !isRelevant()) return null;
    const text = run.patches[run.results.indexOf(picture)]?.state;
    return text ? { run, picture, text } : null;
  }

  async function go() {
    const from = source();
    if (isAsking) return;
    if (!from) return fail(word("more.needs_result"));
    isAsking = true;
    refresh();
    say(word("more.working"), "busy");
    try {
      const { variations, ...values } = controls();
      const wish = { share, seed: seedOf(values), count: Math.max(variations, FEWEST_CLOSE) };
      show(from, await ask("vary", from.run, { state: from.text, ...wish }));
    } catch (error) {
      fail(error.message);
    } finally {
      isAsking = false;
      refresh();
    }
  }

  function show({ run, picture }, { start, ...done }) {
    if (state.running || state.picture !== picture) return say(word("more.other"));
    const id = `close-${++count}-${run.id}`;
    begun();
    receive({ ...start, run: id, context: run.context, base: run.base });
    receive({ ...done, run: id });
  }

  function refresh() {
    panel.hidden = !source();
    button.disabled = isAsking;
    for (const each of shares) {
      each.setAttribute("aria-pressed", String(Number(each.dataset.share) === share));
    }
  }

  for (const each of shares) {
    each.addEventListener("click", () => {
      share = Number(each.dataset.share);
      refresh();
    });
  }

  return { go, refresh, isAsking: () => isAsking };
}
