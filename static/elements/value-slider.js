/*
 * value-slider: one level. Shows the wanted value as its handle, the reported one as a mark while
 * the two differ. Calls the function it was given at most ten times a second while it is moved,
 * and always with the last value.
 */
import { attr, define, h, paced, text, token, uid } from '../dom.js';
import { t } from '../words.js';

const EVERY_MS = 100;
const REST_MS = 400; // after the last move, news from the server may move the handle again

export class ValueSlider extends HTMLElement {
  #input;
  #value;
  #actual;
  #mark = h('span.slider-mark', { 'aria-hidden': 'true' });
  #show;
  #moved_at = -Infinity;
  #range;

  /**
   * `label`, `min`, `max`, `step`; `show(value)` makes its text; `moved(value)` hears it;
   * `tone` picks the look: "glow", "kelvin", "hue", "saturation" or none.
   */
  setup({ label, min, max, step, show, moved, tone }) {
    const id = uid('slider');
    const send = paced(moved, EVERY_MS);
    this.#range = [min, max];
    this.#show = show;
    this.#input = h('input', {
      id,
      type: 'range',
      min,
      max,
      step: step ?? 'any',
      oninput: () => this.#move(send),
    });
    this.#value = h('output', { for: id });
    this.#actual = h('span.slider-actual');
    this.dataset.tone = tone ?? 'plain';
    this.replaceChildren(
      h('div.slider-head', h('label', { for: id }, label), h('span', this.#actual, this.#value)),
      h('div.slider-track', this.#input, this.#mark),
    );
    return this;
  }

  #move(send) {
    this.#moved_at = performance.now();
    const value = Number(this.#input.value);
    this.#paint(value);
    send(value);
  }

  #paint(value) {
    const words = this.#show(value);
    text(this.#value, words);
    attr(this.#input, 'aria-valuetext', words);
    token(this, '--at', this.#share(value));
  }

  #share(value) {
    const [min, max] = this.#range;
    return Math.min(1, Math.max(0, (value - min) / (max - min || 1)));
  }

  update({ value, actual, pending, disabled }) {
    attr(this.#input, 'disabled', disabled);
    attr(this, 'data-pending', pending);
    text(this.#actual, pending && actual !== undefined ? `${this.#show(actual)} → ` : '');
    if (actual !== undefined) token(this, '--mark', this.#share(actual));
    attr(this.#mark, 'hidden', !pending || actual === undefined);
    if (performance.now() - this.#moved_at < REST_MS) return;
    this.#input.value = value ?? this.#range[0];
    this.#paint(Number(this.#input.value));
    attr(this, 'data-unknown', value === undefined);
    if (value !== undefined) return;
    text(this.#value, '–');
    attr(this.#input, 'aria-valuetext', t('unknown'));
  }
}

define('value-slider', ValueSlider);
