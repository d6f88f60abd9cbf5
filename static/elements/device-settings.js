import { define, h } from '../dom.js';
define('device-settings', class extends HTMLElement { follow() { this.append(h('p.hint', '…')); } });
