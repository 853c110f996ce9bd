// The list of who is here.

import { makeBadge } from './badge.js';

export class PeopleList {
  #list;
  #count;
  /** @type {Map<number, HTMLLIElement>} */ #items = new Map();

  /** @param {HTMLElement} list @param {HTMLElement} count */
  constructor(list, count) {
    this.#list = list;
    this.#count = count;
  }

  /**
   * Shows exactly these people, oneself first.
   * @param {import('./room.js').Room} room
   * @param {'light' | 'dark'} schemeName
   */
  show(room, schemeName) {
    // Oneself first: whoever looks for the own name finds it without scrolling.
    const people = [...room.people.values()].sort((a, b) => Number(b.id === room.me) - Number(a.id === room.me));
    this.#items = new Map(people.map((person) => [person.id, this.#makeItem(person, person.id === room.me, schemeName)]));
    this.#list.replaceChildren(...this.#items.values());
    this.#count.textContent = room.people.size > 0 ? String(room.people.size) : '';
  }

  /** Marks who waves; cheap enough for each snapshot. @param {import('./room.js').Room} room */
  showWaving(room) {
    for (const [id, item] of this.#items) {
      const waving = room.people.get(id)?.waving ?? false;
      if ((item.dataset.waving === 'true') !== waving) item.dataset.waving = String(waving);
    }
  }

  /** @param {import('./room.js').Participant} person @param {boolean} isMe @param {'light' | 'dark'} schemeName */
  #makeItem(person, isMe, schemeName) {
    const item = document.createElement('li');
    item.dataset.id = String(person.id);
    item.dataset.waving = String(person.waving);
    const name = document.createElement('span');
    name.className = 'person-name';
    name.dir = 'auto';
    name.textContent = person.name;
    item.append(makeBadge(person.look, person.name, schemeName), name);
    if (isMe) {
      const you = document.createElement('span');
      you.className = 'you';
      you.textContent = 'you';
      item.append(you);
    }
    const hand = document.createElement('span');
    hand.className = 'waves';
    hand.textContent = 'waves';
    item.append(hand);
    return item;
  }
}
