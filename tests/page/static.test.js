// What can be known of the page without a browser: its words, its files, its shape.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

const ROOT = new URL('../../static/', import.meta.url);
const LINES_MAX = 400;
const COLUMNS_MAX = 100;
const FIRST_LOAD_BYTES_MAX = 150_000;

const read = (path) => readFileSync(new URL(path, ROOT), 'utf8');
// The description of the interface is a page of its own, for people who are online.
const OWN_PAGE = ['docs.html', 'docs.js'];
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

test('the service worker keeps every file of the page, and no other', () => {
  const kept = [...read('sw.js').matchAll(/^ {2}'(\/[^']*)',$/gm)].map(([, path]) => path);
  const wanted = files
    .filter((path) => /\.\w+$/.test(path) && path !== 'sw.js' && !OWN_PAGE.includes(path))
    .map((path) => (path === 'index.html' ? '/' : `/${path}`));
  assert.deepEqual(kept.sort(), wanted.sort());
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

test('the first load is small', () => {
  const seen = new Set();
  const walk = (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const [, next] of read(path).matchAll(/(?:^import[^;]*?|await import\()'([^']+)'/gm)) {
      walk(new URL(next, new URL(path, ROOT)).href.slice(ROOT.href.length));
    }
  };
  ['app.js', 'elements/hearth-app.js', 'lang/en.js', 'index.html', 'style.css'].forEach(walk);
  const plain = [...seen].reduce((sum, path) => sum + Buffer.byteLength(read(path)), 0);
  const packed = [...seen].reduce((sum, path) => sum + gzipSync(read(path)).length, 0);
  console.log(`first load: ${seen.size} files, ${plain} bytes, ${packed} compressed`);
  assert.ok(plain < FIRST_LOAD_BYTES_MAX);
});
