// The page's own sentences in the customer's language.

/** Picks "en" or "zh": what the bot's owner fixed, else the first of the browser's languages that there is. */
export function chooseLanguage(fixed, texts) {
  if (fixed in texts) return fixed;
  const wanted = navigator.languages.map((tag) => tag.split("-")[0].toLowerCase());
  return wanted.find((code) => code in texts) ?? "en";
}

/** A setting that is one text, or one per language. */
export function localised(value, language) {
  return typeof value === "string" ? value : (value[language] ?? value.en ?? Object.values(value)[0] ?? "");
}

/** Puts values into {placeholders}. */
export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
