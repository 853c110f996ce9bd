// `sendLatest`, and messages that come on `lt`.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { UNRELIABLE_MESSAGE_BYTES_MAX } from '../../web/patchcord.js';
import { openApplication } from './application.js';
import { latestSent, receive, sendLatest, sendToken } from './fake-server.js';
import { FakeBrowser, settle } from './fake-webrtc.js';

/** @type {FakeBrowser} */
let browser;
/** @type {import('../../web/patchcord.d.ts').Connection} */
let connection;
/** @type {any[]} */
let told;

beforeEach(async () => {
  browser = new FakeBrowser();
  ({ connection, told } = await openApplication(browser));
  told.length = 0;
});
afterEach(() => {
  connection.close();
  browser.restore();
});

/** What had waited on `lt` has gone out. */
function drain() {
  browser.pc.lt.bufferedAmount = 0;
  browser.pc.lt.onbufferedamountlow?.();
}

describe('sendLatest', () => {
  test('numbers from 0, and says what is text and what bytes', () => {
    connection.sendLatest('text');
    connection.sendLatest(Uint8Array.of(1, 2));
    connection.sendLatest(new ArrayBuffer(0));
    connection.sendLatest('ü');
    assert.deepEqual(latestSent(browser), [[0, 'text'], [1, [1, 2]], [2, []], [3, 'ü']]);
  });

  test('a newer one takes the place of one that waits, and goes out when there is room', () => {
    browser.pc.lt.bufferedAmount = 1;
    const bytes = Uint8Array.of(7);
    assert.equal(connection.sendLatest('old'), true);
    assert.equal(connection.sendLatest(bytes), true);
    bytes[0] = 0;
    assert.deepEqual(latestSent(browser), []);
    drain();
    drain();
    assert.deepEqual(latestSent(browser), [[0, [7]]], 'as it was when it was sent, once');
    connection.sendLatest('next');
    assert.deepEqual(latestSent(browser)[1], [1, 'next']);
  });

  test('the newest of a gap goes out on the way back, numbered anew', async () => {
    connection.sendLatest('before');
    sendToken(browser, 'token');
    browser.pc.becomes('failed');
    assert.equal(connection.sendLatest('one'), true);
    assert.equal(connection.sendLatest('two'), true);
    await browser.open({ resumed: true });
    assert.deepEqual(latestSent(browser), [[0, 'two']]);
  });

  test('and is dropped when the server does not know us', async () => {
    browser.pc.becomes('failed');
    connection.sendLatest('mine');
    await browser.open({ resumed: false });
    assert.deepEqual(latestSent(browser), []);
  });

  test('has 5 bytes less than the unreliable ones, and refuses what they refuse', () => {
    assert.equal(connection.sendLatest(new Uint8Array(UNRELIABLE_MESSAGE_BYTES_MAX - 5)), true);
    assert.throws(() => connection.sendLatest(new Uint8Array(UNRELIABLE_MESSAGE_BYTES_MAX - 4)), RangeError);
    // @ts-expect-error The mistake under test.
    assert.throws(() => connection.sendLatest(7), TypeError);
  });

  test('takes nothing once it is closed', () => {
    connection.close();
    assert.equal(connection.sendLatest('a'), false);
  });
});

describe('what comes on lt', () => {
  test('is told as latest, with its header taken off', () => {
    sendLatest(browser, 0, 'text');
    sendLatest(browser, 1, Uint8Array.of(1, 2));
    sendLatest(browser, 2, '');
    assert.deepEqual(told, [['latest', 'text'], ['latest', 1, 2], ['latest', '']]);
  });

  test('has a buffer of its own, without the header', async () => {
    /** @type {any} */ let bytes;
    const other = await openApplication(browser, { onmessage: (data) => { bytes = data; } });
    sendLatest(browser, 0, Uint8Array.of(1, 2));
    assert.deepEqual(new Uint8Array(bytes.buffer), Uint8Array.of(1, 2));
    other.connection.close();
  });

  test('is dropped when it is not newer than the newest', () => {
    for (const seq of [5, 4, 5, 7, 6, 0, 8]) sendLatest(browser, seq, String(seq));
    assert.deepEqual(told.map(([, text]) => text), ['5', '7', '8']);
  });

  test('goes on where the numbers go round (RFC 1982)', () => {
    for (const seq of [0x7ffffffe, 0xfffffffd, 0xffffffff, 0, 0xffffffff, 1, 0x80000002, 0x80000001, 0x80000000, 1]) {
      sendLatest(browser, seq, seq.toString(16));
    }
    assert.deepEqual(told.map(([, text]) => text), ['7ffffffe', 'fffffffd', 'ffffffff', '0', '1', '80000000']);
  });

  test('begins anew with each connection', async () => {
    sendLatest(browser, 100, 'a');
    browser.pc.becomes('failed');
    await browser.open({ resumed: true });
    sendLatest(browser, 0, 'b');
    assert.deepEqual(told.filter((event) => event[0] === 'latest'), [['latest', 'a'], ['latest', 'b']]);
  });

  test('is dropped when it has no header, another kind, or text that is none', () => {
    browser.pc.lt.receive('text');
    receive(browser.pc.lt, Buffer.alloc(0));
    receive(browser.pc.lt, Buffer.alloc(4));
    receive(browser.pc.lt, Buffer.of(9, 0, 0, 0, 2, 1));
    receive(browser.pc.lt, Buffer.of(9, 0, 0, 0, 0, 0xff));
    sendLatest(browser, 0, 'the first one');
    assert.deepEqual(told, [['latest', 'the first one']]);
  });

  test('before all channels are open is told after onstate', async () => {
    browser.pc.becomes('failed');
    told.length = 0;
    await browser.answer({ resumed: true });
    const { ro, uu, lt, ctl } = browser.pc;
    lt.open();
    sendLatest(browser, 1, 'newer');
    sendLatest(browser, 0, 'older');
    for (const channel of [ro, uu, ctl]) channel.open();
    await settle();
    assert.deepEqual(told, ['open resumed', ['latest', 'newer']]);
  });
});
