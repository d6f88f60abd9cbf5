/*
 * REST, and who is signed in.
 *
 * The access token lives in this variable and nowhere else; the refresh token is an HttpOnly
 * cookie that this code never sees. A refresh token works once, so tabs take turns at it (a Web
 * Lock) and tell each other the new access token (a BroadcastChannel, memory only).
 */

const WITHIN_MS = 15_000; // a call that takes longer has met a dead network
const REFRESH_BEFORE_END = 0.8; // of the token's life
let access = null;
let timer = null;
const tabs = 'BroadcastChannel' in window ? new BroadcastChannel('hearth') : null;
const signed = new EventTarget();

/** A refused call: `status`, the stable `code`, words for people, and the fields at fault. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail || problem?.title || `HTTP ${status}`);
    this.status = status;
    this.code = problem?.code ?? '';
    this.errors = problem?.errors ?? [];
  }
}

/** The server could not be reached at all. */
export class Unreachable extends Error {}

async function call(method, path, body, { accept, headers, keepalive } = {}) {
  const asked = { accept: accept ?? 'application/json', ...headers };
  if (body !== undefined) asked['content-type'] = 'application/json';
  if (access) asked.authorization = `Bearer ${access}`;
  let answer;
  try {
    answer = await fetch(path, {
      method,
      keepalive,
      headers: asked,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.timeout(WITHIN_MS),
    });
  } catch (fault) {
    throw new Unreachable(String(fault));
  }
  return answer;
}

async function read(answer) {
  const isJson = /json/.test(answer.headers.get('content-type') ?? '');
  const body = isJson ? await answer.json().catch(() => null) : null;
  if (answer.status === 502 || answer.status === 504) throw new Unreachable(answer.statusText);
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}

async function authorised(method, path, body, options) {
  let answer = await call(method, path, body, options);
  if (answer.status === 401 && (await refresh())) answer = await call(method, path, body, options);
  if (answer.status === 401) leave();
  return answer;
}

const request = async (...call) => read(await authorised(...call));

export const get = (path, options) => request('GET', path, undefined, options);
export const post = (path, body) => request('POST', path, body);
export const patch = (path, body, options) => request('PATCH', path, body, options);
export const put = (path, body) => request('PUT', path, body);
export const del = (path) => request('DELETE', path);

/** The raw answer, for downloads. */
export async function download(path, accept) {
  const answer = await authorised('GET', path, undefined, { accept });
  if (!answer.ok) throw new Refused(answer.status, null);
  return answer.blob();
}

let described = null;
/** Whether this server has a route, by its own description; what it lacks isn't shown. */
export async function offers(path) {
  described ??= get('/openapi.json').catch(() => null);
  const description = await described;
  if (!description) described = null; // asked again the next time
  return path in (description?.paths ?? {});
}

function keep(answer, tell = true) {
  access = answer.access_token;
  clearTimeout(timer);
  const life_s = answer.expires_in ?? 600;
  timer = setTimeout(() => refresh().catch(() => {}), life_s * REFRESH_BEFORE_END * 1000);
  if (tell) tabs?.postMessage({ access_token: access, expires_in: life_s });
  signed.dispatchEvent(new Event('token'));
}

if (tabs) {
  tabs.onmessage = ({ data }) => {
    if (data?.access_token && access) keep(data, false);
    if (data?.left && access) forget();
  };
}

/** Runs `work` in one tab at a time; without Web Locks (plain http on a LAN) at once. */
const inTurn = (work) =>
  navigator.locks ? navigator.locks.request('hearth-refresh', work) : work();

let refreshing = null;
/** Trades the cookie for a new access token. False: nobody is signed in here. */
export function refresh() {
  refreshing ??= (async () => {
    const before = access;
    try {
      return await inTurn(async () => {
        if (access && access !== before) return true; // another tab was faster
        const answer = await fetch('/auth/refresh', {
          method: 'POST',
          credentials: 'same-origin',
          cache: 'no-store',
          signal: AbortSignal.timeout(WITHIN_MS),
        }).catch((fault) => {
          throw new Unreachable(String(fault));
        });
        if (answer.status >= 500) throw new Unreachable(answer.statusText);
        if (!answer.ok) {
          leave();
          return false;
        }
        keep(await answer.json());
        return true;
      });
    } finally {
      refreshing = null;
    }
  })();
  return refreshing;
}

/** Signs in; the answer sets the cookie. */
export async function signIn(username, password) {
  keep(await read(await call('POST', '/auth/login', { username, password })));
}

/** Makes an account and signs it in; `setup`, from a new server's link, makes it an admin's. */
export async function register(username, password, setup) {
  const asked = { username, password, ...(setup && { setup }) };
  await read(await call('POST', '/auth/register', asked));
  await signIn(username, password);
}

/** Signs out here and in this browser's other tabs. */
export async function signOut() {
  await call('POST', '/auth/logout').catch(() => {});
  tabs?.postMessage({ left: true });
  forget();
}

function forget() {
  access = null;
  clearTimeout(timer);
  signed.dispatchEvent(new Event('left'));
}

const leave = () => access && forget();

/** Hears `token` (a new access token) and `left` (signed out, or signed out elsewhere). */
export const onSigned = (name, heard) => signed.addEventListener(name, heard);

/** A one-use word for opening the WebSocket. */
export async function ticket() {
  return (await post('/auth/ticket')).ticket;
}
