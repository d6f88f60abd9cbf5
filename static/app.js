/* The page's start: its words first, then its elements, so that nothing is painted twice. */
import { speak } from './words.js';

await speak();
await import('./elements/hearth-app.js');

if ('serviceWorker' in navigator) navigator.serviceWorker.register('/sw.js').catch(() => {});
