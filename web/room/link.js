// One's own link: how good it is, from pings and their pongs, and the slim strip that shows it.
//
//   round trip  SRTT += (R - SRTT) / 8                    RFC 6298, section 2.3
//   jitter      J += (|R(i) - R(i-1)| - J) / 16, from 0   RFC 3550, section 6.4.1, on round trips instead of transits
//   one way     S += (D - S) / 64                         of snapshots, 60 a second, by the server's clock
//   loss        unanswered / sent, over the pings that were sent in the last 10 s and had 1 s to be answered

/** @import { Connection } from '../patchcord.js' */

import { next32 } from './messages.js';
import { element } from './page.js';

/** Ten a second: quick enough to see a bump, one small packet each way. */
export const PING_INTERVAL_MS = 100;

/** A LAN answers within milliseconds; after a second the answer is of no use. */
export const PONG_WAIT_MS = 1000;

/** What loss is counted over, and what the sparkline shows. */
export const WINDOW_MS = 10_000;

/** @typedef {{ seq: number, sentAt: number, rttMs: number | null }} Sample  One ping; `rttMs` null while unanswered. */

/** Pure: the caller brings the clock, times in milliseconds that never go back. */
export class LinkMeter {
  /** @type {Sample[]} Oldest first. */ #samples = [];
  #nextSeq = 0;
  /** @type {number | null} */ #rttMs = null;
  /** @type {number | null} */ #jitterMs = null;
  /** @type {number | null} */ #lastRttMs = null;
  /** @type {number | null} */ #oneWayMs = null;

  /** Notes a ping that goes out now. @param {number} now @returns {number} its `seq` */
  ping(now) {
    const seq = this.#nextSeq;
    this.#nextSeq = next32(seq);
    this.#samples.push({ seq, sentAt: now, rttMs: null });
    this.#forget(now);
    return seq;
  }

  /** Notes a pong. One that nobody waits for, or a second one, changes nothing. @param {number} seq @param {number} now */
  pong(seq, now) {
    const sample = this.#samples.findLast((candidate) => candidate.seq === seq);
    if (!sample || sample.rttMs !== null) return;
    const rttMs = sample.rttMs = now - sample.sentAt;
    this.#rttMs = this.#rttMs === null ? rttMs : this.#rttMs + (rttMs - this.#rttMs) / 8;
    if (this.#lastRttMs !== null) {
      const jitterMs = this.#jitterMs ?? 0;
      this.#jitterMs = jitterMs + (Math.abs(rttMs - this.#lastRttMs) - jitterMs) / 16;
    }
    this.#lastRttMs = rttMs;
  }

  /**
   * Notes a snapshot that left at this time of the server's clock and arrives now.
   * @param {number} timeUs  Modulo 2^32. @param {number | null} serverNowMs
   */
  snapshot(timeUs, serverNowMs) {
    if (serverNowMs === null) return;
    const oneWayMs = ((serverNowMs * 1000 - timeUs) | 0) / 1000;
    this.#oneWayMs = this.#oneWayMs === null ? oneWayMs : this.#oneWayMs + (oneWayMs - this.#oneWayMs) / 64;
  }

  /** Smoothed round trip, jitter, one way, and loss from 0 to 1: null while too little came. @param {number} now */
  stats(now) {
    this.#forget(now);
    const judged = this.#samples.filter(({ sentAt, rttMs }) => rttMs !== null || now - sentAt >= PONG_WAIT_MS);
    const lost = judged.filter(({ rttMs }) => rttMs === null).length;
    const loss = judged.length > 0 ? lost / judged.length : null;
    return { rttMs: this.#rttMs, jitterMs: this.#jitterMs, oneWayMs: this.#oneWayMs, loss };
  }

  /** The pings of the window, oldest first, for drawing. @returns {readonly Readonly<Sample>[]} */
  samples() {
    return this.#samples;
  }

  /** @param {number} now */
  #forget(now) {
    const kept = this.#samples.findIndex(({ sentAt }) => now - sentAt <= WINDOW_MS);
    this.#samples.splice(0, kept === -1 ? this.#samples.length : kept);
  }
}

/** The line's scale never goes under this, or a quiet LAN would look wild. */
const SCALE_MIN_MS = 10;

/** Numbers that change faster cannot be read. */
const NUMBERS_INTERVAL_MS = 500;

let numbersAt = -Infinity;

/** Four numbers, and the last ten seconds as a line. @param {LinkMeter} meter @param {Connection} connection @param {number} now */
export function showLink(meter, { transport, clockError }, now) {
  drawSamples(meter.samples(), now);
  if (now - numbersAt < NUMBERS_INTERVAL_MS) return;
  numbersAt = now;
  const { rttMs, jitterMs, oneWayMs, loss } = meter.stats(now);
  element('link-rtt').textContent = shown(rttMs, 'ms');
  element('link-jitter').textContent = shown(jitterMs, 'ms');
  element('link-one-way').textContent = shown(oneWayMs, 'ms') + (oneWayMs === null ? '' : ` ± ${clockError?.toFixed(1)}`);
  element('link-loss').textContent = shown(loss && loss * 100, '%');
  element('link-transport').textContent = transport === 'webrtc' ? 'WebRTC' : transport;
}

/** There is no link to show. */
export function clearLink() {
  for (const number of element('link').querySelectorAll('dd')) number.textContent = '–';
  numbersAt = -Infinity;
  clearSparkline();
}

/** @param {readonly Readonly<Sample>[]} samples @param {number} now */
function drawSamples(samples, now) {
  const { context, style, width, height } = clearSparkline();
  const scaleMs = samples.reduce((most, { rttMs }) => Math.max(most, rttMs ?? 0), SCALE_MIN_MS);
  const x = (/** @type {number} */ sentAt) => width * (1 - (now - sentAt) / WINDOW_MS);
  const y = (/** @type {number} */ rttMs) => height - 2 - (height - 5) * (rttMs / scaleMs);
  context.strokeStyle = style.color;
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
  context.fillStyle = style.getPropertyValue('--lost');
  for (const { sentAt, rttMs } of samples) {
    if (rttMs === null && now - sentAt >= PONG_WAIT_MS) context.fillRect(x(sentAt) - 1, 2, 2, height - 4);
  }
}

function clearSparkline() {
  /** @type {HTMLCanvasElement} */
  const canvas = element('link-sparkline');
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const { clientWidth: width, clientHeight: height } = canvas;
  // Setting the size clears it.
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  context.scale(devicePixelRatio, devicePixelRatio);
  return { context, style: getComputedStyle(canvas), width, height };
}

/** One digit more below ten. @param {number | null} value @param {string} unit */
function shown(value, unit) {
  return value === null ? '–' : `${value.toFixed(value > 0 && value < 10 ? 1 : 0)} ${unit}`;
}
