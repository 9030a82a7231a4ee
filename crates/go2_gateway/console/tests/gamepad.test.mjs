import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Drive } from "../drive.js";

// What input.js wants of a browser.
let pads;
const listeners = new Map();
Object.defineProperty(globalThis, "navigator", { value: { getGamepads: () => pads }, configurable: true });
globalThis.addEventListener = (type, listener) => listeners.set(type, listener);
const { Gamepads } = await import("../input.js");

const [STOP, HOLD] = [1, 4];
const STOPPED = { x: 0, y: 0, z: 0 };
let moves;
let stops;
let pad;
let drive;
let gamepads;

beforeEach(() => {
  moves = [];
  stops = 0;
  pad = { connected: true, mapping: "standard", axes: [0, 0, 0, 0], buttons: Array.from({ length: 17 }, () => ({ pressed: false })) };
  pads = [null, pad, null, null]; // as browsers give them
  drive = new Drive({ obstacle: () => "", move: (v) => moves.push(v), stopMove: () => {}, refused: () => {} }, () => 0);
  drive.share = 1;
  gamepads = new Gamepads(drive, () => (stops += 1));
});

function tick() {
  gamepads.poll();
  drive.tick();
}

test("sticks do nothing while the shoulder is not held", () => {
  pad.axes = [1, -1, 1, 1];
  tick();
  assert.ok(!drive.held);
  assert.deepEqual(moves, []);
});

test("the left stick walks, the right one turns, and letting the shoulder go stops", () => {
  pad.buttons[HOLD].pressed = true;
  pad.axes = [0, -1, 0, 0]; // up is negative
  tick();
  assert.deepEqual(moves.at(-1), { x: 1, y: 0, z: 0 });
  pad.axes = [-1, 0, 0, 0];
  tick();
  assert.deepEqual(moves.at(-1), { x: 0, y: 1, z: 0 });
  pad.axes = [0.1, 0.1, 1, 1];
  tick();
  assert.deepEqual(moves.at(-1), { x: 0, y: 0, z: -1.5 }, "to the right, and slack in the others");
  pad.buttons[HOLD].pressed = false;
  tick();
  assert.ok(!drive.held);
  assert.deepEqual(moves.at(-1), STOPPED);
});

function walk() {
  pad.buttons[HOLD].pressed = true;
  pad.axes = [0, -1, 0, 0];
  tick();
  assert.ok(drive.held);
}

test("a gamepad that is unplugged lets go at once", () => {
  walk();
  listeners.get("gamepaddisconnected")();
  assert.ok(!drive.held);
  assert.deepEqual(moves.at(-1), STOPPED);
});

test("a gamepad that is no longer there lets go", () => {
  for (const vanish of [() => (pads = [null, null, null, null]), () => (pad.connected = false)]) {
    walk();
    vanish();
    tick();
    assert.ok(!drive.held);
    assert.deepEqual(moves.at(-1), STOPPED);
    pads = [null, pad];
  }
});

test("what has ended a walk has to be let go before the next", () => {
  walk();
  drive.releaseAll();
  tick();
  assert.ok(!drive.held);
  pad.buttons[HOLD].pressed = false;
  tick();
  pad.buttons[HOLD].pressed = true;
  tick();
  assert.ok(drive.held);
});

test("the other button stops, once each time that it is pressed", () => {
  pad.buttons[STOP].pressed = true;
  tick();
  tick();
  assert.equal(stops, 1);
  pad.buttons[STOP].pressed = false;
  tick();
  pad.buttons[STOP].pressed = true;
  tick();
  assert.equal(stops, 2);
});

test("gamepads of unknown shape are left alone", () => {
  pad.mapping = "";
  pad.buttons[HOLD].pressed = true;
  pad.axes = [0, -1, 0, 0];
  tick();
  assert.ok(!drive.held);
});
