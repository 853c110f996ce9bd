// How one person looks on the canvas: the shape with its letter, the name below, the hand of someone who waves.

import { initialOf, shapePath } from './shape.js';

const RADIUS_PX = 14;
const RADIUS_PRESSED_PX = 17;

/** The ring of paper that keeps shapes apart where they meet. */
const RING_PX = 2.5;

const WAVE_PERIOD_MS = 480;
const WAVE_SWING_RADIANS = 0.36;
const RIPPLE_PERIOD_MS = 1300;
const RIPPLES = 2;
const RIPPLE_RADIUS_PX = 62;

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, Ubuntu, Cantarell, "Noto Sans", sans-serif';

/** As #icon-hand in index.html. */
const HAND = 'M-4.5 0-6.4-9.2M-1.6-1-2.3-12.4M1.6-1 2.3-12M4.6 0 6.6-8.4M-4.6 4.6-9.8-.2M-4.6 0-4.8 4-2.6 8H2.6L4.8 5 4.6 0z';
const HAND_SCALE = 1.5;
const HAND_ABOVE_PX = 42;

/**
 * @typedef {object} Figure
 * @property {number} x  In CSS pixels, as `y`.
 * @property {number} y
 * @property {string} name
 * @property {number} look
 * @property {boolean} down
 * @property {number} presence  1 while it moves, less when it rests.
 *
 * @typedef {object} Ink
 * @property {import('./colour.js').Colour} colour
 * @property {string} paper
 * @property {string} ink
 */

/** @type {Map<number, Path2D>} */
const shapes = new Map();
/** @type {Path2D | undefined} Made when first drawn: tests without a canvas import this file too. */
let hand;

/** @param {CanvasRenderingContext2D} context @param {Figure} figure @param {Ink} ink */
export function drawFigure(context, { x, y, name, look, down, presence }, { colour, paper, ink }) {
  const radius = down ? RADIUS_PRESSED_PX : RADIUS_PX;
  context.save();
  context.translate(x, y);
  context.globalAlpha = presence;

  context.save();
  context.scale(radius, radius);
  context.strokeStyle = paper;
  context.lineWidth = (2 * RING_PX) / radius;
  const shape = shapeOf(look);
  context.stroke(shape);
  context.fillStyle = colour.fill;
  context.fill(shape);
  context.restore();

  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = colour.onFill;
  context.font = `600 13px ${FONT}`;
  context.fillText(initialOf(name), 0, 1);

  context.font = `500 12px ${FONT}`;
  context.lineJoin = 'round';
  context.lineWidth = 3.5;
  context.strokeStyle = paper;
  context.fillStyle = ink;
  const label = shorten(name);
  context.strokeText(label, 0, radius + 14);
  context.fillText(label, 0, radius + 14);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{ x: number, y: number }} at
 * @param {Ink} ink
 * @param {{ now: number, strength: number, still: boolean }} motion  `strength` from 0 to 1; `still` for people who asked
 *   for less motion.
 */
export function drawWave(context, { x, y }, { colour, paper }, { now, strength, still }) {
  context.save();
  context.translate(x, y);
  context.strokeStyle = colour.fill;
  for (let ripple = 0; ripple < RIPPLES; ripple += 1) {
    const part = still ? (ripple + 1) / (RIPPLES + 1) : (now / RIPPLE_PERIOD_MS + ripple / RIPPLES) % 1;
    context.globalAlpha = strength * (1 - part) * 0.75;
    context.lineWidth = 1 + 3 * (1 - part);
    context.beginPath();
    context.arc(0, 0, RADIUS_PX + part * (RIPPLE_RADIUS_PX - RADIUS_PX), 0, 2 * Math.PI);
    context.stroke();
  }
  context.globalAlpha = strength;
  context.translate(0, -HAND_ABOVE_PX + 12);
  if (!still) context.rotate(Math.sin((now / WAVE_PERIOD_MS) * 2 * Math.PI) * WAVE_SWING_RADIANS);
  context.translate(0, -12);
  context.scale(HAND_SCALE, HAND_SCALE);
  hand ??= new Path2D(HAND);
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const [style, width] of /** @type {const} */ ([[paper, 6.4], [colour.fill, 3.4]])) {
    context.strokeStyle = style;
    context.fillStyle = style;
    context.lineWidth = width;
    context.stroke(hand);
    context.fill(hand);
  }
  context.restore();
}

/** @param {number} look */
function shapeOf(look) {
  let shape = shapes.get(look);
  if (!shape) {
    shape = new Path2D(shapePath(look));
    shapes.set(look, shape);
  }
  return shape;
}

/** @param {string} name */
function shorten(name) {
  const LETTERS_MAX = 18;
  const letters = [...name];
  return letters.length <= LETTERS_MAX ? name : `${letters.slice(0, LETTERS_MAX - 1).join('')}…`;
}
