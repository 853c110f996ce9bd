// Reliable messages across a gap: kept until the server has them, sent again, dropped when it is another session.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { ConnectError } from '../../web/patchcord.js';
import { application } from './application.js';
import { echoes, sendBeat, sendToken } from './fake-server.js';
import { FakeTime } from './fake-time.js';
import { FakeBrowser, settle } from './fake-webrtc.js';

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
  sendToken(browser, 'token');
});
afterEach(() => {
  connection.close();
  time.restore();
  browser.restore();
});

/** The connection is lost and comes back. @param {{ resumed: boolean, received?: number }} answer @param {() => void} [meanwhile] */
async function gap(answer, meanwhile) {
  const posts = browser.posts.length;
  browser.pc.becomes('failed');
  meanwhile?.();
  while (browser.posts.length === posts) await time.pass(10);
  await browser.open(answer);
}

/** A page that is loaded with this saved session. @param {object} saved */
async function load(saved) {
  browser.storage.items.set('patchcord http://192.0.2.1:8080/room/connect', JSON.stringify(saved));
  const { promise, told } = application();
  await settle();
  return { promise, told };
}

describe('messages of the page', () => {
  test('are sent again from the first that the server has not had, with those of the gap behind them', async () => {
    for (const text of ['a', 'b', 'c']) connection.send(text);
    await gap({ resumed: true, received: 1 }, () => {
      assert.equal(connection.send('d'), true);
      assert.equal(connection.send(Uint8Array.of(5)), true);
    });
    assert.deepEqual(browser.pc.ro.sent, ['b', 'c', 'd', Uint8Array.of(5)]);
    connection.send('f');
    assert.deepEqual(browser.pc.ro.sent.at(-1), 'f');
  });

  test('are not sent again when a Beat says that the server has had them', async () => {
    for (const text of ['a', 'b', 'c']) connection.send(text);
    sendBeat(browser, { received: 2 });
    await gap({ resumed: true, received: 2 });
    assert.deepEqual(browser.pc.ro.sent, ['c']);
  });

  test('an older Beat, and one that counts too far, change nothing', async () => {
    for (const text of ['a', 'b', 'c']) connection.send(text);
    for (const received of [2, 1, 0, 4, 0xffffffff, 2]) sendBeat(browser, { received });
    await gap({ resumed: true, received: 2 });
    assert.deepEqual(browser.pc.ro.sent, ['c']);
  });

  test('survive several gaps, each time from where the server is', async () => {
    for (const text of ['a', 'b', 'c']) connection.send(text);
    await gap({ resumed: true, received: 1 });
    await gap({ resumed: true, received: 1 });
    assert.deepEqual(browser.pc.ro.sent, ['b', 'c']);
    await gap({ resumed: true, received: 3 });
    assert.deepEqual(browser.pc.ro.sent, []);
  });

  test('are sent before the application is told that it is open', async () => {
    connection.close();
    /** @type {any} */ let other;
    const promise = application({ onstate: (_, { resumed }) => { if (resumed) other.send('told'); } }).promise;
    await browser.open();
    other = await promise;
    await time.pass(1);
    other.send('kept');
    sendToken(browser, 'token');
    await gap({ resumed: true });
    assert.deepEqual(browser.pc.ro.sent, ['kept', 'told']);
    other.close();
  });

  test('are dropped when the server does not know us', async () => {
    connection.send('a');
    await gap({ resumed: false }, () => connection.send('b'));
    connection.send('c');
    assert.deepEqual(browser.pc.ro.sent, ['c']);
    sendBeat(browser, { received: 1 });
    await connection.delivered();
  });

  test('their count goes round', async () => {
    const { promise } = await load({ token: 't', received: 0, acknowledged: 0xfffffffe, kept: ['x', 'y'] });
    await browser.open({ resumed: true, received: 0xffffffff });
    const other = await promise;
    assert.deepEqual(browser.pc.ro.sent, ['y']);
    other.send('z');
    sendBeat(browser, { received: 0 });
    await gap({ resumed: true, received: 0 });
    assert.deepEqual(browser.pc.ro.sent, ['z']);
    sendBeat(browser, { received: 1 });
    await other.delivered();
    other.close();
  });

  test('a server that counts what was never sent is not believed: the page starts anew', async () => {
    connection.send('a');
    await gap({ resumed: true, received: 2 });
    assert.equal(connection.state, 'connecting');
    await time.pass(300);
    assert.equal(browser.offer.resume, '');
    await browser.open({ resumed: false });
    assert.deepEqual([connection.state, connection.resumed], ['open', false]);
  });

  test('at most 8 MiB are kept, what waits in the browser among them', () => {
    const message = new Uint8Array(256 * 1024 - 64);
    for (let n = 0; n < 32; n += 1) assert.equal(connection.send(message), true);
    assert.equal(connection.send(''), false);
    sendBeat(browser, { received: 1 });
    assert.equal(connection.send(message), true);
    assert.equal(connection.send(''), false);
  });

  test('empty ones are bounded too', async () => {
    browser.pc.becomes('failed');
    let taken = 0;
    while (connection.send('')) taken += 1;
    assert.equal(taken, 8 * 1024 * 1024 / 64);
  });
});

