// The QR encoder against somebody else's decoder.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import jsQR from 'jsqr';
import { qr } from '../../static/qr.js';

const QUIET = 4;
const PIXELS = 4;

/** What a camera would see, and what it reads. */
function seen(words) {
  const modules = qr(words);
  const side = (modules.length + 2 * QUIET) * PIXELS;
  const image = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y += 1) {
    for (let x = 0; x < side; x += 1) {
      const dark = modules[Math.floor(y / PIXELS) - QUIET]?.[Math.floor(x / PIXELS) - QUIET];
      if (dark) image.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3);
    }
  }
  return (jsQR.default ?? jsQR)(image, side, side)?.data;
}

test('every length that fits is read back as it was written', () => {
  for (let length = 1; length <= 213; length += 4) {
    const words = Array.from({ length }, (_, at) =>
      String.fromCharCode(33 + ((at * 7 + length) % 90)),
    );
    assert.equal(seen(words.join('')), words.join(''), `${length} bytes`);
  }
});

test('what does not fit is refused', () => {
  assert.throws(() => qr('x'.repeat(214)), RangeError);
});
