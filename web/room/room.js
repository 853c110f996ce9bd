// Who is here, where they point and what was said, from the server's messages. No DOM, no clock.

import { COORDINATE_MAX, STATE, isNewer32 } from './messages.js';

/** Lines kept on the page; the server keeps 50 for newcomers. */
export const LINES_MAX = 200;

/** @import { Person, Snapshot, Welcome } from './messages.js' */

/**
 * `x` and `y` go from 0 to 65535 and mean nothing without a pointer.
 * @typedef {Person & { x: number, y: number, down: boolean, waving: boolean, hasPointer: boolean, away: boolean }} Participant
 *
 * @typedef {{ author: number, look: number, name: string, text: string, ageSeconds: number }} Said
 */

export class Room {
  /** @type {number | null} Our own id, once welcomed. */ me = null;
  /** @type {Map<number, Participant>} In the order of their coming. */ people = new Map();
  /** @type {Said[]} Oldest first. */ lines = [];
  /** @type {number | null} */ #tick = null;

  /** @param {Welcome} welcome */
  welcome({ you, people, lines }) {
    this.me = you;
    this.people = new Map(people.map((person) => [person.id, newcomer(person)]));
    this.lines = lines.map(({ age, ...line }) => ({ ...line, ageSeconds: age }));
    this.#tick = null;
  }

  /** @param {Person} person */
  joined(person) {
    this.people.set(person.id, newcomer(person));
  }

  /** Nobody is heard of any more: the hands go down. */
  rest() {
    for (const person of this.people.values()) person.waving = person.down = false;
  }

  /** @param {number} id */
  left(id) {
    this.people.delete(id);
  }

  /** @param {number} id @param {string} name */
  renamed(id, name) {
    const person = this.people.get(id);
    if (person) person.name = name;
  }

  /** @param {{ author: number, look: number, name: string, text: string }} line */
  said({ author, look, name, text }) {
    const line = { author, look, name, text, ageSeconds: 0 };
    this.lines.push(line);
    if (this.lines.length > LINES_MAX) this.lines.shift();
    return line;
  }

  /**
   * Takes a snapshot, unless a newer one came before it; returns whether. Of people who have not been announced, or have
   * left, it says nothing: `Joined` and `Left` travel on the other channel and may come later or sooner.
   * @param {Snapshot} snapshot
   */
  snapshot({ tick, people }) {
    if (this.me === null || (this.#tick !== null && isNewer32(this.#tick, tick))) return false;
    this.#tick = tick;
    for (const { id, x, y, state } of people) {
      const person = this.people.get(id);
      if (!person) continue;
      person.hasPointer = (state & STATE.hasPointer) !== 0;
      person.down = person.hasPointer && (state & STATE.down) !== 0;
      person.waving = (state & STATE.waving) !== 0;
      person.away = (state & STATE.away) !== 0;
      if (person.hasPointer) {
        person.x = x;
        person.y = y;
      }
    }
    return true;
  }
}

/** @param {Person} person @returns {Participant} */
function newcomer({ id, look, name }) {
  const middle = Math.round(COORDINATE_MAX / 2);
  return { id, look, name, x: middle, y: middle, down: false, waving: false, hasPointer: false, away: false };
}
