import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConnectError } from '../../web/patchcord.js';
import { wordsForError, wordsForRefused } from '../../web/room/notice.js';

describe('what people are told', () => {
  test('every refusal of the room is a plain sentence, and says what was too long', () => {
    for (let reason = 0; reason <= 6; reason += 1) {
      for (const isName of [true, false]) assert.match(wordsForRefused(reason, isName), /^[A-Z].*\.$/);
    }
    assert.match(wordsForRefused(2, true), /name/);
    assert.match(wordsForRefused(2, false), /line/);
  });

  test('what waiting cures is tried again, what it does not cure is not', () => {
    for (const [code, status, lasts] of /** @type {[string, number | undefined, boolean][]} */ ([
      ['full', 503, false], ['busy', 503, false], ['shutting-down', 503, false], ['internal', 500, false],
      ['too-many-from-address', 429, false], ['too-slow', 408, false],
      ['unreachable', undefined, false], ['timeout', undefined, false], ['no-path', undefined, false], ['closed', undefined, false],
      ['not-supported', undefined, true], ['bad-answer', 200, true], ['bad-answer', 502, true],
      ['bad-request', 400, true], ['bad-offer', 400, true], ['not-data-channels', 400, true], ['foreign-host', 403, true],
      ['foreign-origin', 403, true], ['not-found', 404, true], ['method-not-allowed', 405, true],
      ['length-required', 411, true], ['body-too-large', 413, true], ['not-json', 415, true], ['head-too-large', 431, true],
    ])) {
      const [sentence, isLasting] = wordsForError(new ConnectError(code, 'A sentence.', { status }));
      assert.equal(isLasting, lasts, code);
      assert.match(sentence, /\.$/);
    }
    assert.equal(wordsForError(new Error('x'))[1], true);
  });
});
