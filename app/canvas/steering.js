// Steering: the buttons beside the inspector. Each makes a branch at the step on the timeline.
//
// Pinning, sending back, choosing and banning are about the picked cells, or about the inspected
// one where none are picked. Class and settings are those beside the picture (`controls`, which
// the page keeps up to date); they hold from this step on.

const SHARE_SENT_BACK = 0.1;
const SETTINGS = [
  "steps", "schedule", "temperature", "choice_temperature", "top_k", "top_p", "guidance_scale",
  "reveal", "known_cells",
];

function labelOf({ label }) {
  return label === null || label === undefined || label < 0 ? null : Number(label);
}

/** The settings beside the picture; the seed only where it is not drawn afresh each time. */
function settingsOf(values) {
  const settings = Object.fromEntries(SETTINGS.map((name) => [name, values[name]]));
  return values.randomise ? settings : { ...settings, seed: values.seed };
}

const newSeed = () => crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
const seedOf = ({ randomise, seed }) => (randomise ? newSeed() : Number(seed));

/** What is chosen beside the picture, as the server is asked for it. */
function wishOf({ model, ...values }) {
  const settings = { ...settingsOf(values), feather: values.feather, seed: seedOf(values) };
  return { model, label: labelOf(values), settings };
}

function createSteering(root, state, { walk, marks, doc, say, controls }) {
  const panel = root.querySelector(".mgs-steer");
  const about = panel.querySelector(".mgs-steer-about");
  const className = panel.querySelector(".mgs-steer-class");
  const buttons = new Map(
    [...root.querySelectorAll("[data-steer]")].map((button) => [button.dataset.steer, button]),
  );
  const bans = [...root.querySelectorAll("[data-ban]")];
  let isBanHere = true;

  const cellsOf = () => packCells(marks.chosen());

  /** Steers by what is chosen, and picks nothing afterwards: the next change is about others. */
  async function steerCells(kind, key) {
    const cells = word("cells", { count: countCells(marks.chosen()) });
    const node = await walk.steer([{ kind, cells: cellsOf() }], word(key, { cells }));
    if (node) marks.clear();
  }

  const actions = {
    pin: () => steerCells("pin", "steering.pinned"),
    unpin: () => steerCells("unpin", "steering.unpinned"),
    remask: () => steerCells("remask", "steering.remasked"),
    least: () => walk.steer(
      [{ kind: "remask", share: SHARE_SENT_BACK }], word("steering.least"),
    ),
    label() {
      const values = controls();
      const name = word("steering.relabelled", { name: values.title() });
      return walk.steer([{ kind: "label", label: labelOf(values) }], name);
    },
    options: () => walk.steer(
      [{ kind: "options", ...settingsOf(controls()) }], word("steering.other_options"),
    ),
    anew: () => walk.steer([{ kind: "options", seed: newSeed() }], word("steering.drawn_anew")),
    step: () => walk.advance(false),
    run: () => walk.advance(true),
    halt() {
      walk.halt();
      say(word("steering.stopped"));
    },
    leave: () => walk.leave(),
    nothing: () => marks.clear(),
    begin: () => walk.begin({ ...wishOf(controls()), drawing: doc.message() }),
  };
  for (const [name, button] of buttons) {
    button.addEventListener("click", () => actions[name]());
  }
  for (const button of bans) {
    button.addEventListener("click", () => {
      isBanHere = button.dataset.ban === "here";
      for (const each of bans) each.setAttribute("aria-pressed", String(each === button));
    });
  }

  function refresh() {
    const from = walk.here();
    const picked = from ? marks.numPicked() : 0;
    const chosen = marks.chosen();
    const isFree = Boolean(from) && !walk.isBusy();
    const isOver = Boolean(from?.step) && !from.step.masked.includes(1);
    const { pinned = null, masked = null } = from?.step ?? {};
    const free = chosen.some((cell, i) => cell && !masked?.[i] && !pinned?.[i]);
    const can = {
      pin: chosen.some((cell, i) => cell && !pinned?.[i]),
      unpin: chosen.some((cell, i) => cell && pinned?.[i]),
      remask: free,
      least: Boolean(from?.step),
      nothing: picked > 0,
    };
    for (const [name, button] of buttons) button.disabled = !(isFree && (can[name] ?? true));
    const { halt, leave, step, run, begin } = Object.fromEntries(buttons);
    halt.disabled = false;
    halt.hidden = !walk.isGoing();
    run.hidden = walk.isGoing();
    step.disabled ||= isOver;
    run.disabled ||= isOver && !state.walking; // it is the picture already
    leave.hidden = !state.walking;
    begin.hidden = Boolean(from);
    begin.disabled = walk.isBusy() || !state.picture || !countCells(state.cells) || state.running;
    run.textContent = word(isOver ? "steering.use" : "steering.run");
    about.textContent = picked
      ? word("steering.picked", { cells: word("cells", { count: picked }) })
      : word(chosen.includes(1) ? "steering.inspected" : "steering.none_picked");
    className.textContent = controls()?.title() || word("steering.no_class");
  }
  hearWhile(root, window, "studio-controls", refresh);

  return {
    refresh,
    choose: (cell, code) =>
      walk.steer(
        [{ kind: "choose", cell, code }],
        word("steering.put", { code, position: marks.nameOf(cell) }),
      ),
    ban: (cell, code) =>
      walk.steer(
        [{ kind: "ban", code, cell: isBanHere ? cell : null }],
        isBanHere
          ? word("steering.banned", { code, position: marks.nameOf(cell) })
          : word("steering.banned_everywhere", { code }),
      ),
  };
}
