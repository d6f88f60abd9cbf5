// What can be known of the page without a browser: its words, its files, its shape.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const ROOT = new URL('../../static/', import.meta.url);
const LINES_MAX = 400;
const COLUMNS_MAX = 100;

const read = (path) => readFileSync(new URL(path, ROOT), 'utf8');
const files = readdirSync(ROOT, { recursive: true }).map(String).sort();
const scripts = files.filter((path) => path.endsWith('.js'));
const module = async (path) => (await import(new URL(path, ROOT))).default;

test('every language has the same words, with the same blanks', async () => {
  const [first, ...others] = files.filter((path) => path.startsWith('lang/'));
  const blanks = (words) => (words.match(/\{\w+\}/g) ?? []).sort().join();
  const known = await module(first);
  for (const path of others) {
    const words = await module(path);
    assert.deepEqual(Object.keys(words).sort(), Object.keys(known).sort(), path);
    for (const key of Object.keys(known)) {
      assert.equal(blanks(words[key]), blanks(known[key]), `${path}: ${key}`);
    }
  }
});

test('every word that a script asks for exists', async () => {
  const words = await module('lang/en.js');
  for (const path of scripts) {
    for (const [, key] of read(path).matchAll(/\bt\(\s*'([^']+)'/g)) {
      assert.ok(key in words, `${path}: ${key}`);
    }
  }
});

/** What a script needs before it runs: itself, and what it and they import. */
function needs(path, seen = new Set()) {
  if (seen.has(path)) return seen;
  seen.add(path);
  const imports = read(path).matchAll(
    /^(?:import|export)\b[^;]*? from '([^']+)'|^import '([^']+)'/gm,
  );
  for (const [, from, bare] of imports) {
    needs(new URL(from ?? bare, new URL(path, ROOT)).href.slice(ROOT.href.length), seen);
  }
  return seen;
}

test('index.html asks for every script that the first paint needs, and no other', () => {
  const asked = [...read('index.html').matchAll(/modulepreload" href="\/([^"]+)"/g)];
  const needed = needs('elements/hearth-app.js', needs('app.js'));
  needed.delete('app.js'); // asked for by its own tag
  assert.deepEqual(asked.map(([, path]) => path).sort(), [...needed].sort());
});

test('no file is too long, no line too wide', () => {
  for (const path of scripts) {
    const lines = read(path).split('\n');
    assert.ok(lines.length <= LINES_MAX, `${path}: ${lines.length} lines`);
    const wide = lines.findIndex((line) => line.length > COLUMNS_MAX);
    assert.equal(wide, -1, `${path}:${wide + 1}`);
  }
});

test('every element says in its first lines what it shows and what it sends', () => {
  for (const path of scripts.filter((one) => one.startsWith('elements/'))) {
    const head = read(path).slice(0, 700);
    assert.match(head, /^\/\*\n \* [\w-]+: /, path);
    assert.match(head, /\bShows\b/, path);
    assert.match(head, /\b(sends|calls|resolves|dispatches)\b/i, path);
  }
});

test('nothing needs a looser policy: no inline script or style, no markup from text', () => {
  assert.doesNotMatch(read('index.html'), /\son\w+=|style=|<style|<script(?![^>]*\bsrc=)/);
  for (const path of scripts) {
    const found = read(path).match(/innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function/);
    assert.equal(found, null, path);
  }
  for (const path of files.filter((one) => /\.(js|css|html|webmanifest)$/.test(one))) {
    const foreign = read(path).replaceAll('http://www.w3.org/2000/svg', '');
    assert.doesNotMatch(foreign, /https?:\/\//, `${path} names another place`);
  }
});
