// The server's half of the session as bytes, written anew from docs/PROTOCOL.md and not from patchcord.js.

/** @import { FakeBrowser, FakeChannel } from './fake-webrtc.js' */

const BEAT = 0x01;
const TOKEN = 0x02;
const OVER = 0x03;
const ECHO = 0x81;

/** The time of the server that a Beat carries, and the rest of it. @typedef {{ seq?: number, timeMs?: number, roundTripMs?: number | null, received?: number }} Beat */

/** @param {FakeBrowser} browser @param {Beat} [beat] */
export function sendBeat({ pc }, { seq = 0, timeMs = 0, roundTripMs = null, received = 0 } = {}) {
  const bytes = Buffer.alloc(21);
  bytes[0] = BEAT;
  bytes.writeUInt32LE(seq, 1);
  bytes.writeBigUInt64LE(BigInt(Math.round(timeMs * 1000)), 5);
  bytes.writeUInt32LE(roundTripMs === null ? 0xffffffff : roundTripMs * 1000, 13);
  bytes.writeUInt32LE(received, 17);
  receive(pc.ctl, bytes);
}

/** @param {FakeBrowser} browser @param {string} token @param {number} [generation] */
export function sendToken({ pc }, token, generation = 1) {
  receive(pc.ctl, Buffer.concat([Buffer.of(TOKEN, generation, token.length), Buffer.from(token)]));
}

/** @param {FakeBrowser} browser @param {number} why @param {string} [words] */
export function sendOver({ pc }, why, words = '') {
  const text = Buffer.from(words);
  receive(pc.ctl, Buffer.concat([Buffer.of(OVER, why, text.length), text]));
}

/** A message on `lt`. @param {FakeBrowser} browser @param {number} seq @param {string | Uint8Array} data */
export function sendLatest({ pc }, seq, data) {
  const header = Buffer.alloc(5);
  header.writeUInt32LE(seq, 0);
  header[4] = typeof data === 'string' ? 0 : 1;
  receive(pc.lt, Buffer.concat([header, typeof data === 'string' ? Buffer.from(data) : data]));
}

/** As a browser delivers bytes. @param {FakeChannel} channel @param {Uint8Array} bytes */
export function receive(channel, bytes) {
  channel.receive(Uint8Array.from(bytes).buffer);
}

/** What the page has said on `ctl`, as hex. @param {FakeBrowser} browser */
export function controlHex({ pc }) {
  return pc.ctl.sent.map((sent) => Buffer.from(sent.buffer ?? sent).toString('hex'));
}

/** Its Echoes. @param {FakeBrowser} browser */
export function echoes(browser) {
  return controlHex(browser).map((hex) => Buffer.from(hex, 'hex')).filter((bytes) => bytes[0] === ECHO).map((bytes) => ({
    seq: bytes.readUInt32LE(1), received: bytes.readUInt32LE(5), generation: bytes[9], hidden: bytes[10] === 1,
  }));
}

/** What the page has sent on `lt`: number and content. @param {FakeBrowser} browser @returns {[number, string | number[]][]} */
export function latestSent({ pc }) {
  return pc.lt.sent.map((sent) => {
    const bytes = Buffer.from(sent);
    const content = bytes.subarray(5);
    return [bytes.readUInt32LE(0), bytes[4] === 0 ? content.toString() : [...content]];
  });
}
