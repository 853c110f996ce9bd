// The session in real browsers: patchcord.js against an echo, in each engine. What a person sees of it is in returning.test.js.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { closeAll, engines, launch } from './engines.js';
import { cannotCut, cut, mend } from './network.js';
import { lanAddress, start } from './server.js';

/** A page notices within 2 s, and comes back within one of the network; the machine may be busy. */
const NOTICED_MS_MAX = 2_300;
const BACK_MS_MAX = 3_000;

const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** In the page: connects, and writes down what it is told. */
async function connectInPage() {
  const client = '/patchcord.js';
  const { connect } = await import(client);
  const told = /** @type {any[]} */ ([]);
  const echoed = /** @type {any[]} */ ([]);
  const connection = await connect({
    url: '/connect?key=open',
    onmessage: (/** @type {any} */ data, /** @type {string} */ channel) => echoed.push([channel, data]),
    onstate: (/** @type {string} */ state, /** @type {any} */ { resumed, cause, words, error }) => told.push(
      { state, resumed, cause, words, code: error?.code, at: Date.now() }),
  });
  Object.assign(globalThis, { session: { connection, told, echoed } });
  return connection.resumed;
}

/** @param {import('puppeteer-core').Page} page @param {string} state @param {number} ms */
async function untilState(page, state, ms) {
  await page.waitForFunction((state) => globalThis.session.connection.state === state, { timeout: ms, polling: 10 }, state);
}

