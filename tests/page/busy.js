// Two hundred devices that speak once a second, and what that costs the page: its long tasks, as
// the browser's own profiler sees them, the time from a tap to the frame that shows it, and from
// waking up, with a socket that died in the sleep, to the frame that shows what was missed. On a
// machine that others use as well, the CPU time of a task says more than the clock.
// No test, because it measures: `npm run busy`.
import { House, LAMP, card, enter, live, severable, until } from './house.js';

const DEVICES = 200;
const FOR_MS = 30_000;
const TAPS = 40;
const SLEEPS = 5;
const SLEEP_MS = 3_600_000;
const ROOMS = ['Kitchen', 'Living room', 'Bedroom', 'Bath', 'Study', 'Hall', 'Garden', 'Cellar'];

/** Starts the browser's profiler; what it answers stops it, and answers the main thread's tasks. */
async function traced(page) {
  const browser = await page.context().browser().newBrowserCDPSession();
  const events = [];
  browser.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  const traceConfig = { includedCategories: ['disabled-by-default-devtools.timeline'] };
  await browser.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig });
  return async () => {
    const complete = new Promise((done) => {
      browser.once('Tracing.tracingComplete', done);
    });
    await browser.send('Tracing.end');
    await complete;
    const thread = ({ pid, tid }) => `${pid}/${tid}`;
    const names = events.filter(({ name }) => name === 'thread_name');
    const pages = names.filter(({ args }) => args.name === 'CrRendererMain').map(thread);
    return events.filter((one) => one.name === 'RunTask' && one.dur && pages.includes(thread(one)));
  };
}

/** Sleeps and wakes; answers how long it took until what a lamp said meanwhile was painted. */
async function woken(page, person, lamp, level) {
  await until(live(page), 'live');
  await page.waitForTimeout(1_500); // it has heard something by the clock that is not put forward
  await page.evaluate(() => {
    window.sockets.at(-1).deaf = true;
  });
  lamp.state({ brightness: level });
  const said = async () => (await person.rest('GET', `/devices/${lamp.id}`)).reported.brightness;
  await until(said, level);
  return page.evaluate(
    async ({ name, words, sleep_ms }) => {
      const article = document.querySelector(`article[aria-label="${name}"]`);
      const { now } = Date;
      Date.now = () => now.call(Date) + sleep_ms;
      const woke = performance.now();
      document.dispatchEvent(new Event('visibilitychange'));
      while (!article.textContent.includes(words)) await new Promise(requestAnimationFrame);
      await new Promise((painted) => setTimeout(painted));
      Date.now = now;
      return performance.now() - woke;
    },
    { name: `Lamp ${DEVICES - 1}`, words: `${level} %`, sleep_ms: SLEEP_MS },
  );
}

const median = (sorted) => sorted[Math.floor(sorted.length / 2)];
const rising = (one, other) => one - other;

const house = await new House().start();
try {
  const person = await house.person();
  const devices = [];
  for (let at = 0; at < DEVICES; at += 1) {
    const options = { room: ROOMS[at % ROOMS.length] };
    devices.push(await house.device(person, 'light', `Lamp ${at}`, { ...LAMP, on: true }, options));
  }
  const page = await house.visit();
  await severable(page);
  await page.goto(house.url);
  await enter(page, person);
  await card(page, `Lamp ${DEVICES - 1}`).waitFor();
  await until(() => page.locator('article').count(), DEVICES);
  await page.waitForTimeout(2_000);
  const profiler = await traced(page);
  let level = 0;
  const quiet = devices.at(-1);
  const timers = devices.slice(0, -1).map((device, at) => {
    const say = () => device.state({ brightness: 1 + ((level += 7) % 100) });
    return setTimeout(() => timers.push(setInterval(say, 1_000)), (at * 1_000) / DEVICES);
  });
  const taps = await page.evaluate(
    async ({ count, pause }) => {
      const [button] = document.querySelectorAll('article [role=switch]');
      const took = [];
      for (let at = 0; at < count; at += 1) {
        await new Promise((wake) => setTimeout(wake, pause));
        const before = button.ariaChecked;
        const start = performance.now();
        button.click();
        await new Promise((frame) => requestAnimationFrame(() => setTimeout(frame)));
        if (button.ariaChecked === before) throw new Error('a tap did not show');
        took.push(performance.now() - start);
      }
      return took;
    },
    { count: TAPS, pause: FOR_MS / TAPS },
  );
  taps.sort(rising);
  const tasks = await profiler();
  const wakes = [];
  for (let at = 1; at <= SLEEPS; at += 1) wakes.push(await woken(page, person, quiet, at));
  wakes.sort(rising);
  timers.forEach((timer) => clearInterval(timer));
  const ms = (value) => `${value.toFixed(1)} ms`;
  const [cpu, wall] = ['tdur', 'dur'].map((of) => tasks.map((task) => task[of] / 1000));
  const long = (took) => `${took.filter((one) => one > 50).length} of ${took.length}`;
  console.log(`${DEVICES} devices, one report a second each, for ${FOR_MS / 1000} s`);
  console.log(`tasks over 50 ms of CPU time: ${long(cpu)}, longest ${ms(Math.max(...cpu))}`);
  console.log(`tasks over 50 ms by the clock: ${long(wall)}, longest ${ms(Math.max(...wall))}`);
  console.log(`tap to frame: median ${ms(median(taps))}, slowest ${ms(taps.at(-1))}`);
  console.log(`wake to frame: median ${ms(median(wakes))}, slowest ${ms(wakes.at(-1))}`);
} finally {
  await house.close();
}
