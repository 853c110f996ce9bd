import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { cutToBytes, decode, encode, utf8Length } from '../../web/room/messages.js';

const vectors = JSON.parse(readFileSync(new URL('../vectors/room.json', import.meta.url), 'utf8'));

/** @param {string} hex */
const bytesOf = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));

for (const { name, hex, message } of vectors.from_page) {
  test(`encodes ${name}`, () => {
    assert.equal(Buffer.from(encode(message)).toString('hex'), hex);
  });
}

for (const { name, hex, message } of vectors.from_server) {
  test(`decodes ${name}`, () => {
    assert.deepEqual(decode(bytesOf(hex)), message);
  });

  test(`decodes ${name}, from the middle of a larger buffer`, () => {
    const bytes = bytesOf(`ff${hex}ff`);
    assert.deepEqual(decode(bytes.subarray(1, -1)), message);
  });

  test(`refuses every cut of ${name}`, () => {
    const bytes = bytesOf(hex);
    for (let length = 0; length < bytes.length; length += 1) {
      assert.equal(decode(bytes.slice(0, length)), null, `${length} of ${bytes.length} bytes`);
      assert.equal(decode(bytes.subarray(0, length)), null, `${length} of ${bytes.length} bytes, more behind them`);
    }
  });
}

for (const { name, hex, direction, why } of vectors.malformed) {
  if (direction !== 'server') continue;
  test(`refuses ${name}: ${why}`, () => {
    assert.equal(decode(bytesOf(hex)), null);
  });
}

test('no random bytes make it throw', () => {
  // A small generator with a fixed seed (Numerical Recipes' constants), so that a failure comes again.
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
  const kinds = [0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x90, 0x91];
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Uint8Array.from({ length: random() % 100 }, random);
    if (bytes.length > 0) bytes[0] = kinds[random() % kinds.length];
    decode(bytes);
  }
});

test('measures text in bytes', () => {
  assert.equal(utf8Length('Zoë 🌊'), 9);
});

test('cuts text to bytes without breaking a character', () => {
  assert.equal(cutToBytes('Ada', 64), 'Ada');
  assert.equal(cutToBytes('ä'.repeat(33), 64), 'ä'.repeat(32));
  assert.equal(cutToBytes(`a${'ä'.repeat(32)}`, 64), `a${'ä'.repeat(31)}`);
  assert.equal(cutToBytes('🌊'.repeat(17), 64), '🌊'.repeat(16));
  assert.equal(cutToBytes(`${'n'.repeat(62)}🌊`, 64), 'n'.repeat(62));
});
