import assert from "node:assert/strict";
import { test } from "node:test";

import { challengeAnswer, heartbeat, isValidated, read, request, unwrap } from "../protocol.js";

const bytes = (text) => new TextEncoder().encode(text);

function frame(head, payload, lidar) {
  const json = bytes(JSON.stringify(head));
  const out = new DataView(new ArrayBuffer((lidar ? 12 : 4) + json.length + payload.length));
  out.setUint16(0, lidar ? 2 : json.length, true);
  if (lidar) out.setUint32(4, json.length, true);
  const all = new Uint8Array(out.buffer);
  all.set(json, lidar ? 12 : 4);
  all.set(payload, all.length - payload.length);
  return out.buffer;
}

test("the answer to the robot's challenge", () => {
  assert.equal(challengeAnswer("0123456789abcdef"), "w+wJRSatpJQf2TpbA1FlIA==");
  assert.equal(challengeAnswer("c1f2a3b4c5d6e7f8"), "NxEzN+M11CKGhXGXhxGmLw==");
});

test("who is validated", () => {
  assert.ok(isValidated({ type: "validation", data: "Validation Ok." }));
  assert.ok(!isValidated({ type: "validation", data: "0123" }));
  assert.ok(!isValidated({ type: "err", data: "Validation Ok." }));
});

test("the heartbeat has the local time and the seconds since 1970", () => {
  const date = new Date(2026, 0, 31, 2, 4, 6, 900);
  assert.deepEqual(JSON.parse(heartbeat(date)), {
    type: "heartbeat",
    topic: "",
    data: { timeInStr: "2026-01-31 02:04:06", timeInNum: Math.floor(date.getTime() / 1000) },
  });
});

test("requests: the parameter is text, and urgent ones say so", () => {
  assert.deepEqual(JSON.parse(request("rt/api/sport", 7, 1008, { x: 0.3, y: 0, z: -1 })), {
    type: "req",
    topic: "rt/api/sport/request",
    data: { header: { identity: { id: 7, api_id: 1008 } }, parameter: '{"x":0.3,"y":0,"z":-1}' },
  });
  const { header, parameter } = JSON.parse(request("rt/api/sport", 8, 1003, undefined, true)).data;
  assert.deepEqual(header.policy, { priority: 1 });
  assert.equal(parameter, "");
});

test("text with stray bytes around it", () => {
  const message = { type: "msg", topic: "t", data: { a: [1] } };
  assert.deepEqual(read(JSON.stringify(message)), message);
  assert.deepEqual(read(`\u0000x${JSON.stringify(message)}\u0000\u0000`), message);
});

test("binary frames of both kinds", () => {
  const head = { type: "msg", topic: "t", data: {} };
  const payload = Uint8Array.of(1, 2, 3);
  for (const lidar of [false, true]) {
    assert.deepEqual(read(frame(head, payload, lidar)), { ...head, payload });
    assert.equal(read(frame(head, payload, lidar).slice(0, 20)), null, "cut off");
  }
});

test("nothing that comes makes it throw", () => {
  const nonsense = ["", "{", "{}", "[]", "null", '{"type":1}', new ArrayBuffer(0), new ArrayBuffer(1), new ArrayBuffer(4)];
  const lies = new Uint8Array([2, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 1]).buffer;
  for (const received of [...nonsense, lies]) assert.equal(read(received), null);
});

test("objects that are sent as text", () => {
  assert.deepEqual(unwrap('{"a":1}'), { a: 1 });
  assert.deepEqual(unwrap({ a: 1 }), { a: 1 });
  assert.equal(unwrap("plain"), "plain");
});
