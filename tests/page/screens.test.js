// Every screen, light and dark, desktop and phone: right for everybody, and looked at.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  COOKER,
  House,
  LAMP,
  PHONE,
  axe,
  card,
  misfits,
  moving,
  open,
  shot,
  silently,
} from './house.js';

const WITHIN = { timeout: 300_000 };
const SIZES = { desktop: {}, phone: PHONE };
const ADMIN = 'root';

let house;
let admin;
before(async () => {
  house = await new House().start();
  admin = await house.administrator(ADMIN);
  await house.device(admin, 'light', 'Floor lamp', { ...LAMP, on: true }, { room: 'Living room' });
  await house.device(admin, 'plug', 'Kettle', { on: false, power_w: 0 }, { room: 'Kitchen' });
  const air = await house.device(admin, 'thermometer', 'Air', {
    temperature_c: 19.4,
    humidity_pct: 47,
    battery_pct: 80,
  });
  air.state({ temperature_c: 19.6 });
  const away = await house.device(admin, 'counter', 'Water meter', { count: 1234 });
  away.close();
  const cooking = { ...COOKER, heating: true, phase: 'cooking', water_c: 54.4, timer_s: 3600 };
  await house.device(
    admin,
    'sous_vide',
    'Cooker',
    { ...cooking, remaining_s: 1800, low_water: true },
    { room: 'Kitchen' },
  );
});
after(() => house?.close());

for (const scheme of ['light', 'dark']) {
  for (const [size, options] of Object.entries(SIZES)) {
    const at = { ...options, colorScheme: scheme };
    const seen = async (page, name) => {
      assert.deepEqual(await axe(page), [], name);
      assert.deepEqual(await misfits(page), [], name);
      assert.deepEqual(await moving(page), [], name);
      await shot(page, `${name}-${size}-${scheme}`);
    };

    test(
      `the door and a new device are right for everybody, ${size}, ${scheme}`,
      WITHIN,
      async () => {
        const page = await house.visit(at);
        await seen(page, 'door');
        await page.getByLabel('Username').fill(`new-${size}-${scheme}`);
        await page.getByLabel('Password').fill(admin.password);
        await page.getByRole('button', { name: 'Create account' }).click();
        await page.getByText('A quiet house').waitFor();
        await seen(page, 'empty');
        await page.getByRole('button', { name: 'Add device' }).click();
        await page.getByLabel('Name', { exact: true }).fill('Reading lamp');
        await seen(page, 'add-kind');
        await page.getByRole('button', { name: 'Continue' }).click();
        await page.getByRole('img', { name: 'QR code' }).waitFor();
        await seen(page, 'add-connect');
        await page.getByRole('button', { name: 'Continue' }).click();
        await page.getByText('Waiting for hello').waitFor();
        await seen(page, 'add-wait');
        silently(page);
      },
    );

    test(
      `the home and its sheets are right for everybody, ${size}, ${scheme}`,
      WITHIN,
      async () => {
        const page = await house.signedIn(admin, at);
        await card(page, 'Cooker').waitFor();
        await card(page, 'Water meter').getByText('offline').waitFor();
        await seen(page, 'home');
        for (const name of ['Floor lamp', 'Air', 'Cooker', 'Water meter']) {
          const sheet = await open(page, name);
          await sheet.getByRole('tab', { name: 'Settings' }).waitFor();
          await sheet.getByRole('tab', { name: 'People' }).waitFor();
          for (const tab of await sheet.getByRole('tab').all()) {
            await tab.click();
            const word = `${name} ${await tab.innerText()}`.toLowerCase().replaceAll(' ', '-');
            await seen(page, word);
          }
          await sheet.getByRole('button', { name: 'Close' }).click();
          await sheet.waitFor({ state: 'detached' });
        }
        silently(page);
      },
    );

    test(
      `account and administration are right for everybody, ${size}, ${scheme}`,
      WITHIN,
      async () => {
        const page = await house.signedIn(admin, at);
        await page.getByRole('link', { name: 'Account' }).click();
        await page.getByRole('heading', { name: 'Signed-in browsers' }).waitFor();
        await page.getByRole('heading', { name: 'API tokens' }).waitFor();
        await seen(page, 'account');
        await page.getByRole('link', { name: 'Administration' }).click();
        await page.getByRole('button', { name: 'Kill Floor lamp' }).waitFor();
        await seen(page, 'admin');
        silently(page);
      },
    );
  }
}
