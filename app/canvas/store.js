// Autosave: the document survives reloads, crashes and closed tabs, in the browser's own database.
//
// Each tab owns one document, named by an id in its session storage. A duplicated tab copies that
// id, so a tab also holds a lock of that name; who does not get the lock takes a new id and a copy
// of the document. A new tab starts with a copy of the latest document. Pictures are written once
// and shared by all entries; a failure of storage is reported for each picture and never stops the
// editor.
// When the browser's room for the page runs out, the oldest documents that no tab has open make way,
// never the present one, and it is said before nothing more can be kept.
// Branches are rows of their own, written one by one: a step is some hundred bytes, about a thousand
// where all cells are open, and there may be many.

const TAB_KEY = "maskgit-studio-tab";
const DATABASE = "maskgit-studio";
const VERSION = 2;
const KEEP_DOCUMENTS = 6;
const LITTLE_ROOM = 64e6; // bytes: two or three large photos
const SAVE_DELAY_MS = 400; // after the last change: a burst of strokes is written once
const SAVE_AT_MOST_MS = 2000; // after the first of them
const LOCK_PATIENCE_MS = 700; // a reloaded page may meet the lock of its own past

/** `others` gives the pictures that are needed although no entry shows them; `onLittle` hears of the
 *  bytes that are left when a picture was saved and they are few. */
