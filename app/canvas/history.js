// Undo and redo over strokes and pictures alike: a row of entries and a position in it.
//
// An entry is a value: the picture (shared by all entries that show it), a copy of the painted
// cells, and whether the mask is shown. A new entry cuts off what could have been redone. Of many
// strokes the oldest are forgotten; pictures stay as long as there are strokes to forget.

const HISTORY_LIMIT = 30;

const HISTORY_NEWEST = 10; // which Undo is likely to bring: they stay whatever they show

/** Which entry has to go: the oldest whose picture the next one shows, too, before any picture. */
function leastMissed(entries) {
  const old = entries.slice(0, -HISTORY_NEWEST);
  return Math.max(0, old.findIndex(({ picture }, i) => picture === entries[i + 1].picture));
}

function createHistory() {
  const history = { entries: [], position: -1 };

  history.current = () => history.entries[history.position] ?? null;
  history.canUndo = () => history.position > 0;
  history.canRedo = () => history.position < history.entries.length - 1;

  history.push = (entry) => {
    history.entries.length = history.position + 1;
    history.entries.push(entry);
    if (history.entries.length > HISTORY_LIMIT) {
      history.entries.splice(leastMissed(history.entries), 1);
    }
    history.position = history.entries.length - 1;
  };
  /** Changes the present without adding to the past, e.g. when another variation is picked. */
  history.replace = (entry) => {
    history.entries[history.position] = entry;
  };
  history.move = (by) => {
    const next = history.position + by;
    if (next < 0 || next >= history.entries.length) return null;
    history.position = next;
    return history.current();
  };
  history.reset = (entries, position) => {
    history.entries = entries;
    history.position = Math.max(0, Math.min(entries.length - 1, position));
  };
  /** The picture that the present one was made from, or null (an opened picture has none). */
  history.before = () => {
    const from = history.current()?.picture.from;
    if (!from) return null;
    return history.entries.find((entry) => entry.picture.key === from)?.picture ?? null;
  };
  return history;
}
