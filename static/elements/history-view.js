/*
 * history-view: what a device was like. Shows a chart of one property with the span to choose,
 * zoom and pan, marks for what happened, the least, mean and most of it, and a CSV or a picture to
 * take away; it follows live. Sends GET /devices/{id}/history, as JSON or as text/csv, and GET
 * /devices/{id}/history.svg.
 */
import { Refused, download, get } from '../api.js';
import { cookLog } from '../cook-log.js';
import { attr, define, h, text } from '../dom.js';
import { house } from '../house.js';
import { icon } from '../icons.js';
import { bigReading } from '../look.js';
import { moment, number, show, shown_t, title } from '../units.js';
import { t } from '../words.js';
import { say } from './toast-list.js';
import './history-chart.js';

const HOUR_MS = 3_600_000;
const SPANS = [
  ['1h', HOUR_MS],
  ['6h', 6 * HOUR_MS],
  ['24h', 24 * HOUR_MS],
  ['7d', 168 * HOUR_MS],
  ['30d', 720 * HOUR_MS],
  ['1y', 8766 * HOUR_MS],
];
const REST_MS = 250; // after the last zoom step, before fetching
const YOUNG_MS_MIN = 120_000;
const NOW_MS = 15_000; // a span that ends this close to now follows the clock
const POINTS = 400; // about one a pixel of the chart
const DRAWN = ['number', 'integer', 'bool'];
const BESIDE = { water_c: [['target_c', 'target']] };
const TOLD_MAX = 12; // of what happened, in words below the chart

