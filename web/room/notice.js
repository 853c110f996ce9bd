// What the page says when something does not work: a plain sentence, and what to do. Shown on the card over the canvas, or
// as a toast that goes away by itself.

import { ConnectError } from '../patchcord.js';
import { REFUSED } from './messages.js';
import { element } from './page.js';

const FOREIGN = 'The server does not know this address. Open the address that it printed when it started.';

/** Our words for the server's refusals that a person can do something about. @type {Record<string, string>} */
const REFUSALS = {
  full: 'The room is full. It lets you in as soon as someone leaves.',
  busy: 'The server is busy. Wait a moment.',
  'shutting-down': 'The server is stopping. Start it again to go on.',
  'too-many-from-address': 'Too many pages are open from this device or network. Close some of them.',
  'foreign-host': FOREIGN,
  'foreign-origin': FOREIGN,
};

/** A sentence, and whether trying again by itself is of no use. @param {Error} error @returns {[string, boolean]} */
export function wordsForError(error) {
  if (!(error instanceof ConnectError)) return [`Something went wrong: ${error.message}. Reload the page.`, true];
  const { code, message, status = 500 } = error;
  // Waiting cures what the server lacks, slowness (408) and too many (429); the rest of 4xx stays as it is.
  const lasts = code === 'not-supported' || code === 'bad-answer' || (status < 500 && status !== 408 && status !== 429);
  return [REFUSALS[code] ?? message, lasts];
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
export const WORDS_NAME_CUT = 'That name was too long, so its end was cut off.';

/** @param {number} reason  Of `Refused`. @param {boolean} isName  Whether it was a name. */
export function wordsForRefused(reason, isName) {
  switch (reason) {
    case REFUSED.tooFast:
      return 'That was too fast. Wait a moment and send it again.';
    case REFUSED.tooLongOrEmpty:
      return isName ? 'The server does not take that name, it is too long. Choose a shorter one.' : WORDS_LINE_TOO_LONG;
    case REFUSED.unknownVersion:
      return WORDS_OTHER_VERSION;
    default:
      return 'The server did not understand this page. Reload it.';
  }
}

let counting = 0;

/** @param {import('./session.js').Status} status */
export function showStatus({ state, sentence, retryAt }) {
  const next = element('notice-next');
  clearInterval(counting);
  document.body.dataset.state = state;
  element('notice-text').textContent = sentence;
  element('try-again').hidden = state !== 'closed';
  next.textContent = '';
  if (retryAt === null) return;
  const count = () => {
    const seconds = Math.max(1, Math.ceil((retryAt - performance.now()) / 1000));
    next.textContent = `Trying again in ${seconds} s.`;
  };
  count();
  counting = window.setInterval(count, 250);
}

/** Long enough to read two short sentences. */
const TOAST_MS = 6000;

let hiding = 0;

/** @param {string} sentence */
export function showToast(sentence) {
  const toast = element('toast');
  const hide = () => {
    toast.hidden = true;
  };
  element('toast-text').textContent = sentence;
  element('toast-close').onclick = hide;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = window.setTimeout(hide, TOAST_MS);
}
