// Being in the room: connects, says Hello, measures the link, and comes back after a loss.

import { connect } from '../patchcord.js';
import { Backoff } from './backoff.js';
import { LinkMeter, PING_INTERVAL_MS } from './link.js';
import { VERSION, decode, encode } from './messages.js';
import { WORDS_NO_WELCOME, WORDS_OTHER_VERSION, WORDS_QUIET, wordsForClose, wordsForError } from './words.js';

/** Snapshots come sixty times a second, so this much silence is an end; the browser itself needs 15 s or more to see it. */
const QUIET_MAX_MS = 6000;

/** As long as the server gives a peer to open. */
const WELCOME_WAIT_MS = 10_000;

const WATCH_INTERVAL_MS = 500;

/** A connection that held this long was a good one: the next wait is short again. */
const STEADY_MS = 10_000;

/**
 * @typedef {object} Status
 * @property {'connecting' | 'open' | 'closed'} state  `open`: welcomed into the room.
 * @property {string} sentence  For people; '' when open.
 * @property {number | null} retryAt  When it tries again by itself, in `performance.now()`; null when it does not.
 *
 * @typedef {object} SessionEvents
 * @property {() => string} wantedName
 * @property {(status: Status) => void} onstatus
 * @property {(message: import('./messages.js').ServerMessage) => void} onmessage  All but Pong.
 * @property {() => void} onunreadable  A message that cannot be decoded came.
 * @property {() => void} onping  Ten times a second while open.
 */

export class Session {
  /** @type {SessionEvents} */ #events;
  /** @type {import('../patchcord.js').Connection | null} */ #connection = null;
  /** @type {Status} */ #status = { state: 'connecting', sentence: '', retryAt: null };
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retrying;
  #backoff = new Backoff();
  #link = new LinkMeter();
  #heardAt = 0;
  #openedAt = 0;
  #welcomed = false;
  #connecting = false;

  /** @param {SessionEvents} events */
  constructor(events) {
    this.#events = events;
    setInterval(() => this.#ping(), PING_INTERVAL_MS);
    setInterval(() => this.#watch(), WATCH_INTERVAL_MS);
  }

  get status() {
    return this.#status;
  }

  get link() {
    return this.#link;
  }

  get transport() {
    return this.#connection?.transport ?? '';
  }

  get timing() {
    return this.#connection?.timing ?? null;
  }

  /** Connects now, unless it is connected or on the way. */
  async start() {
    clearTimeout(this.#retrying);
    if (this.#connecting || (this.#connection && this.#connection.state !== 'closed')) return;
    this.#connecting = true;
    this.#change('connecting', 'Connecting…');
    try {
      this.#connection = await connect({
        onstate: (state, detail) => this.#onState(state, detail),
        onmessage: (data) => this.#onMessage(data),
      });
    } catch (error) {
      const { sentence, lasting } = wordsForError(/** @type {Error} */ (error));
      this.#close(sentence, lasting);
    } finally {
      this.#connecting = false;
    }
  }

  /**
   * Sends on the reliable channel. Returns whether it could.
   * @param {import('./messages.js').PageMessage} message
   */
  send(message) {
    return this.#welcomed && this.#connection !== null && this.#connection.send(encode(message));
  }

  /**
   * Sends on the unreliable channel, where a message that cannot go at once is dropped.
   * @param {import('./messages.js').PageMessage} message
   */
  sendUnreliable(message) {
    if (this.#welcomed) this.#connection?.sendUnreliable(encode(message));
  }

  /** @param {import('../patchcord.js').State} state @param {import('../patchcord.js').StateDetail} detail */
  #onState(state, { cause, error }) {
    if (state === 'open') {
      this.#link = new LinkMeter();
      this.#openedAt = this.#heardAt = performance.now();
      this.#connection?.send(encode({ kind: 'Hello', version: VERSION, name: this.#events.wantedName() }));
    } else if (state === 'connecting' || cause === 'pagehide') {
      // The same connection comes back by itself when the page does.
      this.#welcomed = false;
      this.#change('connecting', 'Connecting…');
    } else if (error && cause === 'failed') {
      const { sentence, lasting } = wordsForError(error);
      this.#close(sentence, lasting);
    } else if (cause && cause !== 'local') {
      this.#close(wordsForClose(cause), false);
    }
  }

  /** @param {import('../patchcord.js').Received} data */
  #onMessage(data) {
    const now = performance.now();
    this.#heardAt = now;
    const message = typeof data === 'string' ? null : decode(data);
    if (!message) {
      this.#events.onunreadable();
    } else if (message.kind === 'Pong') {
      this.#link.pong(message.seq, now);
    } else if (message.kind === 'Welcome') {
      this.#onWelcome(message);
    } else if (this.#welcomed || message.kind === 'Refused') {
      this.#events.onmessage(message);
    }
  }

  /** @param {import('./messages.js').Welcome} welcome */
  #onWelcome(welcome) {
    if (welcome.version !== VERSION) {
      this.#leave(WORDS_OTHER_VERSION, true);
      return;
    }
    this.#welcomed = true;
    this.#events.onmessage(welcome);
    this.#change('open', '');
  }

  #ping() {
    if (!this.#welcomed || document.hidden) return;
    this.sendUnreliable({ kind: 'Ping', seq: this.#link.ping(performance.now()) });
    this.#events.onping();
  }

  #watch() {
    if (this.#connection?.state !== 'open') return;
    const now = performance.now();
    if (now - this.#heardAt > QUIET_MAX_MS) this.#leave(WORDS_QUIET, false);
    else if (!this.#welcomed && now - this.#openedAt > WELCOME_WAIT_MS) this.#leave(WORDS_NO_WELCOME, false);
    else if (now - this.#openedAt > STEADY_MS) this.#backoff.reset();
  }

  /** @param {string} sentence @param {boolean} lasting */
  #leave(sentence, lasting) {
    this.#connection?.close();
    this.#close(sentence, lasting);
  }

  /** @param {string} sentence @param {boolean} lasting */
  #close(sentence, lasting) {
    this.#welcomed = false;
    const wait = lasting ? null : this.#backoff.next(Math.random());
    this.#change('closed', sentence, wait === null ? null : performance.now() + wait);
    if (wait !== null) this.#retrying = setTimeout(() => this.start(), wait);
  }

  /** @param {Status['state']} state @param {string} sentence @param {number | null} [retryAt] */
  #change(state, sentence, retryAt = null) {
    this.#status = { state, sentence, retryAt };
    this.#events.onstatus(this.#status);
  }
}
