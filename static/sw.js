/*
 * The service worker: lets the page open without the server. The page's own files are taken
 * from the network when it answers in time, else from the cache; everything else (the API, the
 * socket) is never touched. The last known devices are the page's business, not this file's.
 */
const CACHE = 'hearth-page-1';
const PATIENCE_MS = 2_500;
const FILES = [
  '/',
  '/style.css',
  '/app.js',
  '/api.js',
  '/asked.js',
  '/dom.js',
  '/house.js',
  '/icons.js',
  '/live.js',
  '/look.js',
  '/notify.js',
  '/qr.js',
  '/units.js',
  '/words.js',
  '/icon.svg',
  '/manifest.webmanifest',
  '/lang/en.js',
  '/lang/de.js',
  '/elements/account-page.js',
  '/elements/add-device.js',
  '/elements/admin-page.js',
  '/elements/alarm-list.js',
  '/elements/ask-dialog.js',
  '/elements/cooker-control.js',
  '/elements/cooker-ring.js',
  '/elements/copy-line.js',
  '/elements/device-card.js',
  '/elements/device-settings.js',
  '/elements/device-sheet.js',
  '/elements/hearth-app.js',
  '/elements/history-chart.js',
  '/elements/history-view.js',
  '/elements/home-grid.js',
  '/elements/light-control.js',
  '/elements/live-badge.js',
  '/elements/power-switch.js',
  '/elements/qr-code.js',
  '/elements/schema-control.js',
  '/elements/share-list.js',
  '/elements/sign-in.js',
  '/elements/toast-list.js',
  '/elements/value-slider.js',
];

self.addEventListener('install', (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
});

self.addEventListener('activate', (event) => {
  const stale = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(stale());
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin) return;
  if (FILES.includes(pathname)) event.respondWith(freshOrKept(request, pathname));
});

async function freshOrKept(request, pathname) {
  const cache = await caches.open(CACHE);
  const fresh = fetch(request).then(async (answer) => {
    if (answer.ok) await cache.put(pathname, answer.clone());
    return answer;
  });
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
