// What a browser loads of the page: how much, and in how many steps.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

/** Of all files together, as the server sends them: half of the design's limit. */
const LOADED_BYTES_MAX = 50_000;

const web = new URL('../../web/', import.meta.url);
const html = read('index.html');

/** @param {string} path */
function read(path) {
  return readFileSync(new URL(path, web), 'utf8');
}

/** @param {RegExp} pattern @param {string} text */
function firstGroups(pattern, text) {
  return [...text.matchAll(pattern)].map((match) => match[1]);
}

/** Every module that these import, themselves included. @param {string[]} entries */
function moduleGraph(entries) {
  const found = new Set(entries);
  // A Set that grows while it is walked gives the new members too.
  for (const path of found) {
    for (const target of firstGroups(/^(?:import|export)\b[^;]*?\bfrom '([^']+)';/gm, read(path))) {
      found.add(posix.join(posix.dirname(path), target));
    }
  }
  return found;
}

const entries = firstGroups(/<script src="([^"]+)" type="module">/g, html);
const preloads = firstGroups(/<link rel="modulepreload" href="([^"]+)">/g, html);

test('what a browser loads is at most 50,000 bytes', () => {
  const sizes = readdirSync(web, { encoding: 'utf8', recursive: true })
    .filter((path) => statSync(new URL(path, web)).isFile() && path !== 'patchcord.d.ts')
    .map((path) => ({ path, bytes: gzipSync(readFileSync(new URL(path, web)), { level: 9 }).length }))
    .sort((a, b) => b.bytes - a.bytes);
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(total <= LOADED_BYTES_MAX,
    `${total} bytes, ${total - LOADED_BYTES_MAX} too many:\n${sizes.map(({ path, bytes }) => `${bytes} ${path}`).join('\n')}`);
});

test('the page names every module of the graph, so that none waits for another to be read', () => {
  assert.deepEqual(entries, ['room/main.js']);
  assert.deepEqual([...entries, ...preloads].sort(), [...moduleGraph(entries)].sort());
});

test('no file lies there that nothing loads', () => {
  const scripts = firstGroups(/<script src="([^"]+)">/g, html);
  const loaded = [...moduleGraph(entries), ...scripts].filter((path) => path.startsWith('room/'));
  assert.deepEqual(readdirSync(new URL('room/', web)).map((name) => `room/${name}`).sort(), loaded.sort());
});

test('every id that a module looks up is in the page', () => {
  const ids = new Set(firstGroups(/ id="([^"]+)"/g, html));
  const wanted = [...moduleGraph(entries)].flatMap((path) => firstGroups(/\belement\('([^']+)'\)/g, read(path)));
  assert.ok(wanted.length > 20);
  assert.deepEqual(wanted.filter((id) => !ids.has(id)), []);
});

test('nothing is inline, as the content security policy demands', () => {
  assert.doesNotMatch(html, /<style|<script>|<script type="module">| style="| on\w+="/);
});