for (const engine of engines()) {
  describe(`a session in ${engine}`, () => {
    /** @type {Awaited<ReturnType<typeof start>>} */
    let server;
    /** @type {import('puppeteer-core').Browser} */
    let browser;
    /** @type {import('puppeteer-core').Page} */
    let page;

    before(async () => {
      if (!cannotCut) mend();
      server = await start('examples/door', [`${lanAddress()}:0`]);
      browser = await launch(engine);
    });
    after(async () => {
      await closeAll();
      await server.stop();
    });
    afterEach(async () => {
      if (!cannotCut) mend();
      await page?.close();
    });

    async function openPage() {
      page = await browser.newPage();
      await page.goto(new URL('patchcord.d.ts', server.url).href);
      assert.equal(await page.evaluate(connectInPage), false);
    }

    test('the latest channel, the clock and delivered()', async () => {
      await openPage();
      const seen = await page.evaluate(async () => {
        const { connection, echoed } = globalThis.session;
        connection.send('reliable');
        await connection.delivered();
        while (connection.serverNow() === null) await new Promise((resolve) => setTimeout(resolve, 20));
        for (let n = 0; n < 5; n++) {
          connection.sendLatest(`latest ${n}`);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        const [early, at] = [connection.serverNow(), performance.now()];
        await new Promise((resolve) => setTimeout(resolve, 1500));
        const drift = connection.serverNow() - early - (performance.now() - at);
        return { echoed, drift, error: connection.clockError, roundTrip: connection.roundTripMs };
      });
      assert.deepEqual(seen.echoed, [['reliable', 'reliable'], ...[0, 1, 2, 3, 4].map((n) => ['latest', `latest ${n}`])]);
      assert.ok(Math.abs(seen.drift) <= 2 * seen.error + 1, `${seen.drift} ms off, ${seen.error} ms allowed`);
      assert.ok(seen.roundTrip >= 0 && seen.roundTrip < 100);
    });

    test('a cut network is noticed, and what was sent before, during and after it arrives once and in order', {
      skip: cannotCut,
    }, async () => {
      await openPage();
      await page.evaluate(() => {
        const { connection } = globalThis.session;
        let n = 0;
        globalThis.session.sending = setInterval(() => {
          if (!connection.send(String(n++))) throw new Error('not taken');
        }, 10);
      });
      await sleep(500);
      const cutAt = Date.now();
      cut();
      await untilState(page, 'connecting', 5_000);
      const noticed = Date.now() - cutAt;
      await sleep(Math.max(0, 4_000 - noticed));
      mend();
      const mendedAt = Date.now();
      await untilState(page, 'open', 10_000);
      const back = Date.now() - mendedAt;
      await sleep(500);
      const { echoed, told, resumed } = await page.evaluate(async () => {
        const { connection, told, echoed, sending } = globalThis.session;
        clearInterval(sending);
        await connection.delivered();
        await new Promise((resolve) => setTimeout(resolve, 500));
        return { echoed, told, resumed: connection.resumed };
      });
      assert.equal(resumed, true);
      assert.ok(echoed.length > 400, `${echoed.length} messages`);
      assert.deepEqual(echoed, echoed.map((_, n) => ['reliable', String(n)]));
      assert.equal(told.find(({ state }) => state === 'connecting')?.code, 'lost');
      assert.ok(noticed <= NOTICED_MS_MAX, `noticed after ${noticed} ms`);
      assert.ok(back <= BACK_MS_MAX, `back after ${back} ms`);
    });

    test('a reload comes back as the same peer, with what was on its way', async () => {
      await openPage();
      await page.evaluate(() => {
        const { connection } = globalThis.session;
        connection.send('before');
        // Still on its way when the page goes.
        addEventListener('beforeunload', () => connection.send('at the end'));
      });
      await page.reload();
      assert.equal(await page.evaluate(connectInPage), true);
      const { echoed, told } = await page.evaluate(async () => {
        const { connection, told, echoed } = globalThis.session;
        connection.send('after');
        await connection.delivered();
        await new Promise((resolve) => setTimeout(resolve, 300));
        return { echoed, told };
      });
      assert.equal(told[0].resumed, true);
      // What the page before had heard is not said again.
      const texts = echoed.map(([, text]) => text);
      assert.deepEqual(texts.slice(-2), ['at the end', 'after'].slice(-texts.length));
      assert.ok(texts.includes('after'));
    });

    test('a second tab is somebody else', async () => {
      await openPage();
      const other = await browser.newPage();
      await other.goto(new URL('patchcord.d.ts', server.url).href);
      assert.equal(await other.evaluate(connectInPage), false);
      assert.equal(await page.evaluate(() => globalThis.session.connection.state), 'open');
      await other.close();
    });

    test('who is sent away reads why, and does not come back', async () => {
      await openPage();
      await page.evaluate(() => globalThis.session.connection.send('kick me: zu laut – bis später'));
      await untilState(page, 'closed', 2_000);
      await sleep(1_500);
      const told = await page.evaluate(() => globalThis.session.told.map(
        (/** @type {any} */ { state, cause, words }) => [state, cause, words].filter(Boolean)));
      assert.deepEqual(told, [['open'], ['closed', 'kicked', 'zu laut – bis später']]);
    });

    test('the application may refuse', async () => {
      page = await browser.newPage();
      await page.goto(new URL('patchcord.d.ts', server.url).href);
      const refusal = await page.evaluate(async () => {
        const client = '/patchcord.js';
        const { connect } = await import(client);
        return await connect({ url: '/connect?key=wrong' }).then(() => null, (/** @type {any} */ { code, message, status, lasting }) => (
          { code, message, status, lasting }));
      });
      assert.deepEqual(refusal, { code: 'no-key', message: 'This door needs a key.', status: 401, lasting: true });
    });

    // A page with WebRTC is not kept as it is by these browsers (Chromium says "rtc"), so it is loaded anew.
    test('going elsewhere and back comes back as the same peer', async () => {
      await openPage();
      await page.goto(new URL('favicon.svg', server.url).href);
      await page.goBack();
      assert.equal(await page.evaluate(connectInPage), true);
    });

    test('a server that is started anew is found, and says that we are new', async () => {
      await openPage();
      const { port } = new URL(server.url);
      process.kill(Number(server.pid), 'SIGKILL');
      await untilState(page, 'connecting', 3_000);
      await sleep(1_000);
      server = await start('examples/door', [`${lanAddress()}:${port}`]);
      await untilState(page, 'open', 6_000);
      const last = await page.evaluate(() => globalThis.session.told.at(-1));
      assert.deepEqual([last?.state, last?.resumed], ['open', false]);
    });
  });
}
