/*
 * device-card: one device on the home page. Shows its name, presence, state line (with the
 * target beside the actual value while a command is pending) and one inline control.
 * Sends `set` of the device's main switch, or of `heating: false` (Stop).
 */
import { attr, define, h, text, token } from '../dom.js';
import { house } from '../house.js';
import { icon, kindIcon } from '../icons.js';
import { bigReading, isHeating, isWarm, lightColour, mainSwitch, stateLine } from '../look.js';
import { age, alarmWords, countdown, temperature } from '../units.js';
import { t } from '../words.js';
import './power-switch.js';

export class DeviceCard extends HTMLElement {
  #article = h('article.card');
  #name = h('button.card-open', { dir: 'auto', type: 'button', onclick: () => this.#open() });
  #presence = h('span.presence');
  #line = h('p.card-line');
  #note = h('p.card-note');
  #control = h('div.card-control');
  #reading = h('p.card-reading');
  #pieces = []; // of the state line,
  #shape = null; // for as long as it has this shape
  #switch = null;
  #id = null;
  #kind = null;
  #forget = () => {};

  /** Shows the device, and follows it until the card leaves the page. */
  follow(device) {
    this.#id = device.id;
    this.#forget();
    this.#forget = house.watch(device.id, (now) => now && this.update(now));
    if (!this.#article.isConnected) {
      const head = h('div.card-head', h('span.card-icon', kindIcon(device.kind)), this.#control);
      this.#article.append(
        head,
        this.#reading,
        h('div.card-foot', h('h3', this.#presence, this.#name), this.#line, this.#note),
      );
      this.append(this.#article);
    }
    this.update(device);
    return this;
  }

  leave() {
    this.#forget();
    this.remove();
  }

  #open() {
    location.hash = `#/device/${this.#id}`;
  }

  update(device) {
    const warm = isWarm(device);
    attr(this.#article, 'aria-label', device.description);
    attr(this.#article, 'data-kind', device.kind);
    attr(this.#article, 'data-warm', warm);
    attr(this.#article, 'data-offline', !device.connected);
    attr(this.#article, 'data-alarm', device.alarms?.length > 0);
    if (device.kind === 'light') token(this.#article, '--light', lightColour(device));
    text(this.#name, device.description);
    this.#showPresence(device);
    this.#showLine(device);
    this.#showReading(device);
    this.#showControl(device);
  }

  #showPresence(device) {
    attr(this.#presence, 'data-on', device.connected);
    attr(this.#presence, 'role', 'img');
    attr(this.#presence, 'aria-label', t(device.connected ? 'card.live' : 'card.offline'));
  }

  #showLine(device) {
    const parts = stateLine(device);
    const shape = parts.map(({ text: now, target }) => `${!now}${target === undefined}`).join();
    if (this.#shape !== shape) {
      this.#shape = shape;
      this.#pieces = parts.map(piece);
      const dot = () => h('span.dot', { 'aria-hidden': 'true' }, '·');
      const elements = this.#pieces.map(({ element }) => element);
      this.#line.replaceChildren(...elements.flatMap((one, at) => (at ? [dot(), one] : [one])));
    }
    this.#pieces.forEach(({ say }, at) => say(parts[at]));
    this.tick(device);
  }

  /** What changes by the clock alone: ages and countdowns. */
  tick(device = house.device(this.#id)) {
    if (!device) return;
    let note = '';
    const [alarm] = device.alarms ?? [];
    if (house.waiting(device.id)) note = t('card.waiting');
    else if (alarm) note = alarmWords(alarm.code);
    else if (!device.connected) {
      note = device.last_seen
        ? t('card.offline_for', { age: age(device.last_seen, house.now()) })
        : t('card.never');
    } else if (device.problem) note = device.problem;
    text(this.#note, note);
    attr(this.#note, 'hidden', !note);
  }

  #showReading(device) {
    const reported = device.reported ?? {};
    const name = bigReading(device);
    const words = name ? temperature(reported[name]).replace(' ', '\u00a0') : '';
    text(this.#reading, words);
    attr(this.#reading, 'hidden', !words);
    const cooking = isHeating(device) && reported.remaining_s > 0;
    attr(this.#reading, 'data-left', cooking ? countdown(reported.remaining_s) : null);
  }

  #showControl(device) {
    const disabled = !house.canControl(device);
    const name = mainSwitch(device);
    const wanted = name ?? (device.kind === 'sous_vide' ? 'stop' : '');
    if (this.#kind !== wanted) {
      this.#kind = wanted;
      this.#switch = name ? document.createElement('power-switch') : null;
      const stop = h(
        'button.stop.small',
        { type: 'button', onclick: () => house.set(this.#id, { heating: false }) },
        icon('stop'),
        t('cook.stop'),
      );
      this.#control.replaceChildren(this.#switch ?? (wanted ? stop : ''));
    }
    if (this.#switch) {
      const { target, pending } = house.view(device, name);
      this.#switch.setup(device.description, (on) => house.set(device.id, { [name]: on }));
      this.#switch.update({ on: target === true, pending, disabled });
    } else if (wanted) {
      attr(this.#control.firstElementChild, 'hidden', !isHeating(device) || disabled);
    }
  }
}

/** "40 % → 62 %": what is, and what was asked for. `say` changes the words. */
function piece({ text: now, target }) {
  const is = h(target === undefined ? 'span' : 'span.was');
  if (target === undefined) return { element: is, say: (one) => text(is, one.text) };
  const want = h('span.want');
  const element = h(
    'span.pending',
    now ? is : null,
    h('span.arrow', { 'aria-hidden': 'true' }, '→'),
    h('span.unseen', t('card.changing')),
    want,
  );
  const say = (one) => {
    text(is, one.text);
    text(want, one.target);
  };
  return { element, say };
}

define('device-card', DeviceCard);
