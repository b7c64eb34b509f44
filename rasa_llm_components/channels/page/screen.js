// Makes the bubbles on the screen equal to a list of items, touching only what differs: a screen reader reads only what is new.
import { bubble } from "./bubbles.js";

/** Within so many pixels of the end a reader is taken to follow the conversation. */
const NEAR_THE_END = 120;

export class Screen {
  /**
   * @param chat the deep-chat element
   * @param context what a bubble needs; see bubbles.js
   * @param wanted gives the items to show, oldest first, each with an id; see replies.py
   */
  constructor(chat, context, wanted) {
    this.chat = chat;
    this.context = context;
    this.wanted = wanted;
    this.scheduled = false;
    /** What each bubble was made from. */
    this.contents = new WeakMap();
  }

  get root() {
    return this.chat.shadowRoot;
  }

  get log() {
    return this.root.getElementById("messages");
  }

  /** Soon: several changes in a row are shown once. */
  show() {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.update(this.wanted());
    });
  }

  update(list) {
    const atEnd = this.isAtEnd();
    const old = this.holders();
    for (const item of list) old.delete(item.id);
    for (const made of old.values()) outer(made).remove();
    const added = this.addMissing(list);
    // Who reads further up is left there, until they write something themselves.
    if (added.length > 0 && (atEnd || added.some((item) => item.role === "user"))) this.chat.scrollToBottom();
  }

  /** The elements that hold the bubbles' contents, by item id. */
  holders() {
    return new Map([...this.root.querySelectorAll("[data-item]")].map((made) => [made.dataset.item, made]));
  }

  addMissing(list) {
    const before = this.holders();
    const added = list.filter((item) => !before.has(item.id));
    for (const item of added) this.addBubble(item);
    const made = this.holders();
    let next = null;
    for (const item of [...list].reverse()) {
      const content = made.get(item.id);
      this.fill(item, content);
      if (next && outer(content).nextElementSibling !== next) next.before(outer(content));
      next = outer(content);
    }
    return added;
  }

  addBubble(item) {
    // No id gets into HTML, and the content is put in as nodes.
    this.chat.addMessage({ html: '<div data-item="new"></div>', role: item.role === "user" ? "user" : "ai" });
    const made = this.root.querySelector('[data-item="new"]');
    made.dataset.item = item.id;
    made.className = `item ${item.role}`;
  }

  fill(item, made) {
    const content = JSON.stringify(item);
    if (this.contents.get(made) === content) return;
    this.contents.set(made, content);
    made.replaceChildren(bubble(item, this.context));
  }

  isAtEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_THE_END;
  }
}

function outer(made) {
  return made.closest(".outer-message-container");
}
