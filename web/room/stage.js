// The canvas: everyone's pointer and trail. Draws only while something moves and the page is seen.

import { SCHEMES, colourOf } from './colour.js';
import { drawFigure, drawWave } from './figure.js';
import { COORDINATE_MAX } from './messages.js';
import { JUMP, Trail } from './trail.js';

/**
 * How fast a drawn pointer follows the newest snapshot: it covers 63 % of the way in this time. About one snapshot: it
 * evens out their jitter and adds as little delay.
 */
const FOLLOW_MS = 16;

/** A pointer at rest steps back after this long, so that the ones that move are seen. */
const REST_AFTER_MS = 4000;
const REST_PRESENCE = 0.62;
const REST_FADE_MS = 600;

/** A hand comes and goes within this long. */
const WAVE_FADE_MS = 160;

/** More pixels than this for each CSS pixel cost a phone time that nobody sees. */
const PIXEL_RATIO_MAX = 2;

/** Nearer to its target than this part of the canvas, a pointer has arrived. */
const ARRIVED = 0.0002;

/**
 * @typedef {object} Actor  One person on the stage; places from 0 to 1.
 * @property {Trail} trail
 * @property {number} x  Where it is drawn.
 * @property {number} y
 * @property {number} targetX  Where it was said to be.
 * @property {number} targetY
 * @property {boolean} down
 * @property {boolean} placed  Whether it has ever been anywhere.
 * @property {number} movedAt
 * @property {number} waveStrength
 */

export class Stage {
  /** @type {HTMLCanvasElement} */ #canvas;
  /** @type {CanvasRenderingContext2D} */ #context;
  /** @type {import('./room.js').Room} */ #room;
  /** @type {Map<number, Actor>} */ #actors = new Map();
  /** @type {{ x: number, y: number, down: boolean } | null} One's own pointer, drawn without waiting for the server. */
  #own = null;
  #width = 0;
  #height = 0;
  #frame = 0;
  #lastFrameAt = 0;
  #dark = matchMedia('(prefers-color-scheme: dark)');
  #still = matchMedia('(prefers-reduced-motion: reduce)');

  /** @param {HTMLCanvasElement} canvas @param {import('./room.js').Room} room */
  constructor(canvas, room) {
    this.#canvas = canvas;
    this.#room = room;
    // It exists unless the browser has run out of memory, and then the page shows the error.
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#dark.addEventListener('change', () => this.wake());
    this.#still.addEventListener('change', () => this.wake());
    document.addEventListener('visibilitychange', () => this.wake());
    this.#resize();
  }

  get schemeName() {
    return this.#dark.matches ? 'dark' : 'light';
  }

