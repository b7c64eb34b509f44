// The page: deep-chat shows bubbles and takes the customer's text; what is in them is decided here.
import { Connection } from "./connection.js";
import { Screen } from "./screen.js";
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
/** Texts of the messages that wait for their answer, by id. */
const waiting = new Map();
/** What a screen reader does with new bubbles: it does not read out a whole stored conversation. */
let live = "off";
/** Ids of the turns that ended while this page was open. */
const over = new Set();

// -------------------------------------------------------------------- showing

const context = {
  texts,
  title,
  imageHosts: settings.imageHosts,
  onButton: (button) => say(button.title, button.payload),
  onRetry: (item) => {
    item.failed = false;
    items = items.filter((other) => other.id !== `n-${item.id}`);
    waiting.set(item.id, item.text);
    connection.resend(item.id, item.text, item.payload);
    show();
  },
};
const screen = new Screen(chat, context, wanted);

function show() {
  screen.show();
  const status = waiting.size > 0 ? `${title} ${texts.typing}` : "";
  // Written anew it might be read out anew.
  if (byId("status").textContent !== status) byId("status").textContent = status;
}

function wanted() {
  const list = [greeting(), ...items];
  if (waiting.size === 0) return list;
  const lost = byId("state").dataset.state === "reconnecting";
  list.push(
    lost ? { role: "notice", id: "later", text: texts.sending_later } : { role: "bot", id: "typing", typing: true },
  );
  return list;
}

function greeting() {
  const text = localised(settings.welcome, language) || texts.welcome;
  const begun = items.some((item) => item.role === "user");
  return { role: "bot", id: "welcome", text, buttons: begun ? undefined : settings.suggestions[language] };
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
  startTurn(message.id, clean);
  show();
}

function startTurn(id, text) {
  if (!items.some((item) => item.id === id)) items.push({ role: "user", id, text });
  waiting.set(id, text);
}

/** All replies to a message, in order. After a server died in the middle of a turn they replace the half ones. */
function setReplies(id, replies) {
  const ids = new Set(replies.map((reply) => reply.id));
  items = items.filter((item) => item.to !== id && !ids.has(item.id));
  const made = replies.map((reply) => ({ role: "bot", to: id, ...reply }));
  items.splice(endOfTurn(id), 0, ...made);
}

/** What the server can't know: messages that failed, and notices, each with the item it stood behind. */
function ownItems() {
  return items
    .map((item, index) => [items[index - 1]?.id, item])
    .filter(([, item]) => item.failed || item.role === "notice");
}

/** The server's record replaces ours. */
function takeOver(stored, pending) {
  const own = ownItems();
  items = stored;
  waiting.clear();
  for (const turn of pending) {
    startTurn(turn.id, turn.text);
    setReplies(turn.id, turn.replies);
  }
  // The record was on its way while a turn ended: it is out of date.
  if (pending.some((turn) => over.has(turn.id))) setTimeout(() => connection.refresh(), 300);
  for (const message of connection.outbox) startTurn(message.id, message.text);
  for (const [before, item] of own) {
    if (items.some((other) => other.id === item.id)) continue;
    const place = items.findIndex((other) => other.id === before);
    items.splice(place < 0 ? items.length : place + 1, 0, item);
  }
  show();
  setTimeout(readOut, 500);
}

function readOut() {
  live = "polite";
  screen.log.setAttribute("aria-live", live);
}

const connection = new Connection(
  {
    items: takeOver,
    typing: (id, text) => {
      over.delete(id);
      startTurn(id, text);
      show();
    },
    reply: (id, reply) => {
      addReply(id, reply);
      show();
    },
    replies: (id, replies) => {
      setReplies(id, replies);
      show();
    },
    done: (id) => {
      over.add(id);
      waiting.delete(id);
      show();
    },
    notice: (id, text) => {
      notice(id, text);
      show();
    },
    failed: (id, text, payload, again) => {
      const item = items.find((other) => other.id === id);
      if (item) Object.assign(item, { failed: again, payload });
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
      if (state.textContent === texts[name]) return;
      state.dataset.state = name;
      state.textContent = texts[name];
      show();
    },
  },
  language,
);

// -------------------------------------------------------------------- the input

function input() {
  return screen.root.getElementById("text-input");
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
  input().focus();
}

function takeClick(event) {
  if (!onSendButton(event)) return;
  stop(event);
  say(input().innerText);
  input().focus();
}

/** Tells a screen reader what deep-chat's parts are, and shows the bubbles, each time deep-chat has built itself. */
function describeParts() {
  const log = screen.log;
  const send = screen.root.querySelector(".submit-button");
  if (!log || !input() || !send || send.hasAttribute("aria-label")) return;
  describe(log, { role: "log", "aria-live": live, "aria-label": texts.log_label, tabindex: "0" });
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
  // The defaults of these two bring inline styles, which the Content-Security-Policy forbids.
  chat.displayLoadingBubble = false;
  chat.scrollButton = { content: "↓" };
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
  new MutationObserver(describeParts).observe(screen.root, { childList: true, subtree: true });
  connection.start();
  if (matchMedia("(pointer: fine)").matches) input().focus();
};
// deep-chat would show what it sends as Markdown; so the text is taken before deep-chat sees Enter or a click.
chat.addEventListener("keydown", takeKey, true);
chat.addEventListener("click", takeClick, true);
byId("chat").replaceChildren(chat);
