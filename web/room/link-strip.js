// The slim strip that shows one's own link: three numbers, and the last ten seconds as a line.

import { PONG_WAIT_MS, WINDOW_MS } from './link.js';

/** The line's scale never goes under this, or a quiet LAN would look wild. */
const SCALE_MIN_MS = 10;

/** Numbers that change faster cannot be read. */
const NUMBERS_INTERVAL_MS = 500;

/** @type {Readonly<Record<string, string>>} */
const TRANSPORTS = { webrtc: 'WebRTC' };

export class LinkStrip {
  /** @type {HTMLCanvasElement} */ #sparkline;
  /** @type {{ rtt: HTMLElement, jitter: HTMLElement, loss: HTMLElement, transport: HTMLElement }} */ #numbers;
  #numbersAt = -Infinity;

  /**
   * @param {HTMLCanvasElement} sparkline
   * @param {{ rtt: HTMLElement, jitter: HTMLElement, loss: HTMLElement, transport: HTMLElement }} numbers
   */
  constructor(sparkline, numbers) {
    this.#sparkline = sparkline;
    this.#numbers = numbers;
  }

  /** @param {import('./link.js').LinkMeter} meter @param {string} transport @param {number} now */
  show(meter, transport, now) {
    this.#draw(meter.samples(), now);
    if (now - this.#numbersAt < NUMBERS_INTERVAL_MS) return;
    this.#numbersAt = now;
    const { rttMs, jitterMs, loss } = meter.stats(now);
    setText(this.#numbers.rtt, milliseconds(rttMs));
    setText(this.#numbers.jitter, milliseconds(jitterMs));
    setText(this.#numbers.loss, loss === null ? '–' : `${percent(loss)} %`);
    setText(this.#numbers.transport, TRANSPORTS[transport] ?? transport);
  }

  /** There is no link to show. */
  clear() {
    for (const number of Object.values(this.#numbers)) setText(number, '–');
    this.#numbersAt = -Infinity;
    this.#prepare();
  }

  /** @param {readonly Readonly<import('./link.js').Sample>[]} samples @param {number} now */
  #draw(samples, now) {
    const { context, width, height, colour, lostColour } = this.#prepare();
    let scaleMs = SCALE_MIN_MS;
    for (const { rttMs } of samples) scaleMs = Math.max(scaleMs, rttMs ?? 0);
    const x = (/** @type {number} */ sentAt) => width * (1 - (now - sentAt) / WINDOW_MS);
    const y = (/** @type {number} */ rttMs) => height - 2 - (height - 5) * (rttMs / scaleMs);
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.lineJoin = 'round';
    context.beginPath();
    let drawing = false;
    for (const { sentAt, rttMs } of samples) {
      if (rttMs !== null) {
        if (drawing) context.lineTo(x(sentAt), y(rttMs));
        else context.moveTo(x(sentAt), y(rttMs));
      }
      drawing = rttMs !== null;
    }
    context.stroke();
    // A lost ping is a gap with a mark over its whole height.
    context.fillStyle = lostColour;
    for (const { sentAt, rttMs } of samples) {
      if (rttMs === null && now - sentAt >= PONG_WAIT_MS) context.fillRect(x(sentAt) - 1, 2, 2, height - 4);
    }
  }

  #prepare() {
    const canvas = this.#sparkline;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    const { clientWidth: width, clientHeight: height } = canvas;
    const pixelWidth = Math.round(width * devicePixelRatio);
    const pixelHeight = Math.round(height * devicePixelRatio);
    if (canvas.width !== pixelWidth || canvas.height !== pixelHeight) {
      canvas.width = pixelWidth;
      canvas.height = pixelHeight;
    }
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    return { context, width, height, colour: style.color, lostColour: style.getPropertyValue('--lost') };
  }
}

/** @param {number | null} value */
function milliseconds(value) {
  if (value === null) return '–';
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** @param {number} loss */
function percent(loss) {
  const value = loss * 100;
  return value > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0);
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
