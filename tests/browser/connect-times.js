// How long a browser takes to get in: from the POST of its offer to both channels open, over 20 connections in each engine,
// and that three times, each in a browser of its own: the medians of the three count.
//
//   tests/lan node tests/browser/connect-times.js [connections]
//
// Every connection is a new one of patchcord.js from a page that stays; the first also warms the browser up. The figures
// that docs/BENCHMARKS.md holds come from here.

import { closeAll, engines, launch } from './engines.js';
import { lanAddress, start } from './server.js';

/** What issue and document promise, in milliseconds. */
const BOUNDS = { chromium: { p50: 15, p95: 30 }, firefox: { p50: 20, p95: 40 } };

const connections = Number(process.argv[2] ?? 20);

/** Machines are noisy: one run in three may be bad. */
const RUNS = 3;

/** In the page. */
async function measure(/** @type {number} */ connections) {
  const client = '/patchcord.js';
  const { connect } = await import(client);
  const taken = [];
  for (let i = 0; i < connections; i++) {
    const connection = await connect();
    const { postedAt, answeredAt, openedAt } = connection.timing;
    taken.push({ answer: answeredAt - postedAt, open: openedAt - answeredAt, all: openedAt - postedAt });
    connection.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return taken;
}

/**
 * The nearest rank.
 * @param {number[]} values
 * @param {number} share
 */
const quantile = (values, share) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1];
};

const server = await start('patchcord', ['--bind', lanAddress(), '--port', '0']);
let met = true;
try {
  console.log(`${RUNS} × ${connections} connections, ms`.padEnd(32), 'p50'.padStart(7), 'p95'.padStart(7), 'max'.padStart(7));
  for (const engine of engines()) {
    /** @type {Awaited<ReturnType<typeof measure>>[]} */
    const runs = [];
    for (let run = 0; run < RUNS; run++) {
      const page = await (await launch(engine)).newPage();
      await page.goto(new URL('patchcord.d.ts', server.url).href);
      runs.push(await page.evaluate(measure, connections));
      await closeAll();
    }
    for (const part of /** @type {const} */ (['all', 'answer', 'open'])) {
      const ofRuns = runs.map((taken) => taken.map((one) => one[part]));
      const row = [0.5, 0.95, 1].map((share) => quantile(ofRuns.map((values) => quantile(values, share)), 0.5));
      const name = { all: 'POST to both channels open', answer: '  of it, POST to answer', open: '  of it, answer to open' }[part];
      console.log(`${engine} ${name}`.padEnd(32), ...row.map((ms) => ms.toFixed(1).padStart(7)));
      if (part === 'all') met &&= row[0] <= BOUNDS[engine].p50 && row[1] <= BOUNDS[engine].p95;
    }
  }
} finally {
  await closeAll();
  await server.stop();
}
console.log(met ? 'within the bounds' : `above the bounds: ${JSON.stringify(BOUNDS)}`);
process.exitCode = met ? 0 : 1;
