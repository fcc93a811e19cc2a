// The tour: short stops on the real page, each with a real control in the light. Read in this order:
//
//   app/words      every word, under "tour" in the file of a language
//   words.js       those words put into place        stops.js      what each stop shows
//   page.js        panels, scrolling, putting back   spotlight.js  the light and the card's place
//   asking.js      page and server                   plates.js     small pictures
//   demos.js       what "Show me" does               race.js       two orders side by side
//   main.js        this file: the card, keys, memory
//
// They are joined, after two files of the canvas, into the function that Gradio calls with
// `element`, `trigger`, `props`, `server` and `watch`. Text reaches the page by textContent only.
//
// The card is a dialog that blocks nothing: arrows go on and back while it has the focus, Escape
// ends the tour from anywhere, and the page is then as it was. The stop is kept in the browser.
//
// The probe: `tour` on the component's element, read-only, for tests:
//   stop     name of the stop, or null while the tour is closed
//   anchor   the control in the light, or null
//   busy     whether a demonstration is under way

const KEPT = "maskgit-studio-tour";

const part = (name) => element.querySelector(`.mgt-${name}`);
const [opener, ring, card, demoArea, show] = ["open", "ring", "card", "demo", "show"].map(part);
const dots = card.querySelector("ol");

const page = createPage();
const spotlight = createSpotlight(ring, card, page);
const demos = createDemos(createAsking());

let at = -1; // index of the stop; -1 while the tour is closed
let turn = 0; // counts moves, so that what a stop began can see that it is over
let showing = null; // the demonstration under way

// --- from stop to stop -----------------------------------------------------------------------

function open() {
  if (at >= 0) return close();
  page.open();
  for (const node of [ring, card]) {
    node.hidden = false;
    node.showPopover?.(); // above everything; where that is unknown, the style sheet does it
  }
  opener.setAttribute("aria-expanded", "true");
  document.addEventListener("keydown", onKey, { capture: true });
  spotlight.start();
  goTo(Math.max(0, STOPS.findIndex(({ id }) => id === remembered())));
  card.focus({ preventScroll: true });
}

function close() {
  if (at < 0) return;
  const hadFocus = card.contains(document.activeElement);
  endDemo();
  turn += 1;
  at = -1;
  spotlight.end();
  document.removeEventListener("keydown", onKey, { capture: true });
  for (const node of [card, ring]) {
    node.hidePopover?.();
    node.hidden = true;
  }
  opener.setAttribute("aria-expanded", "false");
  page.putBack(hadFocus);
  if (hadFocus) opener.focus({ preventScroll: true });
}

async function goTo(index) {
  if (index >= STOPS.length) {
    remember(null); // next time from the beginning
    return close();
  }
  if (index < 0) return;
  endDemo();
  const [mine, stop] = [++turn, STOPS[index]];
  at = index;
  remember(stop.id);
  describe(stop);
  await page.reveal(stop);
  if (mine === turn) spotlight.show(() => page.findAnchor(stop) ?? null);
}

function describe(stop) {
  const { title, text, about } = words.stops[stop.id];
  const side = Number(document.querySelector("#canvas")?.studio?.modelGrid) || 16;
  const values = { cells: side ** 2, grid: side, steps: STEPS };
  card.dataset.stop = stop.id;
  write(part("place"), fill(words.place, { at: at + 1, all: STOPS.length }));
  write(card.querySelector("h2"), fill(title, values));
  write(part("words").querySelector("p"), fill(text, values));
  write(part("about"), fill(about ?? "", values));
  write(part("next"), at === STOPS.length - 1 ? words.done : words.next);
  part("back").disabled = at === 0;
  part("again").hidden = at === 0;
  [...dots.children].forEach((dot, i) => {
    if (i === at) dot.firstChild.setAttribute("aria-current", "step");
    else dot.firstChild.removeAttribute("aria-current");
  });
  demoArea.hidden = !stop.demo;
  card.classList.toggle("mgt-roomy", stop.demo === "race");
  part("plates").replaceChildren();
  write(part("say"), "");
  write(show, words.stops[stop.id].begin ?? words.show);
  part("scroll").scrollTop = 0;
}

// --- demonstrations --------------------------------------------------------------------------

async function startDemo() {
  const stop = STOPS[at];
  const mine = (showing = {});
  const isOver = () => showing !== mine || !element.isConnected;
  const say = (text) => !isOver() && write(part("say"), text);
  part("plates").replaceChildren();
  say(words.working);
  write(show, words.stop);
  try {
    const area = make("div", "row", part("plates"));
    await demos[stop.demo](area, isOver, say);
    if (part("say").textContent === words.working) say("");
  } catch (error) {
    say(error.message);
  }
  if (isOver()) return;
  showing = null;
  write(show, words.show_again);
}

function endDemo(text = "") {
  if (!showing) return;
  showing = null; // the run sees this after the pass that is under way
  write(part("say"), text);
  write(show, words.show_again);
}

// --- keys and memory -------------------------------------------------------------------------

/** Whether a key belongs to something else: an open dialog, an open list. */
const isTaken = (target) =>
  target instanceof Element && target.closest("dialog[open], [role=listbox], [aria-expanded=true][role]");

function onKey(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", onKey, { capture: true });
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Escape" && !isTaken(event.target)) close();
  else if (!card.contains(event.target) || event.target.matches("input")) return;
  else if (event.key === "ArrowRight" && at < STOPS.length - 1) goTo(at + 1);
  else if (event.key === "ArrowLeft") goTo(at - 1);
  else return;
  event.preventDefault();
  event.stopPropagation(); // the picture's timeline listens to arrows, too
}

function remember(id) {
  try {
    if (id) localStorage.setItem(KEPT, id);
    else localStorage.removeItem(KEPT);
  } catch {} // a browser that keeps nothing for a page: the tour then begins anew
}

function remembered() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

// --- the beginning ---------------------------------------------------------------------------

write(opener.querySelector("span"), words.open);
opener.title = words.open_hint;
opener.setAttribute("aria-label", words.open); // a narrow page shows the sign only
dots.setAttribute("aria-label", words.dots);
part("close").setAttribute("aria-label", words.close);
part("close").title = words.close;
write(part("back"), words.back);
write(part("again"), words.again);
STOPS.forEach(({ id }, index) => {
  const dot = make("button", "dot", make("li", "", dots));
  dot.type = "button";
  const title = fill(words.stops[id].title, { cells: "", grid: "" });
  dot.setAttribute("aria-label", fill(words.dot, { at: index + 1, title }));
  dot.addEventListener("click", () => goTo(index));
});
opener.addEventListener("click", open);
part("close").addEventListener("click", close);
part("back").addEventListener("click", () => goTo(at - 1));
part("next").addEventListener("click", () => goTo(at + 1));
part("again").addEventListener("click", () => goTo(0));
show.addEventListener("click", () => (showing ? endDemo(words.stopped) : startDemo()));
for (const node of [ring, card]) node.hidden = true;

Object.defineProperty(element, "tour", {
  value: {
    get stop() { return STOPS[at]?.id ?? null; },
    get anchor() { return spotlight.anchor(); },
    get busy() { return Boolean(showing); },
  },
  configurable: true,
});
