// The house from behind.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { House, LAMP, card, checked, shot, silently, toggle, until } from './house.js';

const WITHIN = { timeout: 120_000 };

let house;
before(async () => {
  house = await new House().start();
});
after(() => house?.close());

test('the first link makes an administrator, who sees the tree live', WITHIN, async () => {
  const page = await house.visit();
  await page.goto(`${house.url}/?setup=${house.setup}`);
  await page.getByText('makes the first administrator').waitFor();
  await page.getByLabel('Username').fill('root');
  await page.getByLabel('Password').fill('warm and dry feet');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('link', { name: 'Administration' }).click();
  const tree = page.locator('.tree');
  await tree.getByText('memory', { exact: true }).waitFor();
  assert.ok(!page.url().includes('setup'), 'the used word is gone from the address');
  const person = await house.person();
  const lamp = await house.device(person, 'light', 'Lamp', LAMP);
  const row = tree.locator('.node', { hasText: 'Lamp' });
  await row.getByText(`of ${person.name}`).waitFor();
  let level = 0;
  const talk = setInterval(() => lamp.state({ brightness: 1 + ((level += 1) % 100) }), 20);
  await row.getByText(/\d+ waiting · [1-9][\d.,]*\/s/).waitFor();
  clearInterval(talk);
  silently(page);
});

test('a killed device comes back, and nobody else notices', WITHIN, async () => {
  const person = await house.person();
  await house.device(person, 'light', 'Victim', LAMP);
  const other = await house.device(person, 'light', 'Bystander', LAMP);
  const home = await house.signedIn(person);
  const page = await house.signedIn({ name: 'root', password: person.password });
  await page.getByRole('link', { name: 'Administration' }).click();
  await page.getByRole('button', { name: 'Kill Victim' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Kill' }).click();
  await page.getByText(/Victim was killed and runs again/).waitFor();
  const said = await page.getByText(/Victim was killed/).innerText();
  const [, well, all] = /(\d+) of the (\d+) others/.exec(said);
  assert.equal(well, all);
  await card(home, 'Victim').getByText('offline').waitFor();
  await toggle(home, 'Bystander').click();
  await until(() => other.heard.at(-1)?.on, true);
  await until(checked(home, 'Bystander'), 'true');
  await page.locator('.log', { hasText: 'Victim' }).getByText('killed').first().waitFor();
  silently(page);
});

test('what fails again and again is shown in quarantine, with its fault', WITHIN, async () => {
  const person = await house.person();
  const { id } = await house.device(person, 'light', 'Wreck', LAMP);
  const page = await house.signedIn({ name: 'root', password: person.password });
  await page.getByRole('link', { name: 'Administration' }).click();
  const admin = await house.known('root');
  const look = page.locator('section.panel', { hasText: 'Needs a look' });
  const row = look.getByRole('listitem').filter({ hasText: 'Wreck' });
  await until(async () => {
    await admin.rest('POST', `/admin/tree/devices/${id}/kill`).catch(() => {}); // between two lives
    return row.getByText('Quarantined').isVisible();
  }, true);
  assert.match(await look.getByRole('listitem').first().innerText(), /^Wreck/, 'the worst first');
  assert.match(await row.innerText(), new RegExp(`of ${person.name} .*killed`));
  const figure = page.locator('.reading', { hasText: 'Quarantined' }).locator('dd');
  await until(() => figure.innerText(), '1');
  await shot(page, 'admin-quarantine');
  silently(page);
});

test('who is no administrator sees nothing of it', WITHIN, async () => {
  const person = await house.person();
  const page = await house.signedIn(person);
  assert.ok(await page.getByRole('link', { name: 'Administration' }).isHidden());
  await page.goto(`${house.url}/#/admin`);
  await page.getByText('Only for administrators').waitFor();
});
