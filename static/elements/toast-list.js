/*
 * toast-list: short messages that go away by themselves. Shows what failed and why, and good
 * news that nobody must act on. Sends nothing.
 */
import { define, h } from '../dom.js';
import { icon } from '../icons.js';

const STAY_MS = 6_000;
const MOST = 3;

export class ToastList extends HTMLElement {
  connectedCallback() {
    this.setAttribute('popover', 'manual');
    this.setAttribute('role', 'status');
    this.setAttribute('aria-live', 'polite');
  }

  say(words, { tone = 'plain', action, act } = {}) {
    const toast = h(
      `div.toast.${tone}`,
      icon(tone === 'bad' ? 'alert' : 'check'),
      h('span', words),
    );
    const go = () => {
      toast.remove();
      if (!this.childElementCount && this.matches(':popover-open')) this.hidePopover();
    };
    if (action)
      toast.append(
        h(
          'button.link',
          {
            type: 'button',
            onclick: () => {
              act();
              go();
            },
          },
          action,
        ),
      );
    this.append(toast);
    while (this.childElementCount > MOST) this.firstElementChild.remove();
    if (this.matches(':popover-open')) this.hidePopover(); // to come above a sheet opened since
    this.showPopover();
    setTimeout(go, action ? 2 * STAY_MS : STAY_MS);
  }
}

define('toast-list', ToastList);

/** Says something on the page's one list. */
export const say = (words, options) => document.querySelector('toast-list')?.say(words, options);
