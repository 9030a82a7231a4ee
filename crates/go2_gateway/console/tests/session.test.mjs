import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { challengeAnswer } from "../protocol.js";
import { Session } from "../session.js";

let now;
let sent;
let states;
let messages;
let refusals;

beforeEach(() => {
  now = 0;
  sent = [];
  states = [];
  messages = [];
  refusals = [];
});

function open(shared = false) {
  const on = {
    state: (state) => states.push(state),
    message: (message) => messages.push(message),
    refused: (...refusal) => refusals.push(refusal),
  };
  const session = new Session((text) => sent.push(JSON.parse(text)), on, { shared, now: () => now });
  session.from = (message) => session.receive(JSON.stringify(message));
  return session;
}

function validated(shared) {
  const session = open(shared);
  session.from({ type: "validation", topic: "", data: "0123456789abcdef" });
  session.from({ type: "validation", topic: "", data: "Validation Ok." });
  return session;
}

function pass(session, ms, meanwhile = () => {}) {
  for (const end = now + ms; now < end; ) {
    now += 100;
    session.tick();
    meanwhile();
  }
}

const ofType = (type) => sent.filter((message) => message.type === type);
const response = (id, api, code, data = "") => ({
  type: "res",
  topic: "rt/api/sport/response",
  data: { header: { identity: { id, api_id: api }, status: { code } }, data },
});

test("nothing but the answer is sent before the validation", () => {
  const session = open();
  pass(session, 5000);
  session.from({ type: "validation", topic: "", data: "0123456789abcdef" });
  pass(session, 5000);
  assert.deepEqual(sent, [{ type: "validation", topic: "", data: challengeAnswer("0123456789abcdef") }]);
  assert.deepEqual(states, []);
});

test("who is asked again answers again, but not for ever", () => {
  const session = open();
  session.from({ type: "err", info: "Validation Needed." });
  assert.deepEqual(sent, [], "there is no challenge yet");
  session.from({ type: "validation", topic: "", data: "x" });
  for (let i = 0; i < 50; i++) session.from({ type: "err", info: "Validation Needed." });
  assert.ok(sent.length >= 2 && sent.length <= 5, `${sent.length} answers`);
});

test("after the validation it subscribes, with the gateway's state in a shared session only", () => {
  const topics = ["rt/lf/lowstate", "rt/lf/sportmodestate", "rt/utlidar/robot_pose", "rt/utlidar/voxel_map_compressed"];
  validated(false);
  assert.deepEqual(states, ["connected"]);
  assert.deepEqual(ofType("subscribe").map(({ topic }) => topic), topics);
  assert.deepEqual(ofType("vid"), [{ type: "vid", topic: "", data: "on" }]);
  assert.deepEqual(ofType("rtc_inner_req")[0].data, { req_type: "disable_traffic_saving", instruction: "on" });

  sent = [];
  validated(true);
  assert.deepEqual(ofType("subscribe").map(({ topic }) => topic), [...topics, "rt/gateway/state"]);
});

test("the LiDAR is switched on more than once, and not in a shared session", () => {
  const session = validated(false);
  pass(session, 5000);
  const on = { type: "msg", topic: "rt/utlidar/switch", data: "ON" };
  assert.deepEqual(ofType("msg"), Array(5).fill(on));
  sent = [];
  pass(validated(true), 5000);
  assert.deepEqual(ofType("msg"), []);
});

test("a heartbeat every 2 s; without echoes it is deaf, with one it hears again", () => {
  const session = validated();
  assert.equal(ofType("heartbeat").length, 1, "the first one at once");
  sent = [];
  pass(session, 10_000, () => {
    if (now % 2000 === 0) session.from({ type: "heartbeat", topic: "" });
  });
  assert.equal(ofType("heartbeat").length, 5);
  assert.deepEqual(states, ["connected"]);

  pass(session, 5000);
  assert.equal(session.state, "connected");
  pass(session, 200);
  assert.equal(session.state, "deaf");
  session.from({ type: "heartbeat", topic: "" });
  assert.deepEqual(states, ["connected", "deaf", "connected"]);
});

test("quiet is when nothing comes, not when echoes alone are lacking", () => {
  const session = validated();
  pass(session, 2900);
  assert.equal(session.quiet, false);
  pass(session, 200);
  assert.equal(session.quiet, true);
  session.from({ type: "msg", topic: "rt/lf/lowstate", data: {} });
  assert.equal(session.quiet, false);
});

test("probes of the delay come back as they were", () => {
  const session = validated();
  sent = [];
  const info = { req_type: "rtt_probe_send_from_mechine", uuid: "1", n: 3 };
  session.from({ type: "rtc_inner_req", info });
  session.from({ type: "rtc_inner_req", info: { req_type: "disable_traffic_saving", execution: "ok" } });
  assert.deepEqual(sent, [{ type: "rtc_inner_req", topic: "", data: info }]);
});

test("answers find who asked", async () => {
  const session = validated();
  const [up, down] = [session.ask("rt/api/sport", 1006), session.ask("rt/api/sport", 1005)];
  const [first, second] = ofType("req").map(({ data }) => data.header.identity.id);
  assert.notEqual(first, second);
  session.from(response(second, 1005, 4206));
  session.from(response(second, 1005, 0)); // twice
  session.from(response(first, 1006, 0, "done"));
  assert.deepEqual(await down, { code: 4206, words: "" });
  assert.deepEqual(await up, { code: 0, words: "done" });
});

test("an answer without an id goes to who asked the same", async () => {
  const session = validated();
  const asked = session.ask("rt/api/sport", 1005);
  session.from(response(undefined, 1006, 0));
  session.from(response(undefined, 1005, 0));
  assert.equal((await asked).code, 0);
});

test("who is not answered is told, and who is cut off too", async () => {
  const session = validated();
  const asked = session.ask("rt/api/sport", 1005);
  pass(session, 5200);
  assert.equal((await asked).code, null);
  const cut = session.ask("rt/api/sport", 1005);
  session.end();
  assert.deepEqual(await cut, { code: null, words: "the connection was lost" });
});

test("requests that wait are bounded", async () => {
  const session = validated();
  for (let i = 0; i < 32; i++) session.ask("rt/api/sport", 1005);
  sent = [];
  assert.match((await session.ask("rt/api/sport", 1005)).words, /too many/);
  assert.deepEqual(sent, []);
});

test("the refusal of a command that nobody waits for is told", () => {
  const session = validated();
  session.tell("rt/api/sport", 1008, { x: 1, y: 0, z: 0 });
  const { id } = sent.at(-1).data.header.identity;
  session.from(response(id, 1008, 0));
  assert.deepEqual(refusals, []);
  session.from(response(id, 1008, 9002, "not in control"));
  assert.deepEqual(refusals, [[1008, 9002, "not in control"]]);
});

test("topics and faults are passed on, nonsense is not", () => {
  const session = validated();
  const message = { type: "errors", topic: "", data: [] };
  session.from(message);
  session.receive("nonsense");
  session.receive(new ArrayBuffer(3));
  session.from({ type: "res" });
  assert.deepEqual(messages, [message]);
});
