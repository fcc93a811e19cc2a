// Words for a script, by their keys; `LANGUAGE` has the code of the language and the words.

const wholeNumber = new Intl.NumberFormat(LANGUAGE.code, { useGrouping: false });
const plural = new Intl.PluralRules(LANGUAGE.code);

/** The sentence of a key, with values in its braces; `count` chooses its form where it has some. */
function word(key, values = {}) {
  let found = LANGUAGE.words;
  for (const name of key.split(".")) found = found?.[name];
  if (typeof found === "object") found = found[plural.select(values.count)] ?? found.other;
  if (found === undefined) throw new Error(`There is no word for ${key}`);
  return found.replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === "number" ? wholeNumber.format(values[name]) : values[name]);
}

/** A number as its language writes it. */
function decimal(value, digits) {
  const exactly = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString(LANGUAGE.code, { ...exactly, useGrouping: false });
}
