/*
 * audit-list: who did what. Shows the latest entries of the audit, of a device or of the whole
 * house, with the person, the program, the address and what it was about; and more when asked.
 * Sends GET of the path it is given; where the server keeps no audit it stays hidden.
 */
import { get, offers } from '../api.js';
import { define, h } from '../dom.js';
import { house } from '../house.js';
import { moment, show, title, word } from '../units.js';
import { has, t } from '../words.js';

const SHOWN = 20;
const MORE = 5; // times as many at each asking
const SHOWN_MAX = 1_000; // of one answer, says the server

export class AuditList extends HTMLElement {
  /** `route` is the path as the interface describes it, `path` the one to ask. */
  async fetch(route, path) {
    this.hidden = true;
    if (await offers(route)) await this.#show(path, SHOWN);
    return this;
  }

  async #show(path, shown) {
    const entries = await get(`${path}?limit=${shown}`).catch(() => null);
    if (!entries?.length) return; // what is shown stays
    const more = h(
      'button.quiet',
      { type: 'button', onclick: () => this.#show(path, Math.min(SHOWN_MAX, shown * MORE)) },
      t('audit.more'),
    );
    this.hidden = false;
    this.replaceChildren(
      h('h3', t('audit.title')),
      h(
        'ul.log',
        ...entries.map((entry) => h('li', h('span', what(entry)), h('small', whose(entry)))),
      ),
      entries.length === shown && shown < SHOWN_MAX ? more : '',
    );
  }
}

function what({ action, device, detail = {} }) {
  const known = house.device(device);
  const { properties } = house.kind(known?.kind);
  const details = Object.entries(detail).map(
    ([name, value]) => `${title(name, properties[name])}: ${show(value, properties[name])}`,
  );
  const done = has(`audit.${action}`) ? t(`audit.${action}`) : word(action);
  return [done, details.join(', ')].filter(Boolean).join(' · ');
}

function whose({ at, who, via, label, from, device }) {
  const name = has(`audit.by.${via}`) ? t(`audit.by.${via}`) : who;
  const known = house.device(device)?.description;
  return [name, label, from, known, moment(at, { seconds: true })].filter(Boolean).join(' · ');
}

define('audit-list', AuditList);
