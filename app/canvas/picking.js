// The picker of the class: whoever types what no class is called is told so.
//
// Gradio lets such a word stand until somebody goes elsewhere, and then puts the class back without a
// word; by Tab its list even stays open over the page. The field is the page's, not the canvas's.

const LIST_MS = 100; // until Gradio has shown its list once more

function createPicking(root, { say }) {
  let chosen = ""; // what the field showed when somebody came to it

  const isField = ({ target }) => target.matches?.("#class input");
  const isListed = () => document.querySelector("#class [role=option]") !== null;
  const isUnknown = ({ value }) => value !== chosen && value.trim() !== "" && !isListed();

  function putBack(field) {
    say(word("classes.not_found", { text: field.value.trim(), chosen: chosen.split(" · ")[0] }), "error");
    field.value = chosen;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    setTimeout(() => {
      if (!isListed()) return;
      const next = document.activeElement;
      field.focus({ preventScroll: true });
      field.blur();
      next.focus({ preventScroll: true });
    }, LIST_MS);
  }

  // Before Gradio hears of it.
  const hear = (type, listener) => {
    const heard = (event) => isField(event) && listener(event);
    hearWhile(root, window, type, heard, { capture: true });
  };
  hear("focus", ({ target }) => {
    chosen = target.value;
  });
  hear("blur", ({ target }) => isUnknown(target) && putBack(target));
  hear("keydown", (event) => {
    if (event.key !== "Enter" || !isUnknown(event.target)) return;
    event.preventDefault();
    event.stopPropagation();
    event.target.blur();
  });
}
