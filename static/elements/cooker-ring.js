/*
 * cooker-ring: a bath's temperature at a glance. Shows the water as a glowing arc, the target as
 * a notch on it, the time that is left as a fine ring inside, and the numbers in words.
 * Sends nothing.
 */
import { attr, define, h, text } from '../dom.js';

const SVG = 'http://www.w3.org/2000/svg';
const SWEEP_DEG = 270;
const START_DEG = 135;
const CENTRE = 120;

const shape = (name, attributes, ...children) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

/** An open circle of radius `r` from lower left to lower right, clockwise. */
function arc(r) {
  const point = (deg) => {
    const rad = (deg * Math.PI) / 180;
    return `${(CENTRE + r * Math.cos(rad)).toFixed(2)} ${(CENTRE + r * Math.sin(rad)).toFixed(2)}`;
  };
  return `M${point(START_DEG)}A${r} ${r} 0 1 1 ${point(START_DEG + SWEEP_DEG)}`;
}

export class CookerRing extends HTMLElement {
  #water = shape('path', { d: arc(100), class: 'ring-water', pathLength: 100 });
  #left = shape('path', { d: arc(84), class: 'ring-left', pathLength: 100 });
  #notch = shape('path', { d: 'M120 6V34', class: 'ring-notch' });
  #wanted = shape('path', { d: 'M120 10V30', class: 'ring-wanted' });
  #big = h('div.ring-big');
  #small = h('div.ring-small');
  #above = h('div.ring-above');
  #ready = false;

  #build() {
    this.#ready = true;
    const warm = shape(
      'linearGradient',
      { id: 'ring-warm', x1: 0, y1: 1, x2: 1, y2: 0 },
      shape('stop', { offset: 0, class: 'ring-stop-cool' }),
      shape('stop', { offset: 1, class: 'ring-stop-hot' }),
    );
    const svg = shape(
      'svg',
      { viewBox: '0 0 240 240', 'aria-hidden': 'true' },
      shape('defs', {}, warm),
      shape('path', { d: arc(100), class: 'ring-bed' }),
      this.#water,
      shape('path', { d: arc(84), class: 'ring-left-bed' }),
      this.#left,
      this.#wanted,
      this.#notch,
    );
    this.append(svg, h('div.ring-words', this.#above, this.#big, this.#small));
  }

  /** `min`, `max`, `water`, `target` in °C; `left` 0..1 of the timer; three lines of words. */
  update({ min, max, water, target, wanted, left, hot, above, big, small }) {
    if (!this.#ready) this.#build();
    const share = (value) => Math.min(1, Math.max(0, ((value ?? min) - min) / (max - min)));
    const turn = (value) => `rotate(${START_DEG + 90 + SWEEP_DEG * share(value) - 360} 120 120)`;
    attr(this.#water, 'stroke-dasharray', `${(share(water) * 100).toFixed(2)} 200`);
    attr(this.#left, 'stroke-dasharray', `${((left ?? 0) * 100).toFixed(2)} 200`);
    attr(this.#notch, 'transform', turn(target));
    attr(this.#notch, 'visibility', target === undefined ? 'hidden' : 'visible');
    attr(this.#wanted, 'transform', turn(wanted));
    attr(this.#wanted, 'visibility', wanted === undefined ? 'hidden' : 'visible');
    attr(this, 'data-hot', hot);
    text(this.#above, above);
    text(this.#big, big);
    text(this.#small, small);
  }
}

define('cooker-ring', CookerRing);
