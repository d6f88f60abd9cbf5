// A device for the tests: MQTT 3.1.1 at QoS 0 by hand, so that nothing hides what goes over the
// wire. It reports what it is told to, and answers `set` as `answer` says.
import { connect } from 'node:net';

const KEEP_ALIVE_S = 60;
const [CONNECT, CONNACK, PUBLISH, SUBSCRIBE, SUBACK] = [0x10, 0x20, 0x30, 0x82, 0x90];
const PINGREQ = 0xc0;

const text = (words) => {
  const bytes = Buffer.from(words);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};

function packet(kind, ...parts) {
  const body = Buffer.concat(parts);
  const length = [];
  let rest = body.length;
  do {
    length.push((rest % 128) | (rest > 127 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest);
  return Buffer.concat([Buffer.from([kind, ...length]), body]);
}

/** Splits whole packets off `bytes`: `[[kind, body], …]` and what is left. */
function split(bytes) {
  const packets = [];
  for (;;) {
    let [length, at, shift] = [0, 1, 0];
    while (at < bytes.length) {
      length |= (bytes[at] & 127) << shift;
      shift += 7;
      at += 1;
      if (bytes[at - 1] < 128) break;
    }
    if (at < 2 || bytes[at - 1] > 127 || bytes.length < at + length) return [packets, bytes];
    packets.push([bytes[0], bytes.subarray(at, at + length)]);
    bytes = bytes.subarray(at + length);
  }
}

export class Device {
  /** `answer(desired, device)` hears every `set`; by default it reports what was asked. */
  constructor({ id, secret, port, answer = (desired, device) => device.state(desired) }) {
    Object.assign(this, { id, secret, port, answer });
    this.heard = [];
  }

  /** Connects and subscribes to `set`; resolves when the server granted it. */
  open() {
    return new Promise((ready, failed) => {
      this.socket = connect(this.port, '127.0.0.1');
      let rest = Buffer.alloc(0);
      this.socket.on('error', failed);
      this.socket.on('data', (bytes) => {
        const [packets, left] = split(Buffer.concat([rest, bytes]));
        rest = left;
        for (const [kind, body] of packets) this.#take(kind, body, ready, failed);
      });
      const clean = 0x02;
      const flags = 0xc0 | clean; // with a name and a password
      this.socket.write(
        packet(
          CONNECT,
          text('MQTT'),
          Buffer.from([4, flags, 0, KEEP_ALIVE_S]),
          text(`test-${this.id}`),
          text(String(this.id)),
          text(this.secret),
        ),
      );
    });
  }

  #ping() {
    clearInterval(this.pings);
    const { socket } = this;
    this.pings = setInterval(() => socket.write(packet(PINGREQ)), (KEEP_ALIVE_S * 1000) / 2);
    this.pings.unref();
    socket.on('close', () => clearInterval(this.pings));
  }

  #take(kind, body, ready, failed) {
    if (kind === CONNACK) {
      if (body[1] !== 0) return failed(new Error(`refused: ${body[1]}`));
      const filter = text(`devices/${this.id}/set`);
      this.socket.write(packet(SUBSCRIBE, Buffer.from([0, 1]), filter, Buffer.from([0])));
    } else if (kind === SUBACK) {
      this.#ping();
      ready(this);
    } else if ((kind & 0xf0) === PUBLISH) {
      const desired = JSON.parse(body.subarray(2 + body.readUInt16BE(0)));
      this.heard.push(desired);
      this.answer(desired, this);
    }
    return undefined;
  }

  #publish(leaf, payload) {
    const topic = text(`devices/${this.id}/${leaf}`);
    this.socket.write(packet(PUBLISH, topic, Buffer.from(JSON.stringify(payload))));
  }

  state = (reported) => this.#publish('state', reported);
  telemetry = (numbers) => this.#publish('telemetry', numbers);
  refuse = (reasons) => this.#publish('refused', reasons);

  /** Goes away without a word, as a device without power does. */
  close() {
    this.socket.destroy();
  }
}