function createStore(onTrouble, onLittle, others = () => []) {
  let database = null;
  let tab = null;
  let timer = 0;
  let latest = 0; // when it is written whatever goes on
  let due = null; // describes what the timer is about to write
  let writing = Promise.resolve();
  let troubled = false;
  let lost = null; // the newest picture when trouble was last told
  let pending = 0;

  const done = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const finished = (transaction) =>
    new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });

  const rangeOf = (name) => IDBKeyRange.bound([name], [name, []]);

  function openDatabase() {
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => {
      const { result } = request;
      const make = (name, keyPath) => {
        if (!result.objectStoreNames.contains(name)) result.createObjectStore(name, { keyPath });
      };
      make("documents", "tab");
      make("pictures", ["tab", "key"]);
      make("branches", ["tab", "id"]);
    };
    const blocked = new Promise((_, reject) => {
      request.onblocked = () => reject(new Error("another tab has an older version open"));
    });
    return Promise.race([done(request), blocked]);
  }

  /** Settles which document is this tab's; answers with the id whose document it starts from. */
  async function settleTab() {
    const known = sessionStorage.getItem(TAB_KEY);
    if (known && (await claim(known))) return (tab = known);
    tab = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    await claim(tab);
    sessionStorage.setItem(TAB_KEY, tab);
    return known;
  }

  /** Holds a name for as long as the page lives; false if another page holds it. */
  function claim(name) {
    if (!navigator.locks) return claimByAsking(name); // pages that are not served securely
    return new Promise((resolve) => {
      const patience = new AbortController();
      setTimeout(() => patience.abort(), LOCK_PATIENCE_MS);
      navigator.locks
        .request(`${DATABASE}-${name}`, { signal: patience.signal }, () => {
          resolve(true);
          return new Promise(() => {});
        })
        .catch(() => resolve(false));
    });
  }

  function claimByAsking(name) {
    return new Promise((resolve) => {
      const channel = new BroadcastChannel(DATABASE);
      const me = Math.random();
      channel.onmessage = ({ data }) => {
        if (data.name !== name || data.from === me) return;
        if (data.taken) resolve(false);
        else channel.postMessage({ name, taken: true, from: me });
      };
      channel.postMessage({ name, from: me });
      setTimeout(() => resolve(true), LOCK_PATIENCE_MS / 3);
    });
  }

  async function restore() {
    try {
      const origin = await settleTab();
      database = await openDatabase();
      database.onversionchange = () => database.close(); // a newer version may have its way
      const all = await done(database.transaction("documents").objectStore("documents").getAll());
      all.sort((a, b) => b.saved - a.saved);
      const found = all.find((document) => document.tab === origin) ?? all[0];
      const outdated = await closed(all.slice(KEEP_DOCUMENTS));
      Promise.all(outdated.map(drop)).catch(trouble);
      return found ? await load(found) : null;
    } catch (error) {
      trouble(error);
      return null;
    }
  }

  async function load(found) {
    const rowsOf = (name) =>
      done(database.transaction(name).objectStore(name).getAll(rangeOf(found.tab)));
    const rows = await rowsOf("pictures");
    const pictures = new Map();
    for (const { key, blob, alpha } of rows) {
      const about = found.pictures.find((picture) => picture.key === key);
      if (about) pictures.set(key, makePicture({ ...about, png: blob, alpha }));
    }
    const entries = found.entries
      .filter((entry) => pictures.has(entry.picture))
      .map((entry) => ({ ...entry, picture: pictures.get(entry.picture) }));
    if (!entries.length) return null;
    const branches = (await rowsOf("branches")).map((row) => {
      return row.context ? { ...row, base: pictures.get(row.base) ?? null } : row;
    });
    const { grid, position, settings } = found;
    return { grid, entries, position, settings, branches, isCopy: found.tab !== tab };
  }

  /** Those of some documents that no tab has open. */
  async function closed(documents) {
    const held = new Set((await navigator.locks?.query())?.held.map((lock) => lock.name));
    return documents.filter(({ tab: old }) => old !== tab && !held.has(`${DATABASE}-${old}`));
  }

  function drop({ tab: old }) {
    const transaction = database.transaction(["documents", "pictures", "branches"], "readwrite");
    transaction.objectStore("documents").delete(old);
    transaction.objectStore("pictures").delete(rangeOf(old));
    transaction.objectStore("branches").delete(rangeOf(old));
    return finished(transaction);
  }

  /** Makes room by dropping the oldest document that nobody has open; false if there is none. */
  async function dropOldest() {
    const all = await done(database.transaction("documents").objectStore("documents").getAll());
    const [oldest] = (await closed(all)).sort((a, b) => a.saved - b.saved);
    if (oldest) await drop(oldest);
    return Boolean(oldest);
  }

  async function roomLeft() {
    const { quota = Infinity, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
    return quota - usage;
  }

  /** Does some writing; where there is no room for it, older documents make way. */
  async function withRoom(write) {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (error?.name !== "QuotaExceededError" || !(await dropOldest())) throw error;
      }
    }
  }

  async function watchRoom() {
    if ((await roomLeft()) > LITTLE_ROOM) return;
    await dropOldest(); // one at a time: the browser may take a while to count
    const left = await roomLeft();
    if (left <= LITTLE_ROOM) onLittle(left);
  }

  /** `describe` is called when the writing starts, so that a burst of strokes is written once. */
  function save(describe) {
    if (!due) {
      pending++;
      latest = performance.now() + SAVE_AT_MOST_MS;
    }
    due = describe;
    clearTimeout(timer);
    timer = setTimeout(flush, Math.min(SAVE_DELAY_MS, latest - performance.now()));
  }

  function flush() {
    if (!due) return;
    clearTimeout(timer);
    const describe = due;
    due = null;
    const task = async () => {
      if (!database) return;
      const document = describe();
      try {
        const hasNew = await withRoom(() => write(document));
        troubled = false;
        if (hasNew) await watchRoom();
      } catch (error) {
        trouble(error, document.entries.at(-1)?.picture ?? null);
      }
    };
    writing = writing.then(task).catch(trouble).finally(() => pending--);
  }

  /** Answers with whether there was a new picture. */
  async function write({ grid, entries, position, settings }) {
    const pictures = [...new Set([...entries.map((entry) => entry.picture), ...others()])];
    // A transaction ends by itself while waiting for anything else: the bytes must come first.
    const blobs = await Promise.all(pictures.map((picture) => picture.png));
    const alphas = await Promise.all(pictures.map((picture) => picture.alpha));
    const transaction = database.transaction(["documents", "pictures"], "readwrite");
    const isOver = finished(transaction);
    isOver.catch(() => {}); // it is awaited below; until then a failure is nobody's
    const store = transaction.objectStore("pictures");
    const keys = (await done(store.getAllKeys(rangeOf(tab)))).map(([, key]) => key);
    const isNew = pictures.map(({ key }) => !keys.includes(key));
    pictures.forEach(({ key }, i) => {
      if (isNew[i]) store.put({ tab, key, blob: blobs[i], alpha: alphas[i] });
    });
    for (const key of keys) {
      if (!pictures.some((picture) => picture.key === key)) store.delete([tab, key]);
    }
    transaction.objectStore("documents").put({
      tab, grid, position, settings, saved: Date.now(),
      pictures: pictures.map(({ png, alpha, ...about }) => about),
      entries: entries.map((entry) => ({ ...entry, picture: entry.picture.key })),
    });
    await isOver;
    return isNew.includes(true);
  }

  /** Writes rows of branches, each with an `id`, and takes those of some ids away. */
  function saveBranches(rows, gone = []) {
    pending++;
    const task = async () => {
      const transaction = database.transaction("branches", "readwrite");
      const store = transaction.objectStore("branches");
      for (const row of rows) store.put({ ...row, tab });
      for (const id of gone) store.delete([tab, id]);
      await finished(transaction);
    };
    writing = writing.then(() => database && withRoom(task)).catch(trouble).finally(() => pending--);
  }

  /** Tells of it once, and again when a further picture is lost. */
  function trouble(error, newest = lost) {
    if (!troubled || newest !== lost) onTrouble(error);
    troubled = true;
    lost = newest;
  }

  // A page that goes out of sight may never run again.
  document.addEventListener("visibilitychange", () => document.hidden && flush());

  /** Writes what waits to be written; resolves when all of it is. */
  async function settled() {
    flush();
    for (let last = null; last !== writing; ) await (last = writing);
  }

  return { restore, save, settled, saveBranches, isIdle: () => pending === 0, isBroken: () => troubled };
}