export class HistoryView extends HTMLElement {
  #device;
  #name;
  #schema;
  #from;
  #to;
  #points = [];
  #lines = [];
  #step;
  #turn = 0;
  #fresh = true;
  #timer = null;
  #chart = document.createElement('history-chart');
  #sum = h('dl.readings');
  #note = h('p.hint', { role: 'status' });
  #spans;
  #names;
  #log;
  #told = h('ol.log');
  #happened = h('details.more', { hidden: true });
  #hear = ({ detail }) => this.#live(detail);
  #mark = () => {
    this.#goOn();
    this.#draw();
  };

  follow(device) {
    this.#device = device;
    this.className = 'control';
    const { properties } = house.kind(device.kind);
    const { only } = this.dataset; // a sheet that shows the one curve that matters
    const drawn = Object.entries(properties).filter(
      ([name, one]) => one.history && DRAWN.includes(one.type) && (!only || name === only),
    );
    if (!drawn.length) {
      this.append(h('p.hint', t('history.none')));
      return;
    }
    this.#names = this.#chips(
      t('history.what'),
      drawn.map(([name, one]) => [name, title(name, one)]),
      (name) => this.#choose(name),
    );
    this.#spans = this.#chips(
      t('history.span'),
      SPANS.map(([name]) => [name, t(`span.${name}`)]),
      (name) => this.#span(SPANS.find(([one]) => one === name)[1]),
    );
    const tool = (picture, words, act) =>
      h('button.round', { type: 'button', 'aria-label': t(words), onclick: act }, icon(picture));
    const away = (words, act) =>
      h('button.quiet.small', { type: 'button', onclick: act }, icon('download'), words);
    this.append(
      drawn.length > 1 ? this.#names : '',
      this.#spans,
      this.#chart,
      h(
        'div.chart-tools',
        tool('back', 'history.earlier', () => this.#chart.pan(-0.5)),
        tool('minus', 'history.out', () => this.#chart.zoom(2)),
        tool('plus', 'history.in', () => this.#chart.zoom(0.5)),
        tool('forward', 'history.later', () => this.#chart.pan(0.5)),
        h(
          'div.chart-away',
          away('CSV', () => this.#takeAway('csv', this.#path(this.#name), 'text/csv')),
          away(t('history.picture'), () => this.#takeAway('svg', this.#picture(), 'image/svg+xml')),
        ),
      ),
      this.#note,
      only ? '' : this.#sum,
      this.#happened,
    );
    this.#happened.append(h('summary', t('history.happened')), this.#told);
    this.#log = cookLog(device.id);
    this.#log.addEventListener('change', this.#mark);
    this.#log.fetch();
    this.#chart.addEventListener('range', ({ detail }) => this.#ranged(detail));
    house.addEventListener('delta', this.#hear);
    const big = bigReading(device); // what its card shows big, it shows first
    const first = drawn.find(([name]) => name === big) ?? drawn[0];
    this.#to = house.now();
    this.#from = this.#to - HOUR_MS;
    this.#choose(first[0]);
  }

  disconnectedCallback() {
    house.removeEventListener('delta', this.#hear);
    this.#log?.removeEventListener('change', this.#mark);
    clearTimeout(this.#timer);
  }

  #chips(label, pairs, chosen) {
    return h(
      'div.chips',
      { role: 'group', 'aria-label': label },
      ...pairs.map(([value, words]) =>
        h(
          'button.chip',
          {
            type: 'button',
            'data-value': value,
            'aria-pressed': 'false',
            onclick: () => chosen(value),
          },
          words,
        ),
      ),
    );
  }

  #choose(name) {
    this.#name = name;
    this.#schema = house.kind(this.#device.kind).properties[name];
    press(this.#names, name);
    this.#chart.call(title(name, this.#schema));
    this.#fetch();
  }

  #span(ms) {
    this.#to = house.now();
    this.#from = this.#to - ms;
    this.#fetch();
  }

  #ranged({ from, to }) {
    this.#from = from;
    this.#to = Math.min(to, house.now() + (to - from) / 2);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fetch(), REST_MS);
  }

  #path(name) {
    return `/devices/${this.#device.id}/history?${this.#asked(name, { points: POINTS })}`;
  }

  /** The address of the same chart as a picture, its clock the one on this wall. */
  #picture() {
    const tz = Intl.DateTimeFormat().resolvedOptions().timeZone;
    return `/devices/${this.#device.id}/history.svg?${this.#asked(this.#name, { tz })}`;
  }

  #asked(property, more) {
    const [from, to] = [this.#from, Math.min(this.#to, house.now())];
    return new URLSearchParams({ property, from: Math.floor(from), to: Math.ceil(to), ...more });
  }

  async #fetch() {
    const turn = (this.#turn += 1);
    const near = SPANS.find(([, ms]) => Math.abs(ms - (this.#to - this.#from)) < 1000);
    press(this.#spans, near?.[0]);
    this.#chart.look(this.#from, this.#to);
    const { properties } = house.kind(this.#device.kind);
    const beside = (BESIDE[this.#name] ?? []).filter(([name]) => properties[name]?.history);
    try {
      const [main, ...rest] = await Promise.all([
        get(this.#path(this.#name)),
        ...beside.map(([name]) => get(this.#path(name)).catch(() => ({ points: [] }))),
      ]);
      if (turn !== this.#turn) return;
      this.#points = main.points.map(bucket);
      this.#step = main.step * 1000;
      this.#lines = rest.map((one, at) => ({
        points: this.#held(beside[at][0], one.points.map(bucket)),
        tone: beside[at][1],
      }));
      this.#fit();
      text(this.#note, this.#points.length ? '' : t('history.empty'));
    } catch (fault) {
      if (turn !== this.#turn) return;
      const missing = fault instanceof Refused && fault.status === 404;
      text(this.#note, missing ? t('history.missing') : fault.message);
      this.#points = [];
    }
    this.#draw();
  }

  /** A line of what is wanted goes on to the edge; never changed in this time, it is level. */
  #held(name, points) {
    const mean = points.at(-1)?.mean ?? this.#device.reported?.[name];
    if (typeof mean !== 'number') return points;
    const first = points.length ? [] : [{ t: this.#from, mean }];
    return [...first, ...points, { t: this.#to, mean }];
  }

  /** The first look at a young history is at all of it, not at an hour with nothing in it. */
  #fit() {
    const [first] = this.#points;
    const young = this.#fresh && first && first.t > this.#from + (this.#to - this.#from) / 2;
    this.#fresh = false;
    if (!young) return;
    this.#from = Math.min(first.t, this.#to - YOUNG_MS_MIN);
    press(this.#spans, null);
  }

  /** A span that ends now goes on to the new now. False: another time is looked at. */
  #goOn() {
    const now = house.now();
    if (this.#to < now - NOW_MS) return false;
    this.#from += now - this.#to;
    this.#to = now;
    return true;
  }

  /** A report heard live goes on where the history ended: into its last bucket, or after it. */
  #live({ id, changes }) {
    const value = changes.reported?.[this.#name];
    if (id !== this.#device.id || value === undefined || value === null) return;
    if (!this.#goOn()) return;
    const now = this.#to;
    const point = bucket({ t: now, value });
    const last = this.#points.at(-1);
    if (last?.count && this.#step && now < last.t + this.#step) {
      last.mean = (last.mean * last.count + point.mean) / (last.count + 1);
      last.count += 1;
      last.min = Math.min(last.min, point.mean);
      last.max = Math.max(last.max, point.mean);
    } else this.#points.push(point);
    this.#draw();
  }

  #draw() {
    const seen = this.#points.filter((point) => point.t >= this.#from && point.t <= this.#to);
    const [min, max] = [Math.min(...seen.map((p) => p.min)), Math.max(...seen.map((p) => p.max))];
    const weight = seen.reduce((sum, p) => sum + (p.count || 1), 0);
    const mean = seen.reduce((sum, p) => sum + p.mean * (p.count || 1), 0) / weight;
    const words = (value) => this.#words(value);
    const core = { points: this.#log.core, tone: 'core' };
    this.#tell(this.#log.marks);
    this.#chart.draw({
      points: this.#points,
      lines: this.#name === 'water_c' ? [...this.#lines, core] : this.#lines,
      marks: this.#log.marks,
      from: this.#from,
      to: this.#to,
      step: this.#step,
      show: (value, step) => (step ? this.#axis(value, step) : words(value)),
      label: seen.length
        ? t('history.label', {
            what: title(this.#name, this.#schema),
            min: words(min),
            mean: words(mean),
            max: words(max),
          })
        : t('history.empty'),
    });
    const rows = seen.length
      ? [
          ['history.min', min],
          ['history.mean', mean],
          ['history.max', max],
        ]
      : [];
    this.#sum.replaceChildren(
      ...rows.map(([key, value]) => h('div.reading', h('dt', t(key)), h('dd', words(value)))),
    );
    attr(this.#sum, 'hidden', !rows.length);
  }

  /** The marks in words, the latest first. */
  #tell(marks) {
    const shape = marks.map(({ t: at, words }) => `${at}${words}`).join();
    if (this.#told.dataset.shape === shape) return;
    this.#told.dataset.shape = shape;
    attr(this.#happened, 'hidden', !marks.length);
    const rows = marks.slice(-TOLD_MAX).reverse();
    this.#told.replaceChildren(
      ...rows.map(({ t: at, words }) =>
        h('li', h('span', words), h('small', moment(at, { seconds: true }))),
      ),
    );
  }

  #words(value) {
    if (this.#schema.type === 'bool') return `${number(value * 100)} %`;
    return show(Math.round(value * 1000) / 1000, {
      ...this.#schema,
      step: this.#schema.step ?? 0.01,
    });
  }

  #axis(value, step) {
    const shown = this.#schema.unit === '°C' ? shown_t(value) : value;
    if (this.#schema.type === 'bool') return value === 0 ? t('off') : value === 1 ? t('on') : '';
    return number(shown, Math.min(3, Math.max(0, Math.ceil(-Math.log10(step)))));
  }

  async #takeAway(ending, path, kind) {
    try {
      const file = URL.createObjectURL(await download(path, kind));
      h('a', { href: file, download: `${this.#device.id}-${this.#name}.${ending}` }).click();
      setTimeout(() => URL.revokeObjectURL(file), 60_000);
    } catch (fault) {
      say(fault.message, { tone: 'bad' });
    }
  }
}

/** A raw value or a bucket, as a bucket. */
function bucket(point) {
  const mean = Number(point.mean ?? point.value);
  return {
    t: point.t,
    mean,
    min: Number(point.min ?? mean),
    max: Number(point.max ?? mean),
    count: point.count,
  };
}

function press(chips, value) {
  for (const chip of chips.children) {
    attr(chip, 'aria-pressed', chip.dataset.value === value ? 'true' : 'false');
  }
}

define('history-view', HistoryView);
