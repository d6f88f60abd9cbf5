/*
 * add-device: a new device in three steps. Shows the kinds to choose from; then id, secret, QR
 * code and command lines to paste; then waits live for the first message.
 * Sends POST /devices; the secret it answers is shown this once and kept nowhere.
 */
import { post } from '../api.js';
import { attr, define, h, text } from '../dom.js';
import { house } from '../house.js';
import { icon, kindIcon } from '../icons.js';
import { kindTitle, show, title } from '../units.js';
import { t } from '../words.js';
import { copyLine } from './copy-line.js';

const KINDS_ORDER = ['light', 'sous_vide', 'switch', 'plug', 'thermometer', 'counter'];
const MQTT_PORT = 1883;

export class AddDevice extends HTMLElement {
  #dialog;
  #body = h('div.sheet-body');
  #title = h('h2', { id: 'add-title' });
  #steps = h('ol.add-steps', ...[1, 2, 3].map((n) => h('li', t(`add.step${n}`))));
  #made = null;
  #forget = () => {};

  open(away) {
    const close = h(
      'button.round',
      { type: 'button', 'aria-label': t('close'), onclick: () => this.#dialog.close() },
      icon('close'),
    );
    this.#dialog = h(
      'dialog.sheet',
      { 'aria-labelledby': 'add-title' },
      h('div.sheet-head', this.#title, close),
      this.#steps,
      this.#body,
    );
    this.#dialog.addEventListener('close', away);
    this.append(this.#dialog);
    this.#choose();
    this.#dialog.showModal();
  }

  disconnectedCallback() {
    this.#forget();
  }

  #at(step, words, ...content) {
    text(this.#title, words);
    [...this.#steps.children].forEach((one, at) => {
      attr(one, 'aria-current', at === step ? 'step' : null);
      attr(one, 'data-done', at < step);
    });
    this.#body.replaceChildren(...content);
    this.#body.scrollTop = 0;
  }

  /* -- step 1: what is it? -------------------------------------------------------------- */

  #choose() {
    const order = (kind) => KINDS_ORDER.indexOf(kind.kind) + 1 || 99;
    const kinds = house.kinds().sort((one, other) => order(one) - order(other));
    const rooms = [
      ...new Set(
        house
          .devices()
          .map((device) => device.room)
          .filter(Boolean),
      ),
    ].sort();
    const fault = h('p.fault', { role: 'alert' });
    const name = h('input', {
      id: 'add-name',
      required: true,
      maxlength: 200,
      autocomplete: 'off',
    });
    const room = h('input', {
      id: 'add-room',
      maxlength: 64,
      autocomplete: 'off',
      list: 'add-rooms',
    });
    const form = h(
      'form.add-form',
      { onsubmit: (event) => this.#create(event, fault) },
      h(
        'fieldset.kinds',
        h('legend', t('add.kind')),
        ...kinds.map((kind, at) =>
          h(
            'label.kind',
            h('input', {
              type: 'radio',
              name: 'kind',
              value: kind.kind,
              required: true,
              checked: at === 0,
            }),
            kindIcon(kind.kind),
            h('span', kindTitle(kind)),
          ),
        ),
      ),
      h('div.field', h('label', { for: 'add-name' }, t('add.name')), name),
      h(
        'div.field',
        h('label', { for: 'add-room' }, t('add.room')),
        room,
        h('datalist', { id: 'add-rooms' }, ...rooms.map((value) => h('option', { value }))),
      ),
      fault,
      h('button.ember.wide', { type: 'submit' }, t('add.next')),
    );
    this.#at(0, t('add.title'), form);
  }

  async #create(event, fault) {
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector('button[type=submit]');
    const asked = {
      description: form.querySelector('#add-name').value.trim(),
      kind: form.querySelector('input[name=kind]:checked').value,
    };
    const room = form.querySelector('#add-room').value.trim();
    if (room) asked.room = room;
    attr(button, 'disabled', true);
    try {
      this.#made = await post('/devices', asked);
      this.#connect();
    } catch (refused) {
      const fields = refused.errors?.map((one) => `${one.field}: ${one.reason}`).join(' · ');
      text(fault, fields || refused.message);
      attr(button, 'disabled', null);
    }
  }

  /* -- step 2: connect it ---------------------------------------------------------------- */

