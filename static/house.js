/*
 * The house as this tab knows it: devices, kinds, and what was asked but not yet done.
 *
 * Takes the socket's frames, answers views. The truth is the server's: `reported` is what a
 * device said, `desired` what was accepted. What was asked here and not yet accepted lies over
 * them (asked.js), so that a tap shows at once; it goes away when the server takes it over, and
 * is rolled back only when the command failed or expired.
 */
import { get } from './api.js';
import { Asked, same } from './asked.js';
import { Live } from './live.js';

const KEPT = 'hearth.last-known';
const PATIENCE_MS = 4_000; // a shorter break of the link is nobody's business
const FRAME_MIN = 16; // devices shown in one frame, however long that takes,
const FRAME_MS = 6; // and more for as long as this, so that many changes never hold up a tap
const SHOW_EVERY_MS = 100; // what comes faster is shown together; the first comes at once
class House extends EventTarget {
  /** Milliseconds to add to this clock to get the server's. */
  skew_ms = 0;
  /** When the shown state is a remembered one: the time it was true. */
  as_of = null;
  user = null;
  #devices = new Map();
  #kinds = new Map();
  #seq = 0;
  #asked = new Asked({
    send: (frame) => this.live.send(frame),
    schema: (id, name) => this.kind(this.#devices.get(id)?.kind).properties[name] ?? {},
    touched: (id) => this.#touch(id),
    failed: (how) => this.#emit('failed', how),
  });
  #watchers = new Map(); // device id -> set of functions
  #stale = new Set();
  #listed = false;
  #frame = null;
  #pause = null; // until the next may be shown
  #lost_at = null;

  constructor() {
    super();
    this.live = new Live(() => this.#seq);
    this.live.addEventListener('frame', ({ detail }) => this.#take(detail));
    this.live.addEventListener('change', () => {
      if (this.live.state === 'live') {
        this.#lost_at = null;
        this.#asked.sendWaiting();
      } else {
        this.#lost_at ??= Date.now();
        this.#asked.holdBack();
      }
      this.#emit('link');
    });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'hidden') this.remember();
    });
  }

  /* -- opening and closing ------------------------------------------------------------- */

  /** Signed in: fetches the kinds and opens the socket; the snapshot brings the devices. */
  async open() {
    this.live.start();
    const [kinds, user] = await Promise.all([get('/kinds'), get('/auth/me').catch(() => null)]);
    for (const kind of kinds) this.#kinds.set(kind.kind, kind);
    this.user = user;
    for (const id of this.#devices.keys()) this.#stale.add(id);
    this.#changed(true);
    this.#emit('user');
  }

  /** Signed out: forgets everything, here and in this browser's store. */
  close() {
    this.live.stop();
    localStorage.removeItem(KEPT);
    this.#devices.clear();
    this.#asked.clear();
    this.#seq = 0;
    this.user = null;
    this.#changed(true);
  }

  /** Keeps the last state for a start without a server. */
  remember() {
    if (!this.#devices.size || this.as_of) return;
    const kept = { at: Date.now(), devices: this.devices(), kinds: [...this.#kinds.values()] };
    try {
      localStorage.setItem(KEPT, JSON.stringify(kept));
    } catch {
      localStorage.removeItem(KEPT); // the browser's store is full: then there is no memory
    }
  }

  /** Shows the last known state, marked old. False: there is none. */
  recall() {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? 'null');
    if (!kept) return false;
    this.as_of = kept.at;
    for (const kind of kept.kinds) this.#kinds.set(kind.kind, kind);
    for (const device of kept.devices) this.#devices.set(device.id, device);
    this.#changed(true);
    return true;
  }

  /* -- reading ------------------------------------------------------------------------- */

  devices = () => [...this.#devices.values()];
  device = (id) => this.#devices.get(id);
  kinds = () => [...this.#kinds.values()];
  kind = (name) => this.#kinds.get(name) ?? { kind: name, title: name, properties: {} };
  /** The server's time now, Unix milliseconds. */
  now = () => Date.now() + this.skew_ms;
  /** Since when what is shown may be old: remembered, or not live for some seconds. Or null. */
  oldSince() {
    const lost = this.#lost_at && Date.now() - this.#lost_at > PATIENCE_MS ? this.#lost_at : null;
    return this.as_of ?? lost;
  }
  canControl = (device) => device.role !== 'viewer';

  /**
   * One property as it should be shown: `actual` (reported), `target` (asked, else desired, else
   * reported), and whether the two still differ.
   */
  view(shown, name) {
    const device = this.#latest(shown);
    const schema = this.kind(device.kind).properties[name] ?? {};
    const asked = this.#asked.layer(device.id, name);
    const actual = device.reported?.[name];
    const desired = device.desired?.[name];
    const target = asked ? asked.value : (desired ?? actual);
    const wanted = asked !== undefined || desired !== undefined;
    const never = actual === undefined && asked === undefined && device.connected;
    if (schema.local) return { schema, actual: target, target, pending: false };
    return {
      schema,
      actual,
      target,
      pending: wanted && !never && !same(target, actual, schema.step),
    };
  }

  /** Who wants a property to be what it is: 2 asked here, 1 accepted by the server, 0 nobody. */
  wants(shown, name) {
    if (this.#asked.layer(shown.id, name)) return 2;
    return this.#latest(shown).desired?.[name] === undefined ? 0 : 1;
  }

  /** What is shown may be a moment older than what is known; a tap counts from what is known. */
  #latest = (shown) => this.#devices.get(shown.id) ?? shown;

  /** Whether a command for the device waits for the network. */
  waiting = (id) => this.#asked.waits(id);

  /** Calls `heard(device)` after each change of the device; answers how to stop. */
  watch(id, heard) {
    const watchers = this.#watchers.get(id) ?? new Set();
    this.#watchers.set(id, watchers.add(heard));
    return () => {
      watchers.delete(heard);
      if (!watchers.size && this.#watchers.get(id) === watchers) this.#watchers.delete(id);
    };
  }

  /* -- asking -------------------------------------------------------------------------- */

  /** Asks for properties of a device; shown at once, sent now or when the network is back. */
  set(id, desired, ttl_s) {
    this.#asked.add(id, desired, ttl_s);
    this.#show(id); // a tap shows in this very frame
    this.#touch(id);
  }

  /* -- hearing ------------------------------------------------------------------------- */

  #take(frame) {
    if (frame.type !== 'snapshot' && frame.seq !== undefined) {
      // Replayed, and known; but how a command ended, no snapshot tells.
      if (frame.seq <= this.#seq && frame.type !== 'command') return;
      this.#seq = Math.max(this.#seq, frame.seq);
    }
    switch (frame.type) {
      case 'snapshot':
        return this.#takeSnapshot(frame);
      case 'device':
        return this.#takeDevice(frame.device);
      case 'delta':
        return this.#takeDelta(frame);
      case 'removed':
        return this.#takeRemoved(frame.id);
      case 'command':
        return this.#asked.settle(frame.ref, frame.phase, frame.reason);
      case 'event':
        return this.#emit('event', frame);
      case 'error':
        if (frame.ref) return this.#asked.settle(frame.ref, 'failed', reasonOf(frame));
        return this.#emit('trouble', frame);
      default:
        return undefined; // a newer server's frame: not for this page
    }
  }

  #takeSnapshot({ seq, devices, server_time }) {
    this.#seq = seq ?? 0;
    this.as_of = null;
    if (server_time) this.skew_ms = server_time - Date.now();
    this.#devices = new Map(devices.map((device) => [device.id, device]));
    this.#asked.liftAccepted();
    for (const id of this.#watchers.keys()) this.#stale.add(id);
    clearTimeout(this.#pause);
    this.#pause = null; // who comes back doesn't wait
    this.#changed(true);
  }

  #takeDevice(device) {
    this.#devices.set(device.id, device);
    this.#touch(device.id, true);
  }

  #takeDelta({ id, rev, changes }) {
    const known = this.#devices.get(id);
    if (!known) return;
    const device = { ...known, rev: rev ?? known.rev };
    for (const [name, value] of Object.entries(changes)) {
      if (name === 'desired' || name === 'reported') device[name] = merged(known[name], value);
      else if (value === null) delete device[name];
      else device[name] = value;
    }
    this.#devices.set(id, device);
    this.#asked.yieldTo(id, changes.desired);
    const known_alarms = new Set((known.alarms ?? []).map((alarm) => alarm.code));
    for (const alarm of changes.alarms ?? []) {
      if (!known_alarms.has(alarm.code)) this.#emit('alarm', { id, alarm });
    }
    this.#touch(id, device.room !== known.room || device.description !== known.description);
    this.dispatchEvent(new CustomEvent('delta', { detail: { id, changes, device } }));
  }

  #takeRemoved(id) {
    this.#devices.delete(id);
    this.#asked.forget(id);
    this.#touch(id, true);
  }

  /* -- telling, once a frame ----------------------------------------------------------- */

  #touch(id, listed = false) {
    this.#stale.add(id);
    this.#changed(listed);
  }

  #changed(listed) {
    this.#listed ||= listed;
    if (!this.#pause) this.#frame ??= requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    this.#frame = null;
    if (this.#listed) {
      this.#listed = false;
      this.#emit('list');
    }
    const some = this.#stale.size > 0;
    this.#showSome();
    if (this.#stale.size) this.#changed(false);
    else this.#rest();
    if (some) this.#emit('shown');
  }

  #showSome() {
    const end = performance.now() + FRAME_MS;
    let shown = 0;
    for (const id of this.#stale) {
      this.#show(id);
      shown += 1;
      if (shown >= FRAME_MIN && performance.now() > end) return;
    }
  }

  #rest() {
    this.#pause = setTimeout(() => {
      this.#pause = null;
      if (this.#stale.size || this.#listed) this.#changed(false);
    }, SHOW_EVERY_MS);
  }

  #show(id) {
    this.#stale.delete(id);
    for (const heard of this.#watchers.get(id) ?? []) heard(this.#devices.get(id));
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** Why a request was refused, as near to the fault as the server says it. */
const reasonOf = ({ errors, message, code }) => errors?.[0]?.reason ?? message ?? code;

function merged(before, changes) {
  const after = { ...before, ...changes };
  for (const name of Object.keys(after)) if (after[name] === null) delete after[name];
  return after;
}

/** This page's house. */
export const house = new House();
