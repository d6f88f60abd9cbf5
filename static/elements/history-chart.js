/*
 * history-chart: one property over time. Shows the mean as a line in its min-max band, gaps as
 * gaps, other lines (a target, an estimate) dashed, what happened as marks, and under the pointer
 * the exact value or what the mark means.
 * Sends nothing; dispatches `range` with `{ from, to }` when the person zooms or pans.
 */
import { define, h, text } from '../dom.js';
import { moment } from '../units.js';
import { region } from '../words.js';

const PAD = { left: 52, right: 12, top: 14, bottom: 26 };
const GAP_STEPS = 3.5; // a longer silence than this many steps is drawn as a gap,
const GAP_MS_MIN = 120_000; // but not a shorter one: many devices speak only of changes
const ZOOM = 1.35;
const MARK_NEAR_PX = 6;
const SPAN_MIN_MS = 60_000;
const SPAN_MAX_MS = 5 * 366 * 86_400_000;
const TICKS_MS = [
  1e3, 5e3, 15e3, 30e3, 6e4, 3e5, 9e5, 18e5, 36e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5,
  2592e6, 7776e6, 31536e6,
];

export class HistoryChart extends HTMLElement {
  #canvas = h('canvas', { role: 'img' });
  #read = h('output.chart-read', { 'aria-hidden': 'true' });
  #data = { points: [], lines: [], marks: [], from: 0, to: 1, show: String };
  #cursor = null;
  #pointers = new Map();
  #frame = null;
  #size = new ResizeObserver(() => this.#paint());
  #theme = matchMedia('(prefers-color-scheme: dark)');
  #repaint = () => this.#paint();

