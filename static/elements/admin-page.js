/*
 * admin-page: the house from behind, live. Shows how many there are of everything and how much
 * happens, the doors' connections, the supervision tree (state, restarts, last fault, mailbox,
 * messages a second, whose it is), what is in trouble or has most to do, the log's tail and who did
 * what of late.
 * Sends the WebSocket /admin/tree, and POST /admin/tree/{parent}/{name}/kill after a question.
 */
import { post } from '../api.js';
import { attr, define, h, text } from '../dom.js';
import { house } from '../house.js';
import { icon } from '../icons.js';
import { TreeFeed } from '../tree-feed.js';
import { duration, moment, number, word } from '../units.js';
import { has, t } from '../words.js';
import './audit-list.js';
import { ask } from './ask-dialog.js';
import { say } from './toast-list.js';

const TROUBLED_MAX = 8;
const WORST_FIRST = ['quarantined', 'backing_off', 'running'];
const BUSY_MAX = 5;
const OF_A_USER = ['sessions', 'spaces', 'discovery'];

export class AdminPage extends HTMLElement {
  #tree = h('ul.tree');
  #figures = h('dl.readings.figures');
  #doors = h('tbody');
  #troubled = h('ul.log');
  #busy = h('ul.log');
  #log = h('pre.log-tail', { tabindex: 0, role: 'log', 'aria-label': t('admin.log') });
  #note = h('p.banner', { role: 'status', hidden: true });
  #rows = new Map();
  #actors = [];
  #killed = null; // what was killed and is not back yet
  #audit = document.createElement('audit-list');
  #feed = null;

