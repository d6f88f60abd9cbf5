/*
 * hearth-app: the whole page. Shows the door (sign in) or the house: the bar with its live badge,
 * the home page or one of the other pages, and the sheet that the address asks for.
 * Sends POST /auth/refresh on load, POST /auth/logout on sign out, and POST /invitations/{token}
 * for who comes with a link to a shared device.
 */
import { Unreachable, onSigned, post, refresh, signOut } from '../api.js';
import { attr, define, h } from '../dom.js';
import { house } from '../house.js';
import { icon } from '../icons.js';
import { has, t } from '../words.js';
import { alarmWords, title } from '../units.js';
import { watchForNews } from '../notify.js';
import { say } from './toast-list.js';
import './home-grid.js';
import './live-badge.js';
import './sign-in.js';

const RETRY_MS = 3_000;
const PAGES = {
  account: [() => import('./account-page.js'), 'account-page'],
  admin: [() => import('./admin-page.js'), 'admin-page'],
};

export class HearthApp extends HTMLElement {
  #main = h('main', { id: 'main', tabindex: -1 });
  #sheets = h('div');
  #page = null;
  #inside = false;
  #admin;

  connectedCallback() {
    this.addEventListener('signed', () => this.#enter());
    onSigned('left', () => this.#leave());
    addEventListener('hashchange', () => {
      if (!this.#inside) return;
      this.#route();
      this.#join();
    });
    house.addEventListener('failed', ({ detail }) => this.#failed(detail));
    house.addEventListener('trouble', ({ detail }) =>
      say(detail.message ?? detail.code, { tone: 'bad' }),
    );
    house.addEventListener('alarm', ({ detail }) => this.#alarm(detail));
    house.addEventListener('list', () => this.#inside && this.#route());
    house.addEventListener('user', () => attr(this.#admin, 'hidden', !isAdmin(house.user)));
    watchForNews();
    this.#begin();
  }

  /** Stays signed in when the cookie says so; without a server shows what was last known. */
  async #begin() {
    try {
      if (await refresh()) {
        this.#enter();
        return;
      }
      house.close();
      this.#door();
    } catch (fault) {
      if (!(fault instanceof Unreachable)) throw fault;
      if (!this.#inside && house.recall()) this.#furnish();
      else if (!this.#inside) this.#door();
      setTimeout(() => this.#begin(), RETRY_MS);
    }
  }

  #door() {
    this.#inside = false;
    this.replaceChildren(document.createElement('sign-in'), document.createElement('toast-list'));
  }

  async #enter() {
    if (!this.#inside) this.#furnish();
    try {
      await house.open();
      this.#route();
      await this.#join();
    } catch (fault) {
      if (fault instanceof Unreachable) setTimeout(() => this.#enter(), RETRY_MS);
      else say(fault.message, { tone: 'bad' });
    }
  }

  #leave() {
    house.close();
    if (location.hash) history.replaceState(null, '', location.pathname);
    this.#sheets.replaceChildren();
    this.#page = null;
    this.#door();
  }

  #furnish() {
    this.#inside = true;
    this.#admin = h(
      'a.round',
      { href: '#/admin', 'aria-label': t('bar.admin'), hidden: true },
      icon('tree'),
    );
    this.replaceChildren(
      h(
        'a.skip',
        {
          href: '#main',
          onclick: (event) => {
            event.preventDefault();
            this.#main.focus();
          },
        },
        t('bar.skip'),
      ),
      h(
        'header.bar',
        h('a.brand', { href: '#/', 'aria-label': 'Hearth' }, icon('hearth'), h('span', 'Hearth')),
        document.createElement('live-badge'),
        h(
          'nav',
          { 'aria-label': t('bar.nav') },
          h(
            'button.ember.add',
            {
              type: 'button',
              'aria-label': t('bar.add'),
              onclick: () => {
                location.hash = '#/add';
              },
            },
            icon('plus'),
            h('span', t('bar.add')),
          ),
          this.#admin,
          h('a.round', { href: '#/account', 'aria-label': t('bar.account') }, icon('person')),
          h(
            'button.round',
            { type: 'button', 'aria-label': t('bar.out'), onclick: () => signOut() },
            icon('out'),
          ),
        ),
      ),
      this.#main,
      this.#sheets,
      document.createElement('toast-list'),
    );
    this.#route();
  }

  /* -- the address ----------------------------------------------------------------------- */

  async #route() {
    const [, name = '', id] = location.hash.split('/');
    await this.#showPage(name in PAGES ? name : 'home');
    if (name === 'device') this.#showDevice(Number(id));
    else if (name === 'add') this.#showAdd();
    else this.#sheets.replaceChildren();
  }

  /** Somebody came with a link to a device that was shared: it is theirs from now on. */
  async #join() {
    const [, name, token] = location.hash.split('/');
    if (name !== 'invitations' || !token) return;
    history.replaceState(null, '', location.pathname); // the link is good once
    try {
      const { id } = await post(`/invitations/${encodeURIComponent(token)}`);
      location.hash = `#/device/${id}`;
    } catch (fault) {
      say(fault.status === 404 ? t('share.link_used') : fault.message, { tone: 'bad' });
    }
  }

  async #showPage(name) {
    if (this.#page === name && this.#main.childElementCount) return;
    this.#page = name;
    if (name === 'home') {
      this.#main.replaceChildren(document.createElement('home-grid'));
      return;
    }
    const [load, tag] = PAGES[name];
    await load();
    if (this.#page === name) this.#main.replaceChildren(document.createElement(tag));
  }

  async #showDevice(id) {
    const device = house.device(id);
    if (!device || this.#sheets.querySelector(`[data-id="${id}"]`)) return;
    this.#sheets.replaceChildren();
    const { DeviceSheet } = await import('./device-sheet.js');
    if (location.hash !== `#/device/${id}` || this.#sheets.childElementCount) return;
    const sheet = new DeviceSheet();
    sheet.dataset.id = id;
    this.#sheets.append(sheet);
    sheet.open(device, () => home(`#/device/${id}`));
  }

  async #showAdd() {
    if (this.#sheets.querySelector('add-device')) return;
    this.#sheets.replaceChildren();
    const { AddDevice } = await import('./add-device.js');
    if (location.hash !== '#/add' || this.#sheets.childElementCount) return;
    const sheet = new AddDevice();
    this.#sheets.append(sheet);
    sheet.open(() => home('#/add'));
  }

  /* -- news ------------------------------------------------------------------------------ */

  #failed({ id, phase, reason, asked }) {
    const device = house.device(id);
    if (!device) return;
    const { properties } = house.kind(device.kind);
    const what = Object.keys(asked)
      .map((name) => title(name, properties[name]))
      .join(', ');
    const why =
      phase === 'expired'
        ? t('failed.expired')
        : has(`failed.${reason}`)
          ? t(`failed.${reason}`)
          : (reason ?? t('failed.unknown'));
    say(t('failed', { name: device.description, what, why }), { tone: 'bad' });
  }

  #alarm({ id, alarm }) {
    const device = house.device(id);
    if (!device) return;
    const words = alarmWords(alarm.code);
    house.dispatchEvent(new CustomEvent('alarm-words', { detail: { device, words } }));
    say(`${device.description}: ${words}`, {
      tone: 'bad',
      action: t('show'),
      act: () => {
        location.hash = `#/device/${device.id}`;
      },
    });
  }
}

/** Back to the home page when the sheet that was closed is still the one the address names. */
function home(from) {
  if (location.hash === from) location.hash = '#/';
}

const isAdmin = (user) => user?.admin === true || user?.role === 'admin';

define('hearth-app', HearthApp);
