// Coming in, going out, sharing, and being shut out.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Device } from './device.js';
import { House, LAMP, card, checked, open, silently, toggle, until } from './house.js';

const WITHIN = { timeout: 120_000 };

let house;
before(async () => {
  house = await new House().start();
});
after(() => house?.close());

test('a person makes an account, adds a device and hears from it', WITHIN, async () => {
  const page = await house.visit();
  await page.getByLabel('Username').fill('bob');
  await page.getByLabel('Password').fill('warm and dry feet');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('button', { name: 'Add device' }).click();
  await page.getByLabel('Name', { exact: true }).fill(`Bob's "lamp"`);
  await page.getByRole('button', { name: 'Continue' }).click();
  const line = await page.getByRole('region', { name: 'Say its first state' }).innerText();
  assert.match(line, /^mosquitto_pub -h \S+ -p \d+ -u \d+ -P '\S+' -t devices\/\d+\/state/);
  const [, port, id, secret] = /-p (\d+) -u (\d+) -P '(\S+)'/.exec(line);
  assert.equal(Number(port), house.mqtt, 'the line names the port that is open');
  await page.getByRole('button', { name: 'Continue' }).click();
  const device = await new Device({ id, secret, port: house.mqtt }).open();
  device.state(LAMP);
  await page.getByText('It’s here!').waitFor();
  await page.getByRole('button', { name: 'Open device' }).click();
  await page.getByRole('slider', { name: 'Brightness' }).waitFor();
  device.close();
  silently(page);
});

test('a wrong password is told in words', WITHIN, async () => {
  const page = await house.visit();
  await page.getByLabel('Username').fill('nobody');
  await page.getByLabel('Password').fill('nothing at all');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('don’t belong together').waitFor();
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

test('a session that is ended elsewhere shows the door at once', WITHIN, async () => {
  const person = await house.person();
  const lost = await house.signedIn(person);
  const mine = await house.signedIn(person);
  await mine.getByRole('link', { name: 'Account' }).click();
  const others = mine.getByRole('button', { name: /^End / });
  // The last to come is this one, and has no button; before it came `lost`, and first the test.
  await others.first().click();
  await mine.getByRole('dialog').getByRole('button', { name: 'End' }).click();
  await lost.getByLabel('Username').waitFor();
  await mine.getByRole('heading', { name: 'Account' }).waitFor();
  silently(mine);
});

test('a new password puts every other browser out', WITHIN, async () => {
  const person = await house.person();
  const other = await house.signedIn(person);
  const page = await house.signedIn(person);
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByLabel('Present password').fill('not this one');
  await page.getByLabel('New password').fill('cold and wet feet');
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('not the present password').waitFor();
  await page.getByLabel('Present password').fill(person.password);
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('Your password was changed').waitFor();
  await other.getByLabel('Username').waitFor();
  await house.signedIn({ ...person, password: 'cold and wet feet' });
});

test('an API token is shown once, works as far as it may, and ends', WITHIN, async () => {
  const person = await house.person();
  await house.device(person, 'light', 'Lamp', LAMP);
  const page = await house.signedIn(person);
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByLabel('New token for').fill('grafana');
  await page.getByLabel('It may').selectOption('read');
  const panel = page.locator('section.panel', { hasText: 'API tokens' });
  await panel.getByRole('button', { name: 'Make' }).click();
  const token = await panel.getByRole('status', { name: 'Secret' }).innerText();
  const asked = () =>
    fetch(`${house.url}/devices`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await asked()).status, 200);
  await panel.getByRole('button', { name: 'End grafana' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End' }).click();
  await until(async () => (await asked()).status, 401);
  silently(page);
});

test('a shared device comes and goes on the other page at once', WITHIN, async () => {
  const owner = await house.person();
  const guest = await house.person();
  await house.device(owner, 'light', 'Lamp', LAMP);
  const page = await house.signedIn(owner);
  const other = await house.signedIn(guest);
  const sheet = await open(page, 'Lamp');
  await sheet.getByRole('tab', { name: 'People' }).click();
  await sheet.getByLabel('Their username').fill(guest.name);
  await sheet.getByRole('button', { name: 'Share', exact: true }).click();
  await card(other, 'Lamp').waitFor();
  assert.ok(await toggle(other, 'Lamp').isDisabled(), 'who may look may not use');
  await sheet.getByRole('button', { name: `Take back from ${guest.name}` }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Take back', exact: true }).click();
  await card(other, 'Lamp').waitFor({ state: 'detached' });
  silently(other);
});

test('a link shares a device with whoever opens it first', WITHIN, async () => {
  const owner = await house.person();
  const guest = await house.person();
  const lamp = await house.device(owner, 'light', 'Lamp', LAMP);
  const page = await house.signedIn(owner);
  const sheet = await open(page, 'Lamp');
  await sheet.getByRole('tab', { name: 'People' }).click();
  await sheet.getByLabel('Right', { exact: true }).selectOption('operator');
  await sheet.getByRole('button', { name: 'Make a link' }).click();
  const link = await sheet.getByRole('status', { name: 'Link' }).innerText();
  const other = await house.visit();
  await other.goto(link);
  await other.getByLabel('Username').fill(guest.name);
  await other.getByLabel('Password').fill(guest.password);
  await other.getByRole('button', { name: 'Sign in' }).click();
  await other.getByRole('dialog', { name: 'Lamp' }).waitFor();
  await other.keyboard.press('Escape');
  await toggle(other, 'Lamp').click();
  await until(() => lamp.heard.at(-1)?.on, true);
  await until(checked(page, 'Lamp'), 'true');
  await other.goto(`${house.url}/#/`);
  await other.goto(link);
  await other.getByText('has been used').waitFor();
});

test('German speaks German, with its own numbers', WITHIN, async () => {
  const person = await house.person();
  await house.device(person, 'thermometer', 'Luft', { temperature_c: 19.4 });
  const page = await house.visit({ locale: 'de-DE' });
  await page.getByLabel('Benutzername').fill(person.name);
  await page.getByLabel('Passwort').fill(person.password);
  await page.getByRole('button', { name: 'Anmelden' }).click();
  await page.getByRole('button', { name: 'Gerät hinzufügen' }).waitFor();
  await card(page, 'Luft').getByText('19,4').waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
});
