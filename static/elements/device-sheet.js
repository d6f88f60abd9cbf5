/*
 * device-sheet: one device in full, over the home page. Shows its name, presence, problem and
 * alarms, the controls of its kind, and behind tabs its history, people and settings.
 * Sends nothing itself; its parts do.
 */
import { offers } from '../api.js';
import { attr, define, h, text, uid } from '../dom.js';
import { house } from '../house.js';
import { icon } from '../icons.js';
import { age, kindTitle } from '../units.js';
import { t } from '../words.js';
import './alarm-list.js';

const CONTROLS = { light: 'light-control', sous_vide: 'cooker-control' };
const MODULES = {
  'light-control': () => import('./light-control.js'),
  'cooker-control': () => import('./cooker-control.js'),
  'schema-control': () => import('./schema-control.js'),
  'history-view': () => import('./history-view.js'),
  'share-list': () => import('./share-list.js'),
  'device-settings': () => import('./device-settings.js'),
};
const TICK_MS = 10_000;

export class DeviceSheet extends HTMLElement {
  #dialog;
  #title = h('h2', { id: 'sheet-title', dir: 'auto' });
  #state = h('p.sheet-state');
  #problem = h('p.banner.problem', { role: 'status', tabindex: 0 });
  #alarms = document.createElement('alarm-list');
  #body = h('div.sheet-body');
  #tabs = h('div.tabs', { role: 'tablist' });
  #tab = null;
  #part = null;
  #id;
  #forget;
  #timer;
  #away = () => {};

  /** Opens over the page; `away()` is called when the person closes it. */
  open(device, away) {
    this.#id = device.id;
    this.#away = away;
    const close = h(
      'button.round',
      { type: 'button', 'aria-label': t('close'), onclick: () => this.#dialog.close() },
      icon('close'),
    );
    this.#dialog = h(
      'dialog.sheet',
      { 'aria-labelledby': 'sheet-title' },
      h('div.sheet-head', h('div', this.#title, this.#state), close),
      this.#problem,
      this.#alarms,
      this.#tabs,
      this.#body,
    );
    this.#dialog.addEventListener('close', () => this.#away());
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close(); // the backdrop
    });
    this.append(this.#dialog);
    this.#makeTabs(device);
    this.#forget = house.watch(device.id, (now) => this.update(now));
    this.#timer = setInterval(() => this.#head(house.device(this.#id)), TICK_MS);
    this.#dialog.showModal();
    this.#choose(this.#tabs.firstElementChild);
    this.update(device);
  }

  disconnectedCallback() {
    this.#forget?.();
    clearInterval(this.#timer);
  }

  #makeTabs(device) {
    const owner = (device.role ?? 'owner') === 'owner';
    const tabs = [
      ['control', CONTROLS[device.kind] ?? 'schema-control'],
      ['history', 'history-view'],
      owner ? ['people', 'share-list'] : null,
      ['settings', 'device-settings'],
    ].filter(Boolean);
    const panel = uid('panel');
    this.#body.id = panel;
    this.#body.setAttribute('role', 'tabpanel');
    this.#tabs.setAttribute('aria-label', t('sheet.tabs'));
    this.#tabs.append(
      ...tabs.map(([name, part]) =>
        h(
          'button.tab',
          {
            type: 'button',
            role: 'tab',
            id: uid('tab'),
            'aria-selected': 'false',
            tabindex: -1,
            'aria-controls': panel,
            'data-part': part,
            onclick: (event) => this.#choose(event.currentTarget),
          },
          t(`sheet.${name}`),
        ),
      ),
    );
    this.#tabs.addEventListener('keydown', (event) => this.#walk(event));
    const people = this.#tabs.querySelector('[data-part=share-list]');
    if (people) hideUnless(people, offers('/devices/{id}/grants'));
  }

  #walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const tabs = [...this.#tabs.children].filter((tab) => !tab.hidden);
    const next = tabs[(tabs.indexOf(this.#tab) + step + tabs.length) % tabs.length];
    next.focus();
    this.#choose(next);
  }

  async #choose(tab) {
    if (tab === this.#tab) return;
    this.#tab = tab;
    for (const one of this.#tabs.children) {
      attr(one, 'aria-selected', one === tab ? 'true' : 'false');
      attr(one, 'tabindex', one === tab ? 0 : -1);
    }
    this.#body.setAttribute('aria-labelledby', tab.id);
    const { part } = tab.dataset;
    await MODULES[part]();
    const device = house.device(this.#id);
    if (this.#tab !== tab || !device || !this.isConnected) return;
    this.#part = document.createElement(part);
    this.#body.replaceChildren(this.#part);
    this.#body.scrollTop = 0;
    this.#part.follow?.(device);
    this.#part.update?.(device);
  }

  update(device) {
    if (!device) {
      this.#dialog.close();
      return;
    }
    this.#head(device);
    this.#alarms.update(device);
    text(this.#problem, device.problem ? t('sheet.problem', { problem: device.problem }) : '');
    attr(this.#problem, 'hidden', !device.problem);
    attr(this.#dialog, 'data-offline', !device.connected);
    this.#part?.update?.(device);
  }

  #head(device) {
    if (!device) return;
    text(this.#title, device.description);
    const kind = kindTitle(house.kind(device.kind));
    let state = t('card.live');
    if (house.waiting(device.id)) state = t('sheet.waiting');
    else if (!device.connected) {
      state = device.last_seen
        ? t('card.offline_for', { age: age(device.last_seen, house.now()) })
        : t('card.never');
    }
    const shape = [device.room, kind, state].filter(Boolean).join(' · ');
    if (this.#state.dataset.shape === shape) return;
    this.#state.dataset.shape = shape;
    this.#state.replaceChildren(
      h('span.presence', { 'data-on': device.connected, 'aria-hidden': 'true' }),
      shape,
    );
  }
}

/** Hides what belongs to an ability of the server until it is known to have it. */
async function hideUnless(tab, offered) {
  tab.hidden = true;
  tab.hidden = !(await offered);
}

define('device-sheet', DeviceSheet);
