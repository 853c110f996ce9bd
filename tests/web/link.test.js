import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LinkMeter, PONG_WAIT_MS, WINDOW_MS } from '../../web/room/link.js';
import { isNewer32, next16, next32 } from '../../web/room/messages.js';

describe('the link', () => {
  test('knows nothing at first', () => {
    assert.deepEqual(new LinkMeter().stats(0), { rttMs: null, jitterMs: null, oneWayMs: null, loss: null });
  });

  test('a steady link has its round trip, no jitter and no loss', () => {
    const link = new LinkMeter();
    for (let now = 0; now < 2000; now += 100) link.pong(link.ping(now), now + 8);
    assert.deepEqual(link.stats(2000), { rttMs: 8, jitterMs: 0, oneWayMs: null, loss: 0 });
  });

  test('the first round trip counts whole, later ones one eighth', () => {
    const link = new LinkMeter();
    link.pong(link.ping(0), 8);
    assert.equal(link.stats(8).rttMs, 8);
    link.pong(link.ping(100), 116);
    assert.equal(link.stats(116).rttMs, 9);
  });

  test('each change counts one sixteenth as jitter', () => {
    const link = new LinkMeter();
    link.pong(link.ping(0), 10);
    assert.equal(link.stats(10).jitterMs, null);
    link.pong(link.ping(100), 104);
    assert.equal(link.stats(104).jitterMs, 6 / 16);
    link.pong(link.ping(200), 226);
    assert.equal(link.stats(226).jitterMs, 6 / 16 + (22 - 6 / 16) / 16);
  });

  test('a ping is lost once it waited long enough, and found again by a late pong', () => {
    const link = new LinkMeter();
    link.pong(link.ping(0), 5);
    const late = link.ping(100);
    assert.equal(link.stats(100 + PONG_WAIT_MS - 1).loss, 0);
    assert.equal(link.stats(100 + PONG_WAIT_MS).loss, 0.5);
    link.pong(late, 100 + PONG_WAIT_MS + 500);
    assert.equal(link.stats(100 + PONG_WAIT_MS + 500).loss, 0);
  });

  test('pongs out of order belong to their own pings; doubled and unknown ones change nothing', () => {
    const link = new LinkMeter();
    const first = link.ping(0);
    const second = link.ping(100);
    link.pong(second, 110);
    link.pong(first, 120);
    assert.deepEqual(link.samples().map(({ rttMs }) => rttMs), [120, 10]);
    const before = link.stats(130);
    link.pong(second, 400);
    link.pong(4711, 400);
    assert.deepEqual(link.stats(130), before);
  });

  test('what is older than the window is forgotten, also while nothing is sent', () => {
    const link = new LinkMeter();
    link.ping(0);
    link.ping(100);
    assert.equal(link.stats(WINDOW_MS).loss, 1);
    assert.equal(link.stats(WINDOW_MS + 101).loss, null);
    assert.deepEqual(link.samples(), []);
  });
});

describe('one way', () => {
  test('is the age of a snapshot by the server\'s clock, smoothed', () => {
    const link = new LinkMeter();
    link.snapshot(5_000_000, 5002.5);
    assert.equal(link.stats(0).oneWayMs, 2.5);
    link.snapshot(5_000_000, 5066.5);
    assert.equal(link.stats(0).oneWayMs, 3.5);
  });

  test('says nothing while the clock is not known', () => {
    const link = new LinkMeter();
    link.snapshot(5_000_000, null);
    assert.equal(link.stats(0).oneWayMs, null);
  });

  test('goes on where the server\'s microseconds go round, and can be a little below zero', () => {
    for (const [sentUs, nowMs, oneWayMs] of [[2 ** 32 - 1000, (2 ** 32 + 2000) / 1000, 3], [500, 2 ** 32 / 1000, -0.5]]) {
      const link = new LinkMeter();
      link.snapshot(sentUs, nowMs);
      assert.equal(link.stats(0).oneWayMs, oneWayMs);
    }
  });
});

describe('numbers that wrap', () => {
  test('newer across the wrap', () => {
    assert.equal(isNewer32(1, 0), true);
    assert.equal(isNewer32(0, 1), false);
    assert.equal(isNewer32(5, 5), false);
    assert.equal(isNewer32(0, 0xffffffff), true);
    assert.equal(isNewer32(0xffffffff, 0), false);
    assert.equal(isNewer32(0x7fffffff, 0), true);
    assert.equal(isNewer32(0x80000001, 0), false);
    assert.equal(isNewer32(10, 0xfffffff0), true);
  });

  test('next goes round', () => {
    assert.equal(next16(0xffff), 0);
    assert.equal(next16(7), 8);
    assert.equal(next32(0xffffffff), 0);
    assert.equal(next32(0x7fffffff), 0x80000000);
  });
});
