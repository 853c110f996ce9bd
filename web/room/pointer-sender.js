// Sends one's own pointer: as soon as it moves, sixty times a second at most, and once a second while it rests, so that a
// lost last packet heals.

import { COORDINATE_MAX } from './messages.js';
import { next16 } from './sequence.js';

/** The protocol's limit, 60 a second. */
const INTERVAL_MS = 1000 / 60;

const REFRESH_MS = 1000;

/** @typedef {import('./messages.js').PageMessage & { kind: 'Pointer' }} PointerMessage */

export class PointerSender {
  /** @type {(message: PointerMessage) => void} */ #send;
  /** @type {{ x: number, y: number, down: number } | null} */ #place = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #pending = false;
  #sentAt = -Infinity;
  #seq = 0;

  /** @param {(message: PointerMessage) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {import('./pointer.js').OwnPointer} pointer */
  move({ x, y, down }) {
    const place = { x: Math.round(x * COORDINATE_MAX), y: Math.round(y * COORDINATE_MAX), down: down ? 1 : 0 };
    const last = this.#place;
    if (last && last.x === place.x && last.y === place.y && last.down === place.down) return;
    this.#place = place;
    if (this.#pending) return;
    const wait = this.#sentAt + INTERVAL_MS - performance.now();
    if (wait <= 0) {
      this.#sendNow();
    } else {
      this.#pending = true;
      this.#after(wait);
    }
  }

  /** Sends the place again: to a server that does not know it yet. */
  refresh() {
    if (this.#place) this.#sendNow();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#pending = false;
  }

  #sendNow() {
    if (!this.#place) return;
    this.#pending = false;
    this.#sentAt = performance.now();
    this.#seq = next16(this.#seq);
    this.#send({ kind: 'Pointer', seq: this.#seq, ...this.#place });
    this.#after(REFRESH_MS);
  }

  /** @param {number} ms */
  #after(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#sendNow(), ms);
  }
}
