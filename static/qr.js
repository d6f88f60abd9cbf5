/*
 * A QR code from text: byte mode, error correction M, versions 1 to 10 (up to 213 bytes).
 * ISO/IEC 18004. Pure: text in, a square of booleans out (true is dark).
 */

const EC_PER_BLOCK = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26]; // codewords, level M, by version
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5];
const VERSION_MAX = 10;
const LEVEL_M = 0; // as the format information writes it
const PENALTY = { run: 3, block: 3, finder: 40, balance: 10 };

/** The modules of `text`, row by row. Throws a RangeError when it is too long. */
export function qr(text) {
  const bytes = new TextEncoder().encode(text);
  const version = fitting(bytes.length);
  const code = interleaved(codewords(bytes, version), version);
  const size = version * 4 + 17;
  const fixed = Array.from({ length: size }, () => new Array(size).fill(null));
  drawPatterns(fixed, version);
  let best = null;
  for (let mask = 0; mask < 8; mask += 1) {
    const modules = filled(fixed, code, mask);
    drawFormat(modules, mask);
    const cost = penalty(modules);
    if (!best || cost < best.cost) best = { cost, modules };
  }
  return best.modules;
}

/** Codewords, data and correction together, that a version has room for. */
function capacity(version) {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const aligned = Math.floor(version / 7) + 2;
    modules -= (25 * aligned - 10) * aligned - 55;
    if (version >= 7) modules -= 36;
  }
  return Math.floor(modules / 8);
}

const dataWords = (version) => capacity(version) - EC_PER_BLOCK[version - 1] * BLOCKS[version - 1];
const countBits = (version) => (version < 10 ? 8 : 16);

function fitting(length) {
  for (let version = 1; version <= VERSION_MAX; version += 1) {
    if (4 + countBits(version) + 8 * length <= 8 * dataWords(version)) return version;
  }
  throw new RangeError('too long for a QR code of version 10');
}

/** Mode, length, data, terminator and padding, as bytes. */
function codewords(bytes, version) {
  const bits = [];
  const push = (value, count) => {
    for (let at = count - 1; at >= 0; at -= 1) bits.push((value >>> at) & 1);
  };
  push(0b0100, 4);
  push(bytes.length, countBits(version));
  for (const byte of bytes) push(byte, 8);
  const room = 8 * dataWords(version);
  push(0, Math.min(4, room - bits.length));
  push(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < room; pad ^= 0xec ^ 0x11) push(pad, 8);
  const words = [];
  for (let at = 0; at < bits.length; at += 8) {
    words.push(bits.slice(at, at + 8).reduce((word, bit) => word * 2 + bit, 0));
  }
  return words;
}

/* -- Reed-Solomon over GF(256), polynomial 0x11d --------------------------------------------- */

function times(x, y) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((y >>> bit) & 1) * x;
  }
  return product;
}

function generator(degree) {
  const terms = new Array(degree).fill(0);
  terms[degree - 1] = 1;
  let root = 1;
  for (let round = 0; round < degree; round += 1) {
    for (let at = 0; at < degree; at += 1) {
      terms[at] = times(terms[at], root) ^ (terms[at + 1] ?? 0);
    }
    root = times(root, 2);
  }
  return terms;
}

function correction(data, divisor) {
  const rest = new Array(divisor.length).fill(0);
  for (const word of data) {
    const factor = word ^ rest.shift();
    rest.push(0);
    divisor.forEach((term, at) => {
      rest[at] ^= times(term, factor);
    });
  }
  return rest;
}

/** Splits into blocks, corrects each, and deals the words out column by column. */
function interleaved(data, version) {
  const blocks = BLOCKS[version - 1];
  const ec = EC_PER_BLOCK[version - 1];
  const total = capacity(version);
  const short = blocks - (total % blocks);
  const shortData = Math.floor(total / blocks) - ec;
  const divisor = generator(ec);
  const parts = [];
  for (let block = 0, at = 0; block < blocks; block += 1) {
    const length = shortData + (block < short ? 0 : 1);
    const words = data.slice(at, at + length);
    at += length;
    parts.push({ words, rest: correction(words, divisor) });
  }
  const out = [];
  for (let column = 0; column <= shortData; column += 1) {
    for (const { words } of parts) if (column < words.length) out.push(words[column]);
  }
  for (let column = 0; column < ec; column += 1) {
    for (const { rest } of parts) out.push(rest[column]);
  }
  return out;
}

