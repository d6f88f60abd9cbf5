// MQTT.js against the house, over TCP and in a WebSocket. Run by run.sh.
import assert from "node:assert/strict";
import mqtt from "mqtt";

const { HEARTH_HTTP, HEARTH_MQTT } = process.env;
const SOON_MS = 15_000;
const CARRIERS = { tcp: `mqtt://${HEARTH_MQTT}`, ws: `ws://${HEARTH_HTTP}/mqtt` };
const VERSIONS = [4, 5];

async function rest(method, path, body, token) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(`http://${HEARTH_HTTP}${path}`, {
    method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(SOON_MS),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

const who = { username: "mqttjs", password: "warm and dry feet" };
await rest("POST", "/auth/register", who);
const { access_token: token } = await rest("POST", "/auth/login", who);
const made = await rest("POST", "/devices", { kind: "light", description: "lamp" }, token);
const lamp = { id: made.device.id, username: String(made.device.id), password: made.mqtt.password };
const { username, password } = await rest("POST", "/clients", { label: "client" }, token);
const client = { username, password };

/// A promise, but not for ever.
function soon(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not in time: ${what}`)), SOON_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const open = [];

/// A connected client that keeps what arrives.
async function connected(carrier, version, credentials, more = {}) {
  const options = { protocolVersion: version, reconnectPeriod: 0, connectTimeout: SOON_MS };
  const { username, password } = credentials;
  const made = mqtt.connect(CARRIERS[carrier], { ...options, username, password, ...more });
  open.push(made);
  const arrived = [];
  const waiting = [];
  made.on("message", (topic, payload, packet) => {
    const message = { topic, text: payload.toString(), packet };
    const taker = waiting.shift();
    if (taker) taker(message);
    else arrived.push(message);
  });
  const next = () => soon(
    arrived.length ? Promise.resolve(arrived.shift()) : new Promise((take) => waiting.push(take)),
    "a message",
  );
  const ended = new Promise((resolve) => {
    made.on("disconnect", (packet) => resolve(packet.reasonCode));
    made.on("close", () => resolve(undefined));
  });
  made.on("error", () => {});
  const connack = await soon(new Promise((resolve, reject) => {
    made.once("connect", resolve);
    made.once("error", reject);
  }), "CONNACK");
  return {
    connack, arrived, next, ended,
    subscribe: (topic, options = { qos: 1 }) => soon(made.subscribeAsync(topic, options), "SUBACK"),
    publish: (topic, text, options = { qos: 1 }) =>
      soon(made.publishAsync(topic, text, options), `PUBLISH ${topic}`),
    cut: () => made.stream.destroy(),
    bye: () => soon(made.endAsync(), "the end"),
  };
}

const checks = {
  async "a device reports and is told what is wanted"(carrier, version) {
    const link = await connected(carrier, version, lamp);
    const brightness = 10 * version + carrier.length;
    await link.publish(`devices/${lamp.id}/state`, JSON.stringify({ brightness }));
    const { reported } = await rest("GET", `/devices/${lamp.id}`, undefined, token);
    assert.equal(reported.brightness, brightness);
    await link.subscribe(`devices/${lamp.id}/set`);
    const desired = { brightness: brightness + 30 };
    await rest("PATCH", `/devices/${lamp.id}`, { desired }, token);
    while (JSON.parse((await link.next()).text).brightness !== desired.brightness);
  },

  async "wrong credentials are refused"(carrier, version) {
    const wrong = { ...lamp, password: "wrong" };
    await assert.rejects(connected(carrier, version, wrong), /Not authorized/);
  },

  async "messages pass at every quality of service"(carrier, version) {
    const one = await connected(carrier, version, client);
    await one.subscribe(`qos/${carrier}/+`, { qos: 2 });
    for (const qos of [0, 1, 2]) {
      await one.publish(`qos/${carrier}/${qos}`, `at ${qos}`, { qos });
      const { text, packet } = await one.next();
      assert.deepEqual([text, packet.qos], [`at ${qos}`, qos]);
    }
  },

  async "a large message passes"(carrier, version) {
    const one = await connected(carrier, version, client);
    await one.subscribe(`large/${carrier}`);
    const text = "0123456789".repeat(20_000);
    await one.publish(`large/${carrier}`, text);
    assert.equal((await one.next()).text, text);
  },

  async "a retained message waits for who comes"(carrier, version) {
    const writer = await connected(carrier, version, client);
    await writer.publish("kept/it", "here", { qos: 1, retain: true });
    const reader = await connected(carrier, version, client);
    await reader.subscribe("kept/#");
    const { text, packet } = await reader.next();
    assert.deepEqual([text, packet.retain], ["here", true]);
    await writer.publish("kept/it", "", { qos: 1, retain: true });
  },

  async "a will is published when its client is cut off"(carrier, version) {
    const watcher = await connected(carrier, version, client);
    await watcher.subscribe("wills/#");
    const will = { topic: "wills/it", payload: Buffer.from("gone"), qos: 1 };
    (await connected(carrier, version, client, { will })).cut();
    assert.equal((await watcher.next()).text, "gone");
  },

  async "a session keeps what its client missed"(carrier, version) {
    const sleeper = { clientId: `sleeper-${carrier}-${version}`, clean: false };
    if (version === 5) sleeper.properties = { sessionExpiryInterval: 600 };
    const first = await connected(carrier, version, client, sleeper);
    assert.equal(first.connack.sessionPresent, false);
    await first.subscribe(`sleep/${carrier}`);
    await first.bye();
    const writer = await connected(carrier, version, client);
    for (const text of ["1", "2", "3"]) await writer.publish(`sleep/${carrier}`, text);
    const again = await connected(carrier, version, client, sleeper);
    assert.equal(again.connack.sessionPresent, true);
    for (const text of ["1", "2", "3"]) assert.equal((await again.next()).text, text);
  },

  async "a client of the same name takes the connection over"(carrier, version) {
    const twin = { clientId: `twin-${carrier}-${version}` };
    const first = await connected(carrier, version, client, twin);
    const second = await connected(carrier, version, client, twin);
    const reason = await soon(first.ended, "the end of the first");
    if (version === 5) assert.equal(reason, 0x8e);
    await second.subscribe("twins");
    await second.publish("twins", "still here");
    assert.equal((await second.next()).text, "still here");
  },

  async "who shares a subscription shares the messages"(carrier, version) {
    const [one, other, writer] = await Promise.all(
      [1, 2, 3].map(() => connected(carrier, version, client)),
    );
    for (const worker of [one, other]) await worker.subscribe("$share/all/work/#");
    for (let number = 0; number < 40; number += 1) await writer.publish("work/x", String(number));
    const all = async () => {
      while (one.arrived.length + other.arrived.length < 40) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await soon(all(), "all of the work");
    assert.ok(one.arrived.length > 0 && other.arrived.length > 0);
    const numbers = [...one.arrived, ...other.arrived].map(({ text }) => Number(text));
    assert.deepEqual(numbers.sort((a, b) => a - b), [...Array(40).keys()]);
  },

};

const checksOfVersion5 = {
  async "a request gets its response with all properties"(carrier, version) {
    const asker = await connected(carrier, version, client);
    const answerer = await connected(carrier, version, client);
    await answerer.subscribe("ask");
    await asker.subscribe("answers/asker");
    await asker.publish("ask", "what time?", {
      qos: 1,
      properties: {
        responseTopic: "answers/asker",
        correlationData: Buffer.from([0, 1]),
        contentType: "text/plain",
        userProperties: { colour: "blue" },
      },
    });
    const { properties } = (await answerer.next()).packet;
    assert.equal(properties.contentType, "text/plain");
    assert.equal(properties.userProperties.colour, "blue");
    const { correlationData } = properties;
    await answerer.publish(properties.responseTopic, "late", {
      qos: 1, properties: { correlationData },
    });
    const response = await asker.next();
    assert.equal(response.text, "late");
    assert.deepEqual([...response.packet.properties.correlationData], [0, 1]);
  },
};

let failures = 0;
for (const carrier of Object.keys(CARRIERS)) {
  for (const version of VERSIONS) {
    const all = version === 5 ? { ...checks, ...checksOfVersion5 } : checks;
    for (const [name, check] of Object.entries(all)) {
      const shown = `mqttjs, ${carrier}, ${version === 5 ? "5.0" : "3.1.1"}: ${name}`;
      try {
        await check(carrier, version);
        console.log(`ok ${shown}`);
      } catch (error) {
        failures += 1;
        console.log(`not ok ${shown}: ${error.message.split("\n")[0]}`);
      }
      for (const made of open.splice(0)) made.end(true);
    }
  }
}
process.exit(failures === 0 ? 0 : 1);
