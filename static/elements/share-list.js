/*
 * share-list: who may see or use a device. Shows the people with their rights and until when, and
 * this once a link for somebody whose name isn't known here.
 * Sends GET/PUT/DELETE /devices/{id}/grants/{username}, POST /devices/{id}/invitations.
 */
import { Refused, del, get, post, put } from '../api.js';
import { define, h, text } from '../dom.js';
import { icon } from '../icons.js';
import { moment } from '../units.js';
import { t } from '../words.js';
import { ask } from './ask-dialog.js';
import { copyLine } from './copy-line.js';

const ROLES = ['viewer', 'operator', 'owner'];
const DAY_MS = 86_400_000;
const UNTIL = [
  ['ever', null],
  ['day', DAY_MS],
  ['week', 7 * DAY_MS],
  ['month', 30 * DAY_MS],
];

export class ShareList extends HTMLElement {
  #device;
  #people = new Map();
  #list = h('ul.people');
  #fault = h('p.fault', { role: 'alert' });
  #link = h('div');
  #name = h('input', {
    id: 'share-name',
    required: true,
    maxlength: 64,
    autocomplete: 'off',
    autocapitalize: 'none',
    spellcheck: 'false',
  });
  #role = this.#choice(
    'share-role',
    ROLES.map((role) => [role, t(`role.${role}`)]),
  );
  #until = this.#choice(
    'share-until',
    UNTIL.map(([name]) => [name, t(`until.${name}`)]),
  );

  async follow(device) {
    this.#device = device;
    this.className = 'control';
    const field = (id, words, input) => h('div.field', h('label', { for: id }, words), input);
    this.append(
      h('p.hint', t('share.words')),
      this.#list,
      h(
        'form.add-form',
        { onsubmit: (event) => this.#share(event) },
        field('share-name', t('share.name'), this.#name),
        h(
          'div.pair',
          field('share-role', t('share.role'), this.#role),
          field('share-until', t('share.until'), this.#until),
        ),
        this.#fault,
        h('button.ember.wide', { type: 'submit' }, t('share.do')),
        h('button.quiet.wide', { type: 'button', onclick: () => this.#invite() }, t('share.link')),
        this.#link,
      ),
    );
    try {
      const answer = await get(this.#path(''));
      const grants = Array.isArray(answer) ? answer : (answer?.grants ?? []);
      for (const grant of grants) this.#people.set(grant.username, grant);
    } catch (fault) {
      text(this.#fault, fault instanceof Refused ? fault.message : t('fault.unreachable'));
    }
    this.#paint();
  }

  #path = (name) => `/devices/${this.#device.id}/grants${name && `/${encodeURIComponent(name)}`}`;

  #choice(id, pairs) {
    return h('select', { id }, ...pairs.map(([value, words]) => h('option', { value }, words)));
  }

  async #share(event) {
    event.preventDefault();
    const name = this.#name.value.trim();
    const grant = this.#grant();
    await this.#try(async () => {
      await put(this.#path(name), grant);
      this.#people.set(name, { username: name, ...grant });
      this.#name.value = '';
    });
  }

  #grant() {
    const [, span] = UNTIL.find(([one]) => one === this.#until.value);
    return { role: this.#role.value, ...(span && { until: Date.now() + span }) };
  }

  async #invite() {
    await this.#try(async () => {
      const { link } = await post(`/devices/${this.#device.id}/invitations`, this.#grant());
      const whole = new URL(link, location.origin).href;
      const line = copyLine(t('share.one'), whole);
      this.#link.replaceChildren(h('p.hint', t('share.link_words')), line);
    });
  }

  async #remove(name) {
    const sure = await ask({
      title: t('share.remove_ask', { name }),
      tone: 'bad',
      yes: t('share.remove'),
      body: t('share.remove_words', { name, device: this.#device.description }),
    });
    if (!sure) return;
    await this.#try(async () => {
      await del(this.#path(name));
      this.#people.delete(name);
    });
  }

  async #try(work) {
    text(this.#fault, '');
    try {
      await work();
    } catch (fault) {
      const missing = fault.status === 404 || fault.status === 422;
      text(this.#fault, missing ? t('share.unknown') : fault.message);
    }
    this.#paint();
  }

  #paint() {
    this.#list.replaceChildren(
      ...[...this.#people.values()].map(({ username, role, until }) =>
        h(
          'li.person',
          h('span.card-icon', icon('person')),
          h(
            'div',
            h('strong', username),
            h(
              'small',
              [t(`role.${role}`), until ? t('share.ends', { when: moment(until) }) : '']
                .filter(Boolean)
                .join(' · '),
            ),
          ),
          h(
            'button.round',
            {
              type: 'button',
              'aria-label': t('share.remove_one', { name: username }),
              onclick: () => this.#remove(username),
            },
            icon('close'),
          ),
        ),
      ),
    );
  }
}

define('share-list', ShareList);
