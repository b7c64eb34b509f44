// What stands inside a bubble. Everything is made with createElement and textContent: text is never read as HTML.

const SCHEMES = new Set(["http:", "https:", "mailto:"]);
// A web or mail address inside a text; closing punctuation belongs to the sentence.
const ADDRESS = /\b(?:https?:\/\/[^\s<>"]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+)/giu;
const CLOSING = /[.,;:!?'"）。，；：！？」』]+$/u;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** The URL if it may be clicked or loaded, else null. */
export function safeUrl(text) {
  try {
    const url = new URL(text);
    return SCHEMES.has(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

function link(href, title, texts, className = "link") {
  const url = safeUrl(href);
  if (!url) return element("span", className, title);
  const anchor = element("a", className, title);
  anchor.href = url.href;
  if (url.protocol !== "mailto:") {
    anchor.target = "_blank";
    anchor.rel = "noopener noreferrer nofollow";
    anchor.setAttribute("aria-label", `${title} (${texts.new_window})`);
  }
  return anchor;
}

function withoutClosing(address) {
  let kept = address.replace(CLOSING, "");
  // "(see https://a.example/b)": the bracket is the sentence's; "https://a.example/b_(c)" keeps its own.
  while (kept.endsWith(")") && !kept.includes("(")) kept = kept.slice(0, -1).replace(CLOSING, "");
  return kept;
}

/** A text with its web and mail addresses made clickable. */
export function textWithLinks(text, texts) {
  const paragraph = element("div", "text");
  paragraph.dir = "auto";
  let done = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const address = withoutClosing(found[0]);
    paragraph.append(text.slice(done, found.index));
    paragraph.append(link(address.includes("://") ? address : `mailto:${address}`, address, texts));
    done = found.index + address.length;
  }
  paragraph.append(text.slice(done));
  return paragraph;
}

function image(address, alt, texts, imageHosts) {
  const url = safeUrl(address);
  const allowed = url && (url.origin === location.origin || imageHosts.some((host) => fits(host, url)));
  if (!allowed) return link(address, alt || texts.picture, texts, "link file");
  const picture = element("img", "picture");
  picture.src = url.href;
  picture.alt = alt || texts.picture;
  picture.loading = "lazy";
  return picture;
}

function fits(host, url) {
  const [scheme, name] = host.split("://");
  if (`${scheme}:` !== url.protocol) return false;
  return name.startsWith("*.") ? url.host.endsWith(name.slice(1)) : url.host === name;
}

function buttonRow(buttons, context) {
  const row = element("div", "buttons");
  for (const button of buttons) {
    if (button.url) {
      row.append(link(button.url, button.title, context.texts, "button"));
      continue;
    }
    const made = element("button", "button", button.title);
    made.type = "button";
    made.dir = "auto";
    made.addEventListener("click", () => context.onButton(button));
    row.append(made);
  }
  return row;
}

function sourceList(sources, texts) {
  const list = element("ul", "sources");
  list.setAttribute("aria-label", texts.sources);
  for (const source of sources) {
    const entry = element("li");
    entry.append(source.link ? link(source.link, source.title, texts, "source") : element("span", "source", source.title));
    list.append(entry);
  }
  const block = element("div", "source-block");
  const heading = element("span", "sources-heading", texts.sources);
  heading.setAttribute("aria-hidden", "true");
  block.append(heading, list);
  return block;
}

function card(entry, context) {
  const made = element("div", "card");
  if (entry.image) made.append(image(entry.image, entry.title, context.texts, context.imageHosts));
  if (entry.title) made.append(element("strong", "", entry.title));
  if (entry.subtitle) made.append(element("span", "subtitle", entry.subtitle));
  if (entry.buttons) made.append(buttonRow(entry.buttons, context));
  return made;
}

function failure(item, context) {
  const row = element("div", "failure");
  row.append(element("span", "", context.texts.not_sent), " ");
  const again = element("button", "retry", context.texts.try_again);
  again.type = "button";
  again.addEventListener("click", () => context.onRetry(item));
  row.append(again);
  return row;
}

function typing() {
  const dots = element("div", "typing");
  dots.setAttribute("aria-hidden", "true");
  dots.append(element("i"), element("i"), element("i"));
  return dots;
}

/** The content of one bubble; see replies.py for what an item holds. */
export function bubble(item, context) {
  const made = document.createDocumentFragment();
  if (item.typing) {
    made.append(typing());
    return made;
  }
  const speaker = item.role === "user" ? context.texts.you : context.title;
  made.append(element("span", "hidden", `${speaker}: `));
  if (item.text) made.append(item.role === "user" ? plain(item.text) : textWithLinks(item.text, context.texts));
  if (item.image) made.append(image(item.image, "", context.texts, context.imageHosts));
  for (const entry of item.links ?? []) made.append(link(entry.link, entry.title, context.texts, "link file"));
  for (const entry of item.cards ?? []) made.append(card(entry, context));
  if (item.sources) made.append(sourceList(item.sources, context.texts));
  if (item.buttons) made.append(buttonRow(item.buttons, context));
  if (item.failed) made.append(failure(item, context));
  return made;
}

function plain(text) {
  const made = element("div", "text", text);
  made.dir = "auto";
  return made;
}
