import { define, h } from '../dom.js';
define('share-list', class extends HTMLElement { follow() { this.append(h('p.hint', '…')); } });
