// How the page notices that the server is gone, and how it comes back.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { application } from './application.js';
import { receive, sendBeat, sendToken } from './fake-server.js';
import { FakeTime } from './fake-time.js';
import { FakeBrowser, settle } from './fake-webrtc.js';

/** @type {FakeBrowser} */
let browser;
/** @type {FakeTime} */
let time;
/** @type {import('../../web/patchcord.d.ts').Connection} */
let connection;
/** @type {any[]} */
let told;
/** @type {(number | undefined)[]} */
let retriesAt;

beforeEach(async () => {
  browser = new FakeBrowser();
  time = new FakeTime();
  const made = application();
  ({ told, retriesAt } = made);
  await browser.open();
  connection = await made.promise;
  await time.pass(1);
  sendToken(browser, 'token');
  told.length = 0;
});
afterEach(() => {
  connection.close();
  time.restore();
  browser.restore();
});

/** The server says something every so often. @param {number} ms @param {number} everyMs */
async function beat(ms, everyMs) {
  for (let passed = 0; passed < ms; passed += everyMs) {
    await time.pass(everyMs);
    sendBeat(browser, { seq: passed });
  }
}

describe('a lost server is noticed', () => {
  test('after 1.9 s without a word, and within 2', async () => {
    await beat(5000, 1000);
    await time.pass(1880);
    assert.equal(connection.state, 'open');
    await time.pass(120);
    assert.deepEqual(told, ['connecting lost']);
    assert.equal(browser.connections[0].closed, true);
  });

  for (const label of /** @type {const} */ (['ro', 'uu', 'lt', 'ctl'])) {
    test(`not while anything comes on ${label}`, async () => {
      for (let n = 0; n < 10; n += 1) {
        await time.pass(1500);
        receive(browser.pc[label], Buffer.of(99));
      }
      assert.equal(connection.state, 'open');
    });
  }

  test('time in which the page slept or was busy is no silence', async () => {
    for (let n = 0; n < 10; n += 1) {
      time.skip(60_000);
      await time.pass(100);
    }
    assert.equal(connection.state, 'open');
    await time.pass(1000);
    assert.deepEqual(told, ['connecting lost']);
  });

  test('a hidden page waits for nearly five seconds, and begins anew when it is shown', async () => {
    browser.hide(true);
    await beat(8000, 2000);
    await time.pass(3900);
    assert.equal(connection.state, 'open');
    browser.hide(false);
    browser.hide(true);
    await time.pass(5010);
    assert.deepEqual(told, ['connecting lost']);
  });

  test('a page that was just shown is as patient until the server knows it', async () => {
    browser.hide(true);
    await beat(8000, 2000);
    const echoes = browser.pc.ctl.sent.length;
    browser.hide(false);
    await time.pass(3780);
    assert.ok(browser.pc.ctl.sent.length > echoes + 30, 'it says so again and again');
    await beat(2000, 1000);
    assert.equal(connection.state, 'open');
    await time.pass(2000);
    assert.deepEqual(told, ['connecting lost']);
  });

  test('not while a large message comes in that no other can overtake', async () => {
    for (let passed = 0; passed < 6000; passed += 100) {
      browser.pc.bytesReceived += 1000;
      await time.pass(100);
      await settle();
    }
    assert.equal(connection.state, 'open');
    await time.pass(2600);
    assert.deepEqual(told, ['connecting lost']);
  });

  test('packets of the time before the silence are no sign of life', async () => {
    browser.pc.bytesReceived = 100_000;
    await time.pass(2000);
    assert.deepEqual(told, ['connecting lost']);
  });

  test('a browser that does not count packets has its messages', async () => {
    browser.pc.getStats = () => Promise.reject(new Error('no'));
    await time.pass(2000);
    assert.deepEqual(told, ['connecting lost']);
  });

  test('at once when ICE has failed, and not while it only doubts', async () => {
    browser.pc.becomes('disconnected');
    assert.deepEqual(told, []);
    browser.pc.becomes('connected');
    browser.pc.becomes('failed');
    assert.deepEqual(told, ['connecting lost']);
  });

  for (const label of /** @type {const} */ (['ro', 'uu', 'lt', 'ctl'])) {
    test(`at once when ${label} is closed, with what the browser said of it`, async () => {
      /** @type {any} */ let error;
      const { promise } = application({ onstate: (_, detail) => { ({ error } = detail); } });
      await browser.open();
      const other = await promise;
      await time.pass(1);
      browser.pc[label].onerror?.({ error: new Error('sctp') });
      browser.pc[label].closeFromFar();
      assert.equal(other.state, 'connecting');
      assert.equal(browser.pc.closed, true);
      assert.deepEqual([error.code, error.cause.message], ['closed', 'sctp']);
      other.close();
    });
  }

  test('what it said before is told first', async () => {
    const made = application();
    await browser.open();
    browser.pc.ro.receive('bye');
    browser.pc.ro.closeFromFar();
    assert.equal((await made.promise).state, 'connecting');
    await time.pass(1);
    assert.deepEqual(made.told, ['open', ['reliable', 'bye'], 'connecting closed']);
    (await made.promise).close();
  });
});

