// What a bad network, a dead server, a long sleep and an old page do to a person: little.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  House,
  LAMP,
  asleep,
  card,
  checked,
  enter,
  live,
  severable,
  shot,
  silently,
  toggle,
  until,
} from './house.js';

const WITHIN = { timeout: 120_000 };
const FIRST_LOAD_BYTES_MAX = 150_000;
const FOLDER = Boolean(process.env.HEARTH_STATIC); // then it isn't the binary's own page

let house;
before(async () => {
  house = await new House().start();
});
after(() => house?.close());

const marked = (page) =>
  page.evaluate(() => {
    window.mark = 'not reloaded';
  });
const isMarked = (page) => page.evaluate(() => window.mark === 'not reloaded');

test('a killed server comes back and the page with it, without a reload', WITHIN, async () => {
  const person = await house.person();
  const lamp = await house.device(person, 'light', 'Lamp', LAMP);
  const page = await house.signedIn(person);
  await until(live(page), 'live');
  await marked(page);
  await house.kill();
  await until(async () => (await live(page)()) !== 'live', true);
  await page.getByText('Last known state').waitFor();
  await house.start();
  await lamp.open();
  await until(live(page), 'live');
  await toggle(page, 'Lamp').click();
  await until(() => lamp.heard.at(-1)?.on, true);
  assert.ok(await isMarked(page));
});

test('after a sleep the page shows what it missed, without a reload', WITHIN, async () => {
  const person = await house.person();
  const lamp = await house.device(person, 'light', 'Lamp', LAMP);
  const page = await house.signedIn(person);
  await until(checked(page, 'Lamp'), 'false');
  await marked(page);
  await page.evaluate(() => {
    let last = performance.now();
    window.slept_ms = 0;
    setInterval(() => {
      const now = performance.now();
      window.slept_ms = Math.max(window.slept_ms, now - last);
      last = now;
    }, 10);
  });
  const began = performance.now();
  await asleep(page, async () => {
    await house.kill();
    await house.start();
    await lamp.open();
    lamp.state({ on: true });
  });
  const slept_ms = performance.now() - began;
  await until(checked(page, 'Lamp'), 'true');
  await until(live(page), 'live');
  assert.ok(await isMarked(page));
  assert.ok((await page.evaluate(() => window.slept_ms)) > slept_ms / 2, 'it did sleep');
});

test('a socket that died in a sleep is not waited for', WITHIN, async () => {
  const person = await house.person();
  const page = await house.visit();
  await severable(page);
  await page.clock.install();
  await page.goto(house.url);
  await enter(page, person);
  await until(live(page), 'live');
  await page.evaluate(() => {
    window.sockets.at(-1).deaf = true;
  });
  await page.clock.fastForward(3_600_000);
  await page.clock.resume();
  await until(() => page.evaluate(() => window.sockets.length > 1), true);
  await until(live(page), 'live');
});

test('without a server the page opens with what was last known', WITHIN, async (t) => {
  if (FOLDER) return t.skip('the folder has no service worker');
  const person = await house.person();
  const lamp = await house.device(person, 'light', 'Lamp', { ...LAMP, on: true });
  const page = await house.signedIn(person);
  await card(page, 'Lamp').waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => caches.match('/'));
  await house.kill();
  await page.reload();
  await page.getByText('Last known state').waitFor();
  await until(checked(page, 'Lamp'), 'true');
  await shot(page, 'last-known');
  await house.start();
  await lamp.open();
  await until(live(page), 'live');
  return until(() => page.getByText('Last known state').isVisible(), false);
});

test('on a slow network the page still comes', WITHIN, async () => {
  const person = await house.person();
  await house.device(person, 'light', 'Lamp', LAMP);
  const page = await house.signedIn(person);
  const network = await page.context().newCDPSession(page);
  await network.send('Network.enable');
  await network.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 400,
    downloadThroughput: 50_000,
    uploadThroughput: 20_000,
  });
  await page.reload();
  await card(page, 'Lamp').waitFor({ timeout: 30_000 });
  await until(live(page), 'live');
  silently(page);
});

test('the first load is small, compressed, and kept by name', WITHIN, async (t) => {
  if (FOLDER) return t.skip('the folder is not the binary');
  const page = await house.visit({ serviceWorkers: 'block' });
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  const answers = new Map();
  let bytes = 0;
  session.on('Network.responseReceived', ({ requestId, response }) => {
    answers.set(requestId, response);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    if (answers.has(requestId)) bytes += encodedDataLength;
  });
  await session.send('Network.clearBrowserCache');
  await page.reload();
  await page.getByLabel('Username').waitFor();
  await page.waitForLoadState('networkidle');
  const files = [...answers.values()].filter(({ url }) => /\.(js|css)$/.test(url));
  t.diagnostic(`first load: ${answers.size} answers, ${bytes} bytes over the wire`);
  assert.ok(bytes < FIRST_LOAD_BYTES_MAX, `${bytes} bytes`);
  assert.ok(files.length > 10, 'the page came in its files');
  for (const { url, headers } of files) {
    assert.match(url, /\.[0-9a-f]{10}\.(js|css)$/);
    assert.match(headers['cache-control'], /immutable/, url);
    assert.equal(headers['content-encoding'], 'gzip', url);
  }
  silently(page);
  return undefined;
});

test('nothing may run or be loaded that is not the page’s own', WITHIN, async () => {
  const page = await house.visit();
  const foreign = [];
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== house.url && !['data:', 'blob:'].includes(protocol)) foreign.push(request.url());
  });
  const answer = await page.goto(house.url);
  const policy = answer.headers()['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  await page.getByLabel('Username').waitFor();
  assert.deepEqual(foreign, []);
  silently(page);
});
