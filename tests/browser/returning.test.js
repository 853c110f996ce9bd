// Coming back to the room, as people see it: who is away, and who is back in the same place under the same name.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { closeAll, engines, kill, launch } from './engines.js';
import { cannotCut, cut, mend } from './network.js';
import { enter, named, until, untilWithin } from './people.js';
import { lanAddress, start } from './server.js';

/** The server notices within 2 s, and tells within a tick of 16 ms; the machine may be busy. */
const AWAY_MS_MAX = 2_300;

/** docs/PROTOCOL.md, "Every limit": the grace time, and some more. */
const GRACE_MS = 30_000;
const GONE_MS_MAX = GRACE_MS + 5_000;

const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** In the page. */
const isAway = (/** @type {string} */ name) =>
  [...globalThis.patchcordRoom.people.values()].some((one) => one.name === name && one.away);
const isBack = (/** @type {string} */ name) =>
  [...globalThis.patchcordRoom.people.values()].some((one) => one.name === name && !one.away);
const heard = (/** @type {string} */ text) => globalThis.patchcordRoom.lines.some((line) => line.text === text);

/** @param {import('puppeteer-core').Page} page @param {string} text */
async function say(page, text) {
  await page.evaluate((text) => {
    const input = /** @type {HTMLInputElement} */ (document.querySelector('#chat-input'));
    input.value = text;
    input.form?.requestSubmit();
  }, text);
}

/** What ada sees of someone. @param {import('puppeteer-core').Page} page @param {string} name */
const seen = (page, name) => page.evaluate((name) => [...globalThis.patchcordRoom.people]
  .filter(([, one]) => one.name === name).map(([id, { x, y, look, hasPointer }]) => ({ id, x, y, look, hasPointer })), name);

const installed = engines();

describe('coming back', { skip: installed.length === 0 && 'no browser is installed' }, () => {
  /** @type {Awaited<ReturnType<typeof start>>} */
  let server;
  /** @type {import('puppeteer-core').Browser} */
  let adasBrowser;
  /** @type {Awaited<ReturnType<typeof enter>>} */
  let ada;

  before(async () => {
    if (!cannotCut) mend();
    server = await start('patchcord', ['--bind', lanAddress(), '--port', '0']);
    adasBrowser = await launch(installed[0]);
    ada = await enter(adasBrowser, server.url, 'Ada');
  });
  afterEach(() => {
    if (!cannotCut) mend();
  });
  after(async () => {
    await closeAll();
    await server.stop();
  });

  for (const engine of installed) {
    test(`a reload in ${engine} comes back to the same place and name, and can move on`, async () => {
      const browser = engine === installed[0] ? adasBrowser : await launch(engine);
      const bob = await enter(browser, server.url, `Bob ${engine}`);
      await bob.page.mouse.move(300, 300, { steps: 60 });
      await until(ada.page, (name) => [...globalThis.patchcordRoom.people.values()].some((one) => one.name === name && one.hasPointer), bob.name);
      await say(bob.page, `before, ${engine}`);
      await until(ada.page, heard, `before, ${engine}`);
      let before;
      // The pointer glides: it has come to rest when two looks agree.
      do {
        before = await seen(ada.page, bob.name);
        await delay(200);
      } while (JSON.stringify(before) !== JSON.stringify(await seen(ada.page, bob.name)));
      const own = await bob.page.evaluate(() => globalThis.patchcordRoom.me);
      await bob.page.reload();
      await until(bob.page, () => globalThis.patchcordRoom?.state === 'open');
      assert.equal(await bob.page.evaluate(() => globalThis.patchcordRoom.me), own);
      assert.deepEqual(await seen(ada.page, bob.name), before);
      await until(bob.page, heard, `before, ${engine}`);
      assert.equal(await bob.page.evaluate(() => /** @type {HTMLInputElement} */ (document.querySelector('#name')).value), bob.name);
      await bob.page.mouse.move(500, 500);
      await untilWithin(500, ada.page, (name, x) => [...globalThis.patchcordRoom.people.values()].some((one) => one.name === name && one.x > x + 1000),
        bob.name, before[0].x);
      assert.deepEqual(bob.errors, []);
      await bob.page.close();
      await until(ada.page, isAway, bob.name);
    });
  }

  test('a cut network: the stage stays, what is said arrives, and everyone is who they were', { skip: cannotCut }, async () => {
    // A tab in the background would wait longer.
    const bob = await enter(await launch(installed[installed.length - 1]), server.url, 'Robin');
    await ada.page.bringToFront();
    const pages = [ada.page, bob.page];
    const before = await Promise.all(pages.map((page) => page.evaluate(() => globalThis.patchcordRoom.me)));
    cut();
    for (const page of pages) {
      await untilWithin(AWAY_MS_MAX, page, () => globalThis.patchcordRoom.state === 'returning');
      assert.ok(await page.evaluate(named, 'Robin'), 'the people are still there');
    }
    await say(bob.page, 'said in the gap');
    await sleep(2_500);
    assert.match(await bob.page.evaluate(() => document.querySelector('#notice')?.textContent ?? ''), /Trying/);
    mend();
    for (const page of pages) await untilWithin(6_000, page, () => globalThis.patchcordRoom.state === 'open');
    await until(ada.page, heard, 'said in the gap');
    await until(ada.page, isBack, 'Robin');
    const lines = await ada.page.evaluate(() => globalThis.patchcordRoom.lines.filter(({ text }) => text === 'said in the gap'));
    assert.equal(lines.length, 1);
    assert.deepEqual(await Promise.all(pages.map((page) => page.evaluate(() => globalThis.patchcordRoom.me))), before);
    assert.deepEqual(bob.errors, []);
    await bob.page.close();
  });

  test('a killed browser is seen as away within two seconds, and leaves after the grace time', { timeout: 60_000 }, async () => {
    const browser = await launch('chromium');
    await enter(browser, server.url, 'Eve');
    await until(ada.page, isBack, 'Eve');
    const killedAt = Date.now();
    kill(browser);
    await untilWithin(AWAY_MS_MAX, ada.page, isAway, 'Eve');
    await untilWithin(GONE_MS_MAX, ada.page, (name) => ![...globalThis.patchcordRoom.people.values()].some((one) => one.name === name), 'Eve');
    assert.ok(Date.now() - killedAt > GRACE_MS - 1_000, 'not before');
  });

  test('a server that ends says so, and one that is started again is found', async () => {
    const { port } = new URL(server.url);
    assert.equal(await server.stop(), 0);
    await untilWithin(1_000, ada.page, () => globalThis.patchcordRoom.state === 'returning');
    await sleep(300);
    server = await start('patchcord', ['--bind', lanAddress(), '--port', port]);
    await untilWithin(6_000, ada.page, () => globalThis.patchcordRoom.state === 'open' && globalThis.patchcordRoom.me === 1);
    await until(ada.page, named, 'Ada');
    assert.deepEqual(ada.errors, []);
  });
});
