// Walking in a decode: from which state to go on, one pass or one change at a time.
//
// To open a node is to put the path to it on the timeline, as a run that is not done; from there
// the model goes on as it is told, and undo walks up. Until a branch is finished, the document
// stays as it was. What is kept of all this, and how the server is asked: grove.js.

function createWalk(state, parts) {
  const { grove, player, paper, doc, variations, say, fail, changed, opened } = parts;
  const { forest, steps, ask, aboutOf, stepOf } = grove;
  let before = null; // the run that was on the timeline when a branch was opened
  let isBusy = false; // one thing at a time
  let isGoing = false; // whether passes follow each other until somebody says stop
  let undone = []; // where undo came from, for redo
  let under = null; // the document's picture that the open branch lies on
  let wanted = null; // the node that somebody wants to see as soon as what is done now is done

  state.walking = false; // a branch is open

  /** Does something while nothing else is done; trouble becomes a sentence and null. */
  async function alone(task) {
    if (isBusy || state.running) return null;
    isBusy = true;
    changed();
    try {
      return await task();
    } catch (error) {
      fail(error.message);
      return null;
    } finally {
      isBusy = isGoing = false;
      if (state.walking) state.running = false;
      player.refresh();
      changed();
      const id = wanted;
      wanted = null;
      if (id !== null && forest.nodes.has(id)) open(id);
    }
  }

  /** Whether a run of the page has begun meanwhile; it has the stage then. */
  const isTaken = () => state.running && !state.walking;

  // --- the timeline --------------------------------------------------------------------------

  /** The node that the timeline shows, with what belongs to it, or null. */
  function here() {
    const { run } = state;
    if (!run?.nodes || !player.isRelevant() || isTaken()) return null;
    for (let at = Math.min(run.at, run.nodes.length - 1); at >= 0; at--) {
      const node = forest.nodes.get(run.nodes[at]);
      if (node) return { node, about: aboutOf(node), step: steps.get(node.id) ?? null };
    }
    return null;
  }

  function need() {
    const found = here();
    if (!found) throw new Error(word("walk.nothing"));
    return found;
  }

  /** Puts the path to a node on the timeline, and under it the picture that it belongs to. */
  async function settle(node) {
    const about = aboutOf(node);
    const isNew = !state.walking || state.run.tree !== about.id;
    if (isNew) await enter(about);
    const { run } = state;
    for (const each of forest.pathTo(node.id)) {
      run.trace.length = run.nodes.length = each.step; // sending cells back may lead back in time
      if (steps.has(each.id)) run.trace[each.step] = steps.get(each.id);
      run.nodes[each.step] = each.id;
    }
    run.trace.length = run.nodes.length = node.step + 1;
    run.steps = steps.get(node.id).steps;
    if (isNew) {
      player.start(run);
      opened();
    }
    player.show(node.step);
    changed();
    return node;
  }

  async function enter(about) {
    under = null;
    await stage(about);
    under = state.picture;
    if (!state.walking) before = state.run;
    const { id, context, window, grid, open, size, origin, base } = about;
    const run = { id: `branch-${id}`, tree: id, context, window, grid, open, size, origin, base };
    Object.assign(run, { done: false, at: 0, results: [], trace: [], nodes: [] });
    run.made = (picture) => state.walking || about.made.has(picture?.key);
    state.run = run;
    state.walking = true;
    variations.clear();
  }

  async function stage(about) {
    if (about.size) return paper.stageSize(about.size, about.origin);
    paper.stageSize(null);
    if (state.picture === about.base || about.made.has(state.picture?.key)) return;
    if (!about.base) throw new Error(word("walk.picture_gone"));
    await doc.bring(about.base);
  }

  /** After a reload, the steps before the open one come when nothing else is to do. */
  async function fillGaps(run) {
    for (const [at, id] of [...run.nodes.entries()]) {
      const node = forest.nodes.get(id);
      if (!node || run.trace[at]) continue;
      const step = await stepOf(node);
      if (state.run !== run || run.nodes[at] !== id) return;
      run.trace[at] = step;
      player.refresh();
    }
  }

  // --- what people do ------------------------------------------------------------------------

  async function open(id) {
    const node = await alone(async () => {
      await doc.settled();
      await stepOf(forest.nodes.get(id));
      return settle(forest.nodes.get(id));
    });
    if (node) fillGaps(state.run).catch(() => {}); // they are asked for again another time
    return node;
  }

  /** Changes the state on the timeline; `words` name the branch that begins with it. */
  const steer = (edits, words) => alone(async () => {
    const { node, about } = need();
    const frame = await ask("steer", about, { state: node.state, edits });
    return arrive(about, node.id, frame, words);
  });

  async function arrive(about, parent, frame, words = "") {
    const node = grove.add(about, parent, frame, words);
    undone = [];
    return isTaken() ? node : settle(node);
  }

  /** Runs one pass, or all that are left; the last one puts the result into the document. */
  const advance = (isAll) => alone(async () => {
    const { node: from, about } = need();
    await stepOf(from);
    let node = await settle(from);
    const isOver = () => !steps.get(node.id).masked.includes(1);
    isGoing = state.running = true;
    say("");
    do {
      if (!isOver()) node = await pass(about, node);
      if (!state.walking) return null;
    } while (isAll && isGoing && !isOver());
    state.running = false;
    if (isOver()) await finish(about, node);
    return node;
  });

  /** One state goes on in one way, so a pass that was seen is not run again. */
  async function pass(about, node) {
    const next = forest.childrenOf(node.id).map((id) => forest.nodes.get(id));
    const known = next.find(({ edit }) => !edit);
    if (!known) return arrive(about, node.id, await ask("step", about, { state: node.state }));
    await stepOf(known);
    return isTaken() ? known : settle(known);
  }

  async function finish(about, node) {
    const frame = await ask("finish", about, { state: node.state });
    if (!state.walking) return;
    under = null; // the document changes, and this time it is the branch that changes it
    await parts.conclude(frame);
    grove.made(about, state.run.results[0]);
    state.walking = false;
  }

  /** Begins a decode without running a pass. */
  const begin = (request) => alone(async () => {
    const base = state.picture;
    const frame = await ask("start", { base }, request);
    return arrive(grove.begin(frame, base), null, { step: 0, ...frame });
  });

  /** Back to the document as it is. */
  function leave() {
    if (!state.walking) return;
    isGoing = state.running = state.walking = false;
    under = null;
    [state.run, before] = [before, null];
    paper.stageSize(null);
    player.start(state.run);
    player.rest();
    variations.show(state.run);
    player.refresh();
    changed();
  }

  /** The document changed: another picture needs the stage. */
  function follow() {
    if (under && state.picture !== under) leave();
  }

  const last = () => state.run?.nodes?.at(-1) ?? null;

  /** Undo: to the landmark before the open node; before the first one is the document. */
  async function up() {
    const id = last();
    const to = forest.before(id);
    if (to === null) leave();
    else if (await open(to)) undone.push(id);
  }

  async function down() {
    if (undone.length) await open(undone.pop());
  }

  async function remove(id) {
    if (isBusy) return;
    const { parent } = forest.nodes.get(id);
    const gone = grove.remove(id);
    undone = undone.filter((each) => !gone.includes(each));
    if (!state.walking || !gone.includes(last())) return changed();
    if (parent === null) leave();
    else await open(parent);
  }

  return {
    here, open, steer, advance, begin, leave, follow, up, down, remove,
    last,
    visit(id) {
      undone = [];
      if (isBusy && !state.running) wanted = id;
      return open(id);
    },
    halt: () => {
      isGoing = false;
    },
    isBusy: () => isBusy,
    isGoing: () => isGoing,
    canRedo: () => undone.length > 0,
  };
}
