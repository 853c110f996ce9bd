// Being in the room: connects, says Hello, measures the link. After a loss patchcord.js brings us back; here it is only said.

/** @import { Connection, ConnectError, Received, State, StateDetail } from '../patchcord.js' */
/** @import { PageMessage, ServerMessage } from './messages.js' */

import { connect } from '../patchcord.js';
import { LinkMeter, PING_INTERVAL_MS } from './link.js';
import { REFUSED, VERSION, decode, encode } from './messages.js';
import { WORDS_NO_WELCOME, WORDS_OTHER_VERSION, wordsForKick, wordsForRefused } from './notice.js';

/** As long as the server gives a peer to open. */
const WELCOME_WAIT_MS = 10_000;

/** Between attempts to get in for the first time, and as much again by chance. */
const RETRY_MS = 1500;

/**
 * `open` is welcomed into the room, `returning` on the way back to it, `kicked` is `closed` by somebody; `sentence` is for people;
 * `retryAt`, in `performance.now()`, is null when it does not try again by itself.
 * @typedef {{ state: 'connecting' | 'open' | 'returning' | 'closed' | 'kicked', sentence: string, retryAt: number | null }} Status
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
let retrying = 0;
let welcoming = 0;
let welcomed = false;
let connecting = false;

/** Connects for the first time. @param {SessionEvents} told */
export function begin(told) {
  events = told;
  setInterval(ping, PING_INTERVAL_MS);
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
    const { message, lasting } = /** @type {ConnectError} */ (error);
    close(message, lasting);
  } finally {
    connecting = false;
  }
}

/** Sends on the reliable channel, or keeps it until we are back. Returns whether it could. @param {PageMessage} message */
export function send(message) {
  return welcomed && connection?.send(encode(message)) === true;
}

/** Sends now or never, on the unreliable channel. Returns whether we are in the room. @param {PageMessage} message */
export function sendUnreliable(message) {
  if (status.state !== 'open') return false;
  connection?.sendUnreliable(encode(message));
  return true;
}

/** @param {State} state @param {StateDetail} detail */
function onState(state, { resumed, cause, words, error, retryAt }) {
  if (state === 'open') {
    link = new LinkMeter();
    if (resumed && welcomed) {
      change('open', '');
    } else {
      welcomed = false;
      connection?.send(encode({ kind: 'Hello', version: VERSION, name: events.wantedName() }));
      welcoming = window.setTimeout(leave, WELCOME_WAIT_MS, WORDS_NO_WELCOME, false);
    }
  } else if (state === 'connecting') {
    clearTimeout(welcoming);
    change(welcomed ? 'returning' : 'connecting', error?.message ?? 'Connecting…', retryAt);
  } else if (cause === 'kicked') {
    welcomed = false;
    change('kicked', wordsForKick(words));
  } else if (error) {
    close(error.message, true);
  }
}

/** @param {Received} data */
function onMessage(data) {
  const now = performance.now();
  const message = typeof data === 'string' ? null : decode(data);
  if (!message) {
    events.onunreadable();
  } else if (message.kind === 'Pong') {
    link.pong(message.seq, now);
  } else if (message.kind === 'Welcome' && message.version !== VERSION) {
    leave(WORDS_OTHER_VERSION, true);
  } else if (message.kind === 'Welcome') {
    clearTimeout(welcoming);
    welcomed = true;
    events.onmessage(message);
    change('open', '');
  } else if (welcomed) {
    if (message.kind === 'Snapshot') link.snapshot(message.time, connection?.serverNow() ?? null);
    events.onmessage(message);
  } else if (message.kind === 'Refused') {
    // Our Hello: the next one would be the same.
    leave(wordsForRefused(message.reason, true), message.reason !== REFUSED.tooFast);
  }
}

function ping() {
  if (status.state !== 'open' || document.hidden) return;
  sendUnreliable({ kind: 'Ping', seq: link.ping(performance.now()) });
  events.onping();
}

/** @param {string} sentence @param {boolean} lasting */
function leave(sentence, lasting) {
  connection?.close();
  close(sentence, lasting);
}

/** @param {string} sentence @param {boolean} lasting  Trying again by itself is of no use. */
function close(sentence, lasting) {
  welcomed = false;
  clearTimeout(welcoming);
  const waitMs = RETRY_MS * (1 + Math.random());
  change('closed', sentence, lasting ? null : performance.now() + waitMs);
  if (!lasting) retrying = window.setTimeout(start, waitMs);
}

/** @param {Status['state']} state @param {string} sentence @param {number | null} [retryAt] */
function change(state, sentence, retryAt = null) {
  status = { state, sentence, retryAt };
  events.onstatus(status);
}
