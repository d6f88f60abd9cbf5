// The page in a real browser, on a real server, with devices over real MQTT.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { House, axe, card, open, shot, toggle, until } from './house.js';

const LAMP = {
  on: false,
  brightness: 40,
  color_temp_k: 2700,
  hue: 30,
  saturation: 0,
  effect: 'none',
};
const COOKER = { heating: false, target_c: 54.5, water_c: 21.5, phase: 'idle', duty_pct: 0 };
const SLIDER_PER_S_MAX = 10;
const WITHIN = { timeout: 60_000 };

let house;
before(async () => {
  house = await new House().start();
});
after(() => house?.close());

const checked = (page, name) => () => toggle(page, name).getAttribute('aria-checked');
const live = (page) => () => page.locator('live-badge').getAttribute('data-state');
const silently = (page) => assert.deepEqual(page.faults, [], 'nothing on the console');

test('a person makes an account, adds a device and hears from it', WITHIN, async () => {
  const page = await house.visit();
  assert.deepEqual(await axe(page), []);
  await shot(page, 'door');
  await page.getByLabel('Username').fill('bob');
  await page.getByLabel('Password').fill('warm and dry feet');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('button', { name: 'Add device' }).click();
  assert.deepEqual(await axe(page), []);
  await page.getByLabel('Name', { exact: true }).fill(`Bob's "lamp"`);
  await page.getByRole('button', { name: 'Continue' }).click();
  const line = await page.getByRole('region', { name: 'Say its first state' }).innerText();
  assert.match(line, /^mosquitto_pub -h \S+ -p \d+ -u \d+ -P '\S+' -t devices\/\d+\/state/);
  assert.deepEqual(await axe(page), []);
  await shot(page, 'add-device');
  const [, port, id, secret] = /-p (\d+) -u (\d+) -P '(\S+)'/.exec(line);
  assert.equal(Number(port), house.mqtt, 'the line names the port that is open');
  await page.getByRole('button', { name: 'Continue' }).click();
  const { Device } = await import('./device.js');
  const device = await new Device({ id, secret, port: house.mqtt }).open();
  device.state(LAMP);
  await page.getByText('It’s here!').waitFor();
  await page.getByRole('button', { name: 'Open device' }).click();
  await page.getByRole('slider', { name: 'Brightness' }).waitFor();
  silently(page);
});

test('a wrong password is told in words', WITHIN, async () => {
  const page = await house.visit();
  await page.getByLabel('Username').fill('nobody');
  await page.getByLabel('Password').fill('nothing at all');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('don’t belong together').waitFor();
});

test('a tap reaches the device, shows at once, and both tabs agree', WITHIN, async () => {
  const person = await house.person();
  const lamp = await house.device(person, 'light', 'Lamp', LAMP, { room: 'Hall' });
  const page = await house.signedIn(person);
  const other = await house.signedIn(person, { viewport: { width: 360, height: 740 } });
  await card(other, 'Lamp').waitFor();
  await until(checked(page, 'Lamp'), 'false');
  const shown_ms = await page.evaluate(async () => {
    const button = document.querySelector('article [role=switch]');
    const start = performance.now();
    button.click();
    await new Promise((frame) => {
      requestAnimationFrame(() => setTimeout(frame));
    });
    return button.ariaChecked === 'true' ? performance.now() - start : Infinity;
  });
  assert.ok(shown_ms < 50, `${shown_ms} ms from tap to frame`);
  await until(checked(other, 'Lamp'), 'true');
  assert.deepEqual(lamp.heard, [{ on: true }]);
  silently(page);
});

test('a slider sends at most ten a second, and the last value', WITHIN, async () => {
  const person = await house.person();
  const lamp = await house.device(person, 'light', 'Lamp', { ...LAMP, on: true });
  const page = await house.signedIn(person);
  const sheet = await open(page, 'Lamp');
  const slider = sheet.getByRole('slider', { name: 'Brightness' });
  const { x, y, width, height } = await slider.boundingBox();
  const start = Date.now();
  await page.mouse.move(x + 30, y + height / 2);
  await page.mouse.down();
  for (let at = 30; at < width - 30; at += 6) await page.mouse.move(x + at, y + height / 2);
  await page.mouse.up();
  const took_s = (Date.now() - start) / 1000;
  const last = Number(await slider.inputValue());
  await until(() => lamp.heard.at(-1)?.brightness, last);
  assert.ok(
    lamp.heard.length <= took_s * SLIDER_PER_S_MAX + 2,
    `${lamp.heard.length} in ${took_s} s`,
  );
  assert.deepEqual(await axe(page), []);
  await shot(page, 'light');
});

