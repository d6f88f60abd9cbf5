// Taps and slides: what a person asks for, what shows at once, what the device makes of it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { House, LAMP, PHONE, card, checked, open, shot, silently, toggle, until } from './house.js';

const SLIDER_PER_S_MAX = 10;
const SHOWN_PER_S_MAX = 10;
const WITHIN = { timeout: 120_000 };

let house;
before(async () => {
  house = await new House().start();
});
after(() => house?.close());

test(
  'a tap shows in the very next frame, reaches the device, and both tabs agree',
  WITHIN,
  async () => {
    const person = await house.person();
    const lamp = await house.device(person, 'light', 'Lamp', LAMP, { room: 'Hall' });
    const page = await house.signedIn(person);
    const other = await house.signedIn(person, PHONE);
    await card(other, 'Lamp').waitFor();
    await until(checked(page, 'Lamp'), 'false');
    const shown = await page.evaluate(async () => {
      const button = document.querySelector('article [role=switch]');
      button.click();
      await new Promise(requestAnimationFrame);
      return button.ariaChecked;
    });
    assert.equal(shown, 'true');
    await until(checked(other, 'Lamp'), 'true');
    await until(() => lamp.heard.length, 1); // the pages may know before the device does
    assert.deepEqual(lamp.heard, [{ on: true }]);
    await toggle(other, 'Lamp').click();
    await until(checked(page, 'Lamp'), 'false');
    silently(page);
    silently(other);
  },
);

test('a slider sends at most ten a second, and always the last value', WITHIN, async () => {
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
});

test('what comes fast is shown together, and always the last of it', WITHIN, async () => {
  const person = await house.person();
  const lamp = await house.device(person, 'light', 'Lamp', { ...LAMP, on: true });
  const page = await house.signedIn(person);
  await card(page, 'Lamp').getByText('40 %').waitFor();
  await page.evaluate(() => {
    window.shown = 0;
    const count = () => (window.shown += 1);
    const options = { subtree: true, childList: true, characterData: true };
    new MutationObserver(count).observe(document.querySelector('article'), options);
  });
  const start = Date.now();
  for (let level = 41; level <= 100; level += 1) {
    lamp.state({ brightness: level });
    await pause(10);
  }
  await card(page, 'Lamp').getByText('100 %').waitFor();
  const took_s = (Date.now() - start) / 1000;
  const shown = await page.evaluate(() => window.shown);
  assert.ok(shown <= took_s * SHOWN_PER_S_MAX + 2, `${shown} times in ${took_s} s`);
});

test('while a command is pending the target stands beside the actual value', WITHIN, async () => {
  const person = await house.person();
  const lamp = await house.device(
    person,
    'light',
    'Lamp',
    { ...LAMP, on: true },
    {
      answer: () => {},
    },
  );
  const page = await house.signedIn(person);
  const sheet = await open(page, 'Lamp');
  await sheet.getByRole('slider', { name: 'Brightness' }).fill('80');
  await card(page, 'Lamp').getByText('80 %').waitFor();
  assert.match(await card(page, 'Lamp').innerText(), /40 %\s*→\s*(changing to)?\s*80 %/);
  await sheet.getByText('40 % →').waitFor();
  await shot(page, 'pending');
  lamp.state({ brightness: 80 });
  await sheet.getByText('40 % →').waitFor({ state: 'hidden' });
});

test('a refused command rolls back and says why', WITHIN, async () => {
  const person = await house.person();
  const answer = (desired, device) => device.refuse({ on: 'child lock' });
  await house.device(person, 'plug', 'Kettle', { on: false, power_w: 0 }, { answer });
  const page = await house.signedIn(person);
  await toggle(page, 'Kettle').click();
  await page.getByRole('status').getByText('child lock').waitFor();
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
  await card(page, 'Lamp').getByText('changing to').waitFor({ state: 'detached' });
  await until(checked(page, 'Lamp'), 'true');
});

test('an offline device shows its last values greyed, with their age', WITHIN, async () => {
  const person = await house.person();
  const air = await house.device(person, 'thermometer', 'Air', { temperature_c: 19.4 });
  const page = await house.signedIn(person);
  await card(page, 'Air').getByText('19.4').waitFor();
  air.close();
  await card(page, 'Air')
    .getByText(/^offline \d+ s$/)
    .waitFor();
  assert.equal(await card(page, 'Air').getAttribute('data-offline'), '');
  await card(page, 'Air').getByText('19.4').waitFor();
});

test('what was heard is taken away as numbers and as a picture', WITHIN, async () => {
  const person = await house.person();
  await house.device(person, 'thermometer', 'Air', { temperature_c: 19.4 });
  const page = await house.signedIn(person);
  const sheet = await open(page, 'Air');
  await sheet.getByRole('tab', { name: 'History' }).click();
  const taken = async (name) => {
    const file = page.waitForEvent('download');
    await sheet.getByRole('button', { name, exact: true }).click();
    return readFile(await (await file).path(), 'utf8');
  };
  assert.match(await taken('CSV'), /19\.4/);
  assert.match(await taken('Picture'), /^<svg[^]*Air/);
  silently(page);
});

test('the keyboard alone turns a lamp on, opens its sheet and closes it', WITHIN, async () => {
  const person = await house.person();
  const lamp = await house.device(person, 'light', 'Lamp', LAMP);
  const page = await house.signedIn(person);
  await toggle(page, 'Lamp').focus();
  await page.keyboard.press('Space');
  await until(() => lamp.heard.at(-1)?.on, true);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const sheet = page.getByRole('dialog', { name: 'Lamp' });
  await sheet.waitFor();
  await sheet.getByRole('slider', { name: 'Brightness' }).focus();
  await page.keyboard.press('ArrowRight');
  await until(() => lamp.heard.at(-1)?.brightness, 41);
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'detached' });
});
