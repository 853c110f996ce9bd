import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { wordsForKick, wordsForRefused } from '../../web/room/notice.js';

describe('what people are told', () => {
  test('every refusal of the room is a plain sentence, and says what was too long', () => {
    for (let reason = 0; reason <= 6; reason += 1) {
      for (const isName of [true, false]) assert.match(wordsForRefused(reason, isName), /^[A-Z].*\.$/);
    }
    assert.match(wordsForRefused(2, true), /name/);
    assert.match(wordsForRefused(2, false), /line/);
  });

  test('who is sent away reads the words, if there are any', () => {
    assert.match(wordsForKick('Too loud!'), /leave: Too loud!$/);
    assert.match(wordsForKick(''), /leave\.$/);
    assert.match(wordsForKick(), /leave\.$/);
  });
});
