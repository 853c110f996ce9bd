// One's own pointer on the canvas: mouse, finger, pen, or the arrow keys.

/** How much of the canvas an arrow key crosses in a second, and in its first step. */
const KEY_SPEED = 0.4;
const KEY_STEP = 0.012;

/** As often as positions are sent. */
const KEY_INTERVAL_MS = 1000 / 60;

/** @type {Readonly<Record<string, readonly [number, number]>>} */
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @typedef {{ x: number, y: number, down: boolean }} OwnPointer  `x` and `y` from 0 to 1. */

/**
 * Tells each move of one's own pointer over the canvas.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {(pointer: OwnPointer) => void} onmove
 */
export function watchPointer(canvas, onmove) {
  let own = { x: 0.5, y: 0.5, down: false };
  /** @type {Set<string>} */
  const held = new Set();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let stepping;

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

  function release() {
    held.clear();
    clearInterval(stepping);
    stepping = undefined;
    if (own.down) move(own.x, own.y, false);
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
  canvas.addEventListener('pointercancel', release);
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
    stepping ??= setInterval(() => step((KEY_SPEED * KEY_INTERVAL_MS) / 1000), KEY_INTERVAL_MS);
  });
  canvas.addEventListener('keyup', (event) => {
    if (event.key === ' ') move(own.x, own.y, false);
    held.delete(event.key);
    if (held.size > 0) return;
    clearInterval(stepping);
    stepping = undefined;
  });
  canvas.addEventListener('blur', release);
}
