// The panel under the timeline: cell inspector, steering and branches, put together.
//
// It opens by its button, by the tool that looks at cells, and when a branch is opened; it follows
// the timeline. A run that is stopped half-way is offered here to be gone on with.

function createLab(root, state, parts) {
  const { player, store, sights, ask, announce, redraw, say } = parts;
  const part = (name) => root.querySelector(`.mgs-${name}`);
  const [aside, tree, words] = ["aside", "branches", "lab-words"].map(part);
  const toggle = root.querySelector("[data-do=lab]");
  const resume = root.querySelector("[data-lab=resume]");
  let stopped = null; // the last node of a run that was stopped
  let scheduled = 0;

  const controls = () => window.studioControls; // see events.py
  state.canWalkDown = () => walk.canRedo();
  const changed = () => {
    scheduled ||= requestAnimationFrame(refresh);
  };
  const grove = createGrove({ ask, sights, store, changed });
  const walk = createWalk(state, { ...parts, grove, changed });
  const marks = createMarks(state, {
    walk, announce, redraw, changed, say, painter: parts.painter, inspect: look,
  });
  const steering = createSteering(root, state, { walk, marks, say, controls, doc: parts.doc });
  const inspector = createInspector(root, state, {
    walk, grove, marks, steering, fail: parts.fail,
  });
  const versus = createVersus(root, { grove, fail: parts.fail });
  const branches = createBranches(root, state, { grove, walk, compare: versus.open });

  function look(cell) {
    open(true);
    inspector.look();
    if (cell < 0) say(word("walk.nothing"));
    else inspector.bring();
    return false;
  }

  function open(isOpen = aside.hidden) {
    aside.hidden = tree.hidden = !isOpen;
    root.classList.toggle("mgs-lab-open", isOpen);
    toggle.setAttribute("aria-expanded", String(isOpen));
    changed();
  }

  const isThere = (id) => grove.forest.nodes.has(id);

  /** Whether a variation is a branch; the first one is, as its steps are kept. */
  const isKept = (run, index) =>
    isThere(index === 0 ? run?.nodes?.at(-1) : run?.kept?.get(index));

  /** Makes a branch of a variation, beside the steps of the first one. */
  async function keep(run, index) {
    const start = run.nodes?.find(isThere);
    if (start === undefined) throw new Error(word("lab.branches_gone"));
    const about = grove.aboutOf(grove.forest.nodes.get(start));
    const { state: text, seed } = run.patches[index];
    const frame = await ask("steer", about, { state: text, edits: [] });
    const node = grove.add(about, start, frame, word("variations.one_seed", { number: index + 1, seed }));
    run.kept ??= new Map();
    run.kept.set(index, node.id);
    changed();
  }

  function refresh() {
    scheduled = 0;
    if (state.walking) stopped = null;
    const isKept = stopped && grove.forest.nodes.has(stopped.id);
    resume.hidden = !isKept || state.running;
    if (isKept) resume.textContent = word("lab.resume", { step: stopped.step });
    words.textContent = state.walking ? word("lab.waits") : "";
    steering.refresh();
    inspector.look();
    if (!tree.hidden) branches.refresh();
    parts.refresh();
  }

  resume.addEventListener("click", () => {
    open(true);
    walk.visit(stopped.id);
  });
  state.moved = changed;

  return {
    open, refresh: changed, walk, marks, keep, isKept,
    restore: grove.restore,
    bases: grove.bases,
    rows: grove.rows,
    /** Everything is about other runs now: nothing on the timeline is left. */
    reset(branches) {
      walk.leave();
      stopped = state.run = null;
      player.start(null);
      parts.variations.show(null);
      grove.reset(branches);
    },
    /** Keeps the steps of a run that has ended, or offers to go on with one that was stopped. */
    record(run, isStopped = false) {
      const node = grove.record(run);
      stopped = isStopped && node?.step ? node : null;
      return stopped !== null;
    },
    about: {
      branches: () => grove.forest.nodes.size,
      branchesShown: () => branches.numShown(),
      node: () => walk.last(),
      walking: () => state.walking,
      asking: () => walk.isBusy(),
      picked: () => marks.numPicked(),
      looksAt: () => state.looksAt,
    },
  };
}