test('a refused command rolls back and says why', WITHIN, async () => {
  const person = await house.person();
  const answer = (desired, device) => device.refuse({ on: 'child lock' });
  await house.device(person, 'plug', 'Kettle', { on: false, power_w: 0 }, { answer });
  const page = await house.signedIn(person);
  await toggle(page, 'Kettle').click();
  await page.getByText('child lock').first().waitFor();
  await until(checked(page, 'Kettle'), 'false');
});

test('a device that goes away in the middle of a command keeps it pending', WITHIN, async () => {
  const person = await house.person();
  const lamp = await house.device(person, 'light', 'Lamp', LAMP, {
    answer: (_, self) => self.close(),
  });
  const page = await house.signedIn(person);
  await toggle(page, 'Lamp').click();
  await card(page, 'Lamp').getByText('offline').waitFor();
  await card(page, 'Lamp').getByText('changing to').waitFor({ state: 'attached' });
  await shot(page, 'pending-offline');
  lamp.answer = (desired, self) => self.state(desired);
  await lamp.open();
  await until(checked(page, 'Lamp'), 'true');
  await until(() => card(page, 'Lamp').getByText('changing to').count(), 0);
});

test('heat is asked for, and stopped without a question', WITHIN, async () => {
  const person = await house.person();
  const answer = (desired, self) =>
    self.state({ ...desired, phase: desired.heating === false ? 'idle' : 'preheating' });
  const cooker = await house.device(person, 'sous_vide', 'Cooker', COOKER, { answer });
  const page = await house.signedIn(person);
  const sheet = await open(page, 'Cooker');
  await sheet.getByRole('slider', { name: 'Target temperature' }).waitFor();
  await sheet.getByRole('button', { name: 'Start heating' }).click();
  assert.equal(cooker.heard.length, 0, 'nothing heats before the answer');
  await page.locator('.ask').getByRole('button', { name: 'Start heating' }).click();
  await sheet.getByText('Heating up').first().waitFor();
  assert.deepEqual(await axe(page), []);
  await shot(page, 'cooker');
  await sheet.getByRole('button', { name: 'Stop' }).click();
  await until(() => cooker.heard.at(-1)?.heating, false);
  await sheet.getByRole('button', { name: 'Start heating' }).waitFor();
  silently(page);
});

test('Stop waits for the network, and says so', WITHIN, async () => {
  const person = await house.person();
  const hot = { ...COOKER, heating: true, phase: 'cooking', remaining_s: 600 };
  const cooker = await house.device(person, 'sous_vide', 'Cooker', hot);
  const page = await house.signedIn(person);
  await card(page, 'Cooker').getByRole('button', { name: 'Stop' }).waitFor();
  const tunnel = await page.context().newCDPSession(page);
  await tunnel.send('Network.enable');
  await house.kill();
  await card(page, 'Cooker').getByRole('button', { name: 'Stop' }).click();
  await card(page, 'Cooker').getByText('queued until the network is back').waitFor();
  await shot(page, 'stop-queued');
  await house.start();
  await cooker.open();
  await until(() => cooker.heard.at(-1)?.heating, false, 30_000);
});

test('a killed server comes back and the page with it, without a reload', WITHIN, async () => {
  const person = await house.person();
  const lamp = await house.device(person, 'light', 'Lamp', LAMP);
  const page = await house.signedIn(person);
  await until(live(page), 'live');
  await page.evaluate(() => {
    window.mark = 'not reloaded';
  });
  await house.kill();
  await until(async () => (await live(page)()) !== 'live', true);
  await house.start();
  await lamp.open();
  await until(live(page), 'live', 30_000);
  await toggle(page, 'Lamp').click();
  await until(() => lamp.heard.at(-1)?.on, true);
  assert.equal(await page.evaluate(() => window.mark), 'not reloaded');
});

