// One's own name: the field, and what this browser remembers of it.

import { NAME_BYTES_MAX, utf8Length } from './messages.js';
import { WORDS_NAME_TOO_LONG } from './words.js';

const KEY = 'patchcord.name';

export class OwnName {
  /** @type {HTMLInputElement} */ #input;
  /** What the server calls us; '' before it did. */ #known = '';

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLInputElement} input
   * @param {{ rename: (name: string) => void, complain: (sentence: string) => void }} events
   */
  constructor(form, input, { rename, complain }) {
    this.#input = input;
    input.value = remembered();
    const take = () => {
      const name = input.value.trim();
      if (name === this.#known) return;
      if (utf8Length(name) > NAME_BYTES_MAX) {
        complain(WORDS_NAME_TOO_LONG);
        input.value = this.#known;
        return;
      }
      remember(name);
      rename(name);
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      input.blur();
    });
    input.addEventListener('change', take);
  }

  /** The name to come in with; '' lets the server choose. */
  wanted() {
    return remembered();
  }

  /** The server calls us so. @param {string} name */
  show(name) {
    this.#known = name;
    if (document.activeElement !== this.#input) this.#input.value = name;
  }
}

// A browser that keeps nothing for this page throws; a name is not worth a complaint then.

function remembered() {
  try {
    const name = localStorage.getItem(KEY) ?? '';
    return utf8Length(name) <= NAME_BYTES_MAX ? name : '';
  } catch {
    return '';
  }
}

/** @param {string} name */
function remember(name) {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // As above.
  }
}
