// The menu of models: a button that names the one in use, and a dialog with all there are.
//
// Gradio calls this with `element`, `trigger`, `props`, `server` and `watch`. The value is the id
// of the model in use: it goes with every run, and Python sets it when the page has followed an
// event "choose". The server knows what is here and what is on its way; it is asked when the
// dialog opens, and again and again while something goes on. Text reaches the page by textContent.
//
// The choice is kept with the document, as all controls are; the canvas puts it back.

const ASK_AGAIN_MS = 500;
const PATIENCE_MS = 15_000; // for the page to follow a model that is ready

const find = (selector) => element.querySelector(selector);
const [opener, dialog, list] = [".mgm-open", ".mgm-dialog", ".mgm-dialog ul"].map(find);

let models = [props.first];
let refusal = "";
let loading = null; // id of the model that is being made ready
let asking = 0;

const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text; // unchanged text is not read again
};
const say = (text) => write(find(".mgm-say"), text);
const named = (id) => models.find((model) => model.id === id) ?? { id, title: id };

async function ask(name, question) {
  const answer = await server[name](question).catch(() => null);
  if (answer?.ok) return answer;
  throw new Error(answer?.error?.message ?? word("lost"));
}

/** Asks what there is, or to change it; and asks again while something is on its way. */
async function update(name = "list_models", id = null) {
  const turn = ++asking;
  try {
    const answer = await ask(name, { id });
    if (turn !== asking) return; // a later question is on its way
    ({ models, refusal } = answer);
    if (models.some((model) => model.stage)) setTimeout(askAgain, ASK_AGAIN_MS, turn);
  } catch (error) {
    say(error.message);
  }
  show();
}

function askAgain(turn) {
  if (turn === asking && element.isConnected) update();
}

/** Has the model made ready, then lets the page follow. */
async function use(id) {
  if (loading || id === props.value) return;
  loading = id;
  say("");
  show();
  try {
    await ask("load_model", { id });
    trigger("choose", { id });
    setTimeout(giveUp, PATIENCE_MS, id);
  } catch (error) {
    loading = null;
    say(error.message);
    await update();
  }
}

/** The page did not follow; the line below Fill says why. */
function giveUp(id) {
  if (loading !== id) return;
  loading = null;
  show();
}

function followed() {
  if (props.value === loading && dialog.open) dialog.close();
  loading = null;
  show();
}

// --- what is shown ---------------------------------------------------------------------------

function show() {
  write(find(".mgm-name"), loading ? word("waits", named(loading)) : named(props.value).title);
  opener.setAttribute("aria-busy", String(Boolean(loading)));
  const coming = models.find((model) => model.stage);
  const line = find(".mgm-line");
  line.hidden = !coming;
  line.style.width = `${100 * (coming?.share ?? 0)}%`;
  write(find(".mgm-about"), [word("about"), refusal].filter(Boolean).join(" "));
  for (const row of [...list.children]) {
    if (!models.some((model) => model.id === row.dataset.model)) row.remove();
  }
  for (const model of models) {
    const old = [...list.children].find((row) => row.dataset.model === model.id);
    const row = old ?? makeRow(model.id);
    if (!old) list.append(row);
    showRow(row, model);
  }
}

function makeRow(id) {
  const row = document.createElement("li");
  row.dataset.model = id;
  const add = (tag, part, parent = row) => {
    const node = document.createElement(tag);
    node.className = `mgm-${part}`;
    parent.append(node);
    return node;
  };
  const text = add("div", "text");
  for (const part of ["title", "good", "facts", "problem"]) {
    add(part === "title" ? "h3" : "p", part, text);
  }
  const side = add("div", "side");
  add("span", "state", side);
  add("progress", "progress", side).max = 1;
  for (const [part, act] of Object.entries(ACTS)) {
    const button = add("button", part, side);
    button.type = "button";
    button.addEventListener("click", () => act(id));
  }
  return row;
}

const ACTS = {
  use,
  download: (id) => update("download_model", id),
  cancel: (id) => update("cancel_download", id),
};

function showRow(row, model) {
  const part = (name) => row.querySelector(`.mgm-${name}`);
  const put = (name, text) => {
    write(part(name), text);
    part(name).hidden = !text;
  };
  const isUsed = model.id === props.value;
  const isComing = Boolean(model.stage);
  const mayDownload = model.can_download && !refusal && !isComing;
  row.classList.toggle("mgm-used", isUsed);
  put("title", model.title);
  put("good", model.good_for);
  put("facts", [...(model.facts ?? []), model.is_here ? model.size : ""].filter(Boolean).join(" · "));
  put("problem", model.problem);
  put("state", isComing ? model.progress : isUsed ? word("used") : model.is_here ? "" : model.size);
  const bar = part("progress");
  bar.hidden = !isComing;
  bar.setAttribute("aria-label", word("waits", model));
  if (model.stage === "downloading") bar.value = model.share;
  else bar.removeAttribute("value");
  const again = model.problem && model.is_here;
  const use = loading === model.id ? word("loading") : again ? word("again") : word("use");
  put("use", model.is_here && !isUsed && !isComing ? use : "");
  part("use").disabled = Boolean(loading);
  const download = model.is_here ? word("anew") : word("download");
  put("download", mayDownload ? download : "");
  put("cancel", isComing && model.stage !== "converting" ? word("cancel") : "");
  for (const name of Object.keys(ACTS)) {
    part(name).setAttribute("aria-label", `${part(name).textContent}: ${model.title}`);
  }
}

// --- the beginning ---------------------------------------------------------------------------

write(dialog.querySelector("h2"), word("heading"));
dialog.setAttribute("aria-label", word("heading"));
find(".mgm-close").setAttribute("aria-label", word("close"));
opener.addEventListener("click", () => {
  say("");
  dialog.showModal();
  update();
});
find(".mgm-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // the backdrop
});
watch("value", followed);
show();
update();
