// One's own pointer: from mouse, finger, pen or arrow keys on the canvas, to the server.

import { COORDINATE_MAX, next16 } from './messages.js';

/** How much of the canvas an arrow key crosses in a second, and in its first step. */
const KEY_SPEED = 0.4;
const KEY_STEP = 0.012;

/** The protocol's limit, 60 a second. */
const INTERVAL_MS = 1000 / 60;

const REFRESH_MS = 1000;

/** @type {Record<string, [number, number]>} */
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @typedef {{ x: number, y: number, down: boolean }} OwnPointer  `x` and `y` from 0 to 1. */

/** @param {HTMLCanvasElement} canvas @param {(pointer: OwnPointer) => void} onmove  Told each move over the canvas. */
export function watchPointer(canvas, onmove) {
  let own = { x: 0.5, y: 0.5, down: false };
  /** @type {Set<string>} */
  const held = new Set();
  let stepping = 0;

  /** @param {number} x @param {number} y @param {boolean} down */
  function move(x, y, down) {
    own = { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)), down };
    onmove(own);
  }

  /** @param {PointerEvent} event @param {boolean} down */
  function moveTo(event, down) {
    const box = canvas.getBoundingClientRect();
    move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, down);
  }

  function lift() {
    if (own.down) move(own.x, own.y, false);
  }

  function rest() {
    clearInterval(stepping);
    stepping = 0;
  }

  function release() {
    held.clear();
    rest();
    lift();
  }

  /** @param {number} part  Of the canvas. */
  function step(part) {
    let [dx, dy] = [0, 0];
    for (const key of held) {
      dx += DIRECTIONS[key][0];
      dy += DIRECTIONS[key][1];
    }
    if (dx !== 0 || dy !== 0) move(own.x + dx * part, own.y + dy * part, own.down);
  }

  canvas.addEventListener('pointerdown', (event) => {
    if (!event.isPrimary || event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    moveTo(event, true);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (!event.isPrimary) return;
    // What the browser gathered since the last frame makes the own line round.
    const steps = event.getCoalescedEvents?.() ?? [];
    for (const each of steps.length > 0 ? steps : [event]) moveTo(each, (event.buttons & 1) !== 0);
  });
  canvas.addEventListener('pointerup', (event) => {
    if (event.isPrimary) moveTo(event, false);
  });
  // What is let go outside of the canvas, or taken away by the browser, is not told as a pointerup.
  for (const type of /** @type {const} */ (['pointercancel', 'lostpointercapture', 'pointerleave'])) {
    canvas.addEventListener(type, ({ isPrimary }) => {
      if (isPrimary) lift();
    });
  }
  canvas.addEventListener('contextmenu', (event) => event.preventDefault());

  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const isArrow = event.key in DIRECTIONS;
    if (!isArrow && event.key !== ' ') return;
    event.preventDefault();
    if (event.repeat) return;
    if (!isArrow) {
      move(own.x, own.y, true);
      return;
    }
    held.add(event.key);
    step(KEY_STEP);
    stepping ||= window.setInterval(() => step((KEY_SPEED * INTERVAL_MS) / 1000), INTERVAL_MS);
  });
  canvas.addEventListener('keyup', (event) => {
    if (event.key === ' ') lift();
    held.delete(event.key);
    if (held.size === 0) rest();
  });
  canvas.addEventListener('blur', release);
  addEventListener('blur', release);
}

/** Sends it: as soon as it moves, sixty times a second at most, and once a second at rest, so that a lost last packet heals. */
export class PointerSender {
  #send;
  /** @type {{ x: number, y: number, down: number } | null} */ #place = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #pending = false;
  #sentAt = -Infinity;
  #seq = 0;

  /** @param {(message: import('./messages.js').PageMessage) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** @param {OwnPointer} pointer */
  move({ x, y, down }) {
    const place = { x: Math.round(x * COORDINATE_MAX), y: Math.round(y * COORDINATE_MAX), down: Number(down) };
    const last = this.#place;
    if (last?.x === place.x && last.y === place.y && last.down === place.down) return;
    this.#place = place;
    if (this.#pending) return;
    const wait = this.#sentAt + INTERVAL_MS - performance.now();
    this.#pending = wait > 0;
    if (this.#pending) this.#after(wait);
    else this.refresh();
  }

  /** Sends the place again. */
  refresh() {
    if (!this.#place) return;
    this.#pending = false;
    this.#sentAt = performance.now();
    this.#seq = next16(this.#seq);
    this.#send({ kind: 'Pointer', seq: this.#seq, ...this.#place });
    this.#after(REFRESH_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#pending = false;
  }

  /** @param {number} ms */
  #after(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), ms);
  }
}
