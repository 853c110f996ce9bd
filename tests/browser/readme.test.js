// The server and the page that the README shows, in each engine.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { closeAll, engines, launch } from './engines.js';
import { start } from './server.js';

describe('the dot of the README', () => {
  /** @type {Awaited<ReturnType<typeof start>>} */
  let server;

  before(async () => {
    server = await start('examples/pointer', []);
  });

  after(async () => {
    await closeAll();
    await server.stop();
  });

  for (const engine of engines()) {
    test(`moves for everybody in ${engine}`, async () => {
      const browser = await launch(engine);
      const [mine, theirs] = [await browser.newPage(), await browser.newPage()];
      for (const page of [mine, theirs]) await page.goto(server.url);
      const moved = async () => {
        // The page may still be on its way in: move until it is seen.
        for (let i = 0; i < 100; i++) {
          await mine.bringToFront();
          await mine.mouse.move(100 + i, 200);
          const dot = await theirs.evaluate(() => document.getElementById('dot')?.style.translate);
          if (dot?.endsWith('px 200px')) return true;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        return false;
      };
      assert.equal(await moved(), true);
    });
  }
});