  connectedCallback() {
    this.append(this.#canvas, this.#read);
    this.#size.observe(this);
    this.#theme.addEventListener('change', this.#repaint);
    this.#canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    for (const name of [
      'pointerdown',
      'pointermove',
      'pointerup',
      'pointercancel',
      'pointerleave',
    ]) {
      this.#canvas.addEventListener(name, (event) => this[`on_${name}`](event));
    }
  }

  disconnectedCallback() {
    this.#size.disconnect();
    this.#theme.removeEventListener('change', this.#repaint);
    cancelAnimationFrame(this.#frame);
  }

  /**
   * `points` of `{ t, min, mean, max }` by time, `lines` of `{ points, tone }`, `marks` of
   * `{ t, words, tone }`, the shown span, `show(value, step)` for words (at an axis, with the
   * step between its values), and `label` for those who don't see it.
   */
  draw({ points, lines = [], from, to, step, show, label, marks = [] }) {
    this.#data = { points, lines, from, to, step, show, marks };
    this.call(label);
    this.#paint();
  }

  /** What those hear who don't see it. */
  call(words) {
    this.#canvas.setAttribute('aria-label', words);
  }

  /** Shows another span at once, while its points are being fetched. */
  look(from, to) {
    this.#data.from = from;
    this.#data.to = to;
    this.#paint();
  }

  /* -- the hand ---------------------------------------------------------------------------- */

  #at = (event) => event.clientX - this.#canvas.getBoundingClientRect().left;
  #width = () => this.#canvas.clientWidth - PAD.left - PAD.right;
  #time = (x) =>
    this.#data.from + ((x - PAD.left) / this.#width()) * (this.#data.to - this.#data.from);

  #wheel(event) {
    if (
      !event.ctrlKey &&
      Math.abs(event.deltaX) < Math.abs(event.deltaY) &&
      !event.shiftKey &&
      document.activeElement !== this.#canvas &&
      !event.altKey
    )
      return; // the page scrolls
    event.preventDefault();
    this.zoom(event.deltaY > 0 ? ZOOM : 1 / ZOOM, this.#time(this.#at(event)));
  }

  /** Widens (> 1) or narrows (< 1) the span around `centre`, by default its middle. */
  zoom(factor, centre = (this.#data.from + this.#data.to) / 2) {
    const span = this.#data.to - this.#data.from;
    const wanted = Math.min(SPAN_MAX_MS, Math.max(SPAN_MIN_MS, span * factor));
    const from = centre - (centre - this.#data.from) * (wanted / span);
    this.#go(from, from + wanted);
  }

  /** Moves by a share of the span: -0.5 is half a screen earlier. */
  pan(share) {
    const by = (this.#data.to - this.#data.from) * share;
    this.#go(this.#data.from + by, this.#data.to + by);
  }

  #go(from, to) {
    this.look(from, to);
    this.dispatchEvent(new CustomEvent('range', { detail: { from, to } }));
  }

  on_pointerdown(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#at(event));
  }

  on_pointermove(event) {
    const x = this.#at(event);
    const before = this.#pointers.get(event.pointerId);
    if (before === undefined) {
      this.#cursor = x;
    } else if (this.#pointers.size === 1) {
      this.#cursor = event.pointerType === 'mouse' ? null : x;
      this.pan(-(x - before) / this.#width());
    } else {
      const [other] = [...this.#pointers].find(([id]) => id !== event.pointerId).slice(1);
      const [was, is] = [Math.abs(before - other), Math.abs(x - other)];
      if (was > 8 && is > 8) this.zoom(was / is, this.#time((x + other) / 2));
    }
    if (before !== undefined) this.#pointers.set(event.pointerId, x);
    this.#paint();
  }

  on_pointerup(event) {
    this.#pointers.delete(event.pointerId);
  }

  on_pointercancel(event) {
    this.#pointers.delete(event.pointerId);
  }

  on_pointerleave() {
    this.#cursor = null;
    this.#paint();
  }

  /* -- the picture ------------------------------------------------------------------------- */

  #paint() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw();
    });
  }

  #draw() {
    const [width, height] = [this.#canvas.clientWidth, this.#canvas.clientHeight];
    if (!width || !height) return;
    const scale = devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    const pen = this.#canvas.getContext('2d');
    pen.scale(scale, scale);
    const style = getComputedStyle(this);
    const paint = {
      pen,
      width,
      height,
      ink: style.getPropertyValue('--chart-ink'),
      grid: style.getPropertyValue('--chart-grid'),
      line: style.getPropertyValue('--chart-line'),
      band: style.getPropertyValue('--chart-band'),
      target: style.getPropertyValue('--chart-target'),
      core: style.getPropertyValue('--chart-core'),
      bad: style.getPropertyValue('--chart-bad'),
    };
    pen.font = `500 12px ${style.fontFamily}`;
    const { from, to } = this.#data;
    const [low, high] = this.#bounds();
    const x = (t) => PAD.left + ((t - from) / (to - from)) * this.#width();
    const y = (value) =>
      PAD.top + (1 - (value - low) / (high - low)) * (height - PAD.top - PAD.bottom);
    this.#axes(paint, x, y, low, high);
    pen.save();
    pen.beginPath();
    pen.rect(PAD.left, 0, this.#width(), height - PAD.bottom);
    pen.clip();
    const runs = split(this.#data.points, this.#data.step);
    band(paint, runs, x, y);
    for (const { points, tone } of this.#data.lines) {
      stroke(paint, split(points, Infinity), x, y, paint[tone] || paint.target, [6, 5]);
    }
    stroke(paint, runs, x, y, paint.line, []);
    for (const { t, tone } of this.#data.marks) mark(paint, x(t), tone);
    pen.restore();
    this.#point(paint, x, y);
  }

  #bounds() {
    const { from, to, points, lines } = this.#data;
    let [low, high] = [Infinity, -Infinity];
    for (const point of [...points, ...lines.flatMap((line) => line.points)]) {
      if (point.t < from || point.t > to) continue;
      low = Math.min(low, point.min ?? point.mean);
      high = Math.max(high, point.max ?? point.mean);
    }
    if (low > high) [low, high] = [0, 1];
    const room = (high - low || Math.abs(high) * 0.02 || 1) * 0.12;
    return [low - room, high + room];
  }

  #axes({ pen, width, height, ink, grid }, x, y, low, high) {
    const { from, to, show } = this.#data;
    pen.fillStyle = ink;
    pen.strokeStyle = grid;
    pen.lineWidth = 1;
    pen.textBaseline = 'middle';
    pen.textAlign = 'right';
    const [values, step] = nice(low, high, Math.max(2, Math.floor(height / 56)));
    for (const value of values) {
      line(pen, PAD.left, y(value), width - PAD.right, y(value));
      pen.fillText(show(value, step), PAD.left - 8, y(value));
    }
    pen.textBaseline = 'alphabetic';
    const tick =
      TICKS_MS.find((ms) => (to - from) / ms <= Math.max(2, this.#width() / 84)) ?? TICKS_MS.at(-1);
    const zone = new Date(from).getTimezoneOffset() * 60_000;
    for (let t = Math.ceil((from - zone) / tick) * tick + zone; t <= to; t += tick) {
      const at = x(t);
      pen.textAlign = at < PAD.left + 24 ? 'left' : at > width - 30 ? 'right' : 'center';
      pen.fillText(clock(t, tick), at, height - 8);
    }
  }

  #point({ pen, line: colour, ink, height }, x, y) {
    const { points, show } = this.#data;
    text(this.#read, '');
    if (this.#cursor === null) return;
    const meant = this.#data.marks.filter(({ t }) => Math.abs(x(t) - this.#cursor) < MARK_NEAR_PX);
    if (meant.length) {
      const words = meant.map((one) => one.words).join(', ');
      text(this.#read, `${moment(meant[0].t, { seconds: true })} · ${words}`);
      return;
    }
    if (!points.length) return;
    const t = this.#time(this.#cursor);
    const near = points.reduce((best, one) =>
      Math.abs(one.t - t) < Math.abs(best.t - t) ? one : best,
    );
    if (Math.abs(x(near.t) - this.#cursor) > 40) return;
    pen.strokeStyle = ink;
    pen.setLineDash([2, 3]);
    line(pen, x(near.t), PAD.top, x(near.t), height - PAD.bottom);
    pen.setLineDash([]);
    pen.fillStyle = colour;
    pen.beginPath();
    pen.arc(x(near.t), y(near.mean), 4.5, 0, 7);
    pen.fill();
    const spread = near.max > near.min ? ` (${show(near.min)}–${show(near.max)})` : '';
    text(this.#read, `${moment(near.t, { seconds: true })} · ${show(near.mean)}${spread}`);
  }
}

function line(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, Math.round(y1) + 0.5);
  pen.lineTo(x2, Math.round(y2) + 0.5);
  pen.stroke();
}

/** Runs without a gap. The usual distance is the step, or the median of what is there. */
function split(points, step) {
  if (!points.length) return [];
  const gaps = points
    .slice(1)
    .map((point, at) => point.t - points[at].t)
    .sort((a, b) => a - b);
  const usual = step || gaps[Math.floor(gaps.length / 2)] || 0;
  const runs = [[points[0]]];
  for (let at = 1; at < points.length; at += 1) {
    const silence_ms = points[at].t - points[at - 1].t;
    if (silence_ms > Math.max(GAP_MS_MIN, usual * GAP_STEPS)) runs.push([]);
    runs.at(-1).push(points[at]);
  }
  return runs;
}

function band({ pen, band: colour }, runs, x, y) {
  pen.fillStyle = colour;
  for (const run of runs) {
    pen.beginPath();
    for (const point of run) pen.lineTo(x(point.t), y(point.max ?? point.mean));
    for (const point of [...run].reverse()) pen.lineTo(x(point.t), y(point.min ?? point.mean));
    pen.fill();
  }
}

function stroke({ pen }, runs, x, y, colour, dash) {
  pen.strokeStyle = colour;
  pen.lineWidth = dash.length ? 1.5 : 2;
  pen.lineJoin = 'round';
  pen.setLineDash(dash);
  for (const run of runs) {
    pen.beginPath();
    if (run.length === 1) pen.arc(x(run[0].t), y(run[0].mean), 1.5, 0, 7);
    else for (const point of dash.length ? stairs(run) : run) pen.lineTo(x(point.t), y(point.mean));
    pen.stroke();
  }
  pen.setLineDash([]);
}

/** What was wanted holds until something else is: a stair, not a slope. */
const stairs = (run) =>
  run.flatMap((point, at) => (at ? [{ t: point.t, mean: run[at - 1].mean }, point] : [point]));

/** A fine line with a flag on it: whoever looks closer is told what it means. */
function mark({ pen, height, ink, bad }, at, tone) {
  pen.strokeStyle = pen.fillStyle = tone === 'bad' ? bad : ink;
  pen.lineWidth = 1;
  pen.setLineDash(tone === 'asked' ? [1, 3] : []);
  line(pen, at, PAD.top, at, height - PAD.bottom);
  pen.setLineDash([]);
  pen.beginPath();
  pen.moveTo(at, PAD.top - 6);
  pen.lineTo(at + 7, PAD.top - 2);
  pen.lineTo(at, PAD.top + 2);
  pen.fill();
}

/** Round values between two bounds, about `count` of them, and the step from one to the next. */
function nice(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const values = [];
  for (let at = Math.ceil(low / step); at * step <= high; at += 1) values.push(at * step);
  return [values, step];
}

function clock(t, tick) {
  const when = new Date(t);
  if (tick >= 2592e6) return when.toLocaleDateString(region(), { month: 'short', year: '2-digit' });
  if (tick >= 864e5) return when.toLocaleDateString(region(), { day: 'numeric', month: 'short' });
  const time = { hour: 'numeric', minute: '2-digit' };
  if (tick < 6e4) time.second = '2-digit';
  return when.toLocaleTimeString(region(), time);
}

define('history-chart', HistoryChart);
