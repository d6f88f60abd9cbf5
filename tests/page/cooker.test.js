// A cook from the first tap to the last, and what must not fail on the way.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  COOKER,
  House,
  PHONE,
  axe,
  card,
  enter,
  misfits,
  open,
  shot,
  silently,
  until,
} from './house.js';

const WITHIN = { timeout: 120_000 };
const COOKING = { ...COOKER, heating: true, water_c: 54.4, phase: 'cooking', timer_s: 3600 };

let house;
before(async () => {
  house = await new House().start();
});
after(() => house?.close());

test('heat is asked for, and stopped without a question', WITHIN, async () => {
  const person = await house.person();
  const cooker = await house.device(person, 'sous_vide', 'Cooker', COOKER, {
    answer: (desired, self) =>
      self.state({ ...desired, phase: desired.heating === false ? 'idle' : 'preheating' }),
  });
  const page = await house.signedIn(person);
  const sheet = await open(page, 'Cooker');
  await sheet.getByRole('button', { name: 'Start heating' }).click();
  const question = page.getByRole('dialog', { name: 'Start heating?' });
  assert.deepEqual(await axe(page), [], 'the question');
  await question.getByRole('button', { name: 'Cancel' }).click();
  assert.deepEqual(cooker.heard, []);
  await sheet.getByRole('button', { name: 'Start heating' }).click();
  await page
    .getByRole('dialog', { name: 'Start heating?' })
    .getByRole('button', { name: 'Start heating' })
    .click();
  await until(() => cooker.heard.at(-1)?.heating, true);
  await sheet.getByText('Heating up').first().waitFor();
  await sheet.getByRole('button', { name: 'Stop' }).click();
  await until(() => cooker.heard.at(-1)?.heating, false);
  await sheet.getByRole('button', { name: 'Start heating' }).waitFor();
  silently(page);
});

test('the sheet follows a cook: steps, food, countdown, five minutes more', WITHIN, async () => {
  const person = await house.person();
  const ready = { ...COOKING, phase: 'ready', remaining_s: 3600, start_mode: 'manual' };
  const cooker = await house.device(person, 'sous_vide', 'Cooker', ready);
  const page = await house.signedIn(person);
  const sheet = await open(page, 'Cooker');
  const step = () => sheet.locator('.steps [aria-current]').innerText();
  await until(step, 'Ready');
  await sheet.getByRole('button', { name: 'Food is in' }).click();
  await until(() => cooker.heard.at(-1)?.start, true);
  cooker.state({ phase: 'cooking', start: true, remaining_s: 3600 });
  await until(step, 'Cook');
  await sheet.getByText(/^5\d:\d\d$/).waitFor(); // it counts on between two reports
  await sheet.getByRole('button', { name: 'Timer +5 min' }).click();
  await until(() => cooker.heard.at(-1)?.timer_s, 3900);
  await sheet.getByRole('button', { name: 'Timer -5 min' }).click();
  await until(() => cooker.heard.at(-1)?.timer_s, 3600);
  await sheet.getByText('What happened').click();
  await sheet.getByRole('listitem').getByText('Cooking').waitFor();
  await shot(page, 'cooker');
  cooker.state({ phase: 'holding', remaining_s: 0, held_s: 65 });
  await until(step, 'Done');
  await sheet.getByText('kept warm').waitFor();
  silently(page);
});

test('while it heats the sheet says when, and between which times', WITHIN, async () => {
  const person = await house.person();
  const heating = { ...COOKING, phase: 'preheating', water_c: 30 };
  const { id } = await house.device(person, 'sous_vide', 'Cooker', heating);
  const page = await house.visit();
  // The server reckons after a minute of heating; what it will say then is said at once.
  let say;
  await page.routeWebSocket(/\/ws\?/, (tab) => {
    let seq = 0;
    tab.connectToServer().onMessage((frame) => {
      seq = JSON.parse(frame).seq ?? seq;
      tab.send(frame);
    });
    say = (changes) => tab.send(JSON.stringify({ type: 'delta', seq: (seq += 1), id: Number(id), changes }));
  });
  await page.goto(house.url);
  await enter(page, person);
  const sheet = await open(page, 'Cooker');
  await sheet.getByRole('button', { name: 'Stop' }).waitFor();
  say({ estimates: { eta_s: 1800, eta_range_s: [1500, 2400] } });
  await sheet.getByText(/There in about 30 min \(\d\d?:\d\d–\d\d?:\d\d\)/).waitFor();
  say({ estimates: { eta_s: 1800, eta_range_s: [1500, null] } });
  await sheet.getByText(/There in about 30 min \(\d\d?:\d\d or later\)/).waitFor();
  say({ estimates: { eta_s: 1800 } });
  await sheet.getByText(/There in about 30 min \(\d\d?:\d\d\)/).waitFor();
  silently(page);
});

