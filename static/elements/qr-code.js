/*
 * qr-code: words for a camera. Shows a QR code, dark on light in both themes, as scanners want.
 * Sends nothing.
 */
import { define } from '../dom.js';
import { qr } from '../qr.js';

const SVG = 'http://www.w3.org/2000/svg';
const QUIET_MODULES = 4;

export class QrCode extends HTMLElement {
  /** Draws `words`; `label` is what assistive technology calls the picture. */
  encode(words, label) {
    const modules = qr(words);
    const size = modules.length + 2 * QUIET_MODULES;
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
    svg.setAttribute('role', 'img');
    svg.setAttribute('aria-label', label);
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute(
      'd',
      modules
        .flatMap((row, y) =>
          row.map((dark, x) => (dark ? `M${x + QUIET_MODULES} ${y + QUIET_MODULES}h1v1h-1z` : '')),
        )
        .join(''),
    );
    svg.append(path);
    this.replaceChildren(svg);
    return this;
  }
}

define('qr-code', QrCode);
