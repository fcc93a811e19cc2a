// The tree of branches: which state of a decode came from which, and how to draw that small.
//
//   run    {id, ...about}: one press of a button; what its states need to be continued
//   node   {id, run, parent, step, edit, name, state}: one state; `edit` says in words what was
//          changed there and is empty after a pass of the model
//
// A node never changes, but for its name: steering makes another one, so going back is walking up.
// Most nodes are passes in a row; only landmarks are drawn. No document in here, so that it can be
// read (and tested) alone, and nothing recursive, because a row may be hundreds of nodes long.

function createForest() {
  const [runs, nodes, children] = [new Map(), new Map(), new Map()];
  const childrenOf = (id) => children.get(id) ?? [];

  function addRun(run) {
    runs.set(run.id, run);
    return run;
  }

  function add({ id, run, parent = null, step, edit = "", name = "", state }) {
    const node = { id, run, parent, step, edit, name, state };
    nodes.set(id, node);
    if (parent !== null) children.set(parent, [...childrenOf(parent), id]);
    return node;
  }

  function rename(id, name) {
    const node = { ...nodes.get(id), name };
    nodes.set(id, node);
    return node;
  }

  /** A node with all that came from it, parents first. */
  function below(id) {
    const found = [id];
    for (const each of found) found.push(...childrenOf(each)); // grows while it is walked
    return found;
  }

  /** Takes a node away with all that came from it, and the run with its start; gives their ids. */
  function remove(id) {
    const { parent, run } = nodes.get(id);
    const gone = below(id);
    for (const each of gone) {
      nodes.delete(each);
      children.delete(each);
    }
    if (parent !== null) children.set(parent, childrenOf(parent).filter((each) => each !== id));
    else if (runs.delete(run)) gone.push(run);
    return gone;
  }

  /** From the start of the run to a node. */
  function pathTo(id) {
    const path = [];
    for (let at = id; at !== null; at = nodes.get(at).parent) path.push(nodes.get(at));
    return path.reverse();
  }

  /** Where people can see that something begins, ends, was changed or named. */
  function isLandmark(id) {
    const node = nodes.get(id);
    const next = childrenOf(id);
    if (node.parent === null || node.edit || node.name || next.length !== 1) return true;
    return nodes.get(next[0]).edit !== "";
  }

  /** The landmark before a node, or null at a start: what undo goes to. */
  function before(id) {
    let at = nodes.get(id).parent;
    while (at !== null && !isLandmark(at)) at = nodes.get(at).parent;
    return at;
  }

  const roots = () => [...nodes.values()].filter((node) => node.parent === null);

  /** The oldest runs that are too many, never the one that is in use; gives the ids taken away. */
  function trim(most, inUse) {
    const gone = [];
    for (const { id, run } of roots()) {
      if (nodes.size <= most) break;
      if (run !== inUse) gone.push(...remove(id));
    }
    return gone;
  }

  function clear() {
    for (const each of [runs, nodes, children]) each.clear();
  }

  return {
    clear, runs, nodes, addRun, add, rename, remove, below, pathTo, isLandmark, before, trim, childrenOf,
    roots,
  };
}

/**
 * Places landmarks on a grid: time goes to the right, branches go down, runs are under each other.
 *
 * `open` is a node that is shown even where it is no landmark. Gives {columns, rows, places}, with
 * a place {id, col, row, from, passes} for each: `from` is the place before it (or null), and
 * `passes` counts the nodes between the two that are not drawn.
 */
function layOut(forest, open = null) {
  const places = [];
  let rows = 0;
  let columns = 0;
  const waiting = forest.roots().reverse().map(({ id }) => ({ id, from: null, goesOn: false }));
  while (waiting.length) {
    const { id: first, from, goesOn } = waiting.pop();
    let [id, passes] = [first, 0];
    while (!forest.isLandmark(id) && id !== open) {
      [id] = forest.childrenOf(id);
      passes++;
    }
    const [col, row] = [from ? from.col + 1 : 0, goesOn ? from.row : rows++];
    const place = { id, col, row, from, passes };
    places.push(place);
    columns = Math.max(columns, col + 1);
    const next = forest.childrenOf(id).map((child, i) => ({ id: child, from: place, goesOn: !i }));
    waiting.push(...next.reverse()); // the eldest goes on in the same row, so it comes first
  }
  return { columns, rows, places };
}

/** In how many cells two steps differ, and in which; null where they cannot be compared. */
function differences(one, other) {
  const isSame = String(one.window) === String(other.window) && one.grid === other.grid;
  if (!isSame || !one.tokens || !other.tokens) return null;
  const cells = Uint8Array.from(one.tokens, (token, cell) => Number(token !== other.tokens[cell]));
  return { cells, count: cells.reduce((sum, cell) => sum + cell, 0) };
}
