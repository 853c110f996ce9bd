// The two browsers, as Debian installs them, under puppeteer-core. Each test file asks for what it needs; what a failed
// test leaves behind is ended here too.

import { existsSync } from 'node:fs';
import puppeteer from 'puppeteer-core';

/** @typedef {'chromium' | 'firefox'} Engine */

/** @type {Record<Engine, string>} */
const EXECUTABLES = { chromium: '/usr/bin/chromium', firefox: '/usr/bin/firefox-esr' };

/** A browser that has not started after this has hung, in milliseconds. */
const LAUNCH_MS_MAX = 60_000;

/** @type {Set<import('puppeteer-core').Browser>} */
const running = new Set();

/** @returns {Engine[]} those that are installed */
export function engines() {
  return /** @type {Engine[]} */ (Object.keys(EXECUTABLES)).filter((engine) => existsSync(EXECUTABLES[engine]));
}

/**
 * Starts a browser with a new, empty profile.
 * @param {Engine} engine
 */
export async function launch(engine) {
  const browser = await puppeteer.launch({
    browser: engine === 'chromium' ? 'chrome' : 'firefox',
    executablePath: EXECUTABLES[engine],
    headless: true,
    timeout: LAUNCH_MS_MAX,
    args: engine === 'chromium' ? [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ] : [],
  });
  running.add(browser);
  return browser;
}

/**
 * Ends a browser as a power cut does: nothing is said to anyone. Puppeteer starts each one as the leader of a process
 * group of its own.
 * @param {import('puppeteer-core').Browser} browser
 */
export function kill(browser) {
  running.delete(browser);
  const pid = browser.process()?.pid;
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Ends what still runs. */
export async function closeAll() {
  for (const browser of [...running]) {
    const closed = browser.close().then(() => true, () => false);
    const late = new Promise((resolve) => setTimeout(resolve, 5_000, false).unref());
    if (!await Promise.race([closed, late])) kill(browser);
    running.delete(browser);
  }
}

process.on('exit', () => running.forEach(kill));
