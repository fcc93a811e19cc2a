// Taking a run along: as a film, as a contact sheet, or as data to work with.
//
// The files are made by the server from the states that the timeline has, whatever made them: a
// run in one piece or a path through branches.

function saveFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function createKeeping(root, state, { ask, pace, say, fail }) {
  const fold = root.querySelector(".mgs-save");
  const [format, overlay] = ["format", "overlay"].map((name) => fold.querySelector(`[name=${name}]`));
  const note = fold.querySelector("p");
  const buttons = [...fold.querySelectorAll("[data-save]")];
  let isSaving = false;

  const statesOf = (run) => run.trace.filter((step) => step?.state).map((step) => step.state);
  const canSave = (run) => Boolean(run?.context) && !state.running && statesOf(run).length > 0;

  async function save(what) {
    const { run } = state;
    if (isSaving || !canSave(run)) return;
    isSaving = true;
    refresh();
    say(word("keeping.preparing"), "busy");
    try {
      const { name, data } = await ask(what === "film" ? "film" : "trace", run, questionFor(what));
      saveFile(new Blob([bytesOfBase64(data)]), name);
      say(word("keeping.saved", { name }));
    } catch (error) {
      fail(error.message);
    }
    isSaving = false;
    refresh();
  }

  function questionFor(what) {
    const states = statesOf(state.run);
    if (what !== "film") return { states, format: what };
    const film = { format: format.value, overlay: overlay.value };
    return { states, ...film, seconds_per_step: pace() / 1000 };
  }

  function refresh() {
    const { run } = state;
    const can = canSave(run);
    for (const button of buttons) button.disabled = !can || isSaving;
    const why = run && !run.context ? word("keeping.enlarged") : "";
    note.textContent = state.running ? word("keeping.later") : why;
    note.hidden = !note.textContent;
  }

  for (const button of buttons) button.addEventListener("click", () => save(button.dataset.save));
  return { refresh };
}
