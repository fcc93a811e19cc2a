// The words of the tour, from the file of a language; numbers are written as it does.

const words = JSON.parse(props.words);
const number = new Intl.NumberFormat(words.language);
const seconds = new Intl.NumberFormat(words.language, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const plural = new Intl.PluralRules(words.language);

/** Puts values into the braces of a sentence. */
const fill = (text, values) =>
  text.replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === "number" ? number.format(values[name]) : values[name]);

const count = (forms, value) => fill(forms[plural.select(value)] ?? forms.other, { count: value });

const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text; // unchanged text is not read again
};

function make(tag, name = "", parent = null, text = "") {
  const node = document.createElement(tag);
  if (name) node.className = `mgt-${name}`;
  if (text) node.textContent = text;
  parent?.append(node);
  return node;
}
