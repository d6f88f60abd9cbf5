/*
 * The service worker: lets the page open without the server. Files whose names tell their content
 * come from the cache; the page itself comes from the network when that answers in time, else from
 * the cache; everything else (the API, the socket) is never touched. The last known devices are
 * the page's business, not this file's.
 */
importScripts('/page.js'); // made by the server: self.PAGE = { version, files }

const { version, files } = self.PAGE;
const CACHE = `hearth-page-${version}`;
const PATIENCE_MS = 2_500;
const BY_HASH = /\.[0-9a-f]{10}\.\w+$/;

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(files)));
});

self.addEventListener('activate', (event) => {
  const renew = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(renew());
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin) return;
  if (!files.includes(pathname)) return;
  event.respondWith(BY_HASH.test(pathname) ? kept(request) : freshOrKept(request, pathname));
});

/** What never changes: a file whose name has its hash in it. */
const kept = async (request) => (await caches.match(request)) ?? fetch(request);

async function freshOrKept(request, pathname) {
  const cache = await caches.open(CACHE);
  const fresh = fetch(request);
  const patience = new Promise((wake) => {
    setTimeout(wake, PATIENCE_MS);
  });
  const answer = await Promise.race([fresh.catch(() => null), patience]);
  return answer ?? (await cache.match(pathname)) ?? fresh;
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const { hash = '' } = event.notification.data ?? {};
  const show = async () => {
    const [page] = await self.clients.matchAll({ type: 'window' });
    if (!page) return self.clients.openWindow(`/${hash}`);
    await page.focus();
    return page.navigate(`/${hash}`);
  };
  event.waitUntil(show());
});
