// The menu of languages. Each has a page of its own; the choice is kept in the browser, where
// choice.js reads it on the next visit. Gradio calls this with `element` and `props`.

const menu = element.querySelector("select");
element.querySelector("span").textContent = props.code;
for (const { code, name } of props.languages) {
  menu.append(new Option(name, code, code === props.code, code === props.code));
}
menu.addEventListener("change", () => {
  window.studioLanguage.choose(menu.value); // the document is kept and comes back on the other page
});
