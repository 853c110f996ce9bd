// The room, as two people use it: one in each engine (two of one engine where only one is installed).

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { closeAll, engines, launch } from './engines.js';
import { enter, named, rename, until, untilWithin } from './people.js';
import { lanAddress, start } from './server.js';

/** How soon a tab that is left must be seen as away by the others. */
const LEFT_MS_MAX = 500;

const installed = engines();
const [first, second] = installed.length > 1 ? installed : [installed[0], installed[0]];

describe(`the room, ${first} and ${second}`, { skip: installed.length === 0 && 'no browser is installed' }, () => {
  /** @type {Awaited<ReturnType<typeof start>>} */
  let server;
  /** @type {import('puppeteer-core').Browser} */
  let adasBrowser;
  /** @type {import('puppeteer-core').Browser} */
  let bobsBrowser;
  /** @type {Awaited<ReturnType<typeof enter>>} */
  let ada;
  /** @type {Awaited<ReturnType<typeof enter>>} */
  let bob;

  before(async () => {
    server = await start('patchcord', ['--bind', lanAddress(), '--port', '0']);
    adasBrowser = await launch(first);
    bobsBrowser = await launch(second);
    ada = await enter(adasBrowser, server.url, 'Ada');
    bob = await enter(bobsBrowser, server.url, 'Bob');
  });

  after(async () => {
    await closeAll();
    await server.stop();
  });

  test('each sees the other by name', async () => {
    await until(ada.page, named, 'Bob');
    await until(bob.page, named, 'Ada');
  });

  for (const [from, to] of /** @type {const} */ ([['ada', 'bob'], ['bob', 'ada']])) {
    test(`${from}'s pointer moves for ${to}`, async () => {
      const people = { ada, bob };
      const { page, name } = people[from];
      const box = await page.evaluate(() => {
        const { x, y, width, height } = /** @type {Element} */ (document.querySelector('#canvas')).getBoundingClientRect();
        return { x, y, width, height };
      });
      for (const [fx, fy] of [[0.25, 0.5], [0.5, 0.25], [0.6, 0.6]]) {
        await page.mouse.move(box.x + fx * box.width, box.y + fy * box.height, { steps: 5 });
        await until(people[to].page, (name, fx, fy) => {
          const person = [...globalThis.patchcordRoom.people.values()].find((one) => one.name === name);
          return person?.hasPointer && Math.abs(person.x / 65535 - fx) < 0.02 && Math.abs(person.y / 65535 - fy) < 0.02;
        }, name, fx, fy);
      }
    });

    test(`${from} speaks and ${to} hears`, async () => {
      const people = { ada, bob };
      const { page, name } = people[from];
      const text = `hello from ${name}, ça va? 🌊`;
      await page.focus('#chat-input');
      await page.keyboard.type(text);
      await page.keyboard.press('Enter');
      await until(people[to].page, (text) => globalThis.patchcordRoom.lines.some((line) => line.text === text), text);
      await until(people[to].page, (text) => document.querySelector('#chat-lines')?.textContent?.includes(text), text);
    });
  }

  test('a wave is seen while the button is held, and no longer', async () => {
    const button = await ada.page.$('#wave');
    const box = await button?.boundingBox();
    assert.ok(box);
    await ada.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await ada.page.mouse.down();
    await until(bob.page, () => [...globalThis.patchcordRoom.people.values()].some((one) => one.name === 'Ada' && one.waving));
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.ok((await bob.page.evaluate(named, 'Ada'))?.waving, 'it lasts as long as the button is held');
    await ada.page.mouse.up();
    await until(bob.page, () => [...globalThis.patchcordRoom.people.values()].some((one) => one.name === 'Ada' && !one.waving));
  });

  test('a wave by keyboard', async () => {
    await bob.page.focus('#wave');
    await bob.page.keyboard.down(' ');
    await until(ada.page, () => [...globalThis.patchcordRoom.people.values()].some((one) => one.name === 'Bob' && one.waving));
    await bob.page.keyboard.up(' ');
    await until(ada.page, () => [...globalThis.patchcordRoom.people.values()].some((one) => one.name === 'Bob' && !one.waving));
  });

  test('a new name reaches the other', async () => {
    await rename(bob.page, 'Robert');
    await until(ada.page, named, 'Robert');
  });

  test('the link is measured', async () => {
    for (const { page } of [ada, bob]) {
      await until(page, () => globalThis.patchcordRoom.link.rttMs !== null && globalThis.patchcordRoom.link.oneWayMs !== null);
      const { rttMs, oneWayMs } = await page.evaluate(() => globalThis.patchcordRoom.link);
      assert.ok(rttMs !== null && rttMs >= 0 && rttMs < 1000, `round trip ${rttMs} ms`);
      assert.ok(oneWayMs !== null && Math.abs(oneWayMs) < 1000, `one way ${oneWayMs} ms`);
    }
  });

  test('a newcomer sees what was said', async () => {
    const cleo = await enter(adasBrowser, server.url, 'Cleo');
    const lines = await cleo.page.evaluate(() => globalThis.patchcordRoom.lines.map((line) => line.text));
    assert.deepEqual(lines.filter((text) => text.startsWith('hello from')).length, 2);
    await until(bob.page, named, 'Cleo');
    await cleo.page.close({ runBeforeUnload: false });
    await until(bob.page, () => [...globalThis.patchcordRoom.people.values()].some((one) => one.name === 'Cleo' && one.away));
    await until(bob.page, () => document.querySelector('#people [data-away="true"]')?.textContent?.includes('away'));
  });

  for (const engine of installed) {
    test(`a ${engine} tab that goes elsewhere is away at once`, async () => {
      const dora = await enter(engine === first ? adasBrowser : bobsBrowser, server.url, 'Dora');
      await until(ada.page, named, 'Dora');
      // Time in ada's page: from the moment that the other begins to leave until it is shown as away.
      const away = ada.page.evaluate(() => new Promise((resolve) => {
        const look = () => {
          const here = [...globalThis.patchcordRoom.people.values()].some((one) => one.name === 'Dora' && !one.away);
          if (here) setTimeout(look, 5);
          else resolve(Date.now());
        };
        look();
      }));
      const left = await dora.page.evaluate(() => new Promise((resolve) => {
        setTimeout(() => { location.href = './patchcord.d.ts'; });
        resolve(Date.now());
      }));
      const took = Number(await away) - Number(left);
      assert.ok(took <= LEFT_MS_MAX, `${took} ms`);
      await dora.page.close();
    });
  }

  test('no page saw an error', () => {
    assert.deepEqual([...ada.errors, ...bob.errors], []);
  });

  test('a server that ends tells the pages', async () => {
    const started = Date.now();
    assert.equal(await server.stop(), 0);
    for (const { page } of [ada, bob]) {
      await untilWithin(2_000, page, () => globalThis.patchcordRoom.state !== 'open');
    }
    assert.ok(Date.now() - started < 2_000);
  });
});
