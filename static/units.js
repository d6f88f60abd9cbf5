/* How values look: temperatures in °C or °F, durations, ages, numbers by the locale. */
import { has, language, region, t } from './words.js';

const KEY = 'hearth.temperature';
const FAHRENHEIT_REGIONS = ['US', 'BS', 'BZ', 'KY', 'LR', 'PW', 'FM', 'MH'];
const formats = new Map();

/** "C" or "F": chosen here, else what the browser's region uses. */
export function scale() {
  const chosen = localStorage.getItem(KEY);
  if (chosen) return chosen;
  const here = new Intl.Locale(navigator.language).maximize().region;
  return navigator.language.includes('-') && FAHRENHEIT_REGIONS.includes(here) ? 'F' : 'C';
}

export const chooseScale = (chosen) => localStorage.setItem(KEY, chosen);

/** °C as the number that is shown. */
export const shown_t = (celsius) => (scale() === 'F' ? celsius * 1.8 + 32 : celsius);
/** A shown number back to °C. */
export const celsius = (shown) => (scale() === 'F' ? (shown - 32) / 1.8 : shown);

/** A number by the locale with a fixed count of decimals. */
export function number(value, decimals = 0) {
  const key = `${decimals}${language()}`;
  if (!formats.has(key)) {
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    formats.set(key, new Intl.NumberFormat(region(), digits));
  }
  return formats.get(key).format(value);
}

/** "54.5 °C"; a dash for what is not known. */
export function temperature(value, decimals = 1) {
  if (typeof value !== 'number') return '–';
  return `${number(shown_t(value), decimals)} °${scale()}`;
}

/** Seconds as a clock: "1:59:07", "4:30". */
export function countdown(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (part) => String(part).padStart(2, '0');
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** Seconds in words: "2 h 30 min". */
export function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (minutes < 60) return `${minutes} min`;
  const [h, m] = [Math.floor(minutes / 60), minutes % 60];
  if (h >= 48) return `${Math.floor(h / 24)} d`;
  return m ? `${h} h ${m} min` : `${h} h`;
}

/** How long ago a moment was, in words that need no "ago": "3 min". */
export const age = (then_ms, now_ms) => duration(Math.max(0, now_ms - then_ms) / 1000);

/** The time of day, with the date when it isn't today. */
export function moment(ms, { seconds = false } = {}) {
  const when = new Date(ms);
  const today = new Date().toDateString() === when.toDateString();
  const options = { hour: 'numeric', minute: '2-digit' };
  if (seconds) options.second = '2-digit';
  if (!today) Object.assign(options, { day: 'numeric', month: 'short' });
  return when.toLocaleString(region(), options);
}

/** How many decimals a step of 0.1 or 5 asks for. */
export function decimals(step, unit) {
  if (!step) return unit === '°C' ? 1 : 0;
  return Math.min(4, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
}

const humanised = (name) => {
  const words = name.replace(/_(c|k|s|w|pct|kwh|mm|lux|hpa|ppm)$/, '').replace(/_/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** A property's title: in the page's language when it is a known one, else the schema's. */
export function title(name, schema) {
  return has(`prop.${name}`) ? t(`prop.${name}`) : (schema?.title ?? humanised(name));
}

/** A kind's title, likewise. */
export const kindTitle = ({ kind, title }) =>
  has(`kind.${kind}`) ? t(`kind.${kind}`) : (title ?? kind);

/** A word of a device ("preheating", "day") in the page's language when it is a known one. */
export const word = (value) => (has(`word.${value}`) ? t(`word.${value}`) : humanised(value));

/** What an alarm means. */
export const alarmWords = (code) => (has(`alarm.${code}`) ? t(`alarm.${code}`) : humanised(code));

/** A value with its unit, as its schema says. */
export function show(value, schema = {}) {
  if (value === undefined || value === null) return '–';
  if (typeof value === 'boolean') return t(value ? 'on' : 'off');
  if (typeof value === 'string') return schema.type === 'enum' ? word(value) : value;
  if (typeof value !== 'number') return JSON.stringify(value);
  if (schema.unit === '°C') return temperature(value, decimals(schema.step, '°C'));
  if (schema.unit === 's') return duration(value);
  const places = schema.step ? decimals(schema.step) : Number.isInteger(value) ? 0 : 2;
  return schema.unit ? `${number(value, places)} ${schema.unit}` : number(value, places);
}
