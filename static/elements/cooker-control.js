/*
 * cooker-control: a water bath. Shows the ring, the steps of a cook, the countdown, the target
 * and timer, and what the server estimates. Asks before it starts heat; never before it stops.
 * Sends `set` of heating, target_c, timer_s, start.
 */
import { attr, define, h, text } from '../dom.js';
import { house } from '../house.js';
import { icon } from '../icons.js';
import { isHeating } from '../look.js';
import { countdown, duration, moment, temperature, title } from '../units.js';
import { has, t } from '../words.js';
import { ask } from './ask-dialog.js';
import { allowed, mayAsk, permit } from '../notify.js';
import './cooker-ring.js';
import './history-view.js';
import './schema-control.js';
import './value-slider.js';

const STEPS = ['preheating', 'ready', 'cooking', 'done'];
const AT_STEP = { preheating: 0, ready: 1, cooking: 2, holding: 3, done: 3 };
const RECIPES = [
  ['steak', 54.5, 7200],
  ['salmon', 50, 2700],
  ['chicken', 63, 5400],
  ['egg', 64, 3600],
  ['vegetables', 84, 3600],
];
const FIVE_MIN_S = 300;
const TIMER_SLIDER_MAX_S = 12 * 3600;
const TIMER_DEFAULT_S = 3600;
const FALLBACK = {
  target_c: { min: 20, max: 95, step: 0.1, unit: '°C' },
  timer_s: { min: 0, max: 259_200 },
};

export class CookerControl extends HTMLElement {
  #device;
  #said = null; // remaining_s as last reported, and when: the countdown runs between reports
  #timer;
  #sleep = null;
  #large = false;
  #seen = () => {
    if (this.#large && document.visibilityState === 'visible') this.#stayAwake();
  };
  #ring = document.createElement('cooker-ring');
  #steps = h('ol.steps');
  #estimate = h('p.estimate');
  #target;
  #time;
  #start = h(
    'button.ember.wide',
    { type: 'button', onclick: () => this.#begin() },
    icon('flame'),
    h('span', t('cook.start')),
  );
  #food = h(
    'button.ember.wide',
    { type: 'button', onclick: () => this.#set({ start: true }) },
    icon('check'),
    t('cook.food'),
  );
  #stop = h(
    'button.stop.wide',
    { type: 'button', onclick: () => this.#set({ heating: false }) },
    icon('stop'),
    t('cook.stop'),
  );
  #less = this.#step('minus', '-5', -FIVE_MIN_S);
  #more = this.#step('plus', '+5', FIVE_MIN_S);
  #recipes;
  #details;

