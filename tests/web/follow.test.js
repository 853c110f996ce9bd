// What follows a reliable message, so that SCTP sees a loss soon.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { application } from './application.js';
import { echoes, sendBeat } from './fake-server.js';
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
  sendBeat(browser, { seq: 3, roundTripMs: 20 });
  browser.pc.ctl.sent.length = 0;
});
afterEach(() => {
  connection.close();
  time.restore();
  browser.restore();
});

/** When Echoes went out in this time, in milliseconds. @param {number} ms */
async function echoTimes(ms) {
  const times = [];
  for (let passed = 1; passed <= ms; passed += 1) {
    await time.pass(1, 1);
    while (times.length < echoes(browser).length) times.push(passed);
  }
  return times;
}

describe('a lone reliable message', () => {
  test('is followed by five small packets, from two round trips and 10 ms on', async () => {
    connection.send('a');
    assert.deepEqual(await echoTimes(500), [50, 55, 60, 65, 70]);
    assert.deepEqual(echoes(browser)[0], { seq: 3, received: 0, generation: 0, hidden: false });
  });

  test('is followed later where the round trip is not known', async () => {
    sendBeat(browser, { roundTripMs: null });
    browser.pc.ctl.sent.length = 0;
    connection.send('a');
    assert.equal((await echoTimes(500))[0], 110);
  });

  test('is not followed once it is known to have arrived', async () => {
    connection.send('a');
    await time.pass(56, 1);
    const before = echoes(browser).length;
    sendBeat(browser, { received: 1, roundTripMs: 20 });
    await time.pass(500);
    assert.equal(echoes(browser).length, before + 1, 'the answer to the Beat');
  });

  test('needs none of them where others follow: unreliable ones, latest ones, or both', async () => {
    connection.send('a');
    connection.sendUnreliable('1');
    connection.sendUnreliable('2');
    connection.sendLatest('3');
    connection.sendLatest('4');
    assert.deepEqual(await echoTimes(500), [50]);
  });

  test('in a stream only the last one is', async () => {
    for (let n = 0; n < 20; n += 1) {
      connection.send('a');
      await time.pass(40);
    }
    assert.equal(echoes(browser).length, 0);
    assert.equal((await echoTimes(500)).length, 5);
  });

  test('is followed also when it was sent again after a gap', async () => {
    connection.send('a');
    browser.pc.becomes('failed');
    await time.pass(1);
    await browser.open({ resumed: true });
    assert.equal((await echoTimes(500)).length, 5);
  });

  test('is followed by nothing after the end', async () => {
    connection.send('a');
    connection.close();
    const before = browser.pc.ctl.sent.length;
    await time.pass(500);
    assert.equal(browser.pc.ctl.sent.length, before);
  });
});
