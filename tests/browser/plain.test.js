// A page that knows only the contract of POST ./connect and plain RTCPeerConnection, against the echo example.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { closeAll, engines, launch } from './engines.js';
import { lanAddress, start } from './server.js';

/** In the page: connects, and offers what the tests below need. It uses nothing of ours. */
async function openInPage() {
  const pc = new RTCPeerConnection();
  const channels = {
    ro: pc.createDataChannel('ro'),
    uu: pc.createDataChannel('uu', { ordered: false, maxRetransmits: 0 }),
  };
  const opened = Object.values(channels).map((channel) => {
    channel.binaryType = 'arraybuffer';
    return new Promise((resolve) => { channel.onopen = resolve; });
  });
  await pc.setLocalDescription(await pc.createOffer());
  const response = await fetch('./connect', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'offer', sdp: pc.localDescription?.sdp }),
  });
  const { description, candidates, error } = await response.json();
  if (!response.ok) throw new Error(`${response.status} ${error.code}`);
  await pc.setRemoteDescription(description);
  for (const candidate of candidates) await pc.addIceCandidate(candidate);
  await Promise.all(opened);

  const pattern = (/** @type {number} */ size) => Uint8Array.from({ length: size }, (_, i) => i % 251);
  const answer = (/** @type {RTCDataChannel} */ channel) => new Promise((resolve, reject) => {
    channel.onmessage = (event) => resolve(event.data);
    channel.onclose = () => reject(new Error('the channel closed'));
    setTimeout(reject, 20_000, new Error('no answer'));
  });
  const same = (/** @type {Uint8Array} */ a, /** @type {Uint8Array} */ b) =>
    a.length === b.length && a.every((byte, i) => byte === b[i]);

  Object.assign(globalThis, { plain: {
    pc,
    /** @param {'ro' | 'uu'} label @param {number} size */
    async bytes(label, size) {
      const sent = pattern(size);
      const answered = answer(channels[label]);
      channels[label].send(sent);
      const received = await answered;
      return received instanceof ArrayBuffer && same(new Uint8Array(received), sent);
    },
    /** @param {'ro' | 'uu'} label @param {string} text */
    async text(label, text) {
      const answered = answer(channels[label]);
      channels[label].send(text);
      return await answered;
    },
    /** @param {number} count */
    inOrder(count) {
      return new Promise((resolve, reject) => {
        let expected = 0;
        setTimeout(reject, 30_000, new Error('they do not all come back'));
        channels.ro.onmessage = (event) => {
          if (event.data !== `message ${expected}`) reject(new Error(`${event.data} instead of ${expected}`));
          if (++expected === count) resolve(expected);
        };
        for (let i = 0; i < count; i++) channels.ro.send(`message ${i}`);
      });
    },
  } });
}

for (const engine of engines()) {
  describe(`a plain page in ${engine}`, () => {
    /** @type {Awaited<ReturnType<typeof start>>} */
    let server;
    /** @type {import('puppeteer-core').Page} */
    let page;

    before(async () => {
      server = await start('examples/echo', [`${lanAddress()}:0`]);
      page = await (await launch(engine)).newPage();
      // Any address of the server's origin will do, and this one has no script of its own.
      await page.goto(new URL('patchcord.d.ts', server.url).href);
      await page.evaluate(openInPage);
    });

    after(async () => {
      await closeAll();
      await server.stop();
    });

    for (const size of [0, 1, 1200, 16_384, 65_536, 262_144]) {
      test(`${size} bytes come back on ro`, async () => {
        assert.equal(await page.evaluate((size) => globalThis.plain.bytes('ro', size), size), true);
      });
    }

    for (const size of [0, 1, 1000, 16_384]) {
      test(`${size} bytes come back on uu`, async () => {
        assert.equal(await page.evaluate((size) => globalThis.plain.bytes('uu', size), size), true);
      });
    }

    test('text comes back as text, empty or not, and the channel goes on', async () => {
      for (const text of ['Grüße 🌊', '', 'after the empty one']) {
        for (const label of /** @type {const} */ (['ro', 'uu'])) {
          assert.equal(await page.evaluate((label, text) => globalThis.plain.text(label, text), label, text), text);
        }
      }
    });

    test('2000 messages come back in order', async () => {
      assert.equal(await page.evaluate(() => globalThis.plain.inOrder(2000)), 2000);
    });
  });
}
