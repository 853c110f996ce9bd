// Run by tests/real-lan, which made the two hosts: what the room does while packets are lost and the cable is cut.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { closeAll, launch } from './engines.js';

const namespace = process.env.SERVER_NAMESPACE;
if (!namespace) throw new Error('run tests/real-lan');

/** Chat lines in each kind of weather. Three a second go back and forth, below the room's bound. */
const LINES = 20;
const LINE_MS = 700;

/** @param {string[]} command */
const onServer = (...command) => execFileSync('ip', ['netns', 'exec', String(namespace), ...command]);

/** Drops this share of all packets, both ways. @param {number} percent */
function lose(percent) {
  onServer('nft', 'flush', 'ruleset');
  if (percent === 0) return;
  const what = percent === 100 ? ['drop'] : ['numgen', 'random', 'mod', '100', '<', String(percent), 'drop'];
  onServer('nft', 'add', 'table', 'inet', 'weather');
  for (const [hook, side] of [['input', 'iifname'], ['output', 'oifname']]) {
    onServer('nft', 'add', 'chain', 'inet', 'weather', hook, `{ type filter hook ${hook} priority 0 ; }`);
    onServer('nft', 'add', 'rule', 'inet', 'weather', hook, side, 'cable0', ...what);
  }
}

const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
const quantile = (/** @type {number[]} */ values, /** @type {number} */ share) =>
  [...values].sort((a, b) => a - b)[Math.ceil(share * values.length) - 1];

const child = spawn('ip', [
  'netns', 'exec', namespace, fileURLToPath(new URL('../../target/release/patchcord', import.meta.url)),
  '--bind', '192.0.2.1',
], { stdio: ['ignore', 'pipe', 'inherit'] });
const [url] = await once(createInterface({ input: child.stdout }), 'line');

/** @param {import('puppeteer-core').Page} page */
const look = (page) => page.evaluate(() => ({
  state: globalThis.patchcordRoom.state,
  me: globalThis.patchcordRoom.me,
  people: globalThis.patchcordRoom.people.size,
  lines: globalThis.patchcordRoom.lines.map((line) => line.text),
}));

/**
 * @param {number} ms
 * @param {() => Promise<boolean>} condition
 */
async function within(ms, condition) {
  const started = Date.now();
  while (!await condition()) {
    if (Date.now() - started > ms) throw new Error(`not within ${ms} ms: ${condition}`);
    await sleep(20);
  }
  return Date.now() - started;
}

try {
  const browser = await launch('chromium');
  /** @type {import('puppeteer-core').Page[]} */
  const pages = [];
  for (let i = 0; i < 2; i++) {
    const page = await browser.newPage();
    await page.goto(url);
    await within(5_000, async () => (await look(page)).state === 'open');
    pages.push(page);
  }
  const [ada, bob] = pages;
  const ids = [(await look(ada)).me, (await look(bob)).me];

  for (const percent of [0, 2, 10]) {
    lose(percent);
    const taken = [];
    for (let i = 0; i < LINES; i++) {
      const [from, to] = i % 2 ? [bob, ada] : [ada, bob];
      const text = `${percent} % ${i}`;
      const at = await from.evaluate((text) => {
        const input = /** @type {HTMLInputElement} */ (document.querySelector('#chat-input'));
        input.value = text;
        input.form?.requestSubmit();
        return performance.timeOrigin + performance.now();
      }, text);
      const heard = await to.evaluate((text) => new Promise((resolve) => {
        const poll = () => (globalThis.patchcordRoom.lines.some((line) => line.text === text)
          ? resolve(performance.timeOrigin + performance.now()) : setTimeout(poll, 1));
        poll();
      }), text);
      taken.push(Number(heard) - at);
      await sleep(LINE_MS);
    }
    const link = await bob.evaluate(() => globalThis.patchcordRoom.link);
    console.log(
      `${String(percent).padStart(3)} % lost each way: a chat line takes p50 ${quantile(taken, 0.5).toFixed(0)} ms, ` +
      `most ${Math.max(...taken).toFixed(0)} ms; the page sees ${(100 * (link.loss ?? 0)).toFixed(0)} % of pings lost`);
    const { lines } = await look(bob);
    const ours = lines.filter((text) => text.startsWith(`${percent} % `));
    assert.deepEqual(ours, Array.from({ length: LINES }, (_, i) => `${percent} % ${i}`), 'every line, once, in order');
  }

  lose(0);
  lose(100);
  await sleep(1_000);
  lose(0);
  await ada.evaluate(() => {
    const input = /** @type {HTMLInputElement} */ (document.querySelector('#chat-input'));
    input.value = 'after a second without a cable';
    input.form?.requestSubmit();
  });
  const after = await within(10_000, async () => (await look(bob)).lines.includes('after a second without a cable'));
  assert.deepEqual([(await look(ada)).me, (await look(bob)).me], ids, 'nobody had to come in anew');
  console.log(`cut for 1 s: the room goes on, and the next line takes ${after} ms`);

  lose(100);
  const cutAt = Date.now();
  const told = await within(35_000, async () => (await look(ada)).state !== 'open');
  await sleep(Math.max(0, 30_000 - (Date.now() - cutAt)));
  lose(0);
  const back = await within(30_000, async () => {
    const seen = await Promise.all(pages.map(look));
    return seen.every(({ state, people }) => state === 'open' && people === 2);
  });
  console.log(`cut for 30 s: the page says so after ${(told / 1000).toFixed(1)} s, and both are back ${(back / 1000).toFixed(1)} s after the cable`);
} finally {
  lose(0);
  await closeAll();
  child.kill('SIGTERM');
}
