/*
 * What happened to a device, for its chart: what people asked for (the server's list of commands),
 * and what this tab has heard since it first looked: phases, events, alarms, and the estimates of
 * the core, which no history keeps.
 */
import { get } from './api.js';
import { house } from './house.js';
import { alarmWords, show, title, word } from './units.js';
import { has, t } from './words.js';

const KEPT_MAX = 1_000; // of each, in one tab
const logs = new Map();

class CookLog extends EventTarget {
  /** `{ t, words, tone }` by time; the tone is "asked", "told" or "bad". */
  marks = [];
  /** The core's estimates, `{ t, mean }`. */
  core = [];
  #id;
  #asked = new Set();
  #phase = null;

  constructor(id) {
    super();
    this.#id = id;
    for (const alarm of house.device(id)?.alarms ?? []) this.#alarm(alarm);
    const mine =
      (take) =>
      ({ detail }) =>
        detail.id === id && take(detail);
    house.addEventListener(
      'delta',
      mine((delta) => this.#delta(delta)),
    );
    house.addEventListener(
      'event',
      mine(({ event }) => this.#told(eventWords(event))),
    );
    house.addEventListener(
      'alarm',
      mine(({ alarm }) => this.#alarm(alarm)),
    );
  }

  /** Fetches what was asked for; the marks come when they are there. */
  async fetch() {
    const commands = await get(`/devices/${this.#id}/commands`).catch(() => []);
    const device = house.device(this.#id);
    if (!device) return;
    const { properties } = house.kind(device.kind);
    for (const { ref, desired, accepted } of commands) {
      if (this.#asked.has(ref)) continue;
      this.#asked.add(ref);
      const wanted = Object.entries(desired ?? {}).map(
        ([name, value]) => `${title(name, properties[name])}: ${show(value, properties[name])}`,
      );
      this.#add({ t: accepted, words: wanted.join(', '), tone: 'asked' });
    }
  }

  #delta({ changes }) {
    const now = house.now();
    const core = changes.estimates?.core_c_estimate;
    if (typeof core === 'number') {
      this.core = [...this.core, { t: now, mean: core }].slice(-KEPT_MAX);
    }
    const phase = changes.reported?.phase;
    if (phase && phase !== this.#phase) this.#told(word(phase));
    this.#phase = phase ?? this.#phase;
  }

  #told = (words) => this.#add({ t: house.now(), words, tone: 'told' });
  #alarm = ({ code, since }) =>
    this.#add({ t: since ?? house.now(), words: alarmWords(code), tone: 'bad' });

  #add(mark) {
    this.marks = [...this.marks, mark].sort((one, other) => one.t - other.t).slice(-KEPT_MAX);
    this.dispatchEvent(new Event('change'));
  }
}

const eventWords = (event) => (has(`event.${event}`) ? t(`event.${event}`) : word(event));

/** The log of a device; the same one each time. */
export function cookLog(id) {
  if (!logs.has(id)) logs.set(id, new CookLog(id));
  return logs.get(id);
}
