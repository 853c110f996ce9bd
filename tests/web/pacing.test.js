import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { PointerSender } from '../../web/room/pointer.js';

describe('sending the own pointer', () => {
  let now = 0;
  /** @type {any[]} */
  let sent = [];
  /** @type {PointerSender} */
  let sender;

  beforeEach(() => {
    now = 1000;
    sent = [];
    mock.timers.enable({ apis: ['setTimeout'] });
    mock.method(performance, 'now', () => now);
    sender = new PointerSender((message) => sent.push(message));
  });
  afterEach(() => {
    sender.stop();
    mock.timers.reset();
    mock.restoreAll();
  });

  /** @param {number} ms */
  function pass(ms) {
    for (let n = 0; n < ms; n += 1) {
      now += 1;
      mock.timers.tick(1);
    }
  }

  test('the first move goes at once, as numbers of the protocol', () => {
    sender.move({ x: 1, y: 0.5, down: true });
    assert.deepEqual(sent, [{ kind: 'Pointer', seq: 1, x: 65535, y: 32768, down: 1 }]);
  });

  test('many moves become at most sixty a second, and the last place always goes', () => {
    for (let n = 0; n <= 1000; n += 1) {
      sender.move({ x: n / 1000, y: 0, down: false });
      pass(1);
    }
    pass(20);
    assert.ok(sent.length >= 55 && sent.length <= 61, `${sent.length} messages`);
    assert.equal(sent[sent.length - 1].x, 65535);
    assert.deepEqual(sent.map(({ seq }) => seq), sent.map((_, index) => index + 1));
  });

  test('the same place is not sent twice, but once a second while it rests', () => {
    sender.move({ x: 0.5, y: 0.5, down: false });
    sender.move({ x: 0.5, y: 0.5, down: false });
    pass(900);
    assert.equal(sent.length, 1);
    pass(2200);
    assert.equal(sent.length, 4);
  });

  test('pressing without moving is sent', () => {
    sender.move({ x: 0.5, y: 0.5, down: false });
    sender.move({ x: 0.5, y: 0.5, down: true });
    pass(20);
    assert.deepEqual(sent.map(({ down }) => down), [0, 1]);
  });

  test('nothing goes while stopped, and a refresh tells a new server the place', () => {
    sender.refresh();
    assert.equal(sent.length, 0, 'there is no place so far');
    sender.move({ x: 0.5, y: 0.5, down: false });
    sender.stop();
    pass(5000);
    assert.equal(sent.length, 1);
    sender.refresh();
    assert.equal(sent.length, 2);
  });
});
