// On a phone, chat and people are a sheet that comes up from below; on a desk they stand at the side and this does nothing.

/** As in room.css. */
const DESK = '(min-width: 860px)';

export class Sheet {
  /** @type {HTMLElement} */ #side;
  /** @type {HTMLButtonElement} */ #opener;
  /** @type {HTMLElement} */ #unread;
  /** @type {HTMLElement} */ #preview;
  #desk = matchMedia(DESK);
  #unreadCount = 0;

  /**
   * @param {{ side: HTMLElement, opener: HTMLButtonElement, closer: HTMLButtonElement, unread: HTMLElement, preview: HTMLElement, stage: HTMLElement }} parts
   */
  constructor({ side, opener, closer, unread, preview, stage }) {
    this.#side = side;
    this.#opener = opener;
    this.#unread = unread;
    this.#preview = preview;
    opener.addEventListener('click', () => this.#set(true));
    closer.addEventListener('click', () => {
      this.#set(false);
      opener.focus();
    });
    stage.addEventListener('pointerdown', () => this.#set(false));
    side.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || this.#desk.matches) return;
      this.#set(false);
      opener.focus();
    });
    this.#desk.addEventListener('change', () => this.#set(false));
    // Safari lays its keyboard over the page, others shrink the page: either way the field stays above it.
    const viewport = globalThis.visualViewport;
    viewport?.addEventListener('resize', () => {
      const covered = Math.max(0, innerHeight - viewport.height - viewport.offsetTop);
      document.documentElement.style.setProperty('--keyboard', `${covered}px`);
    });
  }

  /** A line was said. @param {string} name @param {string} text @param {boolean} isMine */
  said(name, text, isMine) {
    this.#preview.textContent = `${isMine ? 'You' : name}: ${text}`;
    if (isMine || this.#desk.matches || document.body.dataset.sheet === 'open') return;
    this.#unreadCount += 1;
    this.#unread.textContent = this.#unreadCount > 99 ? '99+' : String(this.#unreadCount);
    this.#unread.hidden = false;
  }

  /** @param {boolean} open */
  #set(open) {
    document.body.dataset.sheet = open ? 'open' : 'closed';
    this.#opener.setAttribute('aria-expanded', String(open));
    if (!open) return;
    this.#unreadCount = 0;
    this.#unread.hidden = true;
    // Its field is not focused: that would bring up the keyboard over what one came to read.
    this.#side.querySelector('ol')?.scrollTo(0, Number.MAX_SAFE_INTEGER);
  }
}
