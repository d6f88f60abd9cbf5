// A real server on a store of its own, a browser, and short words for what a person does.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { Device } from './device.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BINARY = process.env.HEARTH_BIN ?? join(ROOT, 'target/debug/hearth');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SHOTS = process.env.HEARTH_SHOTS ?? join(ROOT, 'artefacts/page');
const STATIC = process.env.HEARTH_STATIC; // the page from a folder, not from the binary
const READY_WITHIN_MS = 60_000;
const SEEN_WITHIN_MS = 30_000; // as Playwright's own waits: for what never comes, not for speed
const PASSWORD = 'warm and dry feet';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class House {
  #data = mkdtempSync(join(tmpdir(), 'hearth-page-'));
  #users = 0;
  #devices = [];

  /** Lays a kind's file where the server looks for them. */
  kind(name, toml) {
    mkdirSync(join(this.#data, 'kinds'), { recursive: true });
    writeFileSync(join(this.#data, 'kinds', `${name}.toml`), toml);
    return this;
  }

  /** Starts on free ports; a second start uses the first one's, as a restarted server does. */
  async start() {
    const environment = {
      ...process.env,
      HEARTH__HTTP__LISTEN: `127.0.0.1:${this.http ?? 0}`,
      HEARTH__MQTT__LISTEN: `127.0.0.1:${this.mqtt ?? 0}`,
    };
    this.process = spawn(BINARY, ['serve', '--data', this.#data], {
      env: environment,
      cwd: this.#data,
      stdio: ['ignore', 'pipe', process.env.HEARTH_LOG ? 'inherit' : 'ignore'],
    });
    const ready = await new Promise((done, failed) => {
      let said = '';
      const late = () => failed(new Error(`not ready: ${said}`));
      const timer = setTimeout(late, READY_WITHIN_MS);
      this.process.on('exit', (code) => failed(new Error(`ended with ${code}: ${said}`)));
      this.process.stdout.on('data', (bytes) => {
        said += bytes;
        const line = /ready http=\S*:(\d+) mqtt=\S*:(\d+)/.exec(said);
        if (!line) return;
        clearTimeout(timer);
        done(line);
      });
    });
    [this.http, this.mqtt] = [Number(ready[1]), Number(ready[2])];
    this.setup ??= /setup=(\w+)/.exec(ready.input)?.[1]; // an empty store's one-time link
    this.url = `http://127.0.0.1:${this.http}`;
    return this;
  }

  /** Kills it as a power cut would. */
  kill() {
    return new Promise((done) => {
      this.process.removeAllListeners('exit');
      this.process.on('exit', done);
      this.process.kill('SIGKILL');
    });
  }

  async close() {
    for (const device of this.#devices) device.close();
    for (const context of this.browser?.contexts() ?? []) {
      await context.unrouteAll({ behavior: 'ignoreErrors' });
    }
    await this.browser?.close();
    await this.kill();
    rmSync(this.#data, { recursive: true, force: true });
  }

  async #rest(method, path, body, token) {
    const headers = { 'content-type': 'application/json' };
    if (token) headers.authorization = `Bearer ${token}`;
    const answer = await fetch(this.url + path, { method, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? null : answer.json();
  }

  /** The first administrator, made with the one-time link's word. */
  async administrator(name) {
    const made = { username: name, password: PASSWORD, setup: this.setup };
    await this.#rest('POST', '/auth/register', made);
    return this.known(name);
  }

  /** A new person, with an access token for what a test arranges behind the page's back. */
  async person(name = `anna${(this.#users += 1)}`) {
    await this.#rest('POST', '/auth/register', { username: name, password: PASSWORD });
    return this.known(name);
  }

  /** A person who has an account. */
  async known(name) {
    const login = { username: name, password: PASSWORD };
    const { access_token: token } = await this.#rest('POST', '/auth/login', login);
    const rest = (method, path, body) => this.#rest(method, path, body, token);
    return { name, password: PASSWORD, token, rest };
  }

  /** A new device of that person, connected; what it says it is, the server has heard. */
  async device(person, kind, description, reported, { room, answer } = {}) {
    const made = await person.rest('POST', '/devices', { kind, description, room });
    const { username: id, password: secret } = made.mqtt;
    const device = await new Device({ id, secret, port: this.mqtt, answer }).open();
    this.#devices.push(device);
    if (!reported) return device;
    device.state(reported);
    const [first] = Object.keys(reported);
    const heard = async () => first in (await person.rest('GET', `/devices/${id}`)).reported;
    await until(heard, true);
    return device;
  }

  /** A browser of its own (cookies, store), at the door. */
  async visit(options = {}) {
    this.browser ??= await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        // A page that came from a folder has no address; the browser would keep it from loopback.
        '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets',
      ],
    });
    const context = await this.browser.newContext({
      viewport: { width: 1280, height: 860 },
      locale: 'en-GB',
      reducedMotion: 'reduce', // what moves is not what is tested, and has arrived at once
      serviceWorkers: STATIC ? 'block' : 'allow',
      ...options,
    });
    if (STATIC) await context.route(`${this.url}/**`, fromFolder);
    return this.tab(context);
  }

  /** One more tab of a browser. */
  async tab(context) {
    const page = await context.newPage();
    page.faults = [];
    page.on('pageerror', (fault) => page.faults.push(String(fault)));
    page.on('console', (line) => {
      const expected = /Failed to load resource|ERR_CONNECTION|ERR_INTERNET|WebSocket/;
      if (line.type() === 'error' && !expected.test(line.text())) page.faults.push(line.text());
    });
    await page.goto(this.url);
    return page;
  }

  /** A browser of its own, in the house. */
  async signedIn(person, options) {
    const page = await this.visit(options);
    await enter(page, person);
    return page;
  }
}

/** Comes in by the door. */
export async function enter(page, person) {
  await page.getByLabel('Username').fill(person.name);
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

/** Answers with the folder's file, under the server's own headers. */
async function fromFolder(route) {
  const { pathname } = new URL(route.request().url());
  const path = join(STATIC, pathname === '/' ? 'index.html' : pathname);
  if (!existsSync(path)) return route.continue();
  const { 'content-security-policy': policy } = (await route.fetch()).headers();
  return route.fulfill({ path, headers: { 'content-security-policy': policy } });
}

/**
 * Lets a page's sockets be cut as a sleep cuts them: a `deaf` one takes what is sent, and nothing
 * ever comes. To be called before the page is opened.
 */
export const severable = (page) =>
  page.addInitScript(() => {
    const Whole = window.WebSocket;
    window.sockets = [];
    window.WebSocket = class extends Whole {
      constructor(...address) {
        super(...address);
        window.sockets.push(this);
      }
      set onmessage(heard) {
        super.onmessage = (event) => this.deaf || heard?.(event);
      }
    };
  });

/** Stops everything in the browser's pages, as a closed lid does, until `meanwhile` is over. */
export async function asleep(page, meanwhile) {
  const browser = await page.context().browser().newBrowserCDPSession();
  const { processInfo } = await browser.send('SystemInfo.getProcessInfo');
  const pages = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
  for (const id of pages) process.kill(id, 'SIGSTOP');
  try {
    await meanwhile();
  } finally {
    for (const id of pages) process.kill(id, 'SIGCONT');
  }
}

/** The card of a device. */
export const card = (page, name) => page.getByRole('article', { name, exact: true });
export const toggle = (page, name) => card(page, name).getByRole('switch');

/** Opens a device's sheet. */
export async function open(page, name) {
  await card(page, name).getByRole('button', { name, exact: true }).click();
  return page.getByRole('dialog');
}

/** Waits until `read()` answers `wanted`; a test's own eyes. */
export async function until(read, wanted) {
  const end = Date.now() + SEEN_WITHIN_MS;
  for (;;) {
    const seen = await read();
    if (seen === wanted) return;
    if (Date.now() > end) throw new Error(`still ${seen}, not ${wanted}`);
    await new Promise((wake) => {
      setTimeout(wake, 30);
    });
  }
}

const LAMP_REPORTS = { brightness: 40, color_temp_k: 2700, hue: 30, saturation: 0, effect: 'none' };
/** What devices say when they come. */
export const LAMP = { on: false, ...LAMP_REPORTS };
export const COOKER = { heating: false, target_c: 54.5, water_c: 21.5, phase: 'idle', duty_pct: 0 };
export const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

export const checked = (page, name) => () => toggle(page, name).getAttribute('aria-checked');
export const live = (page) => () => page.locator('live-badge').getAttribute('data-state');
/** Nothing went wrong that only the console would tell. */
export const silently = (page) => assert.deepEqual(page.faults, [], 'nothing on the console');

/** Waits until the page stands as it was meant: what moves has arrived, and was painted. */
async function settled(page) {
  await page.evaluate(async () => {
    await document.fonts.ready;
    const moves = document
      .getAnimations()
      .filter((one) => one.timeline === document.timeline)
      .filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime));
    await Promise.allSettled(moves.map((one) => one.finished));
    await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
  });
}

/** What is wider than the page, or too small for a finger (WCAG 2.2, 2.5.5: 44 px). */
export async function misfits(page) {
  await settled(page);
  return page.evaluate(() => {
    const wide = document.documentElement.scrollWidth > innerWidth ? ['the page scrolls'] : [];
    const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document;
    const things = top.querySelectorAll(
      'button, a, select, summary, input:not([type=radio]), [role=switch], label.kind',
    );
    const small = [...things].filter((one) => {
      if (!one.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return false;
      // A card's name is the handle of the whole card; the skip link shows itself when focused.
      if (one.matches('.card-open, .skip')) return false;
      const { width, height } = one.getBoundingClientRect();
      return width < 43.5 || height < 43.5;
    });
    return [...wide, ...small.map((one) => one.outerHTML.slice(0, 120))];
  });
}

/** What moves although the person asked for less (what scrolling moves is the person's doing). */
export function moving(page) {
  return page.evaluate(() =>
    document
      .getAnimations()
      .filter((one) => one.timeline === document.timeline)
      .filter((one) => one.effect.getComputedTiming().duration > 1)
      .map((one) => one.animationName ?? one.transitionProperty),
  );
}

/** A picture for whoever looks through them. */
export async function shot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await settled(page);
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

/** What axe-core finds on the page as it is: one line a violation. */
export async function axe(page) {
  await settled(page);
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: AXE }); // past the page's own policy
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}
