// The room, as two people use it: one in each engine (two of one engine where only one is installed).

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { closeAll, engines, kill, launch } from './engines.js';
import { lanAddress, start } from './server.js';

/** Waits for a condition in the page; what it returns must become truthy. */
const PATIENCE_MS = 5_000;

/** How soon a tab that says goodbye must be gone for the others. */
const GOODBYE_MS_MAX = 500;

/** How long ICE takes to give up a browser that was killed: 15 to 23 s measured. */
const KILLED_MS_MAX = 30_000;

/**
 * @template T
 * @param {import('puppeteer-core').Page} page
 * @param {(...args: any[]) => T} condition runs in the page
 * @param {any[]} args
 * @returns {Promise<T>}
 */
async function until(page, condition, ...args) {
  return await untilWithin(PATIENCE_MS, page, condition, ...args);
}

/**
 * Polls from outside: a page in the background may not run its own timers.
 * @template T
 * @param {number} ms
 * @param {import('puppeteer-core').Page} page
 * @param {(...args: any[]) => T} condition
 * @param {any[]} args
 * @returns {Promise<T>}
 */
async function untilWithin(ms, page, condition, ...args) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await page.evaluate(condition, ...args);
    if (value) return value;
    if (Date.now() > end) {
      const seen = await page.evaluate(() => JSON.stringify(
        { ...globalThis.patchcordRoom, people: [...globalThis.patchcordRoom.people] },
      ));
      throw new Error(`not within ${ms} ms: ${condition}\nthe page has ${seen}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/**
 * Someone in the room, by name.
 * @param {import('puppeteer-core').Browser} browser
 * @param {string} url
 * @param {string} name
 */
async function enter(browser, url, name) {
  const page = await browser.newPage();
  /** @type {string[]} */
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.setViewport({ width: 1280, height: 800 });
  await page.goto(url);
  await until(page, () => globalThis.patchcordRoom.state === 'open' && globalThis.patchcordRoom.me);
  await rename(page, name);
  await until(page, (name) => [...globalThis.patchcordRoom.people.values()].some((person) => person.name === name), name);
  return { page, name, errors };
}

/**
 * @param {import('puppeteer-core').Page} page
 * @param {string} name
 */
async function rename(page, name) {
  await page.click('#name', { count: 3 });
  await page.keyboard.type(name);
  await page.keyboard.press('Enter');
}

/** In the page: the participant of that name. */
const named = (/** @type {string} */ name) =>
  [...globalThis.patchcordRoom.people.values()].find((person) => person.name === name);

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
      await until(page, () => globalThis.patchcordRoom.link.rttMs !== null);
      const { rttMs } = await page.evaluate(() => globalThis.patchcordRoom.link);
      assert.ok(rttMs !== null && rttMs >= 0 && rttMs < 1000, `round trip ${rttMs} ms`);
    }
  });

  test('a newcomer sees what was said', async () => {
    const cleo = await enter(adasBrowser, server.url, 'Cleo');
    const lines = await cleo.page.evaluate(() => globalThis.patchcordRoom.lines.map((line) => line.text));
    assert.deepEqual(lines.filter((text) => text.startsWith('hello from')).length, 2);
    await until(bob.page, named, 'Cleo');
    await cleo.page.close({ runBeforeUnload: false });
    await until(bob.page, () => ![...globalThis.patchcordRoom.people.values()].some((one) => one.name === 'Cleo'));
  });

  for (const engine of installed) {
    test(`a ${engine} tab that goes elsewhere is gone at once`, async () => {
      const dora = await enter(engine === first ? adasBrowser : bobsBrowser, server.url, 'Dora');
      await until(ada.page, named, 'Dora');
      // Time in ada's page: from the moment that the other begins to leave until it is not shown.
      const gone = ada.page.evaluate(() => new Promise((resolve) => {
        const look = () => {
          const here = [...globalThis.patchcordRoom.people.values()].some((one) => one.name === 'Dora');
          if (here) setTimeout(look, 5);
          else resolve(Date.now());
        };
        look();
      }));
      const left = await dora.page.evaluate(() => new Promise((resolve) => {
        setTimeout(() => { location.href = './patchcord.d.ts'; });
        resolve(Date.now());
      }));
      const took = Number(await gone) - Number(left);
      assert.ok(took <= GOODBYE_MS_MAX, `${took} ms`);
      await dora.page.close();
    });
  }

  test('a killed browser is dropped in the end', { timeout: KILLED_MS_MAX + 20_000 }, async () => {
    const browser = await launch('chromium');
    await enter(browser, server.url, 'Eve');
    await until(ada.page, named, 'Eve');
    kill(browser);
    await untilWithin(KILLED_MS_MAX, ada.page, () =>
      ![...globalThis.patchcordRoom.people.values()].some((one) => one.name === 'Eve'));
  });

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
