/*
 * admin-page: the house from behind. Shows the supervision tree as it lives (state, restarts,
 * last fault, for how long), what is in trouble, how many there are of everything, and the
 * log's tail. Sends GET /admin/tree every two seconds while it is looked at.
 */
import { Refused, get } from '../api.js';
import { attr, define, h, text } from '../dom.js';
import { house } from '../house.js';
import { icon } from '../icons.js';
import { duration, moment, number, word } from '../units.js';
import { has, t } from '../words.js';

const EVERY_MS = 2_000;
const TROUBLED_MAX = 8;

export class AdminPage extends HTMLElement {
  #tree = h('ul.tree');
  #figures = h('dl.readings');
  #troubled = h('ul.log');
  #log = h('pre.log-tail', { tabindex: 0, role: 'log', 'aria-label': t('admin.log') });
  #note = h('p.banner', { role: 'status', hidden: true });
  #rows = new Map();
  #timer;

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
          panel(t('admin.log'), this.#log),
        ),
      ),
    );
    this.#beat();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  async #beat() {
    clearTimeout(this.#timer);
    if (document.visibilityState === 'visible') {
      try {
        this.#show(await get('/admin/tree'));
        attr(this.#note, 'hidden', true);
      } catch (fault) {
        const refused = fault instanceof Refused;
        text(this.#note, refused ? t('admin.only') : t('fault.unreachable'));
        attr(this.#note, 'hidden', null);
        if (refused) return;
      }
    }
    if (this.isConnected) this.#timer = setTimeout(() => this.#beat(), EVERY_MS);
  }

  #show({ children, counts, log }) {
    const seen = new Set();
    this.#branch(this.#tree, nested(children), '', seen);
    for (const [path, row] of this.#rows) {
      if (seen.has(path)) continue;
      row.item.remove();
      this.#rows.delete(path);
    }
    const troubled = children.filter(({ status, restarts }) => status !== 'running' || restarts);
    this.#troubled.replaceChildren(
      ...(troubled.length
        ? troubled
            .slice(0, TROUBLED_MAX)
            .map((node) => h('li', h('span', nameOf(node)), h('small', factsOf(node))))
        : [h('li.hint', t('admin.well'))]),
    );
    this.#figures.replaceChildren(
      ...Object.entries(counts).map(([name, value]) =>
        h(
          'div.reading',
          h('dt', has(`count.${name}`) ? t(`count.${name}`) : word(name)),
          h('dd', number(value)),
        ),
      ),
    );
    this.#showLog(log);
  }

  /** Rows stay when the tree moves on, so that what is read or focused doesn't jump. */
  #branch(list, nodes, above, seen) {
    for (const node of nodes) {
      const path = `${above}/${node.name}`;
      seen.add(path);
      let row = this.#rows.get(path);
      if (!row) {
        row = makeRow();
        this.#rows.set(path, row);
        list.append(row.item);
      }
      const well = node.status === undefined || node.status === 'running';
      text(row.name, nameOf(node));
      text(row.facts, factsOf(node));
      text(row.fault, node.last_fault ?? '');
      attr(row.state, 'data-well', well);
      attr(row.state, 'aria-label', word(node.status ?? 'running'));
      attr(row.list, 'hidden', !node.children.length);
      this.#branch(row.list, node.children, path, seen);
    }
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
  for (const node of children) below.set(node.parent, [...(below.get(node.parent) ?? []), node]);
  const names = new Set(children.map(({ name }) => name));
  const grown = (node, above = []) => {
    const path = [...above, node.name];
    const next = (below.get(node.name) ?? []).filter(({ name }) => !path.includes(name));
    return { ...node, children: next.map((child) => grown(child, path)) };
  };
  return [...below.keys()].filter((name) => !names.has(name)).map((name) => grown({ name }));
}

/** A device's actor is named by its id; the administrator's own have a better name. */
function nameOf({ parent, name }) {
  const known = parent === 'devices' ? house.device(Number(name))?.description : null;
  return known ? `${known} (${name})` : name;
}

function factsOf({ status, restarts, since_ms_ago: since }) {
  return [
    status && status !== 'running' ? word(status) : '',
    restarts ? t('admin.restarts', { n: restarts }) : '',
    since === undefined ? '' : duration(since / 1000),
  ]
    .filter(Boolean)
    .join(' · ');
}

function makeRow() {
  const row = {
    state: h('span.state', { role: 'img' }),
    name: h('strong'),
    facts: h('small'),
    fault: h('small.fault'),
    list: h('ul'),
  };
  row.item = h('li', h('div.node', row.state, h('div', row.name, row.facts, row.fault)), row.list);
  return row;
}

define('admin-page', AdminPage);
