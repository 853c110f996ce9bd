// The canvas: everyone's pointer and trail. Draws only while something moves and the page is seen.

/** @import { Colour } from './look.js' */
/** @import { OwnPointer } from './pointer.js' */
/** @import { Participant } from './room.js' */

import { drawFigure, drawWave } from './figure.js';
import { colourOf } from './look.js';
import { COORDINATE_MAX } from './messages.js';
import { element } from './page.js';
import { Room } from './room.js';
import { JUMP, Trail } from './trail.js';

/** A drawn pointer covers 63 % of its way in this time, about one snapshot: it evens out their jitter and adds little delay. */
const FOLLOW_MS = 16;

/** A pointer at rest steps back after this long, so that the ones that move are seen. */
const REST_AFTER_MS = 4000;
const REST_PRESENCE = 0.62;
const REST_FADE_MS = 600;

/** Of someone whose page is not connected. */
const AWAY_PRESENCE = 0.3;

/** A hand comes and goes within this long. */
const WAVE_FADE_MS = 160;

/** More pixels than this for each CSS pixel cost a phone time that nobody sees. */
const PIXEL_RATIO_MAX = 2;

/** Nearer to its target than this part of the canvas, a pointer has arrived. */
const ARRIVED = 0.0002;

/** One person on the stage; places from 0 to 1. */
class Actor {
  trail = new Trail();
  /** Where it is drawn. */
  x = 0;
  y = 0;
  /** Where it was said to be. */
  targetX = 0;
  targetY = 0;
  down = false;
  /** Whether it has ever been anywhere. */
  placed = false;
  away = false;
  movedAt = performance.now();
  waveStrength = 0;

  /** Says where it is. Returns whether that is news. @param {OwnPointer} place @param {number} now */
  place({ x, y, down }, now) {
    const moved = x !== this.targetX || y !== this.targetY || down !== this.down || !this.placed;
    // A finger that was set elsewhere does not glide there.
    const jumps = down && !this.down && Math.hypot(x - this.x, y - this.y) > JUMP;
    this.targetX = x;
    this.targetY = y;
    if (!this.placed || jumps) this.follow(1);
    this.placed = true;
    this.down = down;
    if (moved || down) this.movedAt = now;
    return moved || down;
  }

  /** Goes a part of the way. Returns whether it is still under way. @param {number} part */
  follow(part) {
    const dx = this.targetX - this.x;
    const dy = this.targetY - this.y;
    const arrives = Math.abs(dx) + Math.abs(dy) < ARRIVED;
    this.x += arrives ? dx : dx * part;
    this.y += arrives ? dy : dy * part;
    return !arrives;
  }
}

/** @type {HTMLCanvasElement} */
const canvas = element('canvas');
// There is one unless the browser has run out of memory, and then the page shows the error.
const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
const dark = matchMedia('(prefers-color-scheme: dark)');
const still = matchMedia('(prefers-reduced-motion: reduce)');

/** @type {Map<number, Actor>} */
const actors = new Map();
let room = new Room();
/** One's own pointer, drawn without waiting for the server. @type {OwnPointer | null} */
let own = null;
let width = 0;
let height = 0;
let frame = 0;
let lastFrameAt = 0;

/** Shows this room from now on. @param {Room} shown */
export function watchStage(shown) {
  room = shown;
  new ResizeObserver(resize).observe(canvas);
  dark.addEventListener('change', wake);
  still.addEventListener('change', wake);
  document.addEventListener('visibilitychange', wake);
}

/** The room changed: people came, went or moved. */
export function updateStage() {
  const { me, people } = room;
  const now = performance.now();
  for (const id of actors.keys()) {
    if (!people.has(id)) actors.delete(id);
  }
  // A move from before the welcome, or from before the connection came back.
  if (own && me !== null && !actorOf(me).placed) moveOwn(own);
  let moved = false;
  for (const { id, x, y, down, waving, hasPointer, away } of people.values()) {
    if (waving || actorOf(id).away !== away) moved = true;
    actorOf(id).away = away;
    if (!hasPointer || (id === me && own)) continue;
    if (actorOf(id).place({ x: x / COORDINATE_MAX, y: y / COORDINATE_MAX, down }, now)) moved = true;
  }
  if (moved) wake();
}

/** One's own pointer moved. @param {OwnPointer} moved */
export function moveOwn(moved) {
  own = moved;
  if (room.me === null) return;
  const now = performance.now();
  const actor = actorOf(room.me);
  actor.place(own, now);
  actor.follow(1);
  actor.trail.add(own.x, own.y, own.down, now);
  wake();
}

/** Draws from the next frame on, until all is at rest. */
export function wake() {
  if (frame || document.hidden) return;
  lastFrameAt = performance.now();
  frame = requestAnimationFrame(draw);
}

/** @param {number} id */
function actorOf(id) {
  const actor = actors.get(id) ?? new Actor();
  actors.set(id, actor);
  return actor;
}

/** @param {number} now */
function draw(now) {
  const elapsed = Math.max(0, now - lastFrameAt);
  lastFrameAt = now;
  frame = 0;
  const schemeName = dark.matches ? 'dark' : 'light';
  const people = [...room.people.values()].map((person) => (
    { person, actor: actorOf(person.id), colour: colourOf(person.look, schemeName) }));
  let busy = false;
  context.clearRect(0, 0, width, height);

  // All trails lie under all figures.
  for (const { person, actor, colour } of people) {
    if (actor.follow(1 - Math.exp(-elapsed / FOLLOW_MS))) busy = true;
    // From where it is drawn, so that the line ends in the figure.
    if (actor.placed && (person.id !== room.me || !own)) actor.trail.add(actor.x, actor.y, actor.down, now);
    if (actor.trail.age(now)) {
      actor.trail.draw(context, colour.shades, width, height, now);
      busy = true;
    }
  }
  for (const { person, actor, colour } of people) {
    if (drawPerson(person, actor, colour, now, elapsed)) busy = true;
  }
  if (busy) wake();
}

/**
 * Returns whether the person goes on moving without news.
 * @param {Participant} person @param {Actor} actor @param {Colour} colour @param {number} now @param {number} elapsed
 */
function drawPerson({ id, look, name, down, waving, hasPointer, away }, actor, colour, now, elapsed) {
  const mine = id === room.me ? own : null;
  const seen = (hasPointer || mine !== null) && actor.placed;
  // Someone who has no pointer waves from the lower edge.
  const at = seen
    ? { x: actor.x * width, y: actor.y * height }
    : { x: (0.15 + ((look * 0.618) % 0.7)) * width, y: height * 0.8 };
  const change = elapsed / WAVE_FADE_MS;
  actor.waveStrength = Math.min(1, Math.max(0, actor.waveStrength + (waving ? change : -change)));
  const waves = actor.waveStrength > 0;
  const restedMs = waves ? 0 : now - actor.movedAt - REST_AFTER_MS;
  const presence = away ? AWAY_PRESENCE : 1 - (1 - REST_PRESENCE) * Math.min(1, Math.max(0, restedMs / REST_FADE_MS));
  if (waves) drawWave(context, at, colour, { now, strength: actor.waveStrength, still: still.matches });
  if (seen || waves) drawFigure(context, { ...at, name, look, down: mine?.down ?? down, presence }, colour);
  return waves || waving || (seen && restedMs < REST_FADE_MS);
}

function resize() {
  const ratio = Math.min(devicePixelRatio, PIXEL_RATIO_MAX);
  width = canvas.clientWidth;
  height = canvas.clientHeight;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.scale(ratio, ratio);
  wake();
}
