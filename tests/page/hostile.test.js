// Text that wants to be more than text.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  House,
  LAMP,
  PHONE,
  axe,
  card,
  misfits,
  open,
  shot,
  silently,
  toggle,
  until,
} from './house.js';

const WITHIN = { timeout: 180_000 };
const TAGS = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>';
const NAMES = [
  TAGS.slice(0, 36),
  `'"\`;--\\ {name} {{7*7}}`,
  'مصباح غرفة النوم',
  '\u202eturned around',
  'x'.repeat(200),
  '👩‍🍳🔥'.repeat(20),
];
const LONG = `${TAGS} ${'y'.repeat(10_000)}`;

let house;
before(async () => {
  house = await new House().start();
});
after(() => house?.close());

const untouched = async (page) => {
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.deepEqual(await misfits(page), []);
  silently(page);
};

test('hostile names are text, and fit a phone', WITHIN, async () => {
  const person = await house.person();
  for (const name of NAMES) {
    const room = [...name].slice(0, 20).join('');
    await house.device(person, 'light', name, LAMP, { room });
  }
  const page = await house.signedIn(person, PHONE);
  for (const name of NAMES) await card(page, name).waitFor();
  await untouched(page);
  assert.deepEqual(await axe(page), []);
  await shot(page, 'hostile-phone');
  for (const name of NAMES) {
    const sheet = await open(page, name);
    await sheet.getByRole('tab', { name: 'Settings' }).click();
    await sheet.getByRole('button', { name: 'Delete device' }).click();
    const question = page.locator('dialog.ask');
    await question.getByRole('button', { name: 'Cancel' }).click();
    await untouched(page);
    await sheet.getByRole('button', { name: 'Close' }).click();
    await sheet.waitFor({ state: 'detached' });
  }
});

test('ten thousand characters from a device are text, and fit a phone', WITHIN, async () => {
  const person = await house.person();
  const answer = (desired, device) => device.refuse({ on: LONG });
  const plug = await house.device(person, 'plug', 'Plug', { on: false, power_w: 1 }, { answer });
  const page = await house.signedIn(person, PHONE);
  await toggle(page, 'Plug').click();
  await page.getByRole('status').getByText('<img').first().waitFor();
  await untouched(page);
  plug.state({ on: LONG, power_w: LONG });
  plug.state({ [LONG]: LONG });
  const sheet = await open(page, 'Plug');
  await sheet.getByText('Last problem').waitFor();
  await untouched(page);
  await shot(page, 'hostile-long-phone');
  assert.deepEqual(await axe(page), []);
  for (const tab of await sheet.getByRole('tab').all()) {
    await tab.click();
    await untouched(page);
  }
});

test('a name that runs the other way does not turn the sentence around it', WITHIN, async () => {
  const person = await house.person();
  const name = '\u202eevil';
  const answer = (desired, device) => device.refuse({ on: 'no' });
  await house.device(person, 'plug', name, { on: false }, { answer });
  const page = await house.signedIn(person);
  await toggle(page, name).click();
  await page.getByRole('status').getByText('\u2068\u202eevil\u2069').waitFor();
});
