// A kind that an operator made: the page has never seen it, and draws it from its schema.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { House, axe, card, misfits, open, shot, silently, until } from './house.js';

const WITHIN = { timeout: 120_000 };
const DOCS = readFileSync(new URL('../../docs/kinds.md', import.meta.url), 'utf8');
const [, AQUARIUM] = /```toml\n(.*?)```/s.exec(DOCS); // the example that people copy

let house;
before(async () => {
  house = await new House().kind('aquarium', AQUARIUM).start();
});
after(() => house?.close());

test('a kind from a file is drawn, and obeys, without a line of code', WITHIN, async () => {
  const person = await house.person();
  const reported = { water_c: 24.9, pump: false, mode: 'day', feed_g: 0 };
  const tank = await house.device(person, 'aquarium', 'Tank', reported);
  const page = await house.signedIn(person);
  await card(page, 'Tank').waitFor();
  const sheet = await open(page, 'Tank');
  await sheet.getByText('24.9 °C').first().waitFor();
  await sheet.getByRole('switch', { name: 'Pump' }).click();
  await until(() => tank.heard.at(-1)?.pump, true);
  await sheet.getByRole('button', { name: 'night' }).click();
  await until(() => tank.heard.at(-1)?.mode, 'night');
  await sheet.getByRole('slider', { name: 'Feed' }).fill('2.5');
  await until(() => tank.heard.at(-1)?.feed_g, 2.5);
  await sheet.getByLabel('Note').fill('two new fish');
  await sheet.getByLabel('Note').press('Enter');
  const note = async () => (await person.rest('GET', `/devices/${tank.id}`)).desired.note;
  await until(note, 'two new fish'); // the server's own, never the device's
  assert.ok(tank.heard.every((heard) => !('note' in heard)));
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(await misfits(page), []);
  await shot(page, 'aquarium');
  silently(page);
});
