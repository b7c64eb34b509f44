// Talks to the server: sends messages one after another until each is answered, and listens for replies.
//
// A message stays in the outbox (sessionStorage, so that a reload keeps it) until the server says that it is done.
// Sending it again is harmless: it carries an id, and the server answers an id once. The answer to the POST holds all
// replies; the stream only brings them earlier. So a proxy that swallows the stream costs the typing indicator, not
// the conversation.

const OUTBOX = "webchat-outbox";
const HIDDEN_SECONDS = 60;
const SLOW_SECONDS = 15;
// The server answers within 40 seconds, if only to say that it is still at it.
const ANSWER_SECONDS = 60;
const READ_SECONDS = 15;

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

/** Seconds: longer each time, and not the same for everybody who lost the server at the same moment. */
function backOff(tries) {
  return Math.min(8, 0.5 * 2 ** tries) * (0.75 + Math.random() / 2);
}

/** Not crypto.randomUUID: that is missing on pages served by plain http from another machine. */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Connection {
  /**
   * @param on what to call: items(list, pending turns), typing(id, text), reply(id, reply), replies(id, list), done(id),
   *   notice(id, text), failed(id, text, payload, again), state(name), slow()
   */
  constructor(on, language) {
    this.on = on;
    this.language = language;
    this.outbox = JSON.parse(sessionStorage.getItem(OUTBOX) ?? "[]");
    this.draining = false;
    this.attempts = 0;
    document.addEventListener("visibilitychange", () => this.onVisibility());
    addEventListener("online", () => this.connect());
  }

  /** Reads the conversation, sends what a reload left unsent, and listens. */
  async start() {
    this.on.state("connecting");
    if (!(await this.refresh())) this.on.state("reconnecting");
    this.connect();
    this.drain();
  }

  send(text, payload) {
    const message = { id: newId(), text, payload, language: this.language };
    this.outbox.push(message);
    this.save();
    this.drain();
    return message;
  }

  /** A message that failed: the same id, because nobody knows how far the server came with it. */
  resend(id, text, payload) {
    this.outbox.push({ id, text, payload, language: this.language });
    this.save();
    this.drain();
  }

  async restart() {
    this.outbox = [];
    this.save();
    await fetch("restart", { method: "POST" });
    this.disconnect();
    await this.refresh();
    this.connect();
  }

  // ---------------------------------------------------------------- sending

  save() {
    sessionStorage.setItem(OUTBOX, JSON.stringify(this.outbox));
  }

  async drain() {
    if (this.draining) return;
    this.draining = true;
    for (let tries = 0; this.outbox.length > 0; ) {
      const message = this.outbox[0];
      const wait = await this.deliver(message, tries);
      const finished = wait === null;
      tries = finished ? 0 : tries + 1;
      if (finished && this.outbox[0] === message) {
        this.outbox.shift();
        this.save();
      }
      if (wait) await pause(wait);
    }
    this.draining = false;
  }

  /** Sends a message once. Returns null when it is finished, else the seconds to wait before sending it again. */
  async deliver(message, tries) {
    // After a break first the conversation, then the message: the server may have to give out a new cookie.
    if (this.lost && !(await this.refresh())) return backOff(tries);
    const slow = setTimeout(() => this.on.slow(message.id), SLOW_SECONDS * 1000);
    try {
      const answer = await fetch("messages", {
        method: "POST",
        headers: { "Content-Type": "application/json", "Accept-Language": this.language },
        body: JSON.stringify(message),
        signal: AbortSignal.timeout(ANSWER_SECONDS * 1000),
      });
      const body = await answer.json();
      this.on.state("connected");
      return this.digest(message, answer.status, body, tries);
    } catch {
      // No connection, or something between us and the server that answers with a page of its own.
      this.lost = true;
      this.on.state("reconnecting");
      return backOff(tries);
    } finally {
      clearTimeout(slow);
    }
  }

  digest(message, status, body, tries) {
    if (status === 202) {
      this.on.replies(message.id, body.replies);
      return 0;
    }
    if (body.done && !body.failed) {
      this.on.replies(message.id, body.replies);
      if (body.notice) this.on.notice(message.id, body.notice);
      this.on.done(message.id);
      return null;
    }
    if (body.retry_after) {
      if (tries === 0) this.on.notice(message.id, body.notice);
      return body.retry_after;
    }
    if (body.failed && tries < 2) return 1 + 2 * tries;
    this.on.failed(message.id, body.notice ?? "", message.payload, status >= 500);
    return null;
  }

  // ---------------------------------------------------------------- listening

  /** Reads the conversation; one request at a time, so that a new cookie is given out once. */
  refresh() {
    this.refreshing ??= this.read().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  async read() {
    try {
      const answer = await fetch("conversation", {
        headers: { "Accept-Language": this.language },
        signal: AbortSignal.timeout(READ_SECONDS * 1000),
      });
      if (!answer.ok) return false;
      const body = await answer.json();
      this.lost = false;
      this.on.items(body.items, body.pending);
      return true;
    } catch {
      return false;
    }
  }

  connect() {
    if (this.stream || document.hidden) return;
    clearTimeout(this.retry);
    const stream = new EventSource("stream");
    this.stream = stream;
    stream.onopen = async () => {
      // Whatever was said while nobody listened is in the history.
      if (await this.refresh()) {
        this.attempts = 0;
        this.on.state("connected");
      }
    };
    stream.onmessage = (event) => this.hear(JSON.parse(event.data));
    stream.onerror = () => {
      // EventSource gives up for good on some errors (a proxy's 502), so reconnecting is done here.
      if (this.stream !== stream) return;
      this.disconnect();
      this.on.state("reconnecting");
      this.lost = true;
      this.retry = setTimeout(() => this.reconnect(), backOff(this.attempts++) * 1000);
    };
  }

  async reconnect() {
    // The cookie first: the stream only opens for a conversation that the server recognises.
    await this.refresh();
    this.connect();
  }

  disconnect() {
    this.stream?.close();
    this.stream = undefined;
  }

  hear(event) {
    if (event.type === "typing") this.on.typing(event.to, event.text);
    if (event.type === "reply") this.on.reply(event.to, event.reply);
    if (event.type === "done") this.on.done(event.to);
  }

  onVisibility() {
    clearTimeout(this.hiding);
    if (document.hidden) {
      // Browsers allow six connections to a server: tabs that nobody looks at give theirs back.
      this.hiding = setTimeout(() => this.disconnect(), HIDDEN_SECONDS * 1000);
    } else {
      this.connect();
    }
  }
}