/* -- drawing ---------------------------------------------------------------------------------- */

function drawPatterns(modules, version) {
  const size = modules.length;
  const put = (row, column, dark) => {
    if (row >= 0 && column >= 0 && row < size && column < size) modules[row][column] = dark;
  };
  for (let at = 0; at < size; at += 1) {
    put(6, at, at % 2 === 0);
    put(at, 6, at % 2 === 0);
  }
  const square = (row, column, radius, ring) => {
    for (let y = -radius; y <= radius; y += 1) {
      for (let x = -radius; x <= radius; x += 1) {
        put(row + y, column + x, ring(Math.max(Math.abs(x), Math.abs(y))));
      }
    }
  };
  const finder = (far) => far !== 2 && far !== 4;
  square(3, 3, 4, finder);
  square(3, size - 4, 4, finder);
  square(size - 4, 3, 4, finder);
  const marks = alignment(version);
  const last = marks.length - 1;
  marks.forEach((row, i) =>
    marks.forEach((column, j) => {
      const corner = (i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0);
      if (!corner) square(row, column, 2, (far) => far !== 1);
    }),
  );
  drawVersion(put, version, size);
  drawFormat(modules, 0); // keeps the place; the mask's own is written over it
}

function alignment(version) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (2 * count - 2)) * 2;
  const marks = [6];
  for (let at = version * 4 + 10; marks.length < count; at -= step) marks.splice(1, 0, at);
  return marks;
}

function drawVersion(put, version, size) {
  if (version < 7) return;
  let rest = version;
  for (let at = 0; at < 12; at += 1) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
  const bits = (version << 12) | rest;
  for (let at = 0; at < 18; at += 1) {
    const dark = ((bits >>> at) & 1) === 1;
    const [far, near] = [size - 11 + (at % 3), Math.floor(at / 3)];
    put(far, near, dark);
    put(near, far, dark);
  }
}

function drawFormat(modules, mask) {
  const data = (LEVEL_M << 3) | mask;
  let rest = data;
  for (let at = 0; at < 10; at += 1) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
  const bits = ((data << 10) | rest) ^ 0x5412;
  const size = modules.length;
  const bit = (at) => ((bits >>> at) & 1) === 1;
  for (let at = 0; at <= 5; at += 1) modules[at][8] = bit(at);
  modules[7][8] = bit(6);
  modules[8][8] = bit(7);
  modules[8][7] = bit(8);
  for (let at = 9; at < 15; at += 1) modules[8][14 - at] = bit(at);
  for (let at = 0; at < 8; at += 1) modules[8][size - 1 - at] = bit(at);
  for (let at = 8; at < 15; at += 1) modules[size - 15 + at][8] = bit(at);
  modules[size - 8][8] = true;
}

const MASKS = [
  (x, y) => (x + y) % 2 === 0,
  (x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** The code laid out in its zigzag over a copy of the fixed patterns, masked. */
function filled(fixed, code, mask) {
  const modules = fixed.map((row) => [...row]);
  const size = modules.length;
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const up = ((right + 1) & 2) === 0;
      const y = up ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (fixed[y][x] !== null) continue;
        const dark = at < code.length * 8 && ((code[at >>> 3] >>> (7 - (at & 7))) & 1) === 1;
        modules[y][x] = dark !== MASKS[mask](x, y);
        at += 1;
      }
    }
  }
  return modules;
}

/** How hard a scanner would find it: runs, blocks, things like finders, imbalance. */
function penalty(modules) {
  const size = modules.length;
  const columns = modules.map((_, x) => modules.map((row) => row[x]));
  let cost = 0;
  for (const line of [...modules, ...columns]) {
    const word = line.map((dark) => (dark ? '1' : '0')).join('');
    for (const run of word.match(/0{5,}|1{5,}/g) ?? []) cost += PENALTY.run + run.length - 5;
    for (const like of ['00001011101', '10111010000']) {
      for (let at = word.indexOf(like); at >= 0; at = word.indexOf(like, at + 1)) {
        cost += PENALTY.finder;
      }
    }
  }
  let dark = 0;
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const here = modules[y][x];
      if (here) dark += 1;
      if (
        y &&
        x &&
        here === modules[y - 1][x] &&
        here === modules[y][x - 1] &&
        here === modules[y - 1][x - 1]
      )
        cost += PENALTY.block;
    }
  }
  return cost + PENALTY.balance * Math.floor(Math.abs((dark * 20) / (size * size) - 10));
}
