import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { LINES_MAX, Room } from '../../web/room/room.js';

/** @param {number} tick @param {[number, number, number, number][]} people */
const snapshot = (tick, ...people) => /** @type {const} */ ({
  kind: 'Snapshot', tick, time: 0, people: people.map(([id, x, y, state]) => ({ id, x, y, state })),
});

describe('the room', () => {
  /** @type {Room} */
  let room;
  beforeEach(() => {
    room = new Room();
    room.welcome({
      kind: 'Welcome', version: 2, you: 7,
      people: [{ id: 3, look: 0, name: 'Ada' }, { id: 7, look: 1, name: 'Robin' }],
      lines: [{ age: 5, author: 2, look: 4, name: 'Grace', text: 'hello' }],
    });
  });

  test('a welcome says who is here and what was said', () => {
    assert.equal(room.me, 7);
    assert.deepEqual([...room.people.keys()], [3, 7]);
    assert.deepEqual(room.lines, [{ author: 2, look: 4, name: 'Grace', text: 'hello', ageSeconds: 5 }]);
  });

  test('people come, take other names and go', () => {
    room.joined({ id: 8, look: 2, name: 'Linus' });
    room.renamed(8, 'Torvald');
    room.renamed(99, 'nobody');
    assert.equal(room.people.get(8)?.name, 'Torvald');
    room.left(8);
    room.left(99);
    assert.deepEqual([...room.people.keys()], [3, 7]);
  });

  test('a snapshot moves people; each bit of the state has its meaning', () => {
    assert.equal(room.snapshot(snapshot(1, [3, 10, 20, 0b0111], [7, 9, 9, 0b1010])), true);
    const ada = room.people.get(3);
    assert.deepEqual([ada?.x, ada?.y, ada?.down, ada?.waving, ada?.hasPointer, ada?.away], [10, 20, true, true, true, false]);
    const robin = room.people.get(7);
    assert.deepEqual([robin?.down, robin?.waving, robin?.hasPointer, robin?.away], [false, true, false, true]);
    assert.notEqual(robin?.x, 9, 'without a pointer x means nothing');
  });

  test('an older snapshot is not taken, one of the same tick is, the wrap is crossed', () => {
    assert.equal(room.snapshot(snapshot(0xffffffff, [3, 1, 1, 4])), true);
    assert.equal(room.snapshot(snapshot(0xffffffff, [7, 1, 1, 4])), true);
    assert.equal(room.snapshot(snapshot(0xfffffffe, [3, 2, 2, 4])), false);
    assert.equal(room.snapshot(snapshot(0, [3, 3, 3, 4])), true);
    assert.equal(room.people.get(3)?.x, 3);
  });

  test('a snapshot that still names someone who left brings nobody back', () => {
    room.left(3);
    room.snapshot(snapshot(1, [3, 1, 1, 4]));
    assert.equal(room.people.has(3), false);
  });

  test('nothing is taken before the welcome, and a new welcome starts the ticks afresh', () => {
    assert.equal(new Room().snapshot(snapshot(1)), false);
    room.snapshot(snapshot(1000));
    room.welcome({ kind: 'Welcome', version: 2, you: 1, people: [], lines: [] });
    assert.equal(room.snapshot(snapshot(1)), true);
  });

  test('the lines are bounded', () => {
    for (let n = 0; n < LINES_MAX + 10; n += 1) room.said({ author: 3, look: 0, name: 'Ada', text: String(n) });
    assert.equal(room.lines.length, LINES_MAX);
    assert.equal(room.lines[LINES_MAX - 1].text, String(LINES_MAX + 9));
  });

  test('at rest nobody waves or presses', () => {
    room.snapshot(snapshot(1, [3, 10, 20, 0b111]));
    room.rest();
    assert.deepEqual([room.people.get(3)?.waving, room.people.get(3)?.down], [false, false]);
  });
});
