// A real server on a store of its own, a browser, and short words for what a person does.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { Device } from './device.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BINARY = process.env.HEARTH_BIN ?? join(ROOT, 'target/debug/hearth');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SHOTS = process.env.HEARTH_SHOTS ?? join(ROOT, 'tests/page/shots');
const STATIC = process.env.HEARTH_STATIC; // the page from a folder, not from the binary
const READY_WITHIN_MS = 20_000;
const PASSWORD = 'warm and dry feet';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class House {
  #data = mkdtempSync(join(tmpdir(), 'hearth-page-'));
  #users = 0;

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
    await this.kill();
    await this.browser?.close();
    rmSync(this.#data, { recursive: true, force: true });
  }

  async #rest(method, path, body, token) {
    const headers = { 'content-type': 'application/json' };
    if (token) headers.authorization = `Bearer ${token}`;
    const answer = await fetch(this.url + path, { method, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? null : answer.json();
  }

  /** A new person, with an access token for what a test arranges behind the page's back. */
  async person(name = `anna${(this.#users += 1)}`) {
    await this.#rest('POST', '/auth/register', { username: name, password: PASSWORD });
    const login = { username: name, password: PASSWORD };
    const { access_token: token } = await this.#rest('POST', '/auth/login', login);
    const rest = (method, path, body) => this.#rest(method, path, body, token);
    return { name, password: PASSWORD, token, rest };
  }

  /** A new device of that person, connected and having said `reported`. */
  async device(person, kind, description, reported, { room, answer } = {}) {
    const made = await person.rest('POST', '/devices', { kind, description, room });
    const { username: id, password: secret } = made.mqtt;
    const device = await new Device({ id, secret, port: this.mqtt, answer }).open();
    if (reported) device.state(reported);
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

  /** Comes in by the door. */
  async signedIn(person, options) {
    const page = await this.visit(options);
    await page.getByLabel('Username').fill(person.name);
    await page.getByLabel('Password').fill(person.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    return page;
  }
}

/** Answers with the folder's file, under the server's own headers. */
async function fromFolder(route) {
  const { pathname } = new URL(route.request().url());
  const path = join(STATIC, pathname === '/' ? 'index.html' : pathname);
  if (!existsSync(path)) return route.continue();
  const { 'content-security-policy': policy } = (await route.fetch()).headers();
  return route.fulfill({ path, headers: { 'content-security-policy': policy } });
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
export async function until(read, wanted, within_ms = 5_000) {
  const end = Date.now() + within_ms;
  for (;;) {
    const seen = await read();
    if (seen === wanted) return;
    if (Date.now() > end) throw new Error(`still ${seen}, not ${wanted}`);
    await new Promise((wake) => {
      setTimeout(wake, 30);
    });
  }
}

/** A picture for whoever looks through them. */
export async function shot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.waitForTimeout(600); // what slides in has arrived
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

/** What axe-core finds on the page as it is: one line a violation. */
export async function axe(page) {
  await page.waitForTimeout(600);
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: AXE }); // past the page's own policy
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
}
