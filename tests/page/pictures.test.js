// The README's pictures, of a furnished house: `npm run pictures` puts them into docs/.
import { after, before, test } from 'node:test';
import { COOKER, House, LAMP, PHONE, card, open, shot, silently } from './house.js';

const WITHIN = { timeout: 120_000 };
const MINUTE_MS = 60_000;
const COOKED_MIN = 70;
const SHARP_PHONE = { ...PHONE, deviceScaleFactor: 2 };
const PICTURES = [
  ['desktop', 'light', {}],
  ['desktop', 'dark', { sheet: true }],
  ['phone', 'light', { ...SHARP_PHONE, sheet: true }],
  ['phone', 'dark', SHARP_PHONE],
];

let house;
let person;
before(async () => {
  house = await new House().start();
  person = await house.person('Anna');
  const add = (room, kind, name, state) => house.device(person, kind, name, state, { room });
  const warm = { on: true, brightness: 62, color_temp_k: 2700 };
  await add('Living room', 'light', 'Floor lamp', { ...LAMP, ...warm });
  await add('Living room', 'light', 'Shelf', {
    ...LAMP,
    on: true,
    brightness: 40,
    hue: 265,
    saturation: 60,
  });
  await add('Living room', 'thermometer', 'Air', { temperature_c: 21.4, humidity_pct: 46 });
  await add('Kitchen', 'plug', 'Kettle', { on: false, power_w: 0 });
  await add('Kitchen', 'light', 'Worktop', { ...LAMP, ...warm, brightness: 90 });
  await add('Bedroom', 'light', 'Bedside', LAMP);
  const freezer = await add('Cellar', 'thermometer', 'Freezer', { temperature_c: -18.2 });
  freezer.close();
  await add('Cellar', 'counter', 'Water meter', { count: 48_213 });
  await cook(
    await add('Kitchen', 'sous_vide', 'Cooker', { ...COOKER, water_c: 54.4, timer_s: 7200 }),
  );
});
after(() => house?.close());

/** A cook of the last hour, in its own words. */
async function cook(cooker) {
  for (let min = -COOKED_MIN; min < 0; min += 1) {
    const water_c = Math.min(54.5, 21.5 + (min + COOKED_MIN) * 0.9) + 0.04 * Math.sin(min);
    cooker.telemetry({
      water_c: Math.round(water_c * 100) / 100,
      ts: Date.now() + min * MINUTE_MS,
    });
  }
  const now = { phase: 'cooking', water_c: 54.48, remaining_s: 4980, duty_pct: 12 };
  cooker.state({ heating: true, target_c: 54.5, ...now });
}

for (const [size, colorScheme, { sheet, ...options }] of PICTURES) {
  test(`the house, ${size}, ${colorScheme}`, WITHIN, async () => {
    const page = await house.signedIn(person, { ...options, colorScheme });
    await card(page, 'Cooker').getByText('Cooking').waitFor();
    await card(page, 'Freezer').getByText('offline').waitFor();
    if (sheet) await (await open(page, 'Cooker')).getByRole('button', { name: 'Stop' }).waitFor();
    await shot(page, `page-${size}-${colorScheme}`);
    silently(page);
  });
}
