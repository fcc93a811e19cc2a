// Classes as colours: what is painted may be of several classes, each a swatch to paint with.
//
// A painted cell holds the number of its swatch: 1 is the class that is chosen beside the picture,
// 2 to 8 are further ones, `state.classes`, ids in the order of their swatches. A further class that
// the model lacks stays where it is painted, for when its model is chosen again; until then these
// cells are of the class beside the picture, and that is said.
//
// The row of swatches lies under that class, in a place that the page has for it (panels/make.py).

const MAX_CLASSES = 8; // in one picture; the server has the same limit (drawing.py)
const NO_CLASS_ID = -1; // where any class will do, with models that can do without; as there

/** The numbers of the classes that are painted, from the lowest on. */
function numbersIn(cells) {
  const isIn = new Uint8Array(MAX_CLASSES + 1);
  for (let index = 0; index < cells.length; index++) isIn[cells[index]] = 1;
  return [...isIn.keys()].filter((number) => number && isIn[number]);
}

/** The cells of one class, as they travel. */
const packCellsOf = (cells, number) => packCells(cells.map((cell) => (cell === number ? 1 : 0)));

/** Further classes as they travel, [[id, cells], ...]; those that are painted and known. */
function packClasses(cells, classes, known) {
  const numbers = new Map(); // of each class: somebody may have chosen it twice
  for (const number of numbersIn(cells)) {
    const id = classes[number - 2];
    if (known.has(id)) numbers.set(id, [...(numbers.get(id) ?? []), number]);
  }
  return [...numbers].map(([id, own]) => {
    return [id, packCells(cells.map((cell) => (own.includes(cell) ? 1 : 0)))];
  });
}

/** The swatches an entry of the history needs; others that are there already may stay. */
function classesFor(needed, present) {
  const isThere = needed.every((id, i) => present[i] === id);
  return isThere ? present : needed;
}

function createClasses(root, state, { doc, say, redraw, list }) {
  let known = new Map(); // id to name, of the model
  let models = 0; // that were chosen so far
  const names = new Map(); // of all models so far
  let shown = ""; // what the row shows, to draw it anew only when that changes

  function read() {
    const named = ([id, name]) => [id, id === NO_CLASS_ID ? word("classes.none") : name];
    known = new Map(list().map(named));
    models++;
    for (const [id, name] of known) names.set(id, name);
  }

  const nameOf = (id) => names.get(id) ?? word("classes.unnamed", { id });
  const ownName = () => window.studioControls?.title() || word("classes.own");
  const titleOf = (number) => (number === 1 ? ownName() : nameOf(state.classes[number - 2]));

  function choose(number) {
    state.swatch = number;
    redraw();
  }

  function add() {
    if (state.running || state.classes.length + 1 >= MAX_CLASSES) return;
    const taken = new Set([window.studioControls?.label, ...state.classes]);
    const free = [...known.keys()].find((id) => !taken.has(id));
    if (free === undefined) return;
    doc.setClasses([...state.classes, free]);
    choose(state.classes.length + 1);
  }

  /** Takes a swatch away; what it has painted is of the class beside the picture. */
  function remove(number) {
    if (state.running) return;
    const left = state.classes.filter((_, i) => i !== number - 2);
    const renumber = (cell) => (cell === number ? 1 : cell > number ? cell - 1 : cell);
    state.swatch = renumber(state.swatch);
    doc.setClasses(left, renumber);
    redraw();
  }

  function set(number, id) {
    if (state.running) return;
    doc.setClasses(state.classes.map((old, i) => (i === number - 2 ? id : old)));
    choose(number);
  }

  // --- the row -------------------------------------------------------------------------------

  function make(tag, about, ...children) {
    const { label, ...rest } = about;
    const node = Object.assign(document.createElement(tag), rest);
    if (label) node.setAttribute("aria-label", label);
    node.append(...children);
    return node;
  }

  function swatchButton(number) {
    const title = word("classes.paint", { name: titleOf(number), number });
    const button = make("button", { type: "button", title, label: title, className: "mgs-swatch" });
    button.append(make("span", { textContent: String(number) }));
    button.dataset.key = `swatch ${number}`;
    button.dataset.swatch = number;
    button.style.setProperty("--mgs-swatch", `var(--mgs-class-${number})`);
    button.setAttribute("aria-pressed", String(state.swatch === number));
    button.addEventListener("click", () => choose(number));
    return button;
  }

  function picker(number) {
    const id = state.classes[number - 2];
    const select = make("select", { label: word("classes.picker", { number }) });
    const unknown = [id, word("classes.unknown", { name: nameOf(id) })];
    const choices = known.has(id) ? [...known] : [unknown, ...known];
    select.append(...choices.map(([value, name]) => new Option(name, value, false, value === id)));
    select.dataset.key = `class ${number}`;
    select.disabled = state.running;
    select.addEventListener("change", () => set(number, Number(select.value)));
    const label = word("classes.remove", { number, name: nameOf(id) });
    const button = make("button", { type: "button", className: "mgs-remove", title: label, label });
    button.textContent = "×";
    button.dataset.key = `remove ${number}`;
    button.disabled = state.running;
    button.addEventListener("click", () => remove(number));
    return [select, button];
  }

  function draw(place) {
    const isOne = !state.classes.length;
    const focused = place.contains(document.activeElement) && document.activeElement.dataset.key;
    place.replaceChildren();
    if (!isOne) {
      const own = make("span", { className: "mgs-class-name", textContent: ownName() });
      place.append(make("div", { className: "mgs-class" }, swatchButton(1), own));
      state.classes.forEach((_, i) => {
        place.append(make("div", { className: "mgs-class" }, swatchButton(i + 2), ...picker(i + 2)));
      });
    }
    const button = make("button", {
      type: "button", className: "mgs-add-class",
      title: word("classes.add_title"),
    }, word("classes.add"));
    button.disabled = state.running || state.classes.length + 1 >= MAX_CLASSES || known.size < 2;
    button.addEventListener("click", add);
    const note = make("em", {}, word("classes.experimental"));
    place.append(make("div", { className: "mgs-class" }, button, note));
    if (focused) (place.querySelector(`[data-key="${focused}"]`) ?? button).focus();
  }

  function refresh() {
    const place = document.querySelector("#classes");
    if (!place) return;
    const now = JSON.stringify([state.classes, state.swatch, state.running, ownName(), models]);
    if (now === shown && place.childElementCount) return;
    draw(place);
    shown = now;
  }

  /** Another model is chosen: what it lacks is said. */
  function follow() {
    read();
    const painted = numbersIn(state.cells).filter((number) => number > 1);
    const missing = painted.map((number) => state.classes[number - 2]).filter((id) => !known.has(id));
    if (missing.length) {
      const lost = missing.map(nameOf).join(", ");
      say(word("classes.lost", { lost, name: ownName() }));
    }
    if (state.picture) doc.publish(null);
    refresh();
  }

  hearWhile(root, window, "studio-controls", refresh);
  read();

  return {
    refresh, follow,
    choices: () => known,
    /** The next swatch, or the one before. */
    move(by) {
      const count = state.classes.length + 1;
      if (count === 1) return say(word("classes.only_one"));
      choose(((state.swatch - 1 + by + count) % count) + 1);
      say(word("classes.painting", { name: titleOf(state.swatch) }));
    },
  };
}
