// Projects: everything here as one file, and back. docs/projects.md describes it.
//
// The browser packs and unpacks, so the pictures of a history stay here; the server checks the
// words (app/projects.py), and nothing else of them is believed. What is here is only replaced when
// all of the file was read: words, sizes, and every picture drawn once.

const PROJECT_FILE = "maskgit-studio.maskgit.zip";
const PROJECT_WORDS = "document.json";
const PROJECT_LIMITS = {
  file: 512 * 2 ** 20,
  members: 2001,
  words: 32 * 2 ** 20,
  picture: 128 * 2 ** 20, // of 48 megapixels
  bytesOf(name) {
    if (name === PROJECT_WORDS) return this.words;
    if (name === "pictures/") return 0;
    return /^pictures\/[0-9]{1,4}(\.alpha)?\.png$/.test(name) ? this.picture : null;
  },
};

/** Whether somebody brings a project; what is in it is seen when it is read. */
const isProject = (file) => /\.zip$/i.test(file.name ?? "") || /zip/.test(file.type);

function createProject(root, state, { server, doc, history, lab, settle, settings, say, fail }) {
  const dialog = root.querySelector(".mgs-replace");

  // --- saving --------------------------------------------------------------------------------

  function describe() {
    const shown = history.entries.map(({ picture }) => picture);
    const pictures = [...new Set([...shown, ...lab.bases()])];
    const indexOf = (key) => {
      const index = pictures.findIndex((picture) => picture.key === key);
      return index < 0 ? null : index;
    };
    const { runs, nodes } = lab.rows();
    const words = {
      format: "maskgit-project", version: 3, grid: state.grid(), settings: settings(),
      position: history.position,
      pictures: pictures.map(({ width, height, from, origin, made, chunks }, i) => {
        const file = `pictures/${i}.png`;
        return { file, alpha: null, width, height, made_from: indexOf(from), origin, made, chunks };
      }),
      entries: history.entries.map(({ picture, cells, shown, painted, lens, classes, isResult }) => ({
        picture: indexOf(picture.key), cells: packCells(cells), shown, is_result: Boolean(isResult),
        grid: latticeFor(picture, lensFor(lens, state.grid(), picture)).grid, lens,
        painted: painted ? { grid: painted.grid, cells: packCells(painted.cells) } : null,
        classes: (classes ?? []).map((id, i) => [id, packCellsOf(painted?.cells ?? cells, i + 2)]),
      })),
      runs: runs.map(({ base, made, ...run }) => ({
        ...run,
        base: base && indexOf(base),
        made: made.map(indexOf).filter((index) => index !== null),
      })),
      nodes,
    };
    return { words, pictures };
  }

  /** A picture's colours as PNG, and nothing else of the file that it may have come in. */
  async function pngOf(picture) {
    const png = await picture.png;
    if (!picture.isFile) return png;
    const bitmap = await decodePixels(png);
    const sheet = canvasOf(bitmap);
    bitmap.close();
    return pngOfCanvas(sheet);
  }

  async function pack() {
    await doc.settled();
    const { words, pictures } = describe();
    const members = [];
    for (const [i, picture] of pictures.entries()) {
      const row = words.pictures[i];
      members.push({ name: row.file, blob: await pngOf(picture) });
      const alpha = await picture.alpha;
      if (!alpha) continue;
      row.alpha = `pictures/${i}.alpha.png`;
      members.push({ name: row.alpha, blob: alpha });
    }
    members.unshift({ name: PROJECT_WORDS, blob: new Blob([JSON.stringify(words)]) });
    const isTooLarge = ({ name, blob }) => blob.size > PROJECT_LIMITS.bytesOf(name);
    const size = members.reduce((sum, { blob }) => sum + blob.size, 0);
    if (members.some(isTooLarge) || size > PROJECT_LIMITS.file * 0.99) {
      throw new Error(word("project.too_much"));
    }
    return { file: await writeZip(members), pictures };
  }

  async function save() {
    if (state.running || !state.picture) return;
    say(word("project.packing"), "busy");
    try {
      const { file, pictures } = await pack();
      saveFile(file, PROJECT_FILE);
      say(word("project.saved", { count: pictures.length }));
    } catch (error) {
      fail(word("project.not_saved", { reason: error.message }));
    }
  }

  // --- opening -------------------------------------------------------------------------------

  async function unpack(file) {
    const members = await readZip(file, PROJECT_LIMITS);
    const bytes = members.get(PROJECT_WORDS);
    if (!bytes) throw new Error(word("project.none"));
    const answer = await server.project({ document: new TextDecoder().decode(bytes) })
      .catch(() => null);
    if (!answer?.ok) throw new Error(answer?.error?.message ?? word("lost"));
    const { document: words } = answer;
    const blobs = [];
    for (const row of words.pictures) {
      const plane = (name) => name && planeOf(name, row, members.get(name));
      blobs.push({ png: await plane(row.file), alpha: await plane(row.alpha) });
    }
    return { words, blobs };
  }

  /** The bytes of a picture, which can be drawn: what cannot would be missed much later. */
  async function planeOf(file, { width, height }, bytes) {
    const size = bytes && sizeOfPng(bytes);
    if (size?.width !== width || size?.height !== height) {
      throw new Error(word("project.missing", { file, width, height }));
    }
    const blob = new Blob([bytes], { type: "image/png" });
    const bitmap = await decodePixels(blob).catch(() => null);
    if (!bitmap) throw new Error(word("project.damaged", { file }));
    bitmap.close();
    return blob;
  }

  /** They count as files: what else a stranger's PNG holds is not to be saved again from here. */
  function picturesOf({ pictures: rows }, blobs) {
    const pictures = rows.map(({ width, height, origin, made, chunks }, i) => {
      return makePicture({ width, height, origin, made, chunks, ...blobs[i], isFile: true });
    });
    rows.forEach(({ made_from: from }, i) => {
      if (from !== null) pictures[i].from = pictures[from].key;
    });
    return pictures;
  }

  function entriesOf({ entries, grid }, pictures) {
    return entries.map((entry) => {
      const { picture: index, cells, shown, is_result: isResult, painted } = entry;
      const classes = entry.classes ?? [];
      const [picture, lens] = [pictures[index], entry.lens ?? plainLens(grid)];
      const open = (hex, side) => {
        return unpackCells(hex, makeLattice(picture.width, picture.height, side).size);
      };
      const { grid: side, cells: hex } = painted ?? { grid: entry.grid ?? grid, cells };
      const own = { grid: side, cells: open(hex, side) };
      classes.forEach(([, of], i) => {
        open(of, side).forEach((cell, place) => cell && (own.cells[place] = i + 2));
      });
      const ids = classes.map(([id]) => id);
      return { picture, cells: own.cells, shown, isResult, painted: own, lens, classes: ids };
    });
  }

  async function adopt({ words, blobs }) {
    const pictures = picturesOf(words, blobs);
    const runs = words.runs.map((run) => ({
      ...run,
      base: run.base === null ? null : pictures[run.base],
      made: run.made.map((index) => pictures[index].key),
    }));
    lab.reset([...runs, ...words.nodes]);
    const { grid, position } = words;
    await doc.restore({ grid, entries: entriesOf(words, pictures), position });
    settle(words.settings);
  }

  /** Whether somebody's work would make way. */
  const hasWork = () => history.entries.length > 1 || lab.rows().nodes.length > 0;

  /** Asks; saving first leaves the question open. */
  function mayReplace() {
    if (!hasWork()) return true;
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.onclose = () => resolve(dialog.returnValue === "open");
      dialog.returnValue = "";
    });
  }

  /** Gives the sentence that says what came; throws one where nothing did. */
  async function open(file) {
    const found = await unpack(file).catch((error) => {
      throw new Error(word("project.not_opened", { name: file.name, reason: error.message }));
    });
    if (!(await mayReplace())) return word("project.kept");
    if (state.running) throw new Error(word("busy"));
    await adopt(found);
    const { entries, nodes } = found.words;
    const [steps, states] = [entries.length, nodes.length];
    return word(states ? "project.open_states" : "project.open", { steps, states });
  }

  for (const button of dialog.querySelectorAll("[data-replace]")) {
    button.addEventListener("click", () => dialog.close(button.dataset.replace));
  }

  return { save, open };
}
