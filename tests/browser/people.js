// People in the room, as a test sees them in their pages.

/** Waits for a condition in the page; what it returns must become truthy. */
const PATIENCE_MS = 5_000;

/**
 * @template T
 * @param {import('puppeteer-core').Page} page
 * @param {(...args: any[]) => T} condition runs in the page
 * @param {any[]} args
 * @returns {Promise<T>}
 */
export async function until(page, condition, ...args) {
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
export async function untilWithin(ms, page, condition, ...args) {
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
export async function enter(browser, url, name) {
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
export async function rename(page, name) {
  await page.click('#name', { count: 3 });
  await page.keyboard.type(name);
  await page.keyboard.press('Enter');
}

/** In the page: the participant of that name. */
export const named = (/** @type {string} */ name) =>
  [...globalThis.patchcordRoom.people.values()].find((person) => person.name === name);
