/*
 * What was asked in this tab and is not done yet: commands by their ref, and for each device the
 * layer of wanted values that lies over what the server last said. Pure bookkeeping; the house
 * gives it the ways to send and to tell.
 */

const SETTLED = ['applied', 'failed', 'expired'];
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

const reference = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => LETTERS[byte % 36]).join('');

/** Whether two values of a property are the same, within half its step. */
export function same(one, other, step) {
  if (typeof one === 'number' && typeof other === 'number') {
    return Math.abs(one - other) <= (step ?? 0) / 2 + 1e-9;
  }
  return one === other;
}

export class Asked {
  #layers = new Map(); // device id -> property -> { value, ref }
  #commands = new Map(); // ref -> { id, desired, ttl_s, phase, at }
  #house;

  /**
   * `house` has `send(frame)`, which answers whether the network took it; `schema(id, name)`;
   * `touched(id)`; and `failed({ id, phase, reason, asked })`.
   */
  constructor(house) {
    this.#house = house;
  }

  /** The wanted value of a property as `{ value, ref }`, if one was asked for here. */
  layer = (id, name) => this.#layers.get(id)?.get(name);

  /** Whether a command for the device waits for the network. */
  waits(id) {
    for (const command of this.#commands.values()) {
      if (command.id === id && command.phase === 'waiting') return true;
    }
    return false;
  }

  /** Asks: sent now, or when the network is back. */
  add(id, desired, ttl_s) {
    const ref = reference();
    const layers = this.#layers.get(id) ?? new Map();
    for (const [name, value] of Object.entries(desired)) layers.set(name, { value, ref });
    this.#layers.set(id, layers);
    const command = { id, desired, ttl_s, phase: 'waiting', at: Date.now() };
    this.#commands.set(ref, command);
    this.#send(ref, command);
    this.#forgetOvertaken();
  }

  #send(ref, command) {
    const frame = { type: 'set', ref, device: command.id, desired: command.desired };
    if (command.ttl_s !== undefined) frame.ttl_s = command.ttl_s;
    if (this.#house.send(frame)) command.phase = 'sent';
  }

  /** Commands that wait for the network, of which a later one has taken every property. */
  #forgetOvertaken() {
    for (const [ref, { id, desired, phase }] of this.#commands) {
      if (phase !== 'waiting') continue;
      const lies = (name) => this.layer(id, name)?.ref === ref;
      if (!Object.keys(desired).some(lies)) this.#commands.delete(ref);
    }
  }

  /** The link broke: what the server has not acknowledged waits again. */
  holdBack() {
    for (const command of this.#commands.values()) {
      if (command.phase !== 'sent') continue;
      command.phase = 'waiting';
      this.#house.touched(command.id);
    }
  }

  /**
   * After a break: what the server never acknowledged is sent again, under its old ref. What is
   * unsafe late (heat that would start by itself) has a lifetime, and is given up instead.
   */
  sendWaiting() {
    for (const [ref, command] of this.#commands) {
      if (command.phase !== 'waiting') continue;
      if (Date.now() - command.at > this.#lifetime_ms(command)) this.settle(ref, 'expired');
      else this.#send(ref, command);
    }
  }

  #lifetime_ms({ id, desired, ttl_s }) {
    const lives = Object.entries(desired)
      .filter(([, value]) => value !== false) // stopping is safe however late
      .map(([name]) => this.#house.schema(id, name).ttl_s ?? Infinity);
    return Math.min(ttl_s ?? Infinity, ...lives) * 1000;
  }

  /** How far a command came. At its end its layer goes; what failed is told, with the reason. */
  settle(ref, phase, reason) {
    const command = this.#commands.get(ref);
    if (!command) return;
    command.phase = phase;
    if (!SETTLED.includes(phase)) return;
    this.#commands.delete(ref);
    this.#lift(ref, command);
    if (phase === 'applied' || reason === 'superseded') return;
    this.#house.failed({ id: command.id, phase, reason, asked: command.desired });
  }

  /** Takes a command's layer away, where no later one lies on it. */
  #lift(ref, { id, desired }) {
    const layers = this.#layers.get(id);
    for (const name of Object.keys(desired)) {
      if (layers?.get(name)?.ref === ref) layers.delete(name);
    }
    this.#house.touched(id);
  }

  /** A snapshot came: what was accepted is in its `desired`, and needs no layer of its own. */
  liftAccepted() {
    for (const [ref, command] of this.#commands) {
      if (command.phase === 'accepted' || command.phase === 'delivered') this.#lift(ref, command);
    }
  }

  /** What was asked here and is now the server's `desired` needs no layer either. */
  yieldTo(id, desired = {}) {
    for (const [name, value] of Object.entries(desired)) {
      const layer = this.layer(id, name);
      if (layer && same(layer.value, value, this.#house.schema(id, name).step)) {
        this.#layers.get(id).delete(name);
      }
    }
  }

  /** The device is gone. */
  forget(id) {
    this.#layers.delete(id);
    for (const [ref, command] of this.#commands) if (command.id === id) this.#commands.delete(ref);
  }

  /** The person is gone. */
  clear() {
    this.#layers.clear();
    this.#commands.clear();
  }
}
