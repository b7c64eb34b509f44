// The page: deep-chat shows bubbles and takes the customer's text; what is in them is decided here.
import { bubble } from "./bubbles.js";
import { Connection } from "./connection.js";
import { chooseLanguage, filled, localised } from "./texts.js";

const settings = JSON.parse(document.body.dataset.settings);
const files = new URL(import.meta.url);
const file = (name) => fetch(new URL(`${name}${files.search}`, files));
const [allTexts, bubbleStyle] = await Promise.all([
  file("texts.json").then((answer) => answer.json()),
  file("bubbles.css").then((answer) => answer.text()),
]);
const language = chooseLanguage(settings.language, allTexts);
const texts = allTexts[language];
const title = localised(settings.title, language);

const byId = (id) => document.getElementById(id);
const chat = document.createElement("deep-chat");

/** What is shown, oldest first: {role: "user" | "bot" | "notice", id, …}; see replies.py. */
let items = [];
/** Messages that wait for their answer, by id. */
const waiting = new Map();
/** What each bubble was made from. */
const contents = new WeakMap();
let scheduled = false;

// -------------------------------------------------------------------- showing

const context = {
  texts,
  title,
  imageHosts: settings.imageHosts,
  onButton: (button) => say(button.title, button.payload),
  onRetry: (item) => {
    item.failed = false;
    items = items.filter((other) => other.id !== `n-${item.id}`);
    waiting.set(item.id, item);
    connection.resend(item.id, item.text, item.payload);
    show();
  },
};

function root() {
  return chat.shadowRoot;
}

function holder(id) {
  return root().querySelector(`[data-item="${CSS.escape(id)}"]`);
}

function outer(id) {
  return holder(id)?.closest(".outer-message-container");
}

function addBubble(item) {
  // Only an id of letters, digits and dots gets into HTML; the content is put in as nodes.
  chat.addMessage({ html: '<div data-item="new"></div>', role: item.role === "user" ? "user" : "ai" });
  const made = holder("new");
  made.dataset.item = item.id;
  made.className = `item ${item.role}`;
}

function fill(item) {
  const made = holder(item.id);
  const content = JSON.stringify(item);
  if (contents.get(made) === content) return;
  contents.set(made, content);
  made.replaceChildren(bubble(item, context));
}

function wanted() {
  const list = [greeting(), ...items];
  if (waiting.size > 0) list.push({ role: "bot", id: "typing", typing: true });
  return list;
}

function greeting() {
  const text = localised(settings.welcome, language) || texts.welcome;
  const begun = items.some((item) => item.role === "user");
  return { role: "bot", id: "welcome", text, buttons: begun ? undefined : settings.suggestions[language] };
}

/** Makes what is on the screen equal to `items`, touching only what differs: a screen reader reads only what is new. */
function show() {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    const list = wanted();
    const keep = new Set(list.map((item) => item.id));
    for (const made of root().querySelectorAll("[data-item]")) {
      if (!keep.has(made.dataset.item)) made.closest(".outer-message-container").remove();
    }
    let grown = false;
    for (const item of list) {
      if (!holder(item.id)) {
        addBubble(item);
        grown = true;
      }
      fill(item);
    }
    inOrder(list);
    if (grown) chat.scrollToBottom();
    byId("status").textContent = waiting.size > 0 ? `${title} ${texts.typing}` : "";
  });
}

function inOrder(list) {
  let next = null;
  for (const item of [...list].reverse()) {
    const made = outer(item.id);
    if (next && made.nextElementSibling !== next) next.before(made);
    next = made;
  }
}

// -------------------------------------------------------------------- the conversation

function endOfTurn(id) {
  let index = items.findIndex((item) => item.role === "user" && item.id === id) + 1;
  if (index === 0) return items.length;
  while (index < items.length && items[index].role !== "user") index += 1;
  return index;
}

function addReply(id, reply) {
  if (items.some((item) => item.id === reply.id)) return;
  items.splice(endOfTurn(id), 0, { role: "bot", to: id, ...reply });
}

function notice(id, text) {
  items = items.filter((item) => item.id !== `n-${id}`);
  if (text) items.splice(endOfTurn(id), 0, { role: "notice", id: `n-${id}`, to: id, text });
}

function say(text, payload) {
  const clean = text.trim();
  if (!clean) return;
  if (clean.length > settings.maxLength) {
    const id = `long-${Date.now()}`;
    items.push({ role: "notice", id, text: filled(texts.too_long, { limit: settings.maxLength }) });
    show();
    return;
  }
  clearInput();
  const message = connection.send(clean, payload);
  const item = { role: "user", id: message.id, text: clean, payload };
  items.push(item);
  waiting.set(message.id, item);
  show();
}

