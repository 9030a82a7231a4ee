import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Doing, changedFaults, faultWords, hottestMotor, linkCarries, linkWords, noPictureWords, noWayWords, refusal } from "../words.js";

test("what to do where no way was found", () => {
  for (const host of ["localhost", "127.0.0.1", "[::1]"]) assert.match(noWayWords(host, true), /gateway_address/);
  for (const host of ["192.168.12.5", "dog.local", "[fd00::2]"]) assert.doesNotMatch(noWayWords(host, true), /127/);
  assert.doesNotMatch(noWayWords("127.0.0.1", false), /own computer/, "the way is to the robot");
});

test("a browser without H.264 is told why it sees nothing", () => {
  assert.equal(noPictureWords("v=0\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:102 H264/90000\r\n"), "");
  assert.match(noPictureWords("v=0\r\na=rtpmap:120 VP8/90000\r\na=rtpmap:99 AV1/90000\r\n"), /H\.264/);
});

/** What one message alone says. */
const doing = (state) => new Doing().heard(state, 0);

/** What a robot does that tells these codes, one each 50 ms. */
function after(codes, { height = 0.054, rpy = [0, 0, 0] } = {}) {
  const robot = new Doing();
  return codes.map((code, i) => robot.heard({ mode: 0, error_code: code, body_height: height, imu_state: { rpy } }, 50 * i)).at(-1);
}

test("what the robot does, by old and by new firmware", () => {
  assert.deepEqual(doing({ mode: 5, error_code: 0 }), { words: "Lying", posture: "lying" });
  assert.deepEqual(doing({ mode: 0, error_code: 1004 }), { words: "Lying", posture: "lying" });
  assert.deepEqual(doing({ mode: 3, gait_type: 1 }), { words: "Walking, trot", posture: "walkable" });
  assert.deepEqual(doing({ mode: 0, error_code: 1002, gait_type: 1 }), { words: "Standing, joints locked", posture: "locked" });
  assert.equal(doing({ mode: 0, error_code: 16 }).words, "Idle", "bits of options on old firmware");
  assert.equal(doing({ mode: 1, error_code: 1004 }).posture, "walkable", "mode first where there is one");
  assert.deepEqual(doing({ mode: 77, error_code: 5 }), { words: "Mode 77, code 5", posture: "" });
  assert.deepEqual(doing({ mode: 0, error_code: 4321 }), { words: "Mode 0, code 4321", posture: "" });
});

test("the ways down have their words", () => {
  assert.deepEqual(after([100, 2006]), { words: "Lying down", posture: "moving" });
  assert.deepEqual(after([100, 1006]), { words: "Sitting down", posture: "moving" });
  assert.deepEqual(after([100]), { words: "Standing, ready to walk", posture: "walkable" });
});

test("1001 is lying after lying down, and limp or lying otherwise", () => {
  const lies = { words: "Lying", posture: "lying" };
  const untold = { words: "Limp or lying", posture: "limp" };
  assert.deepEqual(after([100, 2006, 1001, 1001]), lies);
  assert.deepEqual(after([1001]), untold);
  assert.deepEqual(after([100, 1001]), untold);
  assert.deepEqual(after([100, 1001, 2006, 1001]), untold, "it was limp before");
  assert.deepEqual(after([100, 1001, 100, 2006, 1001]), lies, "it stood in between");
  assert.deepEqual(after([100, 2006, 1001], { height: 0.2 }), untold, "it fell");
  assert.deepEqual(after([100, 2006, 1001], { rpy: [0.6, 0, 0] }), untold, "on its side");
  const robot = new Doing();
  for (const [code, at] of [[2006, 0], [1001, 50]]) robot.heard({ mode: 0, error_code: code, body_height: 0.05 }, at);
  assert.deepEqual(robot.heard({ mode: 0, error_code: 1001, body_height: 0.05 }, 2000), untold, "nobody watched");
});

test("a robot that stands ready walks when it moves", () => {
  const words = (velocity, yaw_speed) => doing({ mode: 0, error_code: 100, velocity, yaw_speed }).words;
  assert.equal(words([0.3, 0, 0], 0), "Walking");
  assert.equal(words([0, 0, 0], -0.5), "Walking");
  assert.equal(words([0.02, 0, 0], 0.007), "Standing, ready to walk", "it creeps");
});

test("why a request failed", () => {
  assert.match(refusal({ code: 4206, words: "" }), /posture/);
  assert.equal(refusal({ code: 9001, words: "as the gateway says" }), "as the gateway says");
  assert.match(refusal({ code: 9002, words: "" }), /control/);
  assert.equal(refusal({ code: 7004, words: "not sent: the robot is in mcf" }), "not sent: the robot is in mcf");
  assert.match(refusal({ code: 401001, words: "" }), /try again/);
  assert.match(refusal({ code: 3203, words: "" }), /not ready yet/);
  assert.equal(refusal({ code: 1234, words: "" }), "it answered with code 1234");
  assert.equal(refusal({ code: null, words: "no answer" }), "no answer");
});

test("faults in words", () => {
  assert.equal(faultWords([303, 0x10]), "motor 3: winding overheating");
  assert.equal(faultWords([3011, 0x100]), "motor 11: communication interrupted");
  assert.equal(faultWords([300, 1]), "motor: overcurrent");
  assert.equal(faultWords([400, 0x10]), "LiDAR: dirt on the window");
  assert.equal(faultWords([700, 4]), "battery management: source 700 code 0x4");
  assert.equal(faultWords([12345, 4]), "unknown part: source 12345 code 0x4");
});

test("faults are told as the node tells them", () => {
  const told = JSON.parse(readFileSync(new URL("faults.json", import.meta.url), "utf8"));
  for (const [source, code, hottest, words] of told) assert.equal(faultWords([source, code], hottest ?? undefined), words);
  assert.ok(told.length > 100);
});

test("the hottest motor", () => {
  const motors = [31, 55, "hot", 250].map((temperature) => ({ temperature }));
  assert.equal(hottestMotor({ motor_state: motors }), 55, "250 is -6");
  assert.equal(hottestMotor({ motor_state: [...Array(12).fill({ temperature: 40 }), { temperature: 99 }] }), 40, "of the legs");
  for (const state of [{}, { motor_state: [] }, { motor_state: [{}] }]) assert.equal(hottestMotor(state), undefined);
});

test("the list of faults follows snapshots and changes in both forms", () => {
  let faults = changedFaults([], { type: "errors", data: [[1, 400, 16]] });
  faults = changedFaults(faults, { type: "add_error", data: [2, 303, 1] });
  faults = changedFaults(faults, { type: "add_error", data: [[3, 303, 1]] });
  assert.deepEqual(faults, [[400, 16], [303, 1]]);
  faults = changedFaults(faults, { type: "rm_error", data: [4, 400, 16] });
  assert.deepEqual(faults, [[303, 1]]);
  assert.deepEqual(changedFaults(faults, { type: "add_error", data: "?" }), faults);
  assert.deepEqual(changedFaults(faults, { type: "errors", data: [] }), []);
  assert.deepEqual(changedFaults([], { type: "errors", data: [[1, 400, 16], null, 7] }), [[400, 16]]);
  const many = Array.from({ length: 5000 }, (_, i) => [0, 300, i]);
  assert.equal(changedFaults([], { type: "errors", data: many }).length, 256);
});

test("states of the link", () => {
  assert.equal(linkWords("live"), "Live");
  assert.equal(linkWords("new_state"), "new_state");
  assert.deepEqual(["live", "degraded", "stale", undefined].map(linkCarries), [true, true, false, false]);
});
