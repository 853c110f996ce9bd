// Virtual time for timers and `performance.now()`, and chance that a test can set.

import { mock } from 'node:test';

/** What is ready between two steps of the time, promises among it. */
const turn = () => new Promise((resolve) => { setImmediate(resolve); });

export class FakeTime {
  now = 1000;
  chance = 0;

  constructor() {
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    mock.method(performance, 'now', () => this.now);
    mock.method(Math, 'random', () => this.chance);
  }

  /** Lets time pass, and all that it brings happen. @param {number} ms @param {number} [step] */
  async pass(ms, step = 10) {
    for (let passed = 0; passed < ms; passed += step) {
      const next = Math.min(step, ms - passed);
      this.now += next;
      mock.timers.tick(next);
      await turn();
    }
  }

  /** The machine sleeps, or the page is busy: the clock goes on, and no timer is run. @param {number} ms */
  skip(ms) {
    this.now += ms;
  }

  restore() {
    mock.timers.reset();
    mock.restoreAll();
  }
}
