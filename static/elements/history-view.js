import { define, h } from '../dom.js';
define('history-view', class extends HTMLElement { follow() { this.append(h('p.hint', '…')); } });
