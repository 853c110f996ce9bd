// The card that says how it stands with the connection, and what to do.

export class Notice {
  /** @type {HTMLElement} */ #text;
  /** @type {HTMLElement} */ #next;
  /** @type {HTMLButtonElement} */ #button;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #counting;

  /**
   * @param {{ text: HTMLElement, next: HTMLElement, button: HTMLButtonElement }} parts
   * @param {() => void} ontryagain
   */
  constructor({ text, next, button }, ontryagain) {
    this.#text = text;
    this.#next = next;
    this.#button = button;
    button.addEventListener('click', ontryagain);
  }

  /** @param {import('./session.js').Status} status */
  show({ state, sentence, retryAt }) {
    clearInterval(this.#counting);
    document.body.dataset.state = state;
    this.#text.textContent = sentence;
    this.#button.hidden = state !== 'closed';
    this.#next.textContent = '';
    if (retryAt === null) return;
    const count = () => {
      const seconds = Math.max(1, Math.ceil((retryAt - performance.now()) / 1000));
      this.#next.textContent = `Trying again in ${seconds} s.`;
    };
    count();
    this.#counting = setInterval(count, 250);
  }
}