  connectedCallback() {
    this.className = 'page';
    const panel = (words, ...content) => h('section.panel', h('h2', words), ...content);
    const back = h('a.round', { href: '#/', 'aria-label': t('back') }, icon('back'));
    this.append(
      h('div.page-head', back, h('h1.greeting', t('admin.title'))),
      this.#note,
      this.#figures,
      h(
        'div.panels.wide',
        panel(t('admin.tree'), this.#tree),
        h(
          'div.panels',
          panel(t('admin.troubled'), this.#troubled),
          panel(t('admin.busy'), this.#busy),
          panel(t('admin.doors'), this.#table()),
          panel(t('admin.log'), this.#log),
          this.#audit,
        ),
      ),
    );
    house.addEventListener('user', this.#open);
    this.#open();
  }

  disconnectedCallback() {
    house.removeEventListener('user', this.#open);
    this.#feed?.close();
  }

  #open = () => {
    if (!house.user || this.#feed) return;
    if (!house.user.admin) {
      this.#note_that('admin.only');
      return;
    }
    this.#audit.className = 'panel';
    this.#audit.fetch('/admin/audit', '/admin/audit');
    this.#feed = new TreeFeed(
      (tree) => this.#show(tree),
      () => this.#note_that('fault.unreachable'),
    );
  };

  #table() {
    const names = ['door', 'open', 'limit', 'refused', 'failed'];
    const heads = names.map((name) => h('th', { scope: 'col' }, t(`admin.${name}`)));
    return h('table.doors', h('thead', h('tr', ...heads)), this.#doors);
  }

  #note_that(key) {
    text(this.#note, t(key));
    attr(this.#note, 'hidden', null);
  }

  #show({ children, counts, per_s, connections, log }) {
    attr(this.#note, 'hidden', true);
    this.#actors = children;
    const seen = new Set();
    this.#branch(this.#tree, nested(children), '', seen);
    for (const [path, row] of this.#rows) {
      if (seen.has(path)) continue;
      row.item.remove();
      this.#rows.delete(path);
    }
    this.#showFigures(counts, per_s);
    this.#showDoors(connections);
    const troubled = children.filter(({ status, restarts }) => status !== 'running' || restarts);
    const rank = ({ status }) => WORST_FIRST.indexOf(status);
    troubled.sort((one, other) => rank(one) - rank(other));
    fill(this.#troubled, troubled.slice(0, TROUBLED_MAX), t('admin.well'));
    const busy = children.filter(({ mailbox, messages_per_s: pace }) => mailbox || pace);
    busy.sort((one, other) => weight(other) - weight(one));
    fill(this.#busy, busy.slice(0, BUSY_MAX), t('admin.calm'));
    this.#showLog(log);
    this.#proveIsolation();
  }

  #showFigures(counts, per_s) {
    const figures = [
      ...Object.entries(counts).map(([name, value]) => [`count.${name}`, number(value)]),
      ...Object.entries(per_s).map(([name, pace]) => [
        `rate.${name}`,
        t('admin.per_s', { n: number(pace, pace < 10 ? 1 : 0) }),
      ]),
    ];
    const shape = figures.map(([name]) => name).join();
    if (this.#figures.dataset.shape !== shape) {
      this.#figures.dataset.shape = shape;
      this.#figures.replaceChildren(
        ...figures.map(([name]) => h('div.reading', h('dt', has(name) ? t(name) : name), h('dd'))),
      );
    }
    figures.forEach(([, value], at) => text(this.#figures.children[at].lastElementChild, value));
  }

  #showDoors(connections) {
    this.#doors.replaceChildren(
      ...connections.map(({ door, ...rest }) =>
        h(
          'tr',
          h('th', { scope: 'row' }, door),
          ...['open', 'limit', 'refused', 'failed'].map((name) => h('td', number(rest[name]))),
        ),
      ),
    );
  }

  /** Rows stay when the tree moves on, so that what is read or focused doesn't jump. */
  #branch(list, nodes, above, seen) {
    for (const node of nodes) {
      const path = `${above}/${node.name}`;
      seen.add(path);
      let row = this.#rows.get(path);
      if (!row) {
        row = this.#makeRow();
        this.#rows.set(path, row);
        list.append(row.item);
      }
      row.node = node;
      text(row.name, nameOf(node));
      text(row.facts, factsOf(node));
      text(row.fault, node.last_fault ?? '');
      attr(row.state, 'data-well', node.status === undefined || node.status === 'running');
      attr(row.state, 'aria-label', word(node.status ?? 'running'));
      attr(row.kill, 'hidden', !node.mortal);
      attr(row.kill, 'aria-label', t('admin.kill_one', { name: nameOf(node) }));
      attr(row.list, 'hidden', !node.children.length);
      this.#branch(row.list, node.children, path, seen);
    }
  }

  #makeRow() {
    const row = {
      state: h('span.state', { role: 'img' }),
      name: h('strong', { dir: 'auto' }),
      facts: h('small'),
      fault: h('small.fault'),
      list: h('ul'),
    };
    row.kill = h(
      'button.round.kill',
      { type: 'button', onclick: () => this.#kill(row.node) },
      icon('close'),
    );
    const words = h('div', row.name, row.facts, row.fault);
    row.item = h('li', h('div.node', row.state, words, row.kill), row.list);
    return row;
  }

  /* -- kill, and see that nobody else noticed ---------------------------------------------- */

  async #kill(node) {
    const name = nameOf(node);
    const sure = await ask({
      title: t('admin.kill_ask', { name }),
      tone: 'bad',
      picture: 'alert',
      yes: t('admin.kill'),
      body: t('admin.kill_words'),
    });
    if (!sure) return;
    const before = new Map(this.#actors.map((one) => [pathOf(one), one.restarts]));
    try {
      await post(`/admin/tree/${node.parent}/${encodeURIComponent(node.name)}/kill`);
      this.#killed = { path: pathOf(node), name, before };
    } catch (fault) {
      say(fault.message, { tone: 'bad' });
    }
  }

  /** Once what was killed runs again: how many of those around it were started again too. */
  #proveIsolation() {
    if (!this.#killed) return;
    const { path, name, before } = this.#killed;
    const back = this.#actors.find((one) => pathOf(one) === path);
    if (back?.status !== 'running' || back.restarts <= (before.get(path) ?? 0)) return;
    this.#killed = null;
    const others = this.#actors.filter((one) => before.has(pathOf(one)) && pathOf(one) !== path);
    const touched = others.filter((one) => one.restarts > before.get(pathOf(one))).length;
    say(t('admin.killed', { name, n: others.length - touched, all: others.length }));
  }

  #showLog(log) {
    const lines = log.map(({ at, level, message }) =>
      [moment(at, { seconds: true }), level, message].join('  '),
    );
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    const follows = scrollHeight - scrollTop - clientHeight < 24;
    text(this.#log, lines.join('\n'));
    if (follows) this.#log.scrollTop = this.#log.scrollHeight;
  }
}

/** The flat list `{ parent, name, … }` as a forest: who nobody names as a child is a root. */
function nested(children) {
  const below = new Map();
  for (const node of children) {
    if (!below.has(node.parent)) below.set(node.parent, []);
    below.get(node.parent).push(node);
  }
  const names = new Set(children.map(({ name }) => name));
  const grown = (node, above = []) => {
    const path = [...above, node.name];
    const next = (below.get(node.name) ?? []).filter(({ name }) => !path.includes(name));
    return { ...node, children: next.map((child) => grown(child, path)) };
  };
  return [...below.keys()].filter((name) => !names.has(name)).map((name) => grown({ name }));
}

function fill(list, nodes, otherwise) {
  const rows = nodes.map((node) => {
    const fault = node.last_fault ? ` · ${node.last_fault}` : '';
    return h('li', h('span', { dir: 'auto' }, nameOf(node)), h('small', factsOf(node) + fault));
  });
  list.replaceChildren(...(rows.length ? rows : [h('li.hint', otherwise)]));
}

const pathOf = ({ parent, name }) => `${parent}/${name}`;
const weight = ({ mailbox = 0, messages_per_s: pace = 0 }) => mailbox * 1_000 + pace;

/** A device's actor by its device, a session's or a topic space's by its user. */
const nameOf = ({ parent, name, owner, description }) =>
  description ?? (OF_A_USER.includes(parent) ? owner : null) ?? name;

function factsOf({ parent, name, owner, status, restarts, mailbox, since_ms_ago, ...rest }) {
  const of_family = parent === 'devices' || OF_A_USER.includes(parent);
  return [
    status && status !== 'running' ? word(status) : '',
    parent === 'devices' && owner ? t('admin.of', { name: owner }) : '',
    of_family ? name : '',
    mailbox === undefined ? '' : t('admin.mailbox', { n: number(mailbox) }),
    rest.messages_per_s === undefined
      ? ''
      : t('admin.per_s', { n: number(rest.messages_per_s, rest.messages_per_s < 10 ? 1 : 0) }),
    restarts ? t(restarts === 1 ? 'admin.restart' : 'admin.restarts', { n: restarts }) : '',
    since_ms_ago === undefined ? '' : duration(since_ms_ago / 1000),
  ]
    .filter(Boolean)
    .join(' · ');
}

define('admin-page', AdminPage);
