/* How a device looks from outside: its state line, its warmth, and the colour of its light. */
import { house } from './house.js';
import { show, word } from './units.js';
import { t } from './words.js';

const LINES = { light: lightLine, sous_vide: cookerLine };
const WHITE_K = 2900;
const HEATING = ['preheating', 'ready', 'cooking', 'holding'];

/** The state line: parts of `{ text, target? }`; a `target` is what a pending command wants. */
export function stateLine(device) {
  if (!device.last_seen && !Object.keys(device.reported ?? {}).length) return [];
  const parts = (LINES[device.kind] ?? schemaLine)(device).filter(Boolean);
  if (parts.length || bigReading(device)) return parts;
  return [{ text: device.status ? word(device.status) : t('card.silent') }];
}

/** One property as a part of the state line, or null when nobody ever said anything of it. */
function part(device, name) {
  const { schema, actual, target, pending } = house.view(device, name);
  if (actual === undefined && !pending) return null;
  const text = actual === undefined ? '' : show(actual, schema);
  return pending ? { text, target: show(target, schema) } : { text };
}

function lightLine(device) {
  const on = part(device, 'on');
  const lit = house.view(device, 'on').target;
  return [on, lit === false ? null : part(device, 'brightness')];
}

function cookerLine(device) {
  const phase = device.reported?.phase;
  const line = [phase ? { text: word(phase) } : null];
  const heating = house.view(device, 'heating');
  if (heating.pending)
    line[0] = { text: phase ? word(phase) : '', target: t(heating.target ? 'cook.heat' : 'off') };
  if (heating.target || HEATING.includes(phase)) line.push(part(device, 'target_c'));
  return line;
}

function schemaLine(device) {
  const { properties } = house.kind(device.kind);
  const first = (names) => names.map((name) => part(device, name)).filter(Boolean);
  const names = Object.keys(properties);
  const control = names.filter(
    (name) => properties[name].type === 'bool' && properties[name].writable,
  );
  const readings = names.filter(
    (name) => !control.includes(name) && !properties[name].writable && name !== bigReading(device),
  );
  const rest = names.filter((name) => properties[name].writable && !control.includes(name));
  return [...first(control).slice(0, 1), ...first(readings).slice(0, 2), ...first(rest)].slice(
    0,
    3,
  );
}

/** The property that a card shows big, if the device has one. */
export function bigReading(device) {
  const name = device.kind === 'sous_vide' ? 'water_c' : 'temperature_c';
  return name in house.kind(device.kind).properties ? name : null;
}

/** The on/off property of a device that a card's one switch turns, if it has one. */
export function mainSwitch(device) {
  if (device.kind === 'sous_vide') return null;
  const { properties } = house.kind(device.kind);
  const names = Object.keys(properties).filter(
    (name) => properties[name].type === 'bool' && properties[name].writable,
  );
  return names.includes('on') ? 'on' : (names[0] ?? null);
}

/** Whether a cooker heats or was asked to; asked to stop, it is hot until it says otherwise. */
export function isHeating(device) {
  const { target } = house.view(device, 'heating');
  return target === true || HEATING.includes(device.reported?.phase);
}

/** Whether the device is doing something now, so that its card glows. */
export function isWarm(device) {
  if (device.kind === 'sous_vide') return isHeating(device);
  const name = mainSwitch(device);
  return name ? house.view(device, name).target === true : false;
}

/** The colour of a light as CSS. */
export function lightColour(device) {
  const hue = house.view(device, 'hue').target;
  const saturation = house.view(device, 'saturation').target ?? 100;
  if (hue !== undefined && isColoured(device)) return colour(hue, saturation);
  return white(house.view(device, 'color_temp_k').target ?? WHITE_K);
}

/** White and colour exclude each other: whichever was wanted last, else what it reports. */
function isColoured(device) {
  const coloured = Math.max(house.wants(device, 'hue'), house.wants(device, 'saturation'));
  const plain = house.wants(device, 'color_temp_k');
  return coloured === plain ? (device.reported?.saturation ?? 0) > 0 : coloured > plain;
}

/** Hue and saturation as the colour a lamp would show. */
export const colour = (hue, saturation) => `hsl(${hue} ${saturation}% ${88 - saturation * 0.3}%)`;

/** A white of so many kelvin, close enough for a screen (a curve fit of the black body). */
export function white(kelvin) {
  const k = kelvin / 100;
  const clamp = (value) => Math.round(Math.min(255, Math.max(0, value)));
  const red = k <= 66 ? 255 : 329.7 * (k - 60) ** -0.1332;
  const green = k <= 66 ? 99.47 * Math.log(k) - 161.12 : 288.12 * (k - 60) ** -0.0755;
  const blue = k >= 66 ? 255 : 138.52 * Math.log(k - 10) - 305.04;
  return `rgb(${clamp(red)} ${clamp(green)} ${clamp(blue)})`;
}
