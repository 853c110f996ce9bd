// The chat: lines, the field below them, and how many came unseen.

import { makeBadge } from './badge.js';
import { TEXT_BYTES_MAX, utf8Length } from './messages.js';
import { LINES_MAX } from './room.js';
import { WORDS_LINE_TOO_LONG, WORDS_NOT_SENT } from './words.js';

/** Nearer to the end than this, the reader follows the talk; farther up, the list stays where it is. */
const AT_END_PX = 48;

export class Chat {
  /** @type {HTMLOListElement} */ #list;
  /** @type {HTMLInputElement} */ #input;
  /** @type {HTMLElement} */ #empty;
  /** @type {string | null} Said but not seen to have arrived. */ #waiting = null;
  /** @type {number | null} Whose line was the last: the next of the same person goes without a name. */ #lastAuthor = null;

  /**
   * @param {{ form: HTMLFormElement, input: HTMLInputElement, list: HTMLOListElement, empty: HTMLElement }} parts
   * @param {{ say: (text: string) => boolean, complain: (sentence: string) => void }} events  `say` returns whether the
   *   line could be sent.
   */
  constructor({ form, input, list, empty }, { say, complain }) {
    this.#list = list;
    this.#input = input;
    this.#empty = empty;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text === '') return;
      if (utf8Length(text) > TEXT_BYTES_MAX) {
        complain(WORDS_LINE_TOO_LONG);
      } else if (say(text)) {
        this.#waiting = text;
        input.value = '';
      } else {
        complain(WORDS_NOT_SENT);
      }
    });
  }

  /**
   * Shows exactly these lines.
   * @param {readonly import('./room.js').Said[]} lines
   * @param {'light' | 'dark'} schemeName
   */
  show(lines, schemeName) {
    this.#lastAuthor = null;
    this.#list.replaceChildren(...lines.map((line) => this.#makeItem(line, schemeName)));
    this.#empty.hidden = lines.length > 0;
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** @param {import('./room.js').Said} line @param {boolean} isMine @param {'light' | 'dark'} schemeName */
  add(line, isMine, schemeName) {
    if (isMine) this.#waiting = null;
    const { scrollTop, clientHeight, scrollHeight } = this.#list;
    const followed = isMine || scrollTop + clientHeight > scrollHeight - AT_END_PX;
    this.#list.append(this.#makeItem(line, schemeName));
    if (this.#list.childElementCount > LINES_MAX) this.#list.firstElementChild?.remove();
    this.#empty.hidden = true;
    if (followed) this.#list.scrollTop = this.#list.scrollHeight;
  }

  /** The server did not take the last line: it goes back into the field, unless something else was begun there. */
  giveBack() {
    if (this.#waiting !== null && this.#input.value === '') this.#input.value = this.#waiting;
    this.#waiting = null;
  }

  /** @param {import('./room.js').Said} line @param {'light' | 'dark'} schemeName */
  #makeItem({ author, look, name, text, ageSeconds }, schemeName) {
    const item = document.createElement('li');
    item.dataset.author = String(author);
    if (author === this.#lastAuthor) item.className = 'same-author';
    this.#lastAuthor = author;
    const who = document.createElement('span');
    who.className = 'line-name';
    who.dir = 'auto';
    who.textContent = name;
    const when = document.createElement('time');
    const saidAt = new Date(Date.now() - ageSeconds * 1000);
    when.dateTime = saidAt.toISOString();
    when.textContent = saidAt.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    const what = document.createElement('span');
    what.className = 'line-text';
    what.dir = 'auto';
    what.textContent = text;
    item.append(makeBadge(look, name, schemeName), who, when, what);
    return item;
  }
}
