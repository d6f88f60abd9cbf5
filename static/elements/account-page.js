/*
 * account-page: the person. Shows how this browser speaks and counts, whether it may notify, the
 * password, and the sessions, tokens and client credentials of the account.
 * Sends POST /auth/password, and GET/POST/DELETE of each list below; what the server lacks
 * isn't shown.
 */
import { del, get, offers, post } from '../api.js';
import { attr, define, h, text } from '../dom.js';
import { house } from '../house.js';
import { icon } from '../icons.js';
import { allowed, mayAsk, permit } from '../notify.js';
import { chooseScale, moment, scale } from '../units.js';
import { LANGUAGES, chooseLanguage, language, t } from '../words.js';
import { ask } from './ask-dialog.js';
import { copyLine } from './copy-line.js';
import { say } from './toast-list.js';

/** Lists of the account: where they live, the one field a new one needs, and what it may. */
const LISTS = [
  { name: 'sessions', path: '/auth/sessions' },
  { name: 'tokens', path: '/tokens', field: 'label', scopes: ['read', 'control'] },
  { name: 'clients', path: '/clients', field: 'label' },
];

export class AccountPage extends HTMLElement {
  connectedCallback() {
    this.className = 'page';
    this.append(
      h(
        'div.page-head',
        h('a.round', { href: '#/', 'aria-label': t('back') }, icon('back')),
        h('h1.greeting', t('account.title')),
      ),
      h(
        'div.panels',
        this.#display(),
        this.#notices(),
        this.#password(),
        ...LISTS.map((list) => this.#list(list)),
      ),
    );
  }

  #display() {
    const languages = radio(t('account.language'), Object.entries(LANGUAGES), language(), (tag) => {
      chooseLanguage(tag);
      location.reload();
    });
    const scales = radio(
      t('account.scale'),
      [
        ['C', '°C'],
        ['F', '°F'],
      ],
      scale(),
      (chosen) => {
        chooseScale(chosen);
        location.reload();
      },
    );
    const name = h('p.hint');
    const sayName = () =>
      text(name, house.user ? t('account.signed', { name: house.user.username }) : '');
    house.addEventListener('user', sayName, { once: true });
    sayName();
    return panel('person', t('account.display'), name, languages, scales);
  }

  #notices() {
    if (!mayAsk()) return '';
    const words = h('p.hint', t('account.notices_words'));
    const button = h('button.quiet', {
      type: 'button',
      onclick: async () => {
        await permit();
        update();
      },
    });
    const update = () => {
      text(button, t(allowed() ? 'account.notices_on' : 'account.notices_do'));
      attr(button, 'disabled', allowed());
    };
    update();
    return panel('bell', t('account.notices'), words, button);
  }

  #password() {
    const input = (id, complete) =>
      h('input', { id, type: 'password', required: true, maxlength: 256, autocomplete: complete });
    const [before, after] = [
      input('pw-before', 'current-password'),
      input('pw-after', 'new-password'),
    ];
    const fault = h('p.fault', { role: 'alert' });
    const box = panel('key', t('account.password'));
    box.hidden = true;
    offers('/auth/password').then((offered) => {
      box.hidden = !offered;
    });
    const form = h(
      'form.add-form',
      {
        onsubmit: async (event) => {
          event.preventDefault();
          text(fault, '');
          try {
            await post('/auth/password', { current: before.value, new: after.value });
            form.reset();
            say(t('account.password_done'));
          } catch (refused) {
            const fields = refused.errors?.map((one) => `${one.field}: ${one.reason}`).join(' · ');
            text(fault, fields || refused.message);
          }
        },
      },
      h('div.field', h('label', { for: 'pw-before' }, t('account.password_now')), before),
      h('div.field', h('label', { for: 'pw-after' }, t('account.password_new')), after),
      fault,
      h('button.quiet', { type: 'submit' }, t('account.password_do')),
    );
    box.append(form);
    return box;
  }

  #list(list) {
    const box = panel(
      list.name === 'sessions' ? 'device' : 'key',
      t(`account.${list.name}`),
      h('p.hint', t(`account.${list.name}_words`)),
    );
    box.hidden = true;
    const rows = h('ul.people');
    const made = h('div');
    const show = async () => {
      if (!(await offers(list.path))) return;
      const entries = await get(list.path);
      box.hidden = false;
      rows.replaceChildren(...entries.map((entry) => this.#row(list, entry, show)));
    };
    box.append(rows, made, list.field ? creator(list, made, show) : '');
    show();
    return box;
  }

  #row(list, entry, show) {
    const id = entry.id ?? entry.label ?? entry.username;
    const label =
      entry.label ??
      entry.username ??
      t('account.since', { when: moment(entry.created_at, { seconds: true }) });
    const seen = entry.last_seen;
    const details = [
      entry.current ? t('account.here') : '',
      (entry.scopes ?? []).join(', '),
      seen ? t('account.seen', { when: moment(seen, { seconds: true }) }) : '',
      entry.until && !seen ? t('share.ends', { when: moment(entry.until) }) : '',
    ]
      .filter(Boolean)
      .join(' · ');
    const end = async () => {
      const sure = await ask({
        title: t('account.end_ask', { name: label }),
        tone: 'bad',
        yes: t('account.end'),
        body: t('account.end_words'),
      });
      if (!sure) return;
      await del(`${list.path}/${encodeURIComponent(id)}`).catch((fault) =>
        say(fault.message, { tone: 'bad' }),
      );
      show();
    };
    return h(
      'li.person',
      h('span.card-icon', icon(list.name === 'sessions' ? 'device' : 'key')),
      h('div', h('strong', label), h('small', details)),
      entry.current
        ? null
        : h(
            'button.round',
            { type: 'button', onclick: end, 'aria-label': t('account.end_one', { name: label }) },
            icon('close'),
          ),
    );
  }
}

function creator(list, made, show) {
  const id = `new-${list.name}`;
  const input = h('input', { id, required: true, maxlength: 64, autocomplete: 'off' });
  const scope = list.scopes && choice(`scope-${list.name}`, list.scopes);
  const create = async (event) => {
    event.preventDefault();
    try {
      const asked = { [list.field]: input.value.trim(), ...(scope && { scope: scope.value }) };
      const answer = await post(list.path, asked);
      const secret = answer.token ?? answer.secret ?? answer.password;
      made.replaceChildren(
        h('p.hint', t('account.once')),
        answer.username ? copyLine(t('sign.name'), answer.username) : '',
        copyLine(t('add.secret'), secret),
      );
      input.value = '';
      show();
    } catch (fault) {
      say(fault.message, { tone: 'bad' });
    }
  };
  return h(
    'form.add-form',
    { onsubmit: create },
    h('div.field', h('label', { for: id }, t(`account.${list.name}_new`)), input),
    scope && h('div.field', h('label', { for: scope.id }, t('account.may')), scope),
    h('button.quiet', { type: 'submit' }, t('account.make')),
  );
}

const choice = (id, values) =>
  h('select', { id }, ...values.map((value) => h('option', { value }, t(`scope.${value}`))));

const panel = (picture, words, ...content) =>
  h('section.panel', h('h2', icon(picture), words), ...content);

function radio(label, pairs, chosen, choose) {
  return h(
    'div.group',
    h('h3', label),
    h(
      'div.chips',
      { role: 'group', 'aria-label': label },
      ...pairs.map(([value, words]) =>
        h(
          'button.chip',
          {
            type: 'button',
            onclick: () => choose(value),
            'aria-pressed': value === chosen ? 'true' : 'false',
          },
          words,
        ),
      ),
    ),
  );
}

define('account-page', AccountPage);
