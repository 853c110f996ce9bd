// Being in the room: connects, says Hello, measures the link, and comes back after a loss.

/** @import { Connection, Received, State, StateDetail } from '../patchcord.js' */
/** @import { PageMessage, ServerMessage } from './messages.js' */

import { connect } from '../patchcord.js';
import { LinkMeter, PING_INTERVAL_MS } from './link.js';
import { VERSION, decode, encode } from './messages.js';
import { WORDS_NO_WELCOME, WORDS_OTHER_VERSION, WORDS_QUIET, wordsForClose, wordsForError, wordsForRefused } from './notice.js';

/** Snapshots come sixty times a second, so this much silence is an end; the browser itself needs 15 s or more to see it. */
const QUIET_MAX_MS = 6000;

/** As long as the server gives a peer to open. */
const WELCOME_WAIT_MS = 10_000;

const WATCH_INTERVAL_MS = 500;

/** A connection that held this long was a good one: the next wait is short again. */
const STEADY_MS = 10_000;

/** Soon enough that a server that restarts is hardly noticed. */
export const BACKOFF_MIN_MS = 500;

/** Nobody should wait longer for a server that is back. */
export const BACKOFF_MAX_MS = 8000;

/** How long to wait before the next attempt to connect. */
export class Backoff {
  #attempt = 0;

  /**
   * The next wait in milliseconds: it doubles each time, and chance takes off up to half of it (but never goes under the
   * minimum), so that a room full of phones does not come back in one moment. @param {number} chance  From 0 up to 1.
   */
  next(chance) {
    const full = Math.min(BACKOFF_MIN_MS * 2 ** this.#attempt, BACKOFF_MAX_MS);
    if (full < BACKOFF_MAX_MS) this.#attempt += 1;
    return Math.max(BACKOFF_MIN_MS, full * (1 - chance / 2));
  }

  reset() {
    this.#attempt = 0;
  }
}

/**
 * `open` is welcomed into the room; `sentence` is for people; `retryAt`, in `performance.now()`, is null when it does not try
 * again by itself.
 * @typedef {{ state: 'connecting' | 'open' | 'closed', sentence: string, retryAt: number | null }} Status
 *
 * @typedef {object} SessionEvents
 * @property {() => string} wantedName
 * @property {(status: Status) => void} onstatus
 * @property {(message: ServerMessage) => void} onmessage  All but Pong.
 * @property {() => void} onunreadable  What came is no message.
 * @property {() => void} onping  Ten times a second while open.
 */

/** @type {Connection | null} */
export let connection = null;
/** @type {Status} */
export let status = { state: 'connecting', sentence: '', retryAt: null };
export let link = new LinkMeter();

/** @type {SessionEvents} */
let events;
const backoff = new Backoff();
let retrying = 0;
let heardAt = 0;
let openedAt = 0;
let welcomed = false;
let connecting = false;

/** Connects for the first time. @param {SessionEvents} told */
export function begin(told) {
  events = told;
  setInterval(ping, PING_INTERVAL_MS);
  setInterval(watch, WATCH_INTERVAL_MS);
  void start();
}

/** Connects now, unless it is connected or on the way. */
export async function start() {
  clearTimeout(retrying);
  if (connecting || (connection && connection.state !== 'closed')) return;
  connecting = true;
  change('connecting', 'Connecting…');
  try {
    connection = await connect({ onstate: onState, onmessage: onMessage });
  } catch (error) {
    close(...wordsForError(/** @type {Error} */ (error)));
  } finally {
    connecting = false;
  }
}

/** Sends on the reliable channel. Returns whether it could. @param {PageMessage} message */
export function send(message) {
  return welcomed && connection?.send(encode(message)) === true;
}

/** Sends now or never, on the unreliable channel. Returns whether we are in the room. @param {PageMessage} message */
export function sendUnreliable(message) {
  if (welcomed) connection?.sendUnreliable(encode(message));
  return welcomed;
}

/** @param {State} state @param {StateDetail} detail */
function onState(state, { cause, error }) {
  if (state === 'open') {
    link = new LinkMeter();
    openedAt = heardAt = performance.now();
    connection?.send(encode({ kind: 'Hello', version: VERSION, name: events.wantedName() }));
  } else if (state === 'connecting' || cause === 'pagehide') {
    // The same connection comes back by itself when the page does.
    welcomed = false;
    change('connecting', 'Connecting…');
  } else if (error && cause === 'failed') {
    close(...wordsForError(error));
  } else if (cause && cause !== 'local') {
    close(wordsForClose(cause), false);
  }
}

/** @param {Received} data */
function onMessage(data) {
  heardAt = performance.now();
  const message = typeof data === 'string' ? null : decode(data);
  if (!message) {
    events.onunreadable();
  } else if (message.kind === 'Pong') {
    link.pong(message.seq, heardAt);
  } else if (message.kind === 'Welcome' && message.version !== VERSION) {
    leave(WORDS_OTHER_VERSION, true);
  } else if (message.kind === 'Welcome') {
    welcomed = true;
    events.onmessage(message);
    change('open', '');
  } else if (welcomed) {
    events.onmessage(message);
  } else if (message.kind === 'Refused') {
    // Our Hello: the next one would be the same.
    leave(wordsForRefused(message.reason, true), true);
  }
}

function ping() {
  if (!welcomed || document.hidden) return;
  sendUnreliable({ kind: 'Ping', seq: link.ping(performance.now()) });
  events.onping();
}

function watch() {
  if (connection?.state !== 'open') return;
  const now = performance.now();
  if (now - heardAt > QUIET_MAX_MS) leave(WORDS_QUIET, false);
  else if (!welcomed && now - openedAt > WELCOME_WAIT_MS) leave(WORDS_NO_WELCOME, false);
  else if (now - openedAt > STEADY_MS) backoff.reset();
}

/** @param {string} sentence @param {boolean} lasting */
function leave(sentence, lasting) {
  connection?.close();
  close(sentence, lasting);
}

/** @param {string} sentence @param {boolean} lasting  Trying again by itself is of no use. */
function close(sentence, lasting) {
  welcomed = false;
  const wait = lasting ? null : backoff.next(Math.random());
  change('closed', sentence, wait === null ? null : performance.now() + wait);
  if (wait !== null) retrying = window.setTimeout(start, wait);
}

/** @param {Status['state']} state @param {string} sentence @param {number | null} [retryAt] */
function change(state, sentence, retryAt = null) {
  status = { state, sentence, retryAt };
  events.onstatus(status);
}
