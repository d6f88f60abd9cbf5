import { define } from '../dom.js';
define('account-page', class extends HTMLElement {});