describe('messages of the server', () => {
  test('are counted when the application gets them; those of a connection that never opened are not', async () => {
    browser.pc.ro.receive('one');
    browser.pc.becomes('failed');
    await time.pass(1);
    await browser.answer({ resumed: true });
    browser.pc.ro.open();
    browser.pc.ro.receive('two');
    browser.pc.ro.closeFromFar();
    await time.pass(300);
    assert.equal(browser.offer.received, 1);
  });

  test('their count goes round', async () => {
    const { promise } = await load({ token: 't', received: 0xffffffff, acknowledged: 0, kept: [] });
    await browser.open({ resumed: true });
    const other = await promise;
    browser.pc.ro.receive('a');
    browser.pc.ro.receive('b');
    sendBeat(browser);
    assert.equal(echoes(browser).at(-1)?.received, 1);
    other.close();
  });
});

describe('delivered()', () => {
  /** @param {Promise<void>} promise */
  function watch(promise) {
    const seen = { how: 'waits' };
    promise.then(() => { seen.how = 'resolved'; }, (error) => {
      seen.how = error instanceof ConnectError ? error.code : String(error);
    });
    return seen;
  }

  test('resolves at once when nothing is on its way', async () => {
    await connection.delivered();
  });

  test('resolves when what was sent before it has arrived, each in its time', async () => {
    connection.send('a');
    const first = watch(connection.delivered());
    connection.send('b');
    connection.send('c');
    const second = watch(connection.delivered());
    sendBeat(browser, { received: 1 });
    await settle();
    assert.deepEqual([first.how, second.how], ['resolved', 'waits']);
    sendBeat(browser, { received: 2 });
    await settle();
    assert.equal(second.how, 'waits');
    sendBeat(browser, { received: 3 });
    await settle();
    assert.equal(second.how, 'resolved');
  });

  test('waits through a gap', async () => {
    connection.send('a');
    const seen = watch(connection.delivered());
    await gap({ resumed: true, received: 0 });
    assert.equal(seen.how, 'waits');
    sendBeat(browser, { received: 1 });
    await settle();
    assert.equal(seen.how, 'resolved');
  });

  test('resolves on the way back when the answer says so', async () => {
    connection.send('a');
    const seen = watch(connection.delivered());
    await gap({ resumed: true, received: 1 });
    assert.equal(seen.how, 'resolved');
  });

  test('rejects when the session is another one', async () => {
    connection.send('a');
    const seen = watch(connection.delivered());
    await gap({ resumed: false });
    assert.equal(seen.how, 'not-delivered');
    await connection.delivered();
  });

  test('rejects when it is closed, before and after', async () => {
    connection.send('a');
    const seen = watch(connection.delivered());
    connection.close();
    await settle();
    assert.equal(seen.how, 'not-delivered');
    await assert.rejects(connection.delivered(), { code: 'not-delivered' });
  });
});
