// What the page says when something does not work: a plain sentence, and what to do.

import { ConnectError } from '../patchcord.js';
import { REFUSED } from './messages.js';

/** Our words for the server's refusals that a person can do something about. @type {Readonly<Record<string, string>>} */
const REFUSALS = {
  full: 'The room is full. It lets you in as soon as someone leaves.',
  busy: 'The server is busy. Wait a moment.',
  'shutting-down': 'The server is stopping. Start it again to go on.',
  'too-many-from-address': 'Too many pages are open from this device or network. Close some of them.',
  'foreign-host': 'The server does not know this address. Open the address that it printed when it started.',
  'foreign-origin': 'The server does not know this address. Open the address that it printed when it started.',
};

/** Codes that waiting does not cure. */
const LASTING = new Set([
  'not-supported', 'bad-answer', 'bad-request', 'bad-offer', 'not-data-channels', 'foreign-host', 'foreign-origin',
  'not-found', 'method-not-allowed', 'length-required', 'body-too-large', 'not-json', 'head-too-large',
]);

/**
 * @param {Error} error
 * @returns {{ sentence: string, lasting: boolean }} `lasting`: trying again by itself is of no use.
 */
export function wordsForError(error) {
  if (!(error instanceof ConnectError)) return { sentence: `Something went wrong: ${error.message}. Reload the page.`, lasting: true };
  return { sentence: REFUSALS[error.code] ?? error.message, lasting: LASTING.has(error.code) };
}

/** @param {import('../patchcord.js').CloseCause} cause */
export function wordsForClose(cause) {
  return cause === 'remote'
    ? 'The server closed the connection.'
    : 'The connection to the server was lost. Check that this device is still on the Wi-Fi.';
}

export const WORDS_QUIET = 'The server has gone quiet. Check that it still runs and that this device is on the Wi-Fi.';
export const WORDS_NO_WELCOME = 'The server did not let you into the room.';
export const WORDS_OTHER_VERSION = 'This page and the server are of different versions. Reload the page.';
export const WORDS_UNREADABLE = 'The server said something that this page does not understand. Reload the page.';
export const WORDS_NOT_SENT = 'Not sent, there is no connection right now. Send it again when you are back in the room.';
export const WORDS_LINE_TOO_LONG = 'That line is too long. Make it shorter, or send it in two.';
export const WORDS_NAME_TOO_LONG = 'That name is too long. Choose a shorter one.';

/** @param {number} reason  Of `Refused`. */
export function wordsForRefused(reason) {
  switch (reason) {
    case REFUSED.tooFast:
      return 'That was too fast. Wait a moment and send it again.';
    case REFUSED.tooLongOrEmpty:
      return 'The server did not take that: it is too long or empty. Change it and send it again.';
    case REFUSED.unknownVersion:
      return WORDS_OTHER_VERSION;
    default:
      return 'The server did not understand this page. Reload it.';
  }
}
