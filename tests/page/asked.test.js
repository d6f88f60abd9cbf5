// The layer of what was asked and is not done yet.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Asked, same } from '../../static/asked.js';

const SCHEMA = { heating: { ttl_s: 300 }, level: { step: 2 } };

function tab() {
  const sent = [];
  const failed = [];
  const network = { up: true };
  const asked = new Asked({
    send: (frame) => network.up && sent.push(frame) > 0,
    schema: (id, name) => SCHEMA[name] ?? {},
    touched: () => {},
    failed: (how) => failed.push(how),
  });
  return { asked, sent, failed, network };
}

test('a tap is wanted at once and sent at once', () => {
  const { asked, sent } = tab();
  asked.add(7, { on: true });
  assert.equal(asked.layer(7, 'on').value, true);
  assert.deepEqual([sent[0].device, sent[0].desired], [7, { on: true }]);
});

test('a failed command rolls back and says why', () => {
  const { asked, sent, failed } = tab();
  asked.add(7, { on: true });
  asked.settle(sent[0].ref, 'failed', 'child lock');
  assert.equal(asked.layer(7, 'on'), undefined);
  assert.deepEqual(failed, [{ id: 7, phase: 'failed', reason: 'child lock', asked: { on: true } }]);
});

test('a superseded command goes in silence and leaves the newer wish', () => {
  const { asked, sent, failed } = tab();
  asked.add(7, { level: 1 });
  asked.add(7, { level: 9 });
  asked.settle(sent[0].ref, 'failed', 'superseded');
  assert.equal(asked.layer(7, 'level').value, 9);
  assert.equal(failed.length, 0);
});

test('without a network only the last value of each property waits', () => {
  const { asked, sent, network } = tab();
  network.up = false;
  for (const level of [1, 2, 3]) asked.add(7, { level });
  asked.add(7, { on: false });
  assert.ok(asked.waits(7));
  network.up = true;
  asked.sendWaiting();
  assert.deepEqual(
    sent.map((frame) => frame.desired),
    [{ level: 3 }, { on: false }],
  );
  assert.ok(!asked.waits(7));
});

test('what was sent and not acknowledged is sent again under its old ref', () => {
  const { asked, sent } = tab();
  asked.add(7, { on: true });
  asked.holdBack();
  asked.sendWaiting();
  assert.equal(sent.length, 2);
  assert.equal(sent[0].ref, sent[1].ref);
});

test('what was acknowledged is not sent again', () => {
  const { asked, sent } = tab();
  asked.add(7, { on: true });
  asked.settle(sent[0].ref, 'accepted');
  asked.holdBack();
  asked.sendWaiting();
  assert.equal(sent.length, 1);
});

test('heat that waited too long for the network is given up, stopping never', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000 });
  const { asked, sent, failed, network } = tab();
  network.up = false;
  asked.add(7, { heating: true });
  asked.add(8, { heating: false });
  t.mock.timers.setTime(1_000 + 301_000);
  network.up = true;
  asked.sendWaiting();
  assert.deepEqual(
    sent.map((frame) => frame.device),
    [8],
  );
  assert.deepEqual(
    failed.map(({ id, phase }) => [id, phase]),
    [[7, 'expired']],
  );
});

test('what the server took over needs no layer, another value does', () => {
  const { asked } = tab();
  asked.add(7, { level: 5, on: true });
  asked.yieldTo(7, { level: 6, on: false });
  assert.equal(asked.layer(7, 'level'), undefined, 'within half a step');
  assert.equal(asked.layer(7, 'on').value, true);
});

test('numbers are the same within half a step', () => {
  assert.ok(same(54.46, 54.5, 0.1));
  assert.ok(!same(54.4, 54.5, 0.1));
  assert.ok(same(3, 3));
  assert.ok(!same(undefined, false));
});
