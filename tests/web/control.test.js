// What travels on `ctl`: the vectors that the server's tests read too, and when the page answers.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { openApplication } from './application.js';
import { controlHex, echoes, receive, sendBeat, sendOver, sendToken } from './fake-server.js';
import { FakeTime } from './fake-time.js';
import { FakeBrowser, settle } from './fake-webrtc.js';

const vectors = JSON.parse(readFileSync(new URL('../vectors/control.json', import.meta.url), 'utf8'));

/** @type {FakeBrowser} */
let browser;
/** @type {FakeTime} */
let time;
/** @type {import('../../web/patchcord.d.ts').Connection} */
let connection;
/** @type {any[]} */
let told;

beforeEach(async () => {
  browser = new FakeBrowser();
  time = new FakeTime();
  const opening = openApplication(browser);
  await settle();
  await settle();
  await settle();
  await time.pass(1);
  ({ connection, told } = await opening);
});
afterEach(() => {
  connection.close();
  time.restore();
  browser.restore();
});

/** @param {string} hex */
const bytesOf = (hex) => Buffer.from(hex, 'hex');

describe('the vectors', () => {
  for (const { name, hex, message } of vectors.from_server) {
    test(`reads ${name}`, async () => {
      receive(browser.pc.ctl, bytesOf(hex));
      switch (message.kind) {
        case 'Beat': {
          assert.deepEqual(echoes(browser).map(({ seq }) => seq), [message.seq]);
          const known = message.roundTrip !== 0xffffffff;
          assert.equal(connection.roundTripMs, known ? message.roundTrip / 1000 : null);
          assert.equal(connection.clockError, known ? message.roundTrip / 2000 : null);
          assert.equal(connection.serverNow(), known ? time.now + (message.time / 1000 - time.now) + message.roundTrip / 2000 : null);
          break;
        }
        case 'Token':
          assert.deepEqual(echoes(browser).map(({ generation }) => generation), [message.generation]);
          browser.pc.ro.closeFromFar();
          await time.pass(1);
          assert.equal(browser.offer.resume, message.token);
          break;
        case 'Over':
          assert.equal(browser.connections[0].closed, true);
          assert.equal(connection.state, message.why === 0 ? 'closed' : 'connecting');
          if (message.why === 0) assert.equal(told.at(-1), `closed kicked ${message.text}`.trim());
          break;
        default:
          assert.fail(message.kind);
      }
    });
  }

  for (const { name, hex, direction } of vectors.malformed) {
    if (direction !== 'server') continue;
    test(`ignores ${name}`, () => {
      receive(browser.pc.ctl, bytesOf(hex));
      assert.deepEqual(controlHex(browser), []);
      assert.deepEqual(told, ['open']);
      sendBeat(browser, { seq: 5 });
      assert.equal(echoes(browser).at(-1)?.generation, 0, 'no token was taken');
    });
  }

  /** @param {string} name @returns {string} */
  const fromPage = (name) => vectors.from_page.find((/** @type {any} */ vector) => vector.name === name).hex;

  test('writes the first echo', () => {
    sendBeat(browser, { seq: 0 });
    assert.deepEqual(controlHex(browser), [fromPage('the first echo')]);
  });

  test('writes an echo of a hidden page', () => {
    for (let n = 0; n < 70_000; n += 1) browser.pc.ro.receive('');
    sendToken(browser, 'token', 255);
    browser.hide(true);
    sendBeat(browser, { seq: 0xffffffff });
    assert.equal(controlHex(browser).at(-1), fromPage('an echo of a hidden page'));
  });

  test('writes goodbye, more than once, and closes', () => {
    connection.close();
    assert.deepEqual([...new Set(controlHex(browser))], [fromPage('goodbye')]);
    assert.ok(controlHex(browser).length > 1);
    assert.equal(browser.pc.closed, true);
  });
});

describe('echoes', () => {
  test('each Beat is answered at once, also one that comes late', () => {
    for (const seq of [0, 2, 1]) sendBeat(browser, { seq });
    assert.deepEqual(echoes(browser).map(({ seq }) => seq), [0, 2, 1]);
  });

  test('before the first Beat none is claimed to have come', () => {
    sendToken(browser, 'token', 7);
    assert.deepEqual(echoes(browser), [{ seq: 0xffffffff, received: 0, generation: 7, hidden: false }]);
  });

  test('every 128 KiB on ro, and not before', () => {
    sendBeat(browser, { seq: 3 });
    for (let n = 0; n < 7; n += 1) browser.pc.ro.receive(new ArrayBuffer(16 * 1024));
    browser.pc.ro.receive('x'.repeat(16 * 1024 - 1));
    browser.pc.uu.receive(new ArrayBuffer(16 * 1024));
    assert.equal(echoes(browser).length, 1);
    browser.pc.ro.receive('x');
    assert.deepEqual(echoes(browser)[1], { seq: 3, received: 9, generation: 0, hidden: false });
    browser.pc.ro.receive(new ArrayBuffer(128 * 1024));
    assert.equal(echoes(browser).length, 3);
  });

  test('when the page is hidden and when it is shown', () => {
    browser.hide(true);
    browser.hide(false);
    assert.deepEqual(echoes(browser).map(({ hidden }) => hidden), [true, false]);
  });
});

describe('the end that the server tells', () => {
  test('kicked is for good: no attempt, no listener, nothing to come back with', async () => {
    sendToken(browser, 'token');
    sendOver(browser, 0, 'Bis später');
    sendOver(browser, 0, 'Bis später');
    await time.pass(20_000, 100);
    assert.deepEqual(told, ['open', 'closed kicked Bis später']);
    assert.equal(browser.connections.length, 1);
    assert.equal(browser.listenerCount(), 0);
    assert.equal(connection.send('a'), false);
    browser.dispatch('pagehide', { persisted: false });
    assert.equal(browser.storage.items.size, 0);
  });

  for (const [why, code] of /** @type {[number, string][]} */ ([[1, 'shutting-down'], [2, 'anew'], [7, 'closed']])) {
    test(`${code} is not: the page tries to come back`, async () => {
      sendToken(browser, 'token');
      sendOver(browser, why);
      assert.deepEqual(told, ['open', `connecting ${code}`]);
      await time.pass(1);
      assert.equal(browser.offer.resume, 'token');
    });
  }
});
