// Saving the picture: with its recipe, which makes it again, or without.
//
// A picture that came of a run has the draft of its recipe (`made`). The server completes it with
// the pixels that were painted over, from the picture before; it goes into the file as a note. What
// cannot have a recipe is saved all the same, and it is said why.

const RECIPE_KEY = "maskgit"; // of the note, see maskgit/recipes.py
const PICTURE_FILE = "maskgit-studio.png";

const notSaved = ({ message }) => word("saving.failed", { reason: message });

function createSaving(root, state, { server, paper, history, bases, upload, say, fail }) {
  const dialog = root.querySelector(".mgs-saving");

  /** The picture that another one was made from, wherever it is still kept. */
  function before({ from }) {
    const kept = [...history.entries.map((entry) => entry.picture), ...bases()];
    return (from && kept.find((picture) => picture.key === from)) || null;
  }

  async function recipeOf(picture) {
    const base = before(picture);
    const ask = () =>
      server.recipe({ ...picture.made, picture: base?.id ?? null }).catch(() => null);
    if (base && !base.id) await upload(base);
    let answer = await ask();
    if (answer?.error?.code === "unknown-picture") {
      await upload(base);
      answer = await ask();
    }
    if (!answer?.ok) throw new Error(answer?.error?.message ?? word("lost"));
    return answer.recipe;
  }

  async function picture() {
    const shown = state.picture;
    const png = await paper.file(shown); // first: what is seen now is what is saved
    if (!shown.made) return saveFile(png, PICTURE_FILE);
    say(word("saving.working"), "busy");
    try {
      saveFile(withNote(png, RECIPE_KEY, await recipeOf(shown)), PICTURE_FILE);
      say(word(shown.from && !shown.origin ? "saving.saved_before" : "saving.saved"));
    } catch (error) {
      saveFile(png, PICTURE_FILE);
      fail(word("saving.without", { reason: error.message }));
    }
  }

  async function pictureAlone() {
    const { picture: shown } = state;
    const file = await paper.file({ ...shown, chunks: aboutColours(shown.chunks) });
    saveFile(file, PICTURE_FILE);
    say(word("saving.saved_alone"));
  }

  dialog.addEventListener("click", (event) => {
    const isAway = event.target === dialog; // its backdrop
    if (isAway || event.target.closest("button")) dialog.close();
  });

  const orSay = (save) => () => save().catch((error) => fail(notSaved(error)));

  return {
    open: () => dialog.showModal(),
    picture: orSay(picture),
    pictureAlone: orSay(pictureAlone),
  };
}
