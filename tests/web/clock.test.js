// The server's clock: docs/PROTOCOL.md, "Time".

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { application } from './application.js';
import { sendBeat } from './fake-server.js';
import { FakeTime } from './fake-time.js';
import { FakeBrowser } from './fake-webrtc.js';

/** @type {FakeBrowser} */
let browser;
/** @type {FakeTime} */
let time;
/** @type {import('../../web/patchcord.d.ts').Connection} */
let connection;

beforeEach(async () => {
  browser = new FakeBrowser();
  time = new FakeTime();
  const { promise } = application();
  await browser.open();
  connection = await promise;
  await time.pass(1);
});
afterEach(() => {
  connection.close();
  time.restore();
  browser.restore();
});

/** The server's clock, which this page does not see. */
const serverTime = () => time.now + 5_000_000.25;

/** A Beat that was under way for so long. @param {number} tookMs @param {number | null} roundTripMs */
function beat(tookMs, roundTripMs) {
  sendBeat(browser, { timeMs: serverTime() - tookMs, roundTripMs });
}

const errorNow = () => Math.abs(Number(connection.serverNow()) - serverTime());

describe('serverNow', () => {
  test('is not known before the round trip is', () => {
    beat(1, null);
    assert.deepEqual([connection.serverNow(), connection.clockError, connection.roundTripMs], [null, null, null]);
    beat(1, 2);
    assert.deepEqual([connection.clockError, connection.roundTripMs], [1, 2]);
    assert.ok(errorNow() < 0.002);
  });

  test('goes on between Beats, as a fraction', () => {
    beat(1, 2);
    time.skip(1234.5);
    assert.ok(errorNow() < 0.002);
  });

  test('believes the Beat that took the shortest time', () => {
    for (const took of [9, 4, 1, 30, 12]) {
      beat(took, 2);
      time.skip(1000);
    }
    assert.ok(errorNow() < 0.002);
  });

  test('forgets it after 20 more', () => {
    beat(1, 2);
    for (let n = 0; n < 19; n += 1) beat(5, 2);
    assert.ok(errorNow() < 0.002);
    beat(5, 2);
    assert.ok(Math.abs(errorNow() - 4) < 0.002);
  });

  test('is not read by a Beat alone that waited for half a minute behind a long message', () => {
    beat(1, 2);
    time.skip(31_000);
    beat(28_000, 2);
    assert.ok(errorNow() < 0.002);
  });

  test('is never farther off than clockError, however uneven the way', () => {
    // A small generator with a fixed seed (Numerical Recipes' constants), so that a failure comes again.
    let state = 7;
    const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    for (let run = 0; run < 100; run += 1) {
      /** @type {number[]} */ const down = [];
      /** @type {number[]} */ const trips = [];
      const [least, jitter] = [random() * 10, random() * 20];
      for (let n = 0; n < 50; n += 1) {
        const took = least * random() + random() * jitter;
        trips.push(took + least * random() + random() * jitter);
        down.push(took);
        // What the server knows is the smallest of the last 16.
        beat(took, Math.ceil(Math.min(...trips.slice(-16)) * 1000) / 1000);
        if (Math.min(...down.slice(-20)) <= Math.min(...trips.slice(-16))) {
          assert.ok(errorNow() <= Number(connection.clockError) + 0.002, `run ${run}: ${errorNow()} ms`);
        }
        time.skip(1000);
      }
    }
  });

  test('is kept through a gap, and given up with the session', async () => {
    beat(1, 2);
    browser.pc.becomes('failed');
    await time.pass(1);
    await browser.open({ resumed: true });
    assert.ok(errorNow() < 0.002);
    browser.pc.becomes('failed');
    await time.pass(300);
    await browser.open({ resumed: false });
    assert.equal(connection.serverNow(), null);
  });
});
