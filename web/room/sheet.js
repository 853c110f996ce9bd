// On a phone, chat and people are a sheet that comes up from below; on a desk they stand at the side and this does nothing.

import { element } from './page.js';

/** As in room.css. */
const desk = matchMedia('(min-width: 860px)');
const opener = element('sheet-open');
let unread = 0;

export function watchSheet() {
  opener.addEventListener('click', () => set(true));
  element('sheet-close').addEventListener('click', close);
  element('canvas').addEventListener('pointerdown', () => set(false));
  element('side').addEventListener('keydown', ({ key }) => {
    if (key === 'Escape' && !desk.matches) close();
  });
  desk.addEventListener('change', () => set(false));
  // Safari lays its keyboard over the page, others shrink the page.
  const viewport = globalThis.visualViewport;
  viewport?.addEventListener('resize', () => {
    const covered = Math.max(0, innerHeight - viewport.height - viewport.offsetTop);
    document.documentElement.style.setProperty('--keyboard', `${covered}px`);
  });
}

/** What is seen of a line while the sheet is down. @param {string} name @param {string} text @param {boolean} isMine */
export function previewLine(name, text, isMine) {
  element('sheet-preview').textContent = `${isMine ? 'You' : name}: ${text}`;
  if (isMine || desk.matches || document.body.dataset.sheet === 'open') return;
  unread += 1;
  element('unread').textContent = unread > 99 ? '99+' : String(unread);
  element('unread').hidden = false;
}

function close() {
  set(false);
  opener.focus();
}

/** @param {boolean} open */
function set(open) {
  document.body.dataset.sheet = open ? 'open' : 'closed';
  opener.setAttribute('aria-expanded', String(open));
  if (!open) return;
  unread = 0;
  element('unread').hidden = true;
  // Its field is not focused: that would bring up the keyboard over what one came to read.
  element('chat-lines').scrollTo(0, Number.MAX_SAFE_INTEGER);
}
