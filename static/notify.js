/*
 * Notices to a person who looks elsewhere: ready, done, and alarms. They come from this page
 * while it is open (in any tab); nothing is sent to anybody else.
 */
import { house } from './house.js';
import { t } from './words.js';

const TOLD = {
  ready: 'notice.ready',
  done: 'notice.done',
  holding: 'notice.done',
  error: 'notice.error',
};

/** Whether this browser can notify at all (it needs a secure context). */
export const mayAsk = () => 'Notification' in window && Notification.permission !== 'denied';
export const allowed = () => 'Notification' in window && Notification.permission === 'granted';
/** Asks the person; call it from a tap. */
export const permit = () => Notification.requestPermission();

async function tell(title, body, tag, id) {
  if (!allowed() || document.visibilityState === 'visible') return;
  const options = { body, tag, icon: '/icon-192.png', data: { hash: `#/device/${id}` } };
  const worker = await navigator.serviceWorker?.getRegistration();
  if (worker) await worker.showNotification(title, options);
  else new Notification(title, options);
}

const phases = new Map();

/** Starts listening; call once. */
export function watchForNews() {
  house.addEventListener('delta', ({ detail: { id, changes, device } }) => {
    const phase = changes.reported?.phase;
    if (!phase || phases.get(id) === phase) return;
    phases.set(id, phase);
    if (phase in TOLD) tell(device.description, t(TOLD[phase]), `phase-${id}`, id);
  });
  house.addEventListener('event', ({ detail: { id, event } }) => {
    const device = house.device(id);
    if (device && event === 'timer_done')
      tell(device.description, t('notice.timer'), `timer-${id}`, id);
  });
  house.addEventListener('alarm-words', ({ detail: { device, words } }) =>
    tell(device.description, words, `alarm-${device.id}`, device.id),
  );
}
