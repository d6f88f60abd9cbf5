/*
 * live-badge: whether what you see is now. Shows live with the round trip, or since when not.
 * Sends nothing (the socket pings by itself).
 */
import { attr, define, h, text } from '../dom.js';
import { house } from '../house.js';
import { t } from '../words.js';

export class LiveBadge extends HTMLElement {
  #words = h('span.badge-words');
  #latency = h('span.badge-latency');

  connectedCallback() {
    this.setAttribute('role', 'status');
    this.append(h('span.badge-dot', { 'aria-hidden': 'true' }), this.#words, this.#latency);
    this.update();
    house.addEventListener('link', () => this.update());
  }

  update() {
    const { state, latency_ms } = house.live;
    attr(this, 'data-state', state);
    text(this.#words, t(`live.${state}`));
    text(this.#latency, latency_ms === null ? '' : `${latency_ms} ms`);
    attr(this.#latency, 'aria-hidden', 'true');
  }
}

define('live-badge', LiveBadge);