  #connect() {
    const { device, mqtt } = this.#made;
    this.#forget = house.watch(device.id, (now) => now && this.#heard(now));
    const qr = h('div.qr-place');
    import('./qr-code.js').then(() => {
      qr.append(document.createElement('qr-code').encode(provisioning(mqtt), t('add.qr')));
    });
    this.#at(
      1,
      t('add.connect'),
      h('p.hint', t('add.once')),
      h(
        'div.credentials',
        qr,
        h('div', copyLine(t('add.id'), mqtt.username), copyLine(t('add.secret'), mqtt.password)),
      ),
      copyLine(t('add.pub'), publishLine(device, mqtt), { code: true }),
      copyLine(t('add.sub'), subscribeLine(device, mqtt), { code: true }),
      h('button.ember.wide', { type: 'button', onclick: () => this.#wait() }, t('add.next')),
    );
  }

  /* -- step 3: hear from it -------------------------------------------------------------- */

  #wait() {
    const { device, mqtt } = this.#made;
    const known = house.device(device.id);
    if (known && heardFrom(known)) return this.#arrived(known);
    return this.#at(
      2,
      t('add.waiting'),
      h(
        'div.waiting',
        { role: 'status' },
        h('div.waiting-fire', { 'aria-hidden': 'true' }, icon('hearth')),
        h('p', t('add.waiting_words', { name: device.description })),
      ),
      copyLine(t('add.pub'), publishLine(device, mqtt), { code: true }),
    );
  }

  #heard(device) {
    if (heardFrom(device)) this.#arrived(device);
  }

  #arrived(device) {
    this.#forget();
    const { properties } = house.kind(device.kind);
    const said = Object.entries(device.reported ?? {})
      .slice(0, 4)
      .map(([name, value]) => `${title(name, properties[name])}: ${show(value, properties[name])}`);
    const open = h(
      'button.ember.wide',
      {
        type: 'button',
        onclick: () => {
          this.#dialog.close();
          location.hash = `#/device/${device.id}`;
        },
      },
      t('add.open'),
    );
    this.#at(
      2,
      t('add.here'),
      h(
        'div.waiting.here',
        { role: 'status' },
        h('div.waiting-fire', { 'aria-hidden': 'true' }, icon('check')),
        h('p', t('add.here_words', { name: device.description })),
        said.length ? h('p.hint', said.join(' · ')) : null,
      ),
      open,
    );
    open.focus();
  }
}

const heardFrom = (device) => device.connected || Object.keys(device.reported ?? {}).length > 0;

const host = (mqtt) => mqtt.host ?? location.hostname;
const port = (mqtt) => mqtt.port ?? MQTT_PORT;
const quoted = (word) => `'${String(word).replaceAll("'", String.raw`'\''`)}'`;
const topic = (device, mqtt, leaf) => mqtt.topics?.[leaf] ?? `devices/${device.id}/${leaf}`;
const door = (mqtt) =>
  `-h ${host(mqtt)} -p ${port(mqtt)} -u ${mqtt.username} -P ${quoted(mqtt.password)}`;

/** What a phone or a board reads from the QR code to reach the server. */
const provisioning = (mqtt) =>
  `hearth://${mqtt.username}:${encodeURIComponent(mqtt.password)}@${host(mqtt)}:${port(mqtt)}`;

/** A line to paste into a shell that says the device's first state. */
export function publishLine(device, mqtt) {
  const state = JSON.stringify(sample(house.kind(device.kind)));
  return `mosquitto_pub ${door(mqtt)} -t ${topic(device, mqtt, 'state')} -q 1 -m ${quoted(state)}`;
}

/** A line to paste into a shell that hears what the device is asked for. */
export const subscribeLine = (device, mqtt) =>
  `mosquitto_sub ${door(mqtt)} -t ${topic(device, mqtt, 'set')} -q 1 -v`;

/** A plausible first state of a kind, made from its schema. */
function sample(kind) {
  const made = {
    light: { on: true, brightness: 60 },
    sous_vide: { phase: 'idle', water_c: 21.5 },
    thermometer: { temperature_c: 21.4 },
    counter: { count: 1 },
  }[kind.kind];
  if (made) return made;
  const state = {};
  for (const [name, { type, min, values }] of Object.entries(kind.properties).slice(0, 2)) {
    state[name] = { bool: true, enum: values?.[0], text: 'hello' }[type] ?? min ?? 1;
  }
  return state;
}

define('add-device', AddDevice);
