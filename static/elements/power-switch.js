/*
 * power-switch: one on/off. Shows the wanted state, and turns a ring while it is pending.
 * Sends nothing itself: calls the function it was given with the new state.
 */
import { attr, define, h } from '../dom.js';

export class PowerSwitch extends HTMLElement {
  #button = h(
    'button.switch',
    { type: 'button', role: 'switch', 'aria-checked': 'false' },
    h('span.switch-knob'),
  );
  #turned = () => {};

  constructor() {
    super();
    this.#button.addEventListener('click', () => {
      this.#turned(this.#button.getAttribute('aria-checked') !== 'true');
    });
  }

  /** `label` is what assistive technology calls it; `turned(on)` hears a tap. */
  setup(label, turned) {
    attr(this.#button, 'aria-label', label);
    this.#turned = turned;
    if (!this.#button.isConnected) this.append(this.#button);
    return this;
  }

  update({ on, pending, disabled }) {
    attr(this.#button, 'aria-checked', on ? 'true' : 'false');
    attr(this.#button, 'data-pending', pending);
    attr(this.#button, 'aria-busy', pending ? 'true' : null);
    attr(this.#button, 'disabled', disabled);
  }
}

define('power-switch', PowerSwitch);
