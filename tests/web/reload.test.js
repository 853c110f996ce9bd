// The session in the session storage: a page that is reloaded, one that comes back as it was, and tabs that are copied.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { application, openApplication } from './application.js';
import { controlHex, sendBeat, sendToken } from './fake-server.js';
import { FakeBrowser, FakeStorage, settle } from './fake-webrtc.js';

const KEY = 'patchcord http://192.0.2.1:8080/room/connect';
const BYE = '82';

/** @type {FakeBrowser} */
let browser;
beforeEach(() => {
  browser = new FakeBrowser();
});
afterEach(() => browser.restore());

/** The next page in this tab. */
function reload() {
  const { storage } = browser;
  browser.restore();
  browser = new FakeBrowser(storage);
}

/** An application with a token, which sends these. @param {any[]} [messages] */
async function used(messages = []) {
  const made = await openApplication(browser);
  sendToken(browser, 'token');
  for (const message of messages) made.connection.send(message);
  return made;
}

describe('a reload', () => {
  test('goes on as the same peer: token, count and what was on its way', async () => {
    const { told } = await used(['a', 'ü\u0000', Uint8Array.of(0, 255), '']);
    browser.pc.ro.receive('from the server');
    sendBeat(browser, { received: 1 });
    browser.dispatch('pagehide', { persisted: false });
    assert.equal(browser.pc.closed, true);
    assert.deepEqual(told, ['open', ['reliable', 'from the server'], 'closed pagehide']);
    assert.equal(controlHex(browser).includes(BYE), false);
    assert.deepEqual([...browser.storage.items.keys()], [KEY]);

    reload();
    const next = application();
    await settle();
    assert.deepEqual([browser.offer.resume, browser.offer.received], ['token', 1]);
    assert.equal(browser.storage.items.size, 0, 'a duplicate of this tab finds nothing');
    await browser.open({ resumed: true, received: 2 });
    const connection = await next.promise;
    await settle();
    assert.equal(connection.resumed, true);
    assert.deepEqual(next.told, ['open resumed']);
    assert.deepEqual(browser.pc.ro.sent, [Uint8Array.of(0, 255), '']);
    connection.close();
  });

  test('to a server that does not know us is a start', async () => {
    await used(['a']);
    browser.dispatch('pagehide', { persisted: false });
    reload();
    const next = application();
    await browser.open({ resumed: false });
    const connection = await next.promise;
    await settle();
    assert.deepEqual(next.told, ['open']);
    assert.deepEqual(browser.pc.ro.sent, []);
    connection.close();
  });

  test('while the old connection is still heard waits for it', async () => {
    await used();
    browser.dispatch('pagehide', { persisted: false });
    reload();
    const next = application();
    await browser.refuse(409, 'still-here');
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(browser.posts.length, 2);
    assert.equal(browser.offer.resume, 'token');
    await browser.open({ resumed: true });
    (await next.promise).close();
    assert.deepEqual(next.told, ['closed local']);
  });

  test('that fails leaves the session to the next attempt', async () => {
    await used(['a']);
    browser.dispatch('pagehide', { persisted: false });
    reload();
    const first = application();
    await browser.unreachable();
    await assert.rejects(first.promise, { code: 'unreachable' });
    const second = application();
    await browser.open({ resumed: true, received: 0 });
    const connection = await second.promise;
    assert.deepEqual(browser.pc.ro.sent, ['a']);
    connection.close();
  });

  test('in the middle of a reload goes on too', async () => {
    await used(['a']);
    browser.dispatch('pagehide', { persisted: false });
    reload();
    void application().promise;
    await settle();
    browser.dispatch('pagehide', { persisted: false });
    reload();
    const next = application();
    await browser.open({ resumed: true, received: 0 });
    assert.deepEqual(browser.pc.ro.sent, ['a']);
    (await next.promise).close();
  });

  test('with another address is another session', async () => {
    await used();
    browser.dispatch('pagehide', { persisted: false });
    reload();
    const other = application({ url: './connect?room=2' });
    await settle();
    assert.equal(browser.offer.resume, '');
    const same = application({ url: new URL('http://192.0.2.1:8080/room/connect') });
    await settle();
    assert.equal(browser.offer.resume, 'token');
    await browser.open({ resumed: true });
    (await same.promise).close();
    browser.posts[0].fail(new Error());
    await other.promise.catch(() => {});
  });

  test('of a page whose messages were held back until the application had them', async () => {
    const { promise, told } = application();
    await browser.open();
    sendToken(browser, 'token');
    browser.pc.ro.receive('early');
    await promise;
    browser.dispatch('pagehide', { persisted: false });
    assert.deepEqual(told, ['open', ['reliable', 'early'], 'closed pagehide']);
    assert.equal(JSON.parse(browser.storage.getItem(KEY) ?? '').received, 1);
  });
});

describe('what is not stored', () => {
  /** The page is left, and will not find its session again. */
  function leave() {
    browser.dispatch('pagehide', { persisted: false });
    assert.equal(browser.storage.items.size, 0);
    assert.equal(controlHex(browser).at(-1), BYE, 'the server need not wait');
  }

  test('a page without a token', async () => {
    await openApplication(browser);
    leave();
  });

  test('more than 256 KiB', async () => {
    const { connection } = await used();
    for (let n = 0; n < 2; n += 1) connection.send(new Uint8Array(128 * 1024));
    leave();
  });

  test('anything in a browser that keeps nothing', async () => {
    await used();
    browser.storage.throws = new Error('QuotaExceededError');
    leave();
  });

  test('nothing is read from such a browser either, nor nonsense from any', async () => {
    const storage = new FakeStorage();
    storage.throws = new Error('SecurityError');
    for (const saved of ['', 'nonsense', '7', '{"token":7}']) {
      browser.restore();
      browser = new FakeBrowser(storage);
      if (saved) {
        storage.throws = null;
        storage.setItem(KEY, saved);
      }
      const { promise } = application();
      await settle();
      assert.equal(browser.offer.resume, '', saved);
      await browser.open();
      (await promise).close();
    }
  });
});

describe('a page that comes back as it was', () => {
  test('uses what it has in memory, and the stored session is gone', async () => {
    const { connection, told } = await used(['a']);
    browser.dispatch('pagehide', { persisted: true });
    assert.equal(browser.storage.items.size, 1);
    assert.equal(connection.send('b'), false);
    browser.dispatch('pageshow', { persisted: true });
    assert.equal(browser.storage.items.size, 0);
    await settle();
    assert.equal(browser.offer.resume, 'token');
    await browser.open({ resumed: true, received: 0 });
    assert.deepEqual(browser.pc.ro.sent, ['a']);
    assert.deepEqual(told, ['open', 'closed pagehide', 'connecting', 'open resumed']);
    connection.close();
  });

  test('says no goodbye, even when it has no token', async () => {
    const { connection } = await openApplication(browser);
    browser.dispatch('pagehide', { persisted: true });
    assert.deepEqual(controlHex(browser), []);
    connection.close();
  });

  test('was on its way back: it goes on at once', async () => {
    const { connection, told } = await used();
    browser.pc.becomes('failed');
    await browser.unreachable();
    browser.dispatch('pagehide', { persisted: true });
    const posts = browser.posts.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(browser.posts.length, posts, 'a page that is left tries nothing');
    browser.dispatch('pageshow', { persisted: true });
    await browser.open({ resumed: true });
    assert.deepEqual(told, ['open', 'connecting lost', 'connecting unreachable', 'closed pagehide', 'connecting', 'open resumed']);
    connection.close();
  });
});
