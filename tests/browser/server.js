// A program of ours, started for a test and ended with it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const RELEASE = `${ROOT}target/release/`;

/** How long a program may take from its start to its first line, and from SIGTERM to its end, in milliseconds. */
const PATIENCE_MS = 10_000;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** An IPv4 address of this machine that is not loopback: Firefox uses no other for ICE. */
export function lanAddress() {
  const addresses = Object.values(networkInterfaces()).flat();
  const found = addresses.find((address) => address?.family === 'IPv4' && !address.internal);
  if (!found) throw new Error('no address but loopback; run these tests by tests/run, which makes one');
  return found.address;
}

/**
 * @param {string} program below target/release
 * @param {string[]} args
 */
export async function start(program, args) {
  const child = spawn(RELEASE + program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  const ended = once(child, 'exit').then(([code, signal]) => code ?? signal);
  ended.then(() => running.delete(child));
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, 'line'),
    ended.then((how) => { throw new Error(`${program} ended with ${how} before it served`); }),
    new Promise((_, reject) => setTimeout(reject, PATIENCE_MS, new Error(`${program} does not serve`)).unref()),
  ]);
  return {
    /** Where it serves. */
    url: String(line),
    pid: child.pid,
    /** Ends it as Ctrl-C does; gives its exit code, or the signal that ended it. */
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
      const how = await ended;
      clearTimeout(late);
      return how;
    },
  };
}
