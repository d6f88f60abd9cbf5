/*
 * The tab's WebSocket: opens it, keeps it, opens it again.
 *
 * A dead connection is noticed by a missing pong, not by waiting for TCP. After a break it asks
 * for what was missed (`resume`). The pause before a new attempt grows and is jittered, so that
 * a restarted server isn't met by everybody in the same instant; waking up or going online
 * skips the pause. After a sleep the old socket has a moment to show that it lives.
 */
import { Unreachable, refresh, ticket } from './api.js';

const PING_EVERY_MS = 10_000;
const PONG_WITHIN_MS = 4_000;
const OPEN_WITHIN_MS = 8_000;
const SLEPT_MS = PING_EVERY_MS + PONG_WITHIN_MS; // awake, it would have heard a pong since,
const PONG_AFTER_SLEEP_MS = 250; // and whoever comes back doesn't wait long for one
const PAUSE_FIRST_MS = 400;
const PAUSE_MAX_MS = 15_000;
const TOKEN_ENDED = 4401;

export class Live extends EventTarget {
  /** "off" | "opening" | "live" | "waiting" */
  state = 'off';
  latency_ms = null;
  retry_at = null;
  #socket = null;
  #attempt = 0;
  #timer = null;
  #ping = null;
  #pong = null;
  #pinged_at = 0;
  #heard_at = 0; // by the wall clock, which goes on while the machine sleeps
  #since;
  #turn = 0;

  /** `since()` answers the last `seq` seen, or 0. */
  constructor(since) {
    super();
    this.#since = since;
    addEventListener('online', () => this.#hurry());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#hurry();
    });
    addEventListener('pageshow', (event) => event.persisted && this.#hurry());
    document.addEventListener('resume', () => this.#hurry());
  }

  start() {
    if (this.state === 'off') this.#open();
  }

  stop() {
    this.#drop();
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#attempt = 0;
    this.#become('off');
  }

  /** Sends a frame now; false when there is no open socket to take it. */
  send(frame) {
    if (this.state !== 'live' || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  async #open() {
    const turn = (this.#turn += 1);
    this.#become('opening');
    clearTimeout(this.#timer);
    let word;
    try {
      word = await ticket();
    } catch (fault) {
      // A refused ticket has signed us out already; anything else is worth another attempt.
      if (turn === this.#turn && this.state !== 'off') this.#later(fault);
      return;
    }
    if (turn !== this.#turn) return;
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(
      `${scheme}//${location.host}/ws?token=${encodeURIComponent(word)}`,
    );
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(socket), OPEN_WITHIN_MS);
    socket.onopen = () => {
      const since = this.#since();
      if (since > 0) socket.send(JSON.stringify({ type: 'resume', since }));
      this.#beat();
    };
    socket.onmessage = ({ data }) => this.#hear(socket, data);
    socket.onclose = ({ code }) => this.#lost(socket, code);
  }

  #hear(socket, data) {
    if (socket !== this.#socket) return;
    this.#heard_at = Date.now();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (this.state !== 'live') {
      clearTimeout(this.#timer);
      this.#attempt = 0;
      this.#become('live');
    }
    if (frame.type === 'pong') {
      clearTimeout(this.#pong);
      this.latency_ms = Math.max(1, Math.round(performance.now() - this.#pinged_at));
      this.dispatchEvent(new Event('change'));
    } else if (frame.type === 'bye') {
      this.#drop();
      this.#pause((frame.reconnect_in_ms ?? 1000) * (1 + Math.random() * 0.5));
    } else {
      this.dispatchEvent(new CustomEvent('frame', { detail: frame }));
    }
  }

  #beat(slept = false) {
    clearTimeout(this.#ping);
    clearTimeout(this.#pong);
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    this.#pinged_at = performance.now();
    socket.send('{"type":"ping"}');
    this.#pong = slept
      ? setTimeout(() => this.#renew(), PONG_AFTER_SLEEP_MS)
      : setTimeout(() => this.#lost(socket), PONG_WITHIN_MS);
    this.#ping = setTimeout(() => this.#hurry(), PING_EVERY_MS);
  }

  #lost(socket, code) {
    if (socket !== this.#socket) return;
    this.#drop();
    if (code === TOKEN_ENDED) {
      refresh()
        .then((still) => this.state !== 'off' && (still ? this.#open() : this.stop()))
        .catch((fault) => this.#later(fault));
      return;
    }
    this.#later();
  }

  #later(fault) {
    const ceiling = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    const quick = this.#attempt === 1 && !(fault instanceof Unreachable);
    this.#pause(quick ? Math.random() * ceiling : ceiling * (0.5 + Math.random() * 0.5));
  }

  #pause(wait_ms) {
    clearTimeout(this.#timer);
    this.retry_at = Date.now() + wait_ms;
    this.#timer = setTimeout(() => this.#open(), wait_ms);
    this.#become('waiting');
  }

  #hurry() {
    const slept = Date.now() - this.#heard_at > SLEPT_MS;
    if (this.state === 'waiting') this.#renew();
    else if (this.state === 'live') this.#beat(slept);
  }

  #renew() {
    this.#drop();
    this.#attempt = 0;
    this.#open();
  }

  #drop() {
    this.#turn += 1;
    clearTimeout(this.#ping);
    clearTimeout(this.#pong);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #become(state) {
    if (state !== 'live') this.latency_ms = null;
    this.state = state;
    this.dispatchEvent(new Event('change'));
  }
}
