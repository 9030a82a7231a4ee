// What goes over the data channel: envelopes, the answer to the challenge, the heartbeat, requests, binary frames. All pure.

import { md5 } from "./md5.js";

export const TOPIC = {
  low: "rt/lf/lowstate",
  sport: "rt/lf/sportmodestate",
  pose: "rt/utlidar/robot_pose",
  voxels: "rt/utlidar/voxel_map_compressed",
  lidarSwitch: "rt/utlidar/switch",
  gateway: "rt/gateway/state",
};
export const SERVICE = { sport: "rt/api/sport", gateway: "rt/api/gateway" };
export const API = {
  damp: 1001,
  balanceStand: 1002,
  stopMove: 1003,
  standDown: 1005,
  recoveryStand: 1006,
  move: 1008,
  riseSit: 1010,
  takeControl: 1,
  giveBack: 2,
  hold: 3,
  endHold: 4,
};

const VALIDATED = "Validation Ok.";
const PREFIX = "UnitreeGo2_";
/** Byte lengths of the two kinds of head before the JSON. */
const NORMAL = 4;
const LIDAR = 12;
const LIDAR_MARK = 2;

export const envelope = (type, topic, data) => JSON.stringify({ type, topic, data });

/** What answers the robot's challenge. */
export function challengeAnswer(challenge) {
  const digest = md5(new TextEncoder().encode(PREFIX + challenge));
  return btoa(String.fromCharCode(...digest));
}

export const isValidated = (message) => message.type === "validation" && message.data === VALIDATED;

export function heartbeat(now = new Date()) {
  const two = (number) => String(number).padStart(2, "0");
  const date = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  const data = { timeInStr: `${date} ${time}`, timeInNum: Math.floor(now.getTime() / 1000) };
  return envelope("heartbeat", "", data);
}

/** @param {object | undefined} parameter @param {boolean} urgent */
export function request(service, id, api, parameter, urgent) {
  const header = { identity: { id, api_id: api } };
  if (urgent) header.policy = { priority: 1 };
  const text = parameter === undefined ? "" : JSON.stringify(parameter);
  return envelope("req", `${service}/request`, { header, parameter: text });
}

/**
 * Reads what came over the channel.
 * @param {string | ArrayBuffer} received
 * @returns {{type: string, topic?: string, data?: any, info?: any, payload?: Uint8Array} | null} null where it is nothing of
 * the robot's.
 */
export function read(received) {
  try {
    return typeof received === "string" ? readText(received) : readBinary(new Uint8Array(received));
  } catch {
    return null;
  }
}

/** Some firmware leaves stray bytes and NULs around the JSON. */
function readText(text) {
  const message = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
  return typeof message.type === "string" ? message : null;
}

function readBinary(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mark = view.getUint16(0, true);
  const start = mark === LIDAR_MARK ? LIDAR : NORMAL;
  const length = mark === LIDAR_MARK ? view.getUint32(4, true) : mark;
  if (start + length > bytes.length) return null;
  const message = readText(new TextDecoder().decode(bytes.subarray(start, start + length)));
  return message && { ...message, payload: bytes.subarray(start + length) };
}

/** Some firmware sends an object as text that holds it. */
export function unwrap(data) {
  if (typeof data !== "string") return data;
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}
