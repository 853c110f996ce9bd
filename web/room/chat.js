// The chat: its lines, and the field below them.

import { makeBadge } from './look.js';
import { TEXT_BYTES_MAX, utf8Length } from './messages.js';
import { WORDS_LINE_TOO_LONG, WORDS_NOT_SENT, showToast } from './notice.js';
import { element, span } from './page.js';
import { LINES_MAX } from './room.js';

/** @import { Said } from './room.js' */

/** Nearer to the end than this, the reader follows the talk; farther up, the list stays where it is. */
const AT_END_PX = 48;

const list = element('chat-lines');
/** @type {HTMLInputElement} */
const input = element('chat-input');
/** Said but not seen to have arrived. @type {string[]} */
let waiting = [];
/** Whose line was the last: the next of the same person goes without a name. @type {number | null} */
let lastAuthor = null;

/** @param {(text: string) => boolean} say  Returns whether the line could be sent. */
export function watchChat(say) {
  element('chat-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === '') return;
    if (utf8Length(text) > TEXT_BYTES_MAX) {
      showToast(WORDS_LINE_TOO_LONG);
    } else if (say(text)) {
      waiting.push(text);
      input.value = '';
    } else {
      showToast(WORDS_NOT_SENT);
    }
  });
}

/** Shows exactly these lines. @param {readonly Said[]} lines */
export function showLines(lines) {
  lastAuthor = null;
  list.replaceChildren(...lines.map(makeItem));
  element('chat-empty').hidden = lines.length > 0;
  list.scrollTop = list.scrollHeight;
}

/** @param {Said} line @param {boolean} isMine */
export function addLine(line, isMine) {
  if (isMine) waiting.shift();
  const follows = isMine || list.scrollTop + list.clientHeight > list.scrollHeight - AT_END_PX;
  list.append(makeItem(line));
  if (list.childElementCount > LINES_MAX) list.firstElementChild?.remove();
  element('chat-empty').hidden = true;
  if (follows) list.scrollTop = list.scrollHeight;
}

/** The server did not take the oldest line: it goes back into the field, unless something else was begun there. */
export function giveBack() {
  input.value ||= waiting.shift() ?? '';
}

/** The server will not hear what waits. Returns whether that is anything. */
export function giveBackAll() {
  const lines = waiting;
  waiting = [];
  input.value ||= lines.join(' ');
  return lines.length > 0;
}

/** @param {Said} line */
function makeItem({ author, look, name, text, ageSeconds }) {
  const item = document.createElement('li');
  if (author === lastAuthor) item.className = 'same-author';
  lastAuthor = author;
  const when = document.createElement('time');
  const saidAt = new Date(Date.now() - ageSeconds * 1000);
  when.dateTime = saidAt.toISOString();
  when.textContent = saidAt.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  item.append(makeBadge(look, name), span('line-name', name), when, span('line-text', text));
  return item;
}
