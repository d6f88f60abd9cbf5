/* The page's words: one file per language under lang/, chosen once before the first paint. */

export const LANGUAGES = { en: 'English', de: 'Deutsch' };
const KEY = 'hearth.language';
let words = {};
let locale = 'en';

/** The language in use ("en"), for Intl and for `<html lang>`. */
export const language = () => locale;

/** The locale for numbers and dates: the browser's own when it speaks our language. */
export function region() {
  return navigator.languages?.find((tag) => tag.startsWith(locale)) ?? locale;
}

/** Loads the language that was chosen here, or the first the browser asks for that exists. */
export async function speak(chosen = localStorage.getItem(KEY)) {
  const wanted = [chosen, ...(navigator.languages ?? [])].map((tag) => tag?.slice(0, 2));
  locale = wanted.find((tag) => tag && tag in LANGUAGES) ?? 'en';
  words = (await import(`./lang/${locale}.js`)).default;
  document.documentElement.lang = locale;
}

/** Remembers a language for this browser; it is spoken from the next load on. */
export function chooseLanguage(tag) {
  localStorage.setItem(KEY, tag);
}

/** The words for `key` with `{name}` filled in; a missing key shows itself, so that it is seen. */
export function t(key, values) {
  const found = words[key] ?? key;
  if (!values) return found;
  return found.replace(/\{(\w+)\}/g, (whole, name) => apart(values[name] ?? whole));
}

const TURNS = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/u;
/** A name that is written the other way, or says so, must not turn the sentence around it. */
const apart = (value) => (TURNS.test(value) ? `\u2068${value}\u2069` : value);

/** Whether there are words for `key`. */
export const has = (key) => Object.hasOwn(words, key);