describe('the way back', () => {
  test('begins at once, with the token and the count, and ends as the same peer', async () => {
    browser.pc.ro.receive('one');
    browser.pc.ro.receive('two');
    browser.pc.becomes('failed');
    assert.deepEqual(retriesAt, [time.now]);
    await time.pass(1);
    assert.deepEqual(browser.offer, { type: 'offer', sdp: 'v=0 fake', resume: 'token', received: 2 });
    assert.equal(connection.state, 'connecting');
    assert.equal(connection.sendUnreliable('now or never'), false);
    await browser.open({ resumed: true });
    assert.equal(connection.state, 'open');
    assert.equal(connection.resumed, true);
    assert.deepEqual(told, [['reliable', 'one'], ['reliable', 'two'], 'connecting lost', 'open resumed']);
    sendBeat(browser);
    await time.pass(10_000);
    assert.equal(told[4], 'connecting lost', 'it is watched like the first one');
  });

  test('a server that does not know us makes us new: token and counts begin anew', async () => {
    browser.pc.ro.receive('one');
    browser.pc.becomes('failed');
    await time.pass(1);
    await browser.open({ resumed: false });
    assert.equal(connection.resumed, false);
    assert.deepEqual(told, [['reliable', 'one'], 'connecting lost', 'open']);
    browser.pc.becomes('failed');
    await time.pass(500);
    assert.equal(browser.offer.resume, '');
    assert.equal(browser.offer.received, undefined);
  });

  test('waits double from 0.25 s to 4 s, and each attempt that fails is told', async () => {
    browser.pc.becomes('failed');
    for (let n = 0; n < 8; n += 1) {
      await time.pass(Number(retriesAt.at(-1)) - time.now + 1);
      await browser.unreachable();
    }
    const waits = retriesAt.map((at, index) => Math.round((Number(at) - (index > 0 ? Number(retriesAt[index - 1]) : 0)) / 10) * 10);
    assert.deepEqual(waits.slice(1), [250, 500, 1000, 2000, 4000, 4000, 4000, 4000]);
    assert.deepEqual(told, ['connecting lost', ...Array(8).fill('connecting unreachable')]);
  });

  test('chance takes off up to half of a wait, so that a room full of phones spreads', async () => {
    browser.pc.becomes('failed');
    /** @type {number[]} */ const waits = [];
    for (const chance of [0, 0.25, 0.5, 0.999999]) {
      await time.pass(Number(retriesAt.at(-1)) - time.now + 1);
      time.chance = chance;
      await browser.unreachable();
      waits.push(Math.round(Number(retriesAt.at(-1)) - time.now));
    }
    [250, 437.5, 750, 1000].forEach((expected, index) => assert.ok(Math.abs(waits[index] - expected) < 3, `${waits}`));
  });

  test('an attempt that took its time has waited already', async () => {
    browser.pc.becomes('failed');
    for (let n = 0; n < 8; n += 1) {
      await time.pass(Number(retriesAt.at(-1)) - time.now + 1);
      await time.pass(3000);
    }
    assert.ok(Number(retriesAt.at(-1)) - time.now <= 1010, 'so a server that is back is found within 4 s');
    assert.ok(Number(retriesAt[2]) > Number(retriesAt[1]));
  });

  test('it never gives up', async () => {
    browser.pc.becomes('failed');
    for (let n = 0; n < 200; n += 1) {
      await time.pass(4100, 4100);
      browser.post.fail(new TypeError('Failed to fetch'));
      await time.pass(1);
    }
    assert.equal(connection.state, 'connecting');
    assert.ok(browser.posts.length > 150);
  });

  test('a request that hangs is given up after 3 s, and so are channels that do not open', async () => {
    browser.pc.becomes('failed');
    await time.pass(1);
    const hanging = browser.post;
    await time.pass(2990);
    assert.equal(hanging.init.signal.aborted, false);
    await time.pass(20);
    assert.equal(hanging.init.signal.aborted, true);
    await time.pass(2500);
    await browser.answer({ resumed: true });
    await time.pass(2900);
    assert.deepEqual(told, ['connecting lost', 'connecting timeout']);
    await time.pass(200);
    assert.deepEqual(told, ['connecting lost', 'connecting timeout', 'connecting no-path']);
  });

  test('a connection that does not hold is not tried again at once for ever', async () => {
    for (let n = 0; n < 4; n += 1) {
      browser.pc.ro.closeFromFar();
      await time.pass(Number(retriesAt.at(-1)) - time.now + 1);
      await browser.open({ resumed: true });
    }
    const attempts = browser.connections.length;
    browser.pc.ro.closeFromFar();
    await time.pass(1500);
    assert.equal(browser.connections.length, attempts);
    await time.pass(600);
    await browser.open({ resumed: true });
    await beat(5200, 1000);
    browser.pc.ro.closeFromFar();
    assert.equal(retriesAt.at(-1), time.now, 'one that held is');
  });

  for (const [what, come] of /** @type {[string, () => void][]} */ ([
    ['online', () => browser.dispatch('online')],
    ['becoming visible', () => browser.hide(false)],
  ])) {
    test(`${what} does not wait for the next attempt`, async () => {
      browser.pc.becomes('failed');
      for (let n = 0; n < 6; n += 1) {
        await time.pass(Number(retriesAt.at(-1)) - time.now + 1);
        await browser.unreachable();
      }
      const attempts = browser.posts.length;
      browser.document.hidden = true;
      if (what === 'online') browser.document.hidden = false;
      come();
      await time.pass(1);
      assert.equal(browser.posts.length, attempts + 1);
      come();
      await time.pass(1);
      assert.equal(browser.posts[attempts].init.signal.aborted, true, 'one that hangs is begun anew');
      await browser.answer({ resumed: true });
      come();
      await time.pass(1);
      assert.equal(browser.posts.length, attempts + 2, 'one that is answered goes on');
      for (const channel of browser.pc.channels) channel.open();
      assert.equal(connection.state, 'open');
    });
  }

  test('becoming hidden tries nothing', async () => {
    browser.pc.becomes('failed');
    await time.pass(1);
    await browser.unreachable();
    const attempts = browser.posts.length;
    browser.hide(true);
    await time.pass(100);
    assert.equal(browser.posts.length, attempts);
  });

  test('close() on the way ends it, also from the callback', async () => {
    browser.pc.becomes('failed');
    connection.close();
    await time.pass(10_000, 100);
    assert.equal(browser.posts.length, 1);
    assert.deepEqual(told, ['connecting lost', 'closed local']);
    assert.equal(browser.listenerCount(), 0);

    const posts = browser.posts.length;
    /** @type {any} */ let other;
    const promise = application({ onstate: (state) => state === 'connecting' && other.close() }).promise;
    await browser.open();
    other = await promise;
    browser.pc.becomes('failed');
    await time.pass(10_000, 100);
    assert.equal(browser.posts.length, posts + 1);
    assert.equal(other.state, 'closed');
  });
});

