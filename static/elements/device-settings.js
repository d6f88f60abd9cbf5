/*
 * device-settings: what only an owner changes. Shows a device's name and room, its facts, its
 * latest commands and who did what; its secret and its end.
 * Sends PATCH and DELETE /devices/{id}, POST /devices/{id}/secret, GET /devices/{id}/commands,
 * and for a shared device DELETE of one's own grant.
 */
import { del, get, patch, post } from '../api.js';
import { define, h, text } from '../dom.js';
import { house } from '../house.js';
import { icon } from '../icons.js';
import { kindTitle, moment, show, title } from '../units.js';
import { has, t } from '../words.js';
import './audit-list.js';
import { publishLine, subscribeLine } from './add-device.js';
import { ask } from './ask-dialog.js';
import { copyLine } from './copy-line.js';
import { say } from './toast-list.js';

const COMMANDS_SHOWN = 12;

export class DeviceSettings extends HTMLElement {
  #device;
  #facts = h('dl.facts');
  #secret = h('div');
  #log = h('section.group', { hidden: true });

  follow(device) {
    this.#device = device;
    this.className = 'control';
    const owner = (device.role ?? 'owner') === 'owner';
    this.append(
      owner ? this.#form(device) : '',
      this.#facts,
      this.#log,
      owner ? this.#audit(device) : '',
      owner
        ? h('div.group', h('h3', t('set.danger')), this.#secret, this.#dangers())
        : this.#leaving(),
    );
    this.#commands();
  }

  update(device) {
    this.#device = device;
    const kind = kindTitle(house.kind(device.kind));
    const facts = [
      ['set.kind', kind],
      ['set.id', device.id],
      ['set.rev', device.rev],
      ['set.role', t(`role.${device.role ?? 'owner'}`)],
      ['set.seen', device.last_seen ? moment(device.last_seen, { seconds: true }) : '–'],
    ];
    const rows = this.#facts.querySelectorAll('dd');
    if (rows.length) facts.forEach(([, value], at) => text(rows[at], value));
    else
      this.#facts.append(
        ...facts.map(([key, value]) => h('div', h('dt', t(key)), h('dd', String(value)))),
      );
  }

  #form(device) {
    const name = h('input', {
      id: 'set-name',
      required: true,
      maxlength: 200,
      value: device.description,
    });
    const room = h('input', { id: 'set-room', maxlength: 64, value: device.room ?? '' });
    const save = async (event) => {
      event.preventDefault();
      const { id, description, room: before = '' } = this.#device;
      const changes = {};
      if (name.value.trim() !== description) changes.description = name.value.trim();
      if (room.value.trim() !== before) changes.room = room.value.trim() || null;
      if (!Object.keys(changes).length) return;
      await attempt(() => patch(`/devices/${id}`, changes), t('set.saved'));
    };
    return h(
      'form.add-form',
      { onsubmit: save },
      h('div.field', h('label', { for: 'set-name' }, t('add.name')), name),
      h('div.field', h('label', { for: 'set-room' }, t('add.room')), room),
      h('button.ember', { type: 'submit' }, t('save')),
    );
  }

  #dangers() {
    return h(
      'div.dangers',
      h(
        'button.quiet',
        { type: 'button', onclick: () => this.#renew() },
        icon('key'),
        t('set.secret'),
      ),
      h(
        'button.quiet.danger',
        { type: 'button', onclick: () => this.#delete() },
        icon('trash'),
        t('set.delete'),
      ),
    );
  }

  #leaving() {
    const leave = async () => {
      const sure = await ask({
        title: t('set.leave'),
        tone: 'bad',
        yes: t('set.leave'),
        body: t('set.leave_words', { name: this.#device.description }),
      });
      const me = encodeURIComponent(house.user?.username ?? '');
      if (sure) await attempt(() => del(`/devices/${this.#device.id}/grants/${me}`));
    };
    return h(
      'button.quiet.danger',
      { type: 'button', onclick: leave },
      icon('out'),
      t('set.leave'),
    );
  }

  async #renew() {
    const sure = await ask({
      title: t('set.secret'),
      tone: 'bad',
      picture: 'key',
      yes: t('set.secret'),
      body: t('set.secret_words'),
    });
    if (!sure) return;
    await attempt(async () => {
      const { mqtt } = await post(`/devices/${this.#device.id}/secret`);
      this.#secret.replaceChildren(
        h('p.hint', t('add.once')),
        copyLine(t('add.secret'), mqtt.password),
        copyLine(t('add.pub'), publishLine(this.#device, mqtt), { code: true }),
        copyLine(t('add.sub'), subscribeLine(this.#device, mqtt), { code: true }),
      );
    });
  }

  async #delete() {
    const sure = await ask({
      title: t('set.delete_ask', { name: this.#device.description }),
      tone: 'bad',
      picture: 'trash',
      yes: t('set.delete'),
      body: t('set.delete_words'),
    });
    if (sure) await attempt(() => del(`/devices/${this.#device.id}`));
  }

  #audit({ id }) {
    const list = document.createElement('audit-list');
    list.className = 'group';
    list.fetch('/devices/{id}/audit', `/devices/${id}/audit`);
    return list;
  }

  async #commands() {
    const commands = await get(`/devices/${this.#device.id}/commands`).catch(() => []);
    if (!commands.length) return;
    const { properties } = house.kind(this.#device.kind);
    this.#log.hidden = false;
    this.#log.replaceChildren(
      h('h3', t('set.commands')),
      h(
        'ul.log',
        ...commands.slice(0, COMMANDS_SHOWN).map((command) => {
          const asked = Object.entries(command.desired ?? {}).map(
            ([name, value]) => `${title(name, properties[name])}: ${show(value, properties[name])}`,
          );
          const phase = has(`phase.${command.phase}`) ? t(`phase.${command.phase}`) : command.phase;
          return h(
            'li',
            h('span', asked.join(', ')),
            h(
              'small',
              [phase, command.reason, command.by, moment(command.accepted, { seconds: true })]
                .filter(Boolean)
                .join(' · '),
            ),
          );
        }),
      ),
    );
  }
}

async function attempt(work, done) {
  try {
    await work();
    if (done) say(done);
  } catch (fault) {
    const fields = fault.errors?.map((one) => `${one.field}: ${one.reason}`).join(' · ');
    say(fields || fault.message, { tone: 'bad' });
  }
}

define('device-settings', DeviceSettings);
