// Whichever address of the server a person types, the browser gets in.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { closeAll, engines, launch } from './engines.js';
import { lanAddress, start } from './server.js';

/** In the page: connects with patchcord.js, says Hello, and waits for Welcome. */
async function enter() {
  const client = '/patchcord.js';
  const { connect } = await import(client);
  const kind = await new Promise((resolve, reject) => {
    const onmessage = (/** @type {Uint8Array} */ message) => resolve(message[0]);
    connect({ onmessage }).then((/** @type {any} */ connection) => connection.send(Uint8Array.of(1, 2, 0)), reject);
  });
  return kind === 0x81;
}

for (const engine of engines()) {
  describe(`by every address, in ${engine}`, () => {
    /** @type {Awaited<ReturnType<typeof start>>} */
    let server;
    /** @type {import('puppeteer-core').Browser} */
    let browser;

    before(async () => {
      server = await start('patchcord', ['--port', '0']);
      browser = await launch(engine);
    });

    after(async () => {
      await closeAll();
      await server.stop();
    });

    // Firefox does not use loopback for ICE; it gets the LAN address as a second candidate.
    for (const host of [lanAddress(), '127.0.0.1', 'localhost', '[::1]', '[2001:db8::1]']) {
      test(host, async () => {
        const page = await browser.newPage();
        await page.goto(`http://${host}:${new URL(server.url).port}/patchcord.d.ts`);
        assert.equal(await page.evaluate(enter), true);
        await page.close();
      });
    }
  });
}
