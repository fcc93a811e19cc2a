// The cell inspector: what is in a cell, what else the model would put there, and how surely.
//
// The server is asked once per cell and step: it answers with the logits of all codes and with the
// ten likeliest, each drawn in its place. The sliders reshape the bars from the logits alone. One
// question is on its way at a time, and the latest wish comes next, so scrubbing never piles up.

const ANSWERS_KEPT = 60;

function createInspector(root, state, { walk, grove, marks, steering, fail }) {
  const part = (name) => root.querySelector(`.mgs-${name}`);
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const [hint, body, title, facts, patch] =
    ["look-hint", "look", "look-title", "look-facts", "look-patch"].map(part);
  const [list, rest] = ["odds", "odds-rest"].map(part);
  const sliders = { temperature: part("odds-temperature"), topP: part("odds-top-p") };
  const answers = new Map(); // of questions that were asked, least recently used first
  let wanted = null; // {key, cell, about, node, step}
  let shown = null; // the same with `answer` and its `logits`
  let isAsking = false;

  /** Looks at the inspected cell in the step that the timeline shows. */
  function look() {
    const from = walk.here();
    const cell = state.looksAt;
    if (cell < 0 || !from?.node) return hide();
    wanted = { ...from, cell, key: `${from.node.id}:${cell}` };
    if (wanted.key !== shown?.key) askWanted();
  }

  async function askWanted() {
    if (isAsking) return;
    isAsking = true;
    body.setAttribute("aria-busy", "true");
    try {
      while (wanted && wanted.key !== shown?.key) {
        const asked = wanted;
        const answer = await answerTo(asked);
        if (wanted?.key === asked.key) show({ ...asked, ...answer });
      }
    } catch (error) {
      wanted = null;
      fail(error.message);
    }
    isAsking = false;
    body.setAttribute("aria-busy", "false");
  }

  async function answerTo({ key, about, node, cell }) {
    const known = answers.get(key);
    answers.delete(key);
    const answer = known ?? (await grove.ask("inspect", about, { state: node.state, cell }));
    const found = known ?? { answer, logits: halvesOfBase64(answer.logits) };
    answers.set(key, found);
    if (answers.size > ANSWERS_KEPT) answers.delete(answers.keys().next().value);
    return found;
  }

  function hide() {
    wanted = shown = null;
    body.hidden = true;
    hint.hidden = false;
  }

  function show(next) {
    shown = next;
    const { answer, step, cell } = next;
    hint.hidden = true;
    body.hidden = false;
    title.textContent = marks.nameOf(cell);
    facts.textContent = factsOf(answer, Boolean(step?.pinned?.[cell]));
    list.replaceChildren(...answer.top.map(rowOf));
    reshape();
    drawPatch(step, cell);
  }

  function factsOf({ code, confidence, revealed_at: at, entropy }, isPinned) {
    const sure = percentOf(confidence ?? 0);
    const what =
      code === null || code === undefined ? word("inspector.masked")
      : at === KNOWN && !isPinned ? word("inspector.known", { code })
      : isPinned && confidence === 1 ? word("inspector.put_here", { code })
      : at >= 0 ? word("inspector.decided", { code, pass: at + 1, sure })
      : word("inspector.code", { code });
    const asMany = Math.max(1, Math.round(Math.exp(entropy)));
    const open = word("inspector.open", { entropy: decimal(entropy, 1), count: asMany });
    return [what, isPinned && word("inspector.pinned"), open].filter(Boolean).join(" ");
  }

  /** One code: its patch in its place, its number, its bar, and what can be done with it. */
  function rowOf({ code, patch: source }) {
    const row = document.createElement("li");
    const use = document.createElement("button");
    use.type = "button";
    use.className = "mgs-code";
    use.title = word("inspector.put", { code });
    const image = document.createElement("img");
    image.src = source;
    image.alt = "";
    const name = document.createElement("span");
    name.textContent = code;
    const track = document.createElement("span");
    track.className = "mgs-track";
    track.append(document.createElement("i"));
    use.append(image, name, track, document.createElement("output"));
    use.addEventListener("click", () => steering.choose(shown.cell, code));
    const ban = document.createElement("button");
    ban.type = "button";
    ban.className = "mgs-ban";
    ban.textContent = word("inspector.ban");
    ban.title = word("inspector.ban_title", { code });
    ban.setAttribute("aria-label", word("inspector.ban_code", { code }));
    ban.addEventListener("click", () => steering.ban(shown.cell, code));
    row.append(use, ban);
    return row;
  }

  /** What the sliders make of the logits; nobody is asked. */
  function reshape() {
    const [temperature, topP] = [Number(sliders.temperature.value), Number(sliders.topP.value)];
    sliders.temperature.nextElementSibling.textContent = decimal(temperature, 2);
    sliders.topP.nextElementSibling.textContent = decimal(topP, 2);
    if (!shown) return;
    const odds = shapeOdds(shown.logits, temperature, topP);
    let left = 1;
    shown.answer.top.forEach(({ code }, i) => {
      const row = list.children[i];
      left -= odds[code];
      row.classList.toggle("mgs-never", odds[code] === 0);
      row.querySelector("i").style.width = `${(100 * odds[code]).toFixed(2)}%`;
      row.querySelector("output").textContent = percentOf(odds[code]);
      row.firstElementChild.setAttribute(
        "aria-label", word("inspector.put_odds", { code, odds: percentOf(odds[code]) }),
      );
    });
    const others = odds.reduce((count, p) => count + (p > 0 ? 1 : 0), 0);
    rest.textContent = word("inspector.rest", {
      odds: percentOf(Math.max(0, left)),
      drawable: others,
      alike: decimal(Math.exp(entropyOf(odds)), 1),
    });
  }

  /** The cell and its neighbours as the step shows them. */
  async function drawPatch(step, cell) {
    const context = patch.getContext("2d");
    context.clearRect(0, 0, patch.width, patch.height);
    if (!step) return;
    const picture = await grove.pictureOf(shown.node).catch(() => null);
    if (!picture || shown?.cell !== cell) return;
    const side = picture.width / step.grid;
    const within = (at) => Math.max(0, Math.min(step.grid - 3, at - 1));
    const [row, col] = [within(Math.floor(cell / step.grid)), within(cell % step.grid)];
    context.imageSmoothingEnabled = false;
    const from = [col * side, row * side, 3 * side, 3 * side];
    context.drawImage(picture, ...from, 0, 0, patch.width, patch.height);
  }

  for (const slider of Object.values(sliders)) slider.addEventListener("input", reshape);
  part("odds-reset").addEventListener("click", () => {
    sliders.temperature.value = sliders.topP.value = 1;
    reshape();
  });
  reshape();

  return {
    look,
    /** On a small screen the answer may be below what is seen. */
    bring: () => {
      const behavior = calm.matches ? "auto" : "smooth";
      part("inspector").scrollIntoView({ block: "nearest", behavior });
    },
  };
}