test('a reload stays signed in; signing out closes every tab of the browser', WITHIN, async () => {
  const person = await house.person();
  const page = await house.signedIn(person);
  await page.reload();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  const second = await house.tab(page.context());
  await second.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Username').waitFor();
});

test('hostile names are text, and fit a phone', WITHIN, async () => {
  const person = await house.person();
  const names = [
    '<img src=x onerror="window.pwned=1">',
    `'"\`;--`,
    'مصباح غرفة النوم',
    'x'.repeat(200),
  ];
  for (const name of names)
    await house.device(person, 'light', name, LAMP, { room: name.slice(0, 64) });
  const page = await house.signedIn(person, { viewport: { width: 360, height: 740 } });
  for (const name of names) await card(page, name).waitFor();
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  assert.deepEqual(await axe(page), []);
});

for (const scheme of ['light', 'dark']) {
  test(`every screen is right for everybody, ${scheme}`, { timeout: 120_000 }, async () => {
    const person = await house.person();
    await house.device(
      person,
      'light',
      'Floor lamp',
      { ...LAMP, on: true },
      { room: 'Living room' },
    );
    await house.device(person, 'thermometer', 'Air', { temperature_c: 19.4, humidity_pct: 47 });
    await house.device(person, 'sous_vide', 'Cooker', COOKER, { room: 'Kitchen' });
    const page = await house.signedIn(person, { colorScheme: scheme, reducedMotion: 'reduce' });
    await card(page, 'Cooker').waitFor();
    assert.deepEqual(await axe(page), [], 'home');
    await shot(page, `home-${scheme}`);
    for (const name of ['Floor lamp', 'Air', 'Cooker']) {
      const sheet = await open(page, name);
      await sheet.getByRole('tab', { name: 'Settings' }).waitFor();
      for (const tab of await sheet.getByRole('tab').all()) {
        await tab.click();
        assert.deepEqual(await axe(page), [], `${name}, ${await tab.innerText()}`);
      }
      await page.keyboard.press('Escape');
      await sheet.waitFor({ state: 'detached' });
    }
    await page.getByRole('link', { name: 'Account' }).click();
    await page.getByRole('heading', { name: 'Account' }).waitFor();
    assert.deepEqual(await axe(page), [], 'account');
    await shot(page, `account-${scheme}`);
    silently(page);
  });
}

test('the first link makes an administrator, who sees the tree', WITHIN, async () => {
  const page = await house.visit();
  await page.goto(`${house.url}/?setup=${house.setup}`);
  await page.getByText('makes the first administrator').waitFor();
  await page.getByLabel('Username').fill('root');
  await page.getByLabel('Password').fill('warm and dry feet');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('link', { name: 'Administration' }).click();
  await page.getByText('devices', { exact: true }).waitFor();
  assert.deepEqual(await axe(page), []);
  await shot(page, 'admin');
  assert.ok(!page.url().includes('setup'), 'the used word is gone from the address');
  silently(page);
});

test('without a server the page opens with what was last known', WITHIN, async (t) => {
  if (process.env.HEARTH_STATIC) return t.skip('the folder has no service worker');
  const person = await house.person();
  const lamp = await house.device(person, 'light', 'Lamp', { ...LAMP, on: true });
  const page = await house.signedIn(person);
  await card(page, 'Lamp').waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => caches.open('hearth-page-1').then((kept) => kept.match('/')));
  await house.kill();
  await page.reload();
  await page.getByText('Last known state').waitFor();
  await until(checked(page, 'Lamp'), 'true');
  await shot(page, 'last-known');
  await house.start();
  await lamp.open();
  await until(live(page), 'live', 30_000);
  return until(() => page.getByText('Last known state').isVisible(), false);
});

test('on a slow network the page still comes and says what it waits for', WITHIN, async () => {
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
  await until(live(page), 'live', 30_000);
});

test('German speaks German', WITHIN, async () => {
  const person = await house.person();
  const page = await house.visit({ locale: 'de-DE' });
  await page.getByLabel('Benutzername').fill(person.name);
  await page.getByLabel('Passwort').fill(person.password);
  await page.getByRole('button', { name: 'Anmelden' }).click();
  await page.getByRole('button', { name: 'Gerät hinzufügen' }).waitFor();
});
