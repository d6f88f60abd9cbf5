/*
 * The supervision tree as it lives: a WebSocket that brings it once a second. It opens again by
 * itself, until the person has signed out.
 */
import { ticket } from './api.js';

const AGAIN_MS = 2_000;
const SILENT_MS = 5_000; // it speaks every second: then the network is dead
const TOKEN_ENDED = 4401;

export class TreeFeed {
  #socket = null;
  #timer = null;
  #over = false;
  #heard;
  #lost;

  /** `heard(tree)` each time it comes; `lost()` when it stops coming. */
  constructor(heard, lost) {
    this.#heard = heard;
    this.#lost = lost;
    this.#open();
  }

  close() {
    this.#over = true;
    this.#drop();
  }

  async #open() {
    const word = await ticket().catch(() => null);
    if (this.#over) return;
    if (!word) {
      this.#ended();
      return;
    }
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/admin/tree?token=${word}`);
    this.#socket = socket;
    this.#listen();
    socket.onmessage = ({ data }) => {
      this.#listen();
      this.#heard(JSON.parse(data));
    };
    socket.onclose = ({ code }) => this.#ended(code);
  }

  #listen() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ended(), SILENT_MS);
  }

  #ended(code) {
    this.#drop();
    if (this.#over) return;
    if (code !== TOKEN_ENDED) this.#later();
    this.#lost();
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), AGAIN_MS);
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
