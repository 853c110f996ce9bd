// Where a pointer was a moment ago, as a line: broad and longer lasting while it is pressed, thinner and fainter with age.

import { SHADES } from './look.js';

/** How long a point is seen. Pressed ones are long enough to write a word. */
const LIFE_MS = 1000;
const LIFE_PRESSED_MS = 5000;

const WIDTH_PX = 6;
const WIDTH_PRESSED_PX = 11;

/** Five seconds of 120 Hz, so that a fast screen's own pressed line keeps its beginning. */
const POINTS_MAX = 600;

/** A step as long as this part of the canvas while the pointer goes down is a finger that was set elsewhere. */
export const JUMP = 0.04;

export class Trail {
  // Rings of the newest POINTS_MAX points: plain arrays would make garbage 60 times a second for each person.
  #x = new Float64Array(POINTS_MAX);
  #y = new Float64Array(POINTS_MAX);
  #at = new Float64Array(POINTS_MAX);
  #pressed = new Uint8Array(POINTS_MAX);
  #starts = new Uint8Array(POINTS_MAX);
  #first = 0;
  #count = 0;

  /** Adds a place, from 0 to 1. @param {number} x @param {number} y @param {boolean} pressed @param {number} now  In ms. */
  add(x, y, pressed, now) {
    let starts = this.#count === 0;
    if (!starts) {
      const last = this.#index(this.#count - 1);
      const moved = Math.hypot(x - this.#x[last], y - this.#y[last]);
      if (moved === 0 && pressed === (this.#pressed[last] === 1)) return;
      starts = pressed && this.#pressed[last] === 0 && moved > JUMP;
    }
    if (this.#count === POINTS_MAX) this.#drop();
    const index = this.#index(this.#count);
    this.#x[index] = x;
    this.#y[index] = y;
    this.#at[index] = now;
    this.#pressed[index] = Number(pressed);
    this.#starts[index] = Number(starts);
    this.#count += 1;
  }

  /** Forgets what is no longer seen. Returns whether anything is left to draw. @param {number} now */
  age(now) {
    while (this.#count > 0 && this.#left(this.#first, now) <= 0) this.#drop();
    return this.#count > 0;
  }

  /**
   * Draws on a canvas of so many CSS pixels. One path for each shade, not one for each piece: a phone strokes forty paths
   * quickly and six hundred slowly.
   * @param {CanvasRenderingContext2D} context @param {readonly string[]} shades @param {number} width @param {number} height
   * @param {number} now
   */
  draw(context, shades, width, height, now) {
    /** @type {{ widthPx: number, paths: Path2D[] }[]} */
    const [moving, pressed] = [WIDTH_PX, WIDTH_PRESSED_PX].map((widthPx) => ({ widthPx, paths: [] }));
    for (let k = 1; k < this.#count; k += 1) {
      const here = this.#index(k);
      const left = this.#left(here, now);
      if (this.#starts[here] || left <= 0) continue;
      const { paths } = this.#pressed[here] ? pressed : moving;
      const path = paths[Math.min(SHADES - 1, Math.floor(left * SHADES))] ??= new Path2D();
      this.#addPiece(path, k, width, height);
    }
    context.lineCap = 'round';
    context.lineJoin = 'round';
    for (let shade = 0; shade < SHADES; shade += 1) {
      // A root keeps the line broad for most of its life and lets it end in a point.
      const part = Math.sqrt((shade + 1) / SHADES);
      context.strokeStyle = shades[shade];
      for (const { widthPx, paths } of [moving, pressed]) {
        context.lineWidth = widthPx * part;
        if (paths[shade]) context.stroke(paths[shade]);
      }
    }
  }

  /**
   * The piece that ends at point k: a curve between the middles of its neighbours, so that corners are round.
   * @param {Path2D} path @param {number} k @param {number} width @param {number} height
   */
  #addPiece(path, k, width, height) {
    const from = this.#index(k - 1);
    const to = this.#index(k);
    const fromX = this.#x[from] * width;
    const fromY = this.#y[from] * height;
    const toX = this.#x[to] * width;
    const toY = this.#y[to] * height;
    const before = k > 1 && !this.#starts[from] ? this.#index(k - 2) : from;
    path.moveTo((this.#x[before] * width + fromX) / 2, (this.#y[before] * height + fromY) / 2);
    path.quadraticCurveTo(fromX, fromY, (fromX + toX) / 2, (fromY + toY) / 2);
    if (k === this.#count - 1) path.lineTo(toX, toY);
  }

  /** What is left of a point's life, from 1 down to 0 and below. @param {number} index @param {number} now */
  #left(index, now) {
    return 1 - (now - this.#at[index]) / (this.#pressed[index] ? LIFE_PRESSED_MS : LIFE_MS);
  }

  /** @param {number} k */
  #index(k) {
    return (this.#first + k) % POINTS_MAX;
  }

  #drop() {
    this.#first = (this.#first + 1) % POINTS_MAX;
    this.#count -= 1;
    if (this.#count > 0) this.#starts[this.#first] = 1;
  }
}
