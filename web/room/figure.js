// How one person looks on the canvas: the shape with its letter, the name below, the hand of someone who waves.

/** @import { Colour } from './look.js' */
import { initialOf, shapePath } from './look.js';

const RADIUS_PX = 14;
const RADIUS_PRESSED_PX = 17;

/** The ring of paper that keeps shapes apart where they meet. */
const RING_PX = 2.5;

const LABEL_LETTERS_MAX = 18;

const WAVE_PERIOD_MS = 480;
const WAVE_SWING_RADIANS = 0.36;
const RIPPLE_PERIOD_MS = 1300;
const RIPPLES = 2;
const RIPPLE_RADIUS_PX = 62;

const HAND_SCALE = 1.5;
const HAND_ABOVE_PX = 42;
const HAND = new Path2D(document.querySelector('.hand path')?.getAttribute('d') ?? '');

const FONT = getComputedStyle(document.documentElement).fontFamily;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{ x: number, y: number, name: string, look: number, down: boolean, presence: number }} figure  `x` and `y` in
 *   CSS pixels; `presence` is 1 while it moves, less when it rests.
 * @param {Colour} colour
 */
export function drawFigure(context, { x, y, name, look, down, presence }, { fill, onFill, paper, ink }) {
  const radius = down ? RADIUS_PRESSED_PX : RADIUS_PX;
  context.save();
  context.translate(x, y);
  context.globalAlpha = presence;
  context.strokeStyle = paper;

  context.save();
  context.scale(radius, radius);
  context.lineWidth = (2 * RING_PX) / radius;
  context.fillStyle = fill;
  const shape = new Path2D(shapePath(look));
  context.stroke(shape);
  context.fill(shape);
  context.restore();

  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillStyle = onFill;
  context.font = `600 13px ${FONT}`;
  context.fillText(initialOf(name), 0, 1);

  context.font = `500 12px ${FONT}`;
  context.lineJoin = 'round';
  context.lineWidth = 3.5;
  context.fillStyle = ink;
  const letters = [...name];
  const label = letters.length <= LABEL_LETTERS_MAX ? name : `${letters.slice(0, LABEL_LETTERS_MAX - 1).join('')}…`;
  context.strokeText(label, 0, radius + 14);
  context.fillText(label, 0, radius + 14);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context @param {{ x: number, y: number }} at @param {Colour} colour
 * @param {{ now: number, strength: number, still: boolean }} motion  `strength` from 0 to 1; `still` for people who asked
 *   for less of it.
 */
export function drawWave(context, { x, y }, { fill, paper }, { now, strength, still }) {
  context.save();
  context.translate(x, y);
  context.strokeStyle = fill;
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
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const [style, width] of /** @type {const} */ ([[paper, 6.4], [fill, 3.4]])) {
    context.strokeStyle = style;
    context.fillStyle = style;
    context.lineWidth = width;
    context.stroke(HAND);
    context.fill(HAND);
  }
  context.restore();
}