describe('refusals on the way back', () => {
  beforeEach(async () => {
    browser.pc.becomes('failed');
    await time.pass(1);
    told.length = 0;
  });

  for (const [status, code] of /** @type {[number, string][]} */ ([
    [401, 'not-you'], [403, 'foreign-host'], [404, 'not-found'], [400, 'bad-offer'],
  ])) {
    test(`${status} ${code} is for good`, async () => {
      await browser.refuse(status, code);
      await time.pass(10_000, 100);
      assert.deepEqual(told, [`closed failed ${code}`]);
      assert.equal(browser.posts.length, 2);
      assert.equal(browser.listenerCount(), 0);
    });
  }

  for (const [status, code] of /** @type {[number, string][]} */ ([
    [503, 'full'], [503, 'shutting-down'], [429, 'too-many-from-address'], [408, 'too-slow'], [500, 'internal'],
  ])) {
    test(`${status} ${code} is tried again`, async () => {
      await browser.refuse(status, code);
      assert.deepEqual(told, [`connecting ${code}`]);
      await time.pass(300);
      assert.equal(browser.posts.length, 3);
    });
  }

  test('what is no patchcord server now may be one again', async () => {
    browser.post.answer(502, '<html>Bad gateway</html>');
    await settle();
    assert.deepEqual(told, ['connecting bad-answer']);
  });

  test('a browser without WebRTC is for good', async () => {
    Reflect.set(globalThis, 'RTCPeerConnection', undefined);
    await browser.unreachable();
    await time.pass(300);
    assert.deepEqual(told, ['connecting unreachable', 'closed failed not-supported']);
  });

  test('still-here: the same token for three seconds, four times a second, then without', async () => {
    const offers = [];
    const started = time.now;
    while (time.now < started + 3600) {
      if (browser.posts.length > offers.length + 1) {
        offers.push({ at: time.now - started, ...browser.offer });
        await browser.refuse(409, 'still-here');
      }
      if (browser.offer.resume === '') break;
      await time.pass(10);
    }
    const withToken = offers.filter(({ resume }) => resume === 'token');
    assert.ok(withToken.length >= 11 && withToken.length <= 14, `${withToken.length}`);
    assert.ok(withToken[withToken.length - 1].at >= 2900);
    assert.equal(offers.at(-1)?.resume, '');
    assert.ok(time.now - started < 3500);
  });

  test('still-here at first, and then back as the same', async () => {
    await browser.refuse(409, 'still-here');
    await time.pass(260);
    await browser.open({ resumed: true });
    assert.deepEqual(told, ['connecting still-here', 'open resumed']);
  });
});