  /** The room changed: people came, went or moved. */
  update() {
    const now = performance.now();
    for (const id of this.#actors.keys()) {
      if (!this.#room.people.has(id)) this.#actors.delete(id);
    }
    // A move from before the welcome, or from before the connection came back.
    if (this.#own && this.#room.me !== null && !this.#actor(this.#room.me).placed) this.moveOwn(this.#own);
    let moved = false;
    for (const person of this.#room.people.values()) {
      if (person.waving) moved = true;
      if (!person.hasPointer || (person.id === this.#room.me && this.#own)) continue;
      const x = person.x / COORDINATE_MAX;
      const y = person.y / COORDINATE_MAX;
      if (this.#place(person.id, x, y, person.down, now)) moved = true;
    }
    if (moved) this.wake();
  }

  /** One's own pointer moved. @param {{ x: number, y: number, down: boolean }} own */
  moveOwn(own) {
    this.#own = own;
    if (this.#room.me === null) return;
    const now = performance.now();
    this.#place(this.#room.me, own.x, own.y, own.down, now);
    const actor = this.#actor(this.#room.me);
    actor.x = own.x;
    actor.y = own.y;
    actor.trail.add(own.x, own.y, own.down, now);
    this.wake();
  }

  /** Draws from the next frame on, until all is at rest. */
  wake() {
    if (this.#frame || document.hidden) return;
    this.#lastFrameAt = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#draw(now));
  }

  /**
   * @param {number} id
   * @param {number} x
   * @param {number} y
   * @param {boolean} down
   * @param {number} now
   * @returns {boolean} whether that is news
   */
  #place(id, x, y, down, now) {
    const actor = this.#actor(id);
    const moved = x !== actor.targetX || y !== actor.targetY || down !== actor.down || !actor.placed;
    // A finger that was set elsewhere does not glide there.
    const jumps = down && !actor.down && Math.hypot(x - actor.x, y - actor.y) > JUMP;
    if (!actor.placed || jumps) {
      actor.x = x;
      actor.y = y;
      actor.placed = true;
    }
    actor.targetX = x;
    actor.targetY = y;
    actor.down = down;
    if (moved || down) actor.movedAt = now;
    return moved || down;
  }

  /** @param {number} id */
  #actor(id) {
    let actor = this.#actors.get(id);
    if (!actor) {
      actor = { trail: new Trail(), x: 0, y: 0, targetX: 0, targetY: 0, down: false, placed: false, movedAt: performance.now(), waveStrength: 0 };
      this.#actors.set(id, actor);
    }
    return actor;
  }

  /** @param {number} now */
  #draw(now) {
    const elapsed = Math.max(0, now - this.#lastFrameAt);
    this.#lastFrameAt = now;
    this.#frame = 0;
    const context = this.#context;
    const schemeName = this.schemeName;
    const paper = SCHEMES[schemeName].paper;
    const ink = schemeName === 'dark' ? '#eceef2' : '#1d1f24';
    const follow = 1 - Math.exp(-elapsed / FOLLOW_MS);
    let busy = false;
    context.clearRect(0, 0, this.#width, this.#height);

    // All trails lie under all figures.
    for (const [id, actor] of this.#actors) {
      const person = this.#room.people.get(id);
      if (!person) continue;
      if (this.#follow(actor, follow)) busy = true;
      // From where it is drawn, so that the line ends in the figure.
      if (actor.placed && (id !== this.#room.me || !this.#own)) actor.trail.add(actor.x, actor.y, actor.down, now);
      if (actor.trail.age(now)) {
        actor.trail.draw(context, colourOf(person.look, schemeName).shades, this.#width, this.#height, now);
        busy = true;
      }
    }
    for (const person of this.#room.people.values()) {
      const own = person.id === this.#room.me ? this.#own : null;
      const inks = { colour: colourOf(person.look, schemeName), paper, ink };
      const actor = this.#actor(person.id);
      if (this.#drawPerson(person, actor, own, inks, now, elapsed)) busy = true;
    }
    if (busy) this.wake();
  }

  /**
   * @param {import('./room.js').Participant} person
   * @param {Actor} actor
   * @param {{ down: boolean } | null} own
   * @param {import('./figure.js').Ink} inks
   * @param {number} now
   * @param {number} elapsed
   * @returns {boolean} whether it goes on moving by itself
   */
  #drawPerson(person, actor, own, inks, now, elapsed) {
    const seen = person.hasPointer || own !== null;
    // Someone who has no pointer waves from the lower edge.
    const at = seen && actor.placed
      ? { x: actor.x * this.#width, y: actor.y * this.#height }
      : { x: (0.15 + ((person.look * 0.618) % 0.7)) * this.#width, y: this.#height * 0.8 };
    const change = elapsed / WAVE_FADE_MS;
    actor.waveStrength = Math.min(1, Math.max(0, actor.waveStrength + (person.waving ? change : -change)));
    const waves = actor.waveStrength > 0;
    const restedMs = waves ? 0 : now - actor.movedAt - REST_AFTER_MS;
    const presence = 1 - (1 - REST_PRESENCE) * Math.min(1, Math.max(0, restedMs / REST_FADE_MS));
    if (waves) drawWave(this.#context, at, inks, { now, strength: actor.waveStrength, still: this.#still.matches });
    if ((seen && actor.placed) || waves) {
      drawFigure(this.#context, { ...at, name: person.name, look: person.look, down: own?.down ?? person.down, presence }, inks);
    }
    return waves || person.waving || (seen && restedMs < REST_FADE_MS);
  }

  /** @param {Actor} actor @param {number} part @returns {boolean} whether it is still on its way */
  #follow(actor, part) {
    const dx = actor.targetX - actor.x;
    const dy = actor.targetY - actor.y;
    if (Math.abs(dx) + Math.abs(dy) < ARRIVED) {
      actor.x = actor.targetX;
      actor.y = actor.targetY;
      return false;
    }
    actor.x += dx * part;
    actor.y += dy * part;
    return true;
  }

  #resize() {
    const ratio = Math.min(devicePixelRatio, PIXEL_RATIO_MAX);
    this.#width = this.#canvas.clientWidth;
    this.#height = this.#canvas.clientHeight;
    this.#canvas.width = Math.round(this.#width * ratio);
    this.#canvas.height = Math.round(this.#height * ratio);
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.wake();
  }
}
