// An application on patchcord.js that writes down what it is told.

import { connect } from '../../web/patchcord.js';
import { settle } from './fake-webrtc.js';

/** @import { FakeBrowser } from './fake-webrtc.js' */
/** @import { ConnectOptions } from '../../web/patchcord.d.ts' */

/**
 * Messages are told as `[channel, text or bytes…]`, states as `state`, with what their detail has behind it.
 * @param {ConnectOptions} [options]
 */
export function application(options = {}) {
  /** @type {any[]} */
  const told = [];
  /** @type {(number | undefined)[]} */
  const retriesAt = [];
  const promise = connect({
    onmessage: (data, channel) => told.push(typeof data === 'string' ? [channel, data] : [channel, ...data]),
    onstate(state, { resumed, cause, words, error, retryAt }) {
      told.push([state, resumed && 'resumed', cause, words, error && Reflect.get(error, 'code')].filter(Boolean).join(' '));
      if (state === 'connecting') retriesAt.push(retryAt);
    },
    ...options,
  });
  // A test may look at a rejection later than it comes.
  promise.catch(() => {});
  return { promise, told, retriesAt };
}

/** One that is open, and has a token. @param {FakeBrowser} browser @param {ConnectOptions} [options] */
export async function openApplication(browser, options) {
  const { promise, told, retriesAt } = application(options);
  await browser.open();
  const connection = await promise;
  await settle();
  return { connection, told, retriesAt };
}
