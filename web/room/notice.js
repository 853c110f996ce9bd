// What the page says when something does not work: a plain sentence, and what to do. Shown on the card over the canvas, or
// as a toast that goes away by itself.

import { REFUSED } from './messages.js';
import { element } from './page.js';

export const WORDS_NO_WELCOME = 'The server did not let you into the room.';
export const WORDS_OTHER_VERSION = 'This page and the server are of different versions. Reload the page.';
export const WORDS_UNREADABLE = 'The server said something that this page does not understand. Reload the page.';
export const WORDS_NOT_SENT = 'Not sent, there is no connection right now. Send it again when you are back in the room.';
export const WORDS_NOT_ARRIVED = 'What you said last has not arrived. It is in the field again.';
export const WORDS_LINE_TOO_LONG = 'That line is too long. Make it shorter, or send it in two.';
export const WORDS_NAME_CUT = 'That name was too long, so its end was cut off.';

/** @param {string} [words]  Of who did it. */
export function wordsForKick(words) {
  return words ? `You were asked to leave: ${words}` : 'You were asked to leave.';
}

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
  const again = element('try-again');
  again.hidden = state !== 'closed' && state !== 'kicked';
  again.textContent = state === 'kicked' ? 'Come in again' : 'Try again';
  next.textContent = '';
  if (retryAt === null) return;
  const count = () => {
    const seconds = Math.ceil((retryAt - performance.now()) / 1000);
    next.textContent = seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying now…';
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
