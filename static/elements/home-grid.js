/*
 * home-grid: the home page. Shows a greeting, one line about the whole house, and the devices'
 * cards by room. Sends nothing itself (its cards do).
 */
import { attr, define, h, paced, text } from '../dom.js';
import { house } from '../house.js';
import { isHeating, isWarm } from '../look.js';
import { language, t } from '../words.js';
import { moment } from '../units.js';
import './device-card.js';

const TICK_MS = 5_000;
const SUM_EVERY_MS = 250; // the line about the whole house, while many devices speak

export class HomeGrid extends HTMLElement {
  #cards = new Map();
  #greeting = h('h1.greeting');
  #summary = h('p.summary');
  #old = h('p.banner.old', { hidden: true });
  #flow = h('div.rooms-flow');
  #rooms = h('div.rooms', this.#flow);
  #timer = null;
  #relist = () => this.#list();
  #resum = paced(() => this.#sum(), SUM_EVERY_MS);

  connectedCallback() {
    this.append(h('div.hello', this.#greeting, this.#summary), this.#old, this.#rooms);
    house.addEventListener('list', this.#relist);
    house.addEventListener('shown', this.#resum);
    house.addEventListener('user', this.#resum);
    house.addEventListener('link', this.#resum);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#list();
  }

  disconnectedCallback() {
    house.removeEventListener('list', this.#relist);
    house.removeEventListener('shown', this.#resum);
    house.removeEventListener('user', this.#resum);
    house.removeEventListener('link', this.#resum);
    clearInterval(this.#timer);
    for (const card of this.#cards.values()) card.leave();
  }

  #tick() {
    for (const card of this.#cards.values()) card.tick();
    this.#sum();
  }

  #sum() {
    const hour = new Date().getHours();
    const part = hour < 5 ? 'night' : hour < 12 ? 'morning' : hour < 18 ? 'day' : 'evening';
    const name = house.user?.username ?? '';
    text(this.#greeting, name ? t(`hello.${part}`, { name }) : t(`hello.${part}.plain`));
    text(this.#summary, summary(house.devices()));
    const old = house.oldSince();
    this.#old.hidden = old === null;
    attr(this.#rooms, 'data-old', old !== null);
    if (old !== null) text(this.#old, t('home.old', { when: moment(old) }));
  }

  #list() {
    const focused = document.activeElement;
    const devices = house.devices();
    const known = new Set(devices.map((device) => device.id));
    for (const [id, card] of this.#cards) {
      if (known.has(id)) continue;
      card.leave();
      this.#cards.delete(id);
    }
    for (const device of devices) {
      if (!this.#cards.has(device.id)) {
        this.#cards.set(device.id, document.createElement('device-card').follow(device));
      }
    }
    const known_empty = !devices.length && house.live.state === 'live';
    const shape = JSON.stringify([
      known_empty,
      byRoom(devices).map(([room, list]) => [room, list.map((d) => d.id)]),
    ]);
    if (shape !== this.#rooms.dataset.shape) {
      this.#rooms.dataset.shape = shape;
      this.#flow.replaceChildren(...(known_empty ? [empty()] : this.#sections(devices)));
      if (focused !== document.activeElement && focused?.isConnected) focused.focus();
    }
    this.#sum();
  }

  #sections(devices) {
    return byRoom(devices).map(([room, list]) => {
      const title = room || t('home.no_room');
      const cards = list.map((device) => this.#cards.get(device.id));
      return h(
        'section.room',
        { 'aria-label': title },
        h('div.room-head', h('h2', title), h('span.room-count', String(list.length))),
        h('div.grid', ...cards),
      );
    });
  }
}

const empty = () => h('section.empty', h('h2', t('home.empty')), h('p', t('home.empty_words')));

/** Rooms by name, those without a room last; devices by name in each. */
function byRoom(devices) {
  const collator = new Intl.Collator(language(), { numeric: true });
  const rooms = new Map();
  for (const device of devices) {
    const room = device.room ?? '';
    rooms.set(room, [...(rooms.get(room) ?? []), device]);
  }
  for (const list of rooms.values()) {
    list.sort(
      (one, other) => collator.compare(one.description, other.description) || one.id - other.id,
    );
  }
  return [...rooms].sort(([one], [other]) => !one - !other || collator.compare(one, other));
}

/** The house in a line: what is on, what cooks, what is missing. */
function summary(devices) {
  if (!devices.length) return '';
  const lit = devices.filter((d) => d.kind === 'light' && isWarm(d)).length;
  const cooking = devices.filter((d) => d.kind === 'sous_vide' && isHeating(d)).length;
  const away = devices.filter((d) => !d.connected).length;
  const said = [
    lit ? t(lit === 1 ? 'home.light_on' : 'home.lights_on', { n: lit }) : '',
    cooking ? t(cooking === 1 ? 'home.cooking' : 'home.cookings', { n: cooking }) : '',
    away ? t('home.away', { n: away }) : '',
  ].filter(Boolean);
  const whole = said.map((one) => one.replaceAll(' ', '\u00a0')); // broken between, not inside
  return whole.length ? whole.join(' · ') : t('home.calm');
}

define('home-grid', HomeGrid);
