/*
 * admin-page: the house from behind. Shows the supervision tree as it lives (state, mailbox,
 * messages a second, restarts, last fault, whose it is), the fleet's figures, and the log's tail.
 * Sends GET /admin/tree every two seconds, GET /admin/stats, GET /admin/log, and
 * POST /admin/kill for the proof that one failing actor is one failing actor.
 */
import { Refused, get, post } from '../api.js';
import { attr, define, h, text } from '../dom.js';
import { icon } from '../icons.js';
import { age, number, word } from '../units.js';
import { has, t } from '../words.js';
import { ask } from './ask-dialog.js';
import { say } from './toast-list.js';

const EVERY_MS = 2_000;
const SLOWEST = 5;
const LOG_LINES = 100;
const WELL = ['running', 'ok', 'idle', undefined];

export class AdminPage extends HTMLElement {
  #tree = h('ul.tree');
  #figures = h('dl.readings');
  #slow = h('ul.log');
  #log = h('pre.log-tail', { tabindex: 0, role: 'log', 'aria-label': t('admin.log') });
  #note = h('p.banner', { role: 'status', hidden: true });
  #rows = new Map();
  #timer;
  #lacks = new Set();

  connectedCallback() {
    this.className = 'page';
    const panel = (words, ...content) => h('section.panel', h('h2', words), ...content);
    this.append(
      h(
        'div.page-head',
        h('a.round', { href: '#/', 'aria-label': t('back') }, icon('back')),
        h('h1.greeting', t('admin.title')),
      ),
      this.#note,
      this.#figures,
      h(
        'div.panels.wide',
        panel(t('admin.tree'), this.#tree),
        h('div.panels', panel(t('admin.slowest'), this.#slow), panel(t('admin.log'), this.#log)),
      ),
    );
    this.#log.parentElement.hidden = true;
    this.#beat();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  async #beat() {
    clearTimeout(this.#timer);
    if (document.visibilityState === 'visible') {
      const [tree, stats, log] = await Promise.all([
        this.#ask('/admin/tree'),
        this.#ask('/admin/stats'),
        this.#ask(`/admin/log?lines=${LOG_LINES}`),
      ]);
      if (!this.isConnected) return;
      if (tree) this.#showTree(tree.root ?? tree.tree ?? tree);
      if (stats) this.#showFigures(stats);
      if (log) this.#showLog(log);
    }
    if (this.isConnected) this.#timer = setTimeout(() => this.#beat(), EVERY_MS);
  }

  /** What the server lacks is asked once and not shown. */
  async #ask(path) {
    if (this.#lacks.has(path)) return null;
    try {
      const answer = await get(path);
      attr(this.#note, 'hidden', true);
      return answer;
    } catch (fault) {
      if (fault instanceof Refused) this.#lacks.add(path);
      if (path === '/admin/tree') {
        text(this.#note, fault.status === 403 ? t('admin.only') : t('admin.missing'));
        attr(this.#note, 'hidden', null);
      }
      return null;
    }
  }

  #showTree(root) {
    const seen = new Set();
    this.#branch(this.#tree, [root].flat(), '', seen);
    for (const [path, row] of this.#rows) {
      if (seen.has(path)) continue;
      row.item.remove();
      this.#rows.delete(path);
    }
    const nodes = [...this.#rows.values()].map((row) => row.node);
    const depth = (node) => node.mailbox ?? node.mailbox_depth ?? 0;
    const slowest = nodes.filter((node) => depth(node) > 0).sort((a, b) => depth(b) - depth(a));
    this.#slow.replaceChildren(
      ...(slowest.length
        ? slowest
            .slice(0, SLOWEST)
            .map((node) =>
              h('li', h('span', node.name), h('small', t('admin.mailbox', { n: depth(node) }))),
            )
        : [h('li.hint', t('admin.none_slow'))]),
    );
  }

  #branch(list, nodes, above, seen) {
    for (const node of nodes) {
      const path = `${above}/${node.name}`;
      seen.add(path);
      let row = this.#rows.get(path);
      if (!row) {
        row = this.#row();
        this.#rows.set(path, row);
        list.append(row.item);
      }
      row.node = node;
      this.#update(row, node);
      const children = node.children ?? [];
      attr(row.list, 'hidden', !children.length);
      if (children.length) this.#branch(row.list, children, path, seen);
    }
  }

  #row() {
    const row = {
      name: h('strong'),
      facts: h('small'),
      fault: h('small.fault'),
      state: h('span.state'),
      list: h('ul'),
    };
    row.kill = h(
      'button.link',
      { type: 'button', onclick: () => this.#kill(row.node) },
      t('admin.kill'),
    );
    row.item = h(
      'li',
      h('div.node', row.state, h('div', row.name, row.facts, row.fault), row.kill),
      row.list,
    );
    return row;
  }

  #update(row, node) {
    const well = WELL.includes(node.state);
    text(row.name, node.name);
    attr(row.state, 'data-well', well);
    attr(row.state, 'role', 'img');
    attr(row.state, 'aria-label', word(node.state ?? 'running'));
    const rate = node.messages_per_s ?? node.rate;
    const facts = [
      well ? '' : word(node.state),
      node.owner,
      node.children_total === undefined ? '' : `× ${number(node.children_total)}`,
      rate === undefined ? '' : t('admin.rate', { n: number(rate, rate < 10 ? 1 : 0) }),
      node.mailbox ? t('admin.mailbox', { n: node.mailbox }) : '',
      node.restarts ? t('admin.restarts', { n: node.restarts }) : '',
      node.since ? age(node.since, Date.now()) : '',
    ]
      .filter(Boolean)
      .join(' · ');
    text(row.facts, facts);
    text(row.fault, node.last_fault ?? '');
    attr(row.kill, 'hidden', this.#lacks.has('/admin/kill') || Boolean(node.children?.length));
    attr(row.kill, 'aria-label', t('admin.kill_one', { name: node.name }));
  }

  async #kill(node) {
    const sure = await ask({
      title: t('admin.kill_ask', { name: node.name }),
      tone: 'bad',
      yes: t('admin.kill'),
      body: t('admin.kill_words'),
    });
    if (!sure) return;
    try {
      await post('/admin/kill', { name: node.name });
      say(t('admin.killed', { name: node.name }));
    } catch (fault) {
      if (fault.status === 404) this.#lacks.add('/admin/kill');
      say(fault.message, { tone: 'bad' });
    }
    this.#beat();
  }

  #showFigures(stats) {
    const flat = Object.entries(stats).filter(([, value]) => typeof value === 'number');
    this.#figures.replaceChildren(
      ...flat
        .slice(0, 8)
        .map(([name, value]) =>
          h(
            'div.reading',
            h('dt', has(`stat.${name}`) ? t(`stat.${name}`) : word(name)),
            h('dd', number(value)),
          ),
        ),
    );
  }

  #showLog(log) {
    const lines = Array.isArray(log) ? log : (log.lines ?? []);
    this.#log.parentElement.hidden = false;
    const words = lines
      .map((line) =>
        typeof line === 'string'
          ? line
          : [line.time, line.level, line.message].filter(Boolean).join('  '),
      )
      .join('\n');
    const atEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 24;
    text(this.#log, words);
    if (atEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }
}

define('admin-page', AdminPage);
