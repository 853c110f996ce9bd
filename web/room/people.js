// Who is here: the list, and the field for one's own name with what this browser remembers of it.

import { makeBadge } from './look.js';
import { NAME_BYTES_MAX, cutToBytes } from './messages.js';
import { WORDS_NAME_CUT, showToast } from './notice.js';
import { element, span } from './page.js';

/** @import { Room } from './room.js' */

/** @type {Map<number, HTMLLIElement>} */
let items = new Map();

/** Shows exactly these people. @param {Room} room */
export function showPeople({ me, people }) {
  // Oneself first: whoever looks for the own name finds it without scrolling.
  const sorted = [...people.values()].sort((a, b) => Number(b.id === me) - Number(a.id === me));
  items = new Map(sorted.map(({ id, look, name, waving, away }) => {
    const item = document.createElement('li');
    item.dataset.id = String(id);
    item.dataset.waving = String(waving);
    item.dataset.away = String(away);
    item.append(makeBadge(look, name), span('person-name', name));
    if (id === me) item.append(span('you', 'you'));
    item.append(span('waves', 'waves'), span('gone', 'away'));
    return [id, item];
  }));
  element('people').replaceChildren(...items.values());
  element('people-count').textContent = String(people.size || '');
}

/** Marks who waves and who is away; cheap enough for each snapshot. @param {Room} room */
export function showStates({ people }) {
  for (const [id, { dataset }] of items) {
    const { waving = false, away = false } = people.get(id) ?? {};
    if (dataset.waving !== String(waving)) dataset.waving = String(waving);
    if (dataset.away !== String(away)) dataset.away = String(away);
  }
}

const KEY = 'patchcord.name';

/** @type {HTMLInputElement} */
const input = element('name');
/** What the server calls us; '' before it did. */
let known = '';
/** The name to come in with; '' lets the server choose. Read once: another tab may take another name. */
let wanted = cutToBytes(remembered(), NAME_BYTES_MAX);
/** Whether the server has not yet said what it thinks of the last name. */
let asked = false;

/** @param {(name: string) => boolean} rename  Returns whether the name could be sent. */
export function watchName(rename) {
  input.value = wanted;
  element('name-form').addEventListener('submit', (event) => {
    event.preventDefault();
    input.blur();
  });
  input.addEventListener('change', () => {
    const whole = input.value.trim();
    // The field counts characters, the server bytes.
    const name = cutToBytes(whole, NAME_BYTES_MAX);
    if (name !== whole) showToast(WORDS_NAME_CUT);
    input.value = name;
    if (name === known) return;
    remember(name);
    asked = rename(name);
  });
}

export function wantedName() {
  return wanted;
}

/** The server calls us so. @param {string} name */
export function showName(name) {
  known = name;
  if (document.activeElement !== input) input.value = name;
}

/** The server took what was asked, or the connection that asked is gone. */
export function nameSettled() {
  asked = false;
}

/** The server refused something. Returns whether it was the name, which then is the old one again. */
export function nameRefused() {
  if (!asked) return false;
  asked = false;
  remember(known);
  showName(known);
  return true;
}

function remembered() {
  try {
    return localStorage.getItem(KEY) ?? '';
  } catch {
    // A browser that keeps nothing for this page throws; a name is not worth a complaint then.
    return '';
  }
}

/** @param {string} name */
function remember(name) {
  wanted = name;
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // As in `remembered`.
  }
}
