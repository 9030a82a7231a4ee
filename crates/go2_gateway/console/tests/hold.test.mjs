import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Commands } from "../commands.js";
import { Drive, WISHES } from "../drive.js";
import { gatewayObstacle, holdAdvice, holdButton } from "../hold.js";
import { API, SERVICE } from "../protocol.js";

const FREE = { may_drive: true, held: false, driver: "you", hears: true, link: { state: "live" } };
const HELD = { ...FREE, held: true };

test("who drives may walk the robot, unless it is held or does not hear", () => {
  assert.equal(gatewayObstacle(FREE), "");
  assert.match(gatewayObstacle(HELD), /held.*Release hold/);
  assert.match(gatewayObstacle({ ...HELD, driver: "ros" }), /held/, "taking control would not help");
  assert.match(gatewayObstacle({ ...FREE, driver: "viewer" }), /Take control/);
  assert.match(gatewayObstacle({ ...HELD, may_drive: false }), /token/);
  assert.match(gatewayObstacle({ ...FREE, hears: false }), /does not hear/);
  assert.match(gatewayObstacle({ ...FREE, link: { state: "stale" } }), /does not hear/);
  assert.match(gatewayObstacle(null), /not said yet/);
});

test("every viewer is told of a hold, and who may drive how it ends", () => {
  assert.equal(holdAdvice(null), "");
  assert.equal(holdAdvice(FREE), "");
  assert.match(holdAdvice({ ...HELD, driver: "ros" }), /nobody walks it.*Press Release hold/);
  const watching = holdAdvice({ ...HELD, may_drive: false });
  assert.match(watching, /nobody walks it/);
  assert.doesNotMatch(watching, /Press/);
});

test("the button holds without control, and shows and ends a hold of somebody else", () => {
  assert.deepEqual(holdButton({ ...FREE, driver: "ros" }), { words: "Hold", held: false, api: API.hold, enabled: true });
  assert.deepEqual(holdButton({ ...HELD, driver: "ros" }), { words: "Release hold", held: true, api: API.endHold, enabled: true });
  assert.equal(holdButton({ ...HELD, may_drive: false }).enabled, false);
  assert.equal(holdButton(null).enabled, false);
});

let gateway;
let sent;
let drive;

beforeEach(() => {
  gateway = FREE;
  sent = [];
  const wire = {
    obstacle: () => gatewayObstacle(gateway),
    move: ({ x }) => sent.push(x),
    stopMove: () => sent.push("StopMove"),
    refused: () => {},
  };
  drive = new Drive(wire, () => 0);
});

test("a hold of whoever ends a walk, and what is still pressed does not go on after it", () => {
  drive.press("KeyW", WISHES.forward);
  gateway = HELD;
  drive.tick();
  assert.equal(sent.at(-1), "StopMove");
  assert.equal(drive.held, false);
  sent = [];
  drive.press("KeyD", WISHES.turnRight);
  gateway = FREE;
  drive.tick();
  assert.deepEqual(sent, []);
});

test("a press of the button lets go of everything, and asks the gateway with priority to hold and without to release", () => {
  const asked = [];
  const ask = (service, api, options) => {
    asked.push([service, api, Boolean(options?.urgent)]);
    return new Promise(() => {});
  };
  const commands = new Commands({ session: { ask } }, drive, () => ({ posture: "", mine: true, hold: holdButton(gateway) }));
  drive.press("KeyW", WISHES.forward);
  commands.hold();
  assert.equal(sent.at(-1), "StopMove");
  gateway = HELD;
  commands.hold();
  assert.deepEqual(asked, [
    [SERVICE.gateway, API.hold, true],
    [SERVICE.gateway, API.endHold, false],
  ]);
});