  follow(device) {
    this.#device = device;
    this.className = 'control cooker';
    const { target, timer } = this.#limits();
    this.#target = document.createElement('value-slider').setup({
      label: title('target_c'),
      min: target.min,
      max: target.max,
      step: target.step,
      tone: 'ember',
      show: (value) => temperature(value),
      moved: (target_c) => this.#set({ target_c }),
    });
    this.#time = document.createElement('value-slider').setup({
      label: title('timer_s'),
      min: 0,
      max: Math.min(timer.max, TIMER_SLIDER_MAX_S),
      step: FIVE_MIN_S,
      show: (value) => (value ? duration(value) : t('cook.no_timer')),
      moved: (timer_s) => this.#set({ timer_s }),
    });
    this.#steps.append(
      ...STEPS.map((step) =>
        h(
          'li',
          { 'data-step': step },
          h('span.step-dot', { 'aria-hidden': 'true' }),
          t(`step.${step}`),
        ),
      ),
    );
    this.#recipes = h(
      'div.chips',
      { role: 'group', 'aria-label': t('cook.recipes') },
      ...RECIPES.map(([name, target_c, timer_s]) =>
        h(
          'button.chip',
          { type: 'button', onclick: () => this.#set({ target_c, timer_s }) },
          t(`recipe.${name}`),
          h('small', `${temperature(target_c)} · ${duration(timer_s)}`),
        ),
      ),
    );
    this.append(
      this.#ring,
      this.#steps,
      this.#estimate,
      h('div.cook-buttons', this.#stop, this.#food, this.#start),
      this.#target,
      h('div.timer-row', this.#less, this.#time, this.#more),
      this.#recipes,
      this.#tools(),
      this.#more_about(device),
      this.#history(device),
    );
    this.#timer = setInterval(() => this.#paint(), 1000);
    document.addEventListener('visibilitychange', this.#seen);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
    document.removeEventListener('visibilitychange', this.#seen);
    this.#large = false;
    this.#stayAwake();
  }

  /** In the large view the screen stays on. A browser lets go when the page is hidden. */
  async #stayAwake() {
    await this.#sleep?.release().catch(() => {});
    this.#sleep = this.#large
      ? await navigator.wakeLock?.request('screen').catch(() => null)
      : null;
  }

  #history(device) {
    if (!house.kind(device.kind).properties.water_c?.history) return '';
    const view = document.createElement('history-view');
    view.dataset.only = 'water_c';
    view.follow(device);
    return view;
  }

  /** The food, for the estimates, and how the timer behaves: for those who want to know. */
  #more_about(device) {
    const details = document.createElement('schema-control');
    details.dataset.only = 'food_mm food_start_c start_mode at_end expert';
    details.follow(device);
    this.#details = details;
    return h('details.more', h('summary', t('cook.more')), details);
  }

  /** Large view for across the kitchen (the screen stays on), and a notice when it's ready. */
  #tools() {
    const large = h(
      'button.quiet',
      { type: 'button', 'aria-pressed': 'false' },
      icon('expand'),
      h('span', t('cook.large')),
    );
    large.addEventListener('click', async () => {
      const on = this.closest('dialog').classList.toggle('large');
      attr(large, 'aria-pressed', on ? 'true' : 'false');
      text(large.lastElementChild, t(on ? 'cook.small' : 'cook.large'));
      this.#large = on;
      await this.#stayAwake();
    });
    const tell = h(
      'button.quiet',
      {
        type: 'button',
        hidden: !mayAsk() || allowed(),
        onclick: async () => {
          await permit();
          tell.hidden = true;
        },
      },
      icon('bell'),
      t('cook.tell'),
    );
    return h('div.cook-tools', large, tell);
  }

  #limits() {
    const { properties } = house.kind(this.#device.kind);
    return {
      target: properties.target_c ?? FALLBACK.target_c,
      timer: properties.timer_s ?? FALLBACK.timer_s,
    };
  }

  #set(desired) {
    house.set(this.#device.id, desired);
  }

  #step(picture, words, by) {
    return h(
      'button.round',
      {
        type: 'button',
        'aria-label': t('cook.step', { n: words }),
        onclick: () => {
          const now = house.view(this.#device, 'timer_s').target ?? 0;
          const { max } = this.#limits().timer;
          this.#set({ timer_s: Math.min(max, Math.max(0, now + by)) });
        },
      },
      icon(picture),
    );
  }

  async #begin() {
    const target_c = house.view(this.#device, 'target_c').target ?? 54.5;
    const timer_s = house.view(this.#device, 'timer_s').target ?? TIMER_DEFAULT_S;
    const sure = await ask({
      title: t('cook.ask'),
      picture: 'flame',
      yes: t('cook.yes'),
      body: t('cook.ask_words', { name: this.#device.description, target: temperature(target_c) }),
    });
    if (sure) this.#set({ target_c, timer_s, heating: true });
  }

  update(device) {
    this.#device = device;
    const left = device.reported?.remaining_s;
    if (this.#said?.left !== left) this.#said = { left, at: performance.now() };
    const disabled = !house.canControl(device);
    const target = house.view(device, 'target_c');
    const timer = house.view(device, 'timer_s');
    this.#target.update({
      value: target.target,
      actual: target.actual,
      pending: target.pending,
      disabled,
    });
    this.#time.update({
      value: timer.target,
      actual: timer.actual,
      pending: timer.pending,
      disabled,
    });
    for (const button of [this.#less, this.#more, ...this.#recipes.children]) {
      attr(button, 'disabled', disabled);
    }
    this.#details.update(device);
    this.#paint();
  }

  /** Seconds that are left now: the device's last word, counted on while it is cooking. */
  #remaining() {
    const { left, at } = this.#said ?? {};
    if (typeof left !== 'number') return null;
    const runs = this.#device.reported?.phase === 'cooking' && this.#device.connected;
    return Math.max(0, left - (runs ? (performance.now() - at) / 1000 : 0));
  }

  #paint() {
    const device = this.#device;
    const { phase, water_c, held_s } = device.reported ?? {};
    const heating = isHeating(device);
    const target = house.view(device, 'target_c');
    const left = this.#remaining();
    const whole = house.view(device, 'timer_s').target;
    const limits = this.#limits().target;
    const counts = heating && left !== null && (phase === 'cooking' || phase === 'ready');
    let small = target.target === undefined ? '' : `→ ${temperature(target.target)}`;
    if (counts) small = countdown(left);
    else if (phase === 'holding' && held_s) small = t('cook.held', { time: duration(held_s) });
    this.#ring.update({
      min: limits.min,
      max: limits.max,
      water: water_c,
      hot: heating,
      target: target.actual ?? target.target,
      wanted: target.pending ? target.target : undefined,
      left: counts && whole ? left / whole : 0,
      above: this.#above(phase),
      big: temperature(water_c),
      small,
    });
    this.#showSteps(heating ? phase : null);
    text(this.#estimate, this.#estimates());
    const disabled = !house.canControl(device);
    attr(this.#stop, 'hidden', !heating);
    attr(this.#start, 'hidden', heating);
    attr(this.#food, 'hidden', phase !== 'ready' || !heating);
    for (const button of [this.#stop, this.#start, this.#food]) attr(button, 'disabled', disabled);
  }

  #above(phase) {
    const { target, pending } = house.view(this.#device, 'heating');
    if (pending) return t(target ? 'cook.starting' : 'cook.stopping');
    return phase ? (has(`word.${phase}`) ? t(`word.${phase}`) : phase) : t('card.silent');
  }

  #showSteps(phase) {
    const now = AT_STEP[phase];
    [...this.#steps.children].forEach((step, at) => {
      attr(step, 'data-done', now !== undefined && at < now);
      attr(step, 'aria-current', at === now ? 'step' : null);
    });
    attr(this.#steps, 'data-idle', now === undefined);
  }

  /** What the server reckons: when the water is there, how warm the core is. Marked as such. */
  #estimates() {
    const said = this.#device.estimates ?? {};
    const now = house.now();
    const parts = [];
    if (said.eta_s > 0 && this.#device.reported?.phase === 'preheating') {
      const time = duration(said.eta_s);
      const [soonest, latest] = (said.eta_range_s ?? [said.eta_s, said.eta_s]).map(
        (seconds) => (seconds === null ? null : moment(now + seconds * 1000)),
      );
      const until = latest === soonest ? latest : `${soonest}–${latest}`;
      if (latest === null) parts.push(t('cook.eta_open', { time, soonest })); // it may never be
      else parts.push(t('cook.eta', { time, until }));
    }
    if (typeof said.core_c_estimate === 'number') {
      parts.push(t('cook.core', { core: temperature(said.core_c_estimate) }));
    }
    const safe_at = said.pasteurised_at_ms_estimate;
    if (said.pasteurised_estimate) parts.push(t('cook.safe'));
    else if (safe_at) {
      parts.push(t('cook.safe_in', { time: duration(Math.max(0, safe_at - now) / 1000) }));
    }
    if (said.no_estimate) parts.push(t(`cook.${said.no_estimate}`));
    return parts.join(' · ');
  }
}

define('cooker-control', CookerControl);
