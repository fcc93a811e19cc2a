// What is kept of every run: its states as a tree, and the steps that were seen of them.
//
// The server keeps no states. What a run is about (`context`, opaque here) and each state go there
// and come back, so a branch can be continued after a reload, from any node. The browser's
// database gets a row per node; pictures and maps of a step are asked for when they are looked at.

const NODES_KEPT = 2000; // of all runs together; the oldest run makes room

function createGrove({ ask, sights, store, changed }) {
  const forest = createForest();
  const steps = new Map(); // node -> its step with pictures and maps, as far as it was seen
  const unseen = new Map(); // node -> what stands for its step where only the picture was asked for
  let lastId = 0;

  // A node's state travels as text and is kept as bytes, a quarter less.
  const packed = (row) => ("state" in row ? { ...row, state: bytesOfBase64(row.state) } : row);
  const unpacked = (row) => ({ ...row, state: base64OfBytes(row.state) });

  const aboutOf = (node) => forest.runs.get(node.run);

  function read(frame, about) {
    const step = makeStep({ ...frame, open: null }, about); // what is pinned is still of this run
    step.pinned = unpackCells(frame.pinned ?? "", about.grid * about.grid);
    return step;
  }

  async function stepOf(node) {
    if (!steps.has(node.id)) {
      const frame = await ask("steer", aboutOf(node), { state: node.state, edits: [] });
      steps.set(node.id, read(frame, aboutOf(node)));
    }
    return steps.get(node.id);
  }

  function grow(about, parent, step, edit = "") {
    const id = ++lastId;
    const node = forest.add({
      id, run: about.id, parent, step: step.index, edit, state: step.state,
    });
    steps.set(id, step);
    return node;
  }

  function save(rows, gone = []) {
    for (const id of gone) steps.delete(id);
    store.saveBranches(rows.map(packed), gone);
  }

  /** Makes the start of a tree of what every branch of a run needs. */
  function plant({ context, window, grid, open, size, origin, base, steps: passes }) {
    const about = { context, window, grid, open, size, origin, base, steps: passes };
    return forest.addRun({ id: ++lastId, ...about, made: new Set() });
  }

  /** A whole new picture needs none under it. */
  const needsBase = ({ base, size }) => Boolean(base && !size);

  const rowOf = (about) => ({
    ...about,
    open: packCells(about.open),
    base: needsBase(about) ? about.base.key : null,
    made: [...about.made],
  });

  /** Keeps the steps of a run that has ended or was stopped; gives the last one's node, or null. */
  function record(run) {
    if (!run.context || run.nodes || !run.trace.some((step) => step?.state)) return null;
    const about = plant(run);
    if (run.results[0]) about.made.add(run.results[0].key);
    run.nodes = [];
    const rows = [];
    for (const step of run.trace) {
      if (!step?.state) continue; // merged with the next one on the way
      rows.push(grow(about, rows.at(-1)?.id ?? null, step));
      run.nodes[step.index] = rows.at(-1).id;
    }
    save([rowOf(about), ...rows], forest.trim(NODES_KEPT, about.id));
    changed();
    return rows.at(-1);
  }

  function restore({ branches, isCopy }) {
    for (const { tab: _, ...row } of branches) {
      lastId = Math.max(lastId, row.id);
      if (!row.context) forest.add(unpacked(row));
      else {
        const open = unpackCells(row.open, row.grid * row.grid);
        forest.addRun({ ...row, open, made: new Set(row.made) });
      }
    }
    if (isCopy) save([...[...forest.runs.values()].map(rowOf), ...forest.nodes.values()]);
    changed();
  }

  /** All runs and nodes as they are kept, states as text. */
  const rows = () => ({
    runs: [...forest.runs.values()].map(rowOf),
    nodes: [...forest.nodes.values()],
  });

  /** Puts others in the place of all there are; their ids become new ones. */
  function reset(others) {
    const gone = [...forest.runs.keys(), ...forest.nodes.keys()];
    forest.clear();
    unseen.clear();
    save([], gone);
    const past = lastId; // nobody is to take a new one for an old one
    const renewed = ({ id, ...row }) => {
      if (row.context) return { ...row, id: id + past };
      const parent = row.parent === null ? null : row.parent + past;
      return { ...row, id: id + past, run: row.run + past, parent, state: bytesOfBase64(row.state) };
    };
    restore({ branches: others.map(renewed), isCopy: true });
  }

  function rename(id, name) {
    save([forest.rename(id, name)]);
    changed();
  }

  /** The window's picture at a node, as a bitmap that stays the keeper's. */
  function pictureOf(node) {
    const step = steps.get(node.id) ?? unseen.get(node.id) ?? { state: node.state, image: null };
    if (!steps.has(node.id)) unseen.set(node.id, step);
    return sights.bitmap(aboutOf(node), step);
  }

  /** Takes a branch away; gives the ids of what is gone. */
  function remove(id) {
    const gone = forest.remove(id);
    save([], gone);
    return gone;
  }

  return {
    forest, steps, ask, aboutOf, stepOf, pictureOf, record, restore, rows, reset, rename, remove,
    /** A state that came from another one, or from none. */
    add(about, parent, frame, edit = "") {
      const node = grow(about, parent, read(frame, about), edit);
      save([node], forest.trim(NODES_KEPT, about.id));
      return node;
    },
    /** A new tree, from the frame that starts a run over a picture. */
    begin(frame, base) {
      const open = unpackCells(frame.open, frame.grid * frame.grid);
      const about = plant({ size: null, origin: null, ...frame, open, base });
      save([rowOf(about)]);
      return about;
    },
    /** Notes a picture that a branch has become. */
    made(about, picture) {
      about.made.add(picture.key);
      save([rowOf(about)]);
    },
    bases: () => [...forest.runs.values()].filter(needsBase).map(({ base }) => base),
  };
}
