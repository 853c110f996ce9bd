// How good one's own link is, from pings and their pongs. Pure: the caller brings the clock.
//
//   round trip  SRTT += (R - SRTT) / 8                    RFC 6298, section 2.3
//   jitter      J += (|R(i) - R(i-1)| - J) / 16, from 0   RFC 3550, section 6.4.1, on round trips instead of transits
//   loss        unanswered / sent, over the pings that were sent in the last 10 s and had 1 s to be answered

import { next32 } from './sequence.js';

/** Ten a second: quick enough to see a bump, one small packet each way. */
export const PING_INTERVAL_MS = 100;

/** A LAN answers within milliseconds; after a second the answer is of no use. */
export const PONG_WAIT_MS = 1000;

/** What loss is counted over, and what the sparkline shows. */
export const WINDOW_MS = 10_000;

const RTT_WEIGHT = 1 / 8;
const JITTER_WEIGHT = 1 / 16;


/**
 * @typedef {object} LinkStats
 * @property {number | null} rttMs  Smoothed round trip; null before the first pong.
 * @property {number | null} jitterMs  Null before the second pong.
 * @property {number | null} loss  From 0 to 1; null before the first ping could be judged.
 *
 * @typedef {{ seq: number, sentAt: number, rttMs: number | null }} Sample  One ping; `rttMs` null while unanswered.
 */

/** Times in milliseconds of one clock that never goes back. */
export class LinkMeter {
  /** @type {Sample[]} Oldest first. */
  #samples = [];
  #nextSeq = 0;
  /** @type {number | null} */ #rttMs = null;
  /** @type {number | null} */ #jitterMs = null;
  /** @type {number | null} */ #lastRttMs = null;

  /**
   * Notes a ping that goes out now.
   * @param {number} now
   * @returns {number} its `seq`
   */
  ping(now) {
    const seq = this.#nextSeq;
    this.#nextSeq = next32(seq);
    this.#samples.push({ seq, sentAt: now, rttMs: null });
    this.#forget(now);
    return seq;
  }

  /**
   * Notes the pong to a ping. One that nobody waits for, or a second one, changes nothing.
   * @param {number} seq
   * @param {number} now
   */
  pong(seq, now) {
    const sample = this.#samples.findLast((candidate) => candidate.seq === seq);
    if (!sample || sample.rttMs !== null) return;
    const rttMs = sample.rttMs = now - sample.sentAt;
    this.#rttMs = this.#rttMs === null ? rttMs : this.#rttMs + (rttMs - this.#rttMs) * RTT_WEIGHT;
    if (this.#lastRttMs !== null) {
      const jitterMs = this.#jitterMs ?? 0;
      this.#jitterMs = jitterMs + (Math.abs(rttMs - this.#lastRttMs) - jitterMs) * JITTER_WEIGHT;
    }
    this.#lastRttMs = rttMs;
  }

  /** @param {number} now @returns {LinkStats} */
  stats(now) {
    this.#forget(now);
    const judged = this.#samples.filter(({ sentAt, rttMs }) => rttMs !== null || now - sentAt >= PONG_WAIT_MS);
    const lost = judged.filter(({ rttMs }) => rttMs === null).length;
    return { rttMs: this.#rttMs, jitterMs: this.#jitterMs, loss: judged.length > 0 ? lost / judged.length : null };
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