test('an alarm is shown, acknowledged, and goes by itself', WITHIN, async () => {
  const person = await house.person();
  const cooker = await house.device(person, 'sous_vide', 'Cooker', COOKING);
  const page = await house.signedIn(person, PHONE);
  await card(page, 'Cooker').waitFor();
  cooker.state({ low_water: true });
  await page.getByRole('status').getByText('Cooker: Too little water').waitFor();
  const sheet = await open(page, 'Cooker');
  const alarm = sheet.getByRole('alert').filter({ hasText: 'Too little water' });
  assert.deepEqual(await axe(page), []);
  await shot(page, 'alarm-phone');
  await alarm.getByRole('button', { name: 'Seen' }).click();
  await alarm.getByText(`seen by ${person.name}`).waitFor();
  cooker.state({ low_water: false });
  await alarm.waitFor({ state: 'detached' });
});

test('Stop waits for the network, and says so', WITHIN, async () => {
  const person = await house.person();
  const cooker = await house.device(person, 'sous_vide', 'Cooker', COOKING);
  const page = await house.signedIn(person);
  await card(page, 'Cooker').getByRole('button', { name: 'Stop' }).waitFor();
  await house.kill();
  await card(page, 'Cooker').getByRole('button', { name: 'Stop' }).click();
  await card(page, 'Cooker').getByText('queued until the network is back').waitFor();
  await shot(page, 'stop-queued');
  await house.start();
  await cooker.open();
  await until(() => cooker.heard.at(-1)?.heating, false);
});

test(
  'the large view fills the screen, keeps Stop, and keeps the screen awake',
  WITHIN,
  async () => {
    const person = await house.person();
    await house.device(person, 'sous_vide', 'Cooker', { ...COOKING, remaining_s: 600 });
    const page = await house.signedIn(person, PHONE);
    await page.evaluate(() => {
      window.locks = [];
      navigator.wakeLock.request = async (kind) => {
        window.locks.push(kind);
        return { release: async () => window.locks.pop() };
      };
    });
    const sheet = await open(page, 'Cooker');
    await sheet.getByRole('button', { name: 'Large view' }).click();
    await until(() => page.evaluate(() => window.locks.length), 1);
    assert.deepEqual(await misfits(page), []);
    await sheet.getByRole('button', { name: 'Stop' }).waitFor();
    await shot(page, 'large-phone');
    await sheet.getByRole('button', { name: 'Close' }).click();
    await until(() => page.evaluate(() => window.locks.length), 0);
  },
);

test('who looks elsewhere is told when the water is ready', WITHIN, async () => {
  const person = await house.person();
  const heating = { ...COOKING, phase: 'preheating' };
  const cooker = await house.device(person, 'sous_vide', 'Cooker', heating);
  const page = await house.signedIn(person, { permissions: ['notifications'] });
  await card(page, 'Cooker').getByText('Heating up').waitFor();
  await page.evaluate(() => {
    window.told = [];
    Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
    const note = (title, { body }) => window.told.push(`${title}: ${body}`);
    navigator.serviceWorker.getRegistration = async () => ({ showNotification: note });
  });
  cooker.state({ phase: 'ready' });
  const told = () => page.evaluate(() => window.told.join());
  await until(told, 'Cooker: The water is ready for the food.');
});

test('in Fahrenheit everything is, and the device still hears Celsius', WITHIN, async () => {
  const person = await house.person();
  const cooker = await house.device(person, 'sous_vide', 'Cooker', COOKER);
  const page = await house.signedIn(person, { locale: 'en-US' });
  await card(page, 'Cooker').getByText('70.7 °F').waitFor();
  const sheet = await open(page, 'Cooker');
  await sheet.getByRole('slider', { name: 'Target temperature' }).fill('60');
  await sheet.getByText('140.0 °F').first().waitFor();
  await until(() => cooker.heard.at(-1)?.target_c, 60);
  await sheet.getByRole('tab', { name: 'Settings' }).click();
  await sheet
    .getByText(/\d:\d\d:\d\d [AP]M/)
    .first()
    .waitFor();
});
