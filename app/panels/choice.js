// Which language a visitor gets: an address that names one has it; at the root it is the one that
// was chosen before, or the first that the browser asks for. Runs before anything else is there.
// language.py puts `codes` in front, of all languages, the one at the root first.

const PATIENCE_MS = 30_000;
const SETTLE_MS = 3_000;
const KEPT = "maskgit-studio-language";
const [rootCode, ...others] = codes;
const last = location.pathname.split("/").pop();
const here = others.includes(last) ? last : rootCode;

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // a browser that keeps nothing for a page
  }
}

/** Goes to the page of a language; what else the address says stays. */
function go(code) {
  const root = here === rootCode ? location.pathname : location.pathname.slice(0, -last.length);
  const path = root.replace(/\/?$/, "/") + (code === rootCode ? "" : code);
  location.replace(path + location.search + location.hash);
}

/** Chooses a language, and goes to its page when what is here is kept. */
async function choose(code) {
  try {
    localStorage.setItem(KEPT, code);
  } catch {} // then it holds for this visit
  const patience = new Promise((done) => setTimeout(done, SETTLE_MS));
  await Promise.race([window.studioSettled?.(), patience]);
  go(code);
}

const wished = [kept(), ...navigator.languages.map((tag) => tag.split("-")[0])];
const found = wished.find((code) => codes.includes(code)) ?? rootCode;
if (here === rootCode && found !== rootCode) {
  // Nobody is to see, or paint on, a page that is being left. It loads on until the other one comes,
  // or does not: somebody may stop that.
  const { style } = document.documentElement;
  style.visibility = "hidden";
  setTimeout(() => style.removeProperty("visibility"), PATIENCE_MS);
  go(found);
}

/** Gradio writes the browser's language there, which its own few words are in. */
function tellLanguage() {
  const page = document.documentElement;
  if (page.lang !== here) page.lang = here;
}
new MutationObserver(tellLanguage).observe(document.documentElement, { attributeFilter: ["lang"] });
tellLanguage();
window.studioLanguage = { choose };
