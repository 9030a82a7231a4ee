import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Drive, FASTEST, SLOWEST, WISHES, limits, outsideSlack, velocity } from "../drive.js";

const STOP = ["0,0,0", "0,0,0", "0,0,0", "StopMove"];
let now;
let sent;
let told;
let obstacle;
let drive;

beforeEach(() => {
  now = 1000;
  sent = [];
  told = [];
  obstacle = "";
  const wire = {
    obstacle: () => obstacle,
    move: ({ x, y, z }) => sent.push(`${x},${y},${z}`),
    stopMove: () => sent.push("StopMove"),
    refused: (why) => told.push(why),
  };
  drive = new Drive(wire, () => now);
  drive.share = 1;
});

function ticks(count, ms = 50) {
  for (let i = 0; i < count; i++) {
    now += ms;
    drive.tick();
  }
}

test("nothing is sent while nothing is held", () => {
  ticks(100);
  drive.release("KeyW");
  drive.releaseAll("window");
  assert.deepEqual(sent, []);
  assert.deepEqual(told, []);
});

test("a press moves at once and then with every tick, the release stops at once", () => {
  drive.press("KeyW", WISHES.forward);
  assert.deepEqual(sent, ["1,0,0"]);
  ticks(3);
  assert.deepEqual(sent, Array(4).fill("1,0,0"));
  sent = [];
  drive.release("KeyW");
  assert.deepEqual(sent, STOP);
  ticks(10);
  assert.deepEqual(sent, STOP, "and nothing after it");
});

test("the repetition of a key changes nothing", () => {
  for (let i = 0; i < 10; i++) drive.press("KeyW", WISHES.forward);
  assert.equal(sent.length, 1);
  ticks(2);
  drive.release("KeyW");
  assert.deepEqual(sent.slice(3), STOP);
});

test("several grips add up, and it stops after the last", () => {
  drive.press("KeyW", WISHES.forward);
  drive.press("KeyA", WISHES.turnLeft);
  ticks(1);
  assert.equal(sent.at(-1), "1,0,1.5");
  drive.release("KeyW");
  ticks(1);
  assert.equal(sent.at(-1), "0,0,1.5");
  drive.release("KeyA");
  assert.deepEqual(sent.slice(-4), STOP);
});

test("held and not deflected is a zero Move, not a StopMove", () => {
  drive.press("stick", [0, 0, 0]);
  drive.steer("stick", [0.5, 0, 0]);
  ticks(1);
  drive.steer("stick", [0, 0, 0]);
  ticks(1);
  assert.deepEqual(sent, ["0,0,0", "0.5,0,0", "0,0,0"]);
});

test("what was ended does not come back until it is pressed anew", () => {
  drive.press("stick", [1, 0, 0]);
  drive.press("KeyW", WISHES.forward);
  drive.releaseAll("Stopped: the window lost the focus.");
  assert.deepEqual(sent.slice(-4), STOP);
  assert.deepEqual(told, ["Stopped: the window lost the focus."]);
  sent = [];
  drive.steer("stick", [1, 0, 0]);
  ticks(5);
  drive.release("stick");
  drive.release("KeyW");
  assert.deepEqual(sent, []);
  drive.press("stick", [1, 0, 0]);
  assert.deepEqual(sent, ["1,0,0"]);
});

test("an obstacle refuses the press, and ends the walk", () => {
  obstacle = "Take control first.";
  drive.press("KeyW", WISHES.forward);
  ticks(3);
  assert.deepEqual(sent, []);
  assert.deepEqual(told, ["Take control first."]);

  obstacle = "";
  ticks(3);
  assert.deepEqual(sent, [], "not by itself when the obstacle is gone");
  drive.press("KeyW", WISHES.forward);
  obstacle = "The robot is not heard.";
  ticks(1);
  assert.deepEqual(sent, ["1,0,0", ...STOP]);
  obstacle = "";
  ticks(5);
  assert.equal(sent.length, 5);
});

test("a page that was frozen stops", () => {
  drive.press("KeyW", WISHES.forward);
  ticks(1, 390);
  assert.equal(sent.at(-1), "1,0,0");
  ticks(1, 410);
  assert.deepEqual(sent.slice(-4), STOP);
  assert.match(told[0], /held up/);
  ticks(5);
  assert.equal(sent.length, 6);
});

test("a long pause between two walks is not one within a walk", () => {
  drive.press("KeyW", WISHES.forward);
  drive.release("KeyW");
  now += 60_000;
  drive.press("KeyW", WISHES.forward);
  assert.equal(sent.at(-1), "1,0,0");
  assert.deepEqual(told, []);
});

test("the stop button stops whether anything is held or not", () => {
  drive.stopNow();
  assert.deepEqual(sent, STOP);
  drive.press("KeyW", WISHES.forward);
  drive.stopNow();
  sent = [];
  ticks(5);
  assert.deepEqual(sent, []);
});

test("a stop by the lost focus is known when the page goes away a moment later", () => {
  assert.equal(drive.sinceStop(), Infinity);
  drive.press("KeyW", WISHES.forward);
  drive.releaseAll("the window lost the focus");
  now += 30;
  drive.releaseAll();
  assert.equal(drive.sinceStop(), 30);
});

test("the speed has limits whatever the slider says", () => {
  assert.deepEqual(limits(0), SLOWEST);
  assert.deepEqual(limits(1), FASTEST);
  assert.deepEqual(limits(-3), SLOWEST);
  assert.deepEqual(limits(7), FASTEST);
  drive.share = 0;
  drive.press("KeyS", WISHES.back);
  assert.deepEqual(sent, ["-0.2,0,0"]);
});

test("aslant is not faster, and wishes that contradict cancel", () => {
  const fast = { linear: 1, angular: 1.5 };
  const { x, y } = velocity([WISHES.forward, WISHES.sideLeft], fast);
  assert.ok(Math.abs(Math.hypot(x, y) - 1) < 0.001);
  assert.deepEqual(velocity([WISHES.forward, WISHES.back, WISHES.turnLeft, WISHES.turnRight], fast), { x: 0, y: 0, z: 0 });
  assert.deepEqual(velocity([[3, 0, -9]], fast), { x: 1, y: 0, z: -1.5 });
  assert.deepEqual(velocity([], fast), { x: 0, y: 0, z: 0 });
});

test("the slack around a stick's middle", () => {
  assert.equal(outsideSlack(0.1), 0);
  assert.equal(outsideSlack(-0.12), 0);
  assert.equal(outsideSlack(1), 1);
  assert.equal(outsideSlack(-5), -1);
  assert.equal(outsideSlack(NaN), 0);
  assert.ok(outsideSlack(0.13) < 0.02);
});