/** The server's record replaces ours; what it can't know yet (unsent messages, notices) keeps its place. */
function takeOver(stored, pending) {
  const known = new Set(stored.map((item) => item.id));
  const kept = [...stored];
  let last = stored.at(-1)?.id;
  for (const [index, item] of items.entries()) {
    const open = waiting.has(item.id) || item.failed;
    const lively = item.to && (pending.includes(item.to) || item.role === "notice");
    if (known.has(item.id) || !(open || lively || item.id.startsWith("long-"))) continue;
    const after = items[index - 1]?.id;
    const place = kept.findIndex((other) => other.id === after);
    kept.splice(place < 0 ? kept.length : place + 1, 0, item);
    last = item.id;
  }
  for (const message of connection.outbox) {
    if (kept.some((item) => item.id === message.id)) continue;
    kept.push({ role: "user", id: message.id, text: message.text, payload: message.payload });
  }
  items = kept;
  const unsent = new Set(connection.outbox.map((message) => message.id));
  for (const id of [...waiting.keys()]) if (!unsent.has(id) && !pending.includes(id)) waiting.delete(id);
  for (const item of items) if (unsent.has(item.id) || pending.includes(item.id)) waiting.set(item.id, item);
  show();
}

const connection = new Connection(
  {
    items: takeOver,
    typing: (id, item) => {
      if (!items.some((other) => other.id === id)) items.push(item);
      waiting.set(id, item);
      show();
    },
    reply: (id, reply) => {
      addReply(id, reply);
      show();
    },
    replies: (id, replies) => {
      // After a server died in the middle of a turn the turn runs again: its replies replace the half ones.
      const ids = new Set(replies.map((reply) => reply.id));
      items = items.filter((item) => item.to !== id || (item.role === "bot" && ids.has(item.id)));
      for (const reply of replies) addReply(id, reply);
      show();
    },
    done: (id) => {
      waiting.delete(id);
      show();
    },
    notice: (id, text) => {
      notice(id, text);
      show();
    },
    failed: (id, text, again) => {
      const item = items.find((other) => other.id === id);
      if (item) item.failed = again;
      waiting.delete(id);
      notice(id, text);
      show();
    },
    slow: (id) => {
      if (!waiting.has(id)) return;
      notice(id, texts.slow);
      show();
    },
    state: (name) => {
      const state = byId("state");
      if (state.dataset.state === name) return;
      state.dataset.state = name;
      state.textContent = texts[name];
    },
  },
  language,
);

// -------------------------------------------------------------------- the input

function input() {
  return root().getElementById("text-input");
}

function clearInput() {
  input().replaceChildren();
  input().dispatchEvent(new InputEvent("input", { bubbles: true }));
}

function stop(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

function onSendButton(event) {
  return event.composedPath().some((node) => node.classList?.contains("submit-button"));
}

function takeKey(event) {
  const inText = event.composedPath()[0] === input();
  if (!inText && !onSendButton(event)) return;
  const sends = event.key === "Enter" || (event.key === " " && !inText);
  if (!sends || event.shiftKey || event.ctrlKey) return;
  // In the middle of a Chinese or Japanese word Enter chooses a candidate.
  if (event.isComposing || event.keyCode === 229) {
    event.stopImmediatePropagation();
    return;
  }
  stop(event);
  say(input().innerText);
}

function takeClick(event) {
  if (!onSendButton(event)) return;
  stop(event);
  say(input().innerText);
  input().focus();
}

/** Tells a screen reader what deep-chat's parts are, and shows the bubbles, each time deep-chat has built itself. */
function describeParts() {
  const log = root().getElementById("messages");
  const send = root().querySelector(".submit-button");
  if (!log || !input() || !send || send.hasAttribute("aria-label")) return;
  describe(log, { role: "log", "aria-live": "polite", "aria-label": texts.log_label, tabindex: "0" });
  describe(input(), {
    role: "textbox",
    "aria-multiline": "true",
    "aria-label": texts.input_label,
    enterkeyhint: "send",
    dir: "auto",
  });
  describe(send, { "aria-label": texts.send });
  show();
}

function describe(part, attributes) {
  for (const [name, value] of Object.entries(attributes)) part.setAttribute(name, value);
}

function configure() {
  chat.connect = { handler: (_, signals) => signals.onResponse({ html: "<span></span>" }) };
  chat.textInput = { placeholder: { text: texts.placeholder } };
  chat.submitButtonStyles = { alwaysEnabled: true, position: "inside-end" };
  // What isn't set here deep-chat sets itself, and its default typeface comes from another host.
  Object.assign(chat.style, { width: "100%", height: "100%", border: "0", fontFamily: "inherit", backgroundColor: "transparent" });
  chat.auxiliaryStyle = bubbleStyle;
  chat.scrollButton = true;
}

// -------------------------------------------------------------------- the start

document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
document.title = title;
byId("title").textContent = title;
byId("subtitle").textContent = localised(settings.subtitle, language);
byId("disclosure").textContent = texts.disclosure;
byId("restart-label").textContent = texts.start_over;
byId("restart").addEventListener("click", async () => {
  if (items.length > 0 && !confirm(texts.start_over_ask)) return;
  items = [];
  waiting.clear();
  await connection.restart();
  input().focus();
});

let started = false;
configure();
chat.onComponentRender = () => {
  if (started) return;
  started = true;
  describeParts();
  // deep-chat builds itself anew when one of its properties changes, and does not always say so.
  new MutationObserver(describeParts).observe(root(), { childList: true, subtree: true });
  connection.start();
  if (matchMedia("(pointer: fine)").matches) input().focus();
};
// deep-chat would show what it sends as Markdown; so the text is taken before deep-chat sees Enter or a click.
chat.addEventListener("keydown", takeKey, true);
chat.addEventListener("click", takeClick, true);
byId("chat").replaceChildren(chat);
