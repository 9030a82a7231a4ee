// Numbers of the wire in words.

/** What the robot does, by its number; before firmware 1.1.7 in `mode`, since then in `error_code`. */
const OLD_MODES = {
  0: ["Idle", ""],
  1: ["Standing, ready to walk", "walkable"],
  2: ["Posing", ""],
  3: ["Walking", "walkable"],
  5: ["Lying", "lying"],
  6: ["Standing, joints locked", "locked"],
  7: ["Limp", "limp"],
  8: ["Getting up", ""],
  9: ["Free walk", "walkable"],
  10: ["Sitting", "sitting"],
  11: ["Front flip", ""],
  12: ["Front jump", ""],
  13: ["Front pounce", ""],
  15: ["Free bound", "walkable"],
  16: ["Free jump", "walkable"],
  17: ["Free avoid", "walkable"],
  18: ["Climbing stairs", "walkable"],
  19: ["Standing", ""],
  20: ["Cross step", "walkable"],
};
const NEW_MODES = {
  // After RecoveryStand, as after BalanceStand (1013); also free walk, which is not told from it.
  100: ["Standing, ready to walk", "walkable"],
  1001: ["Limp or lying", "limp"],
  1002: ["Standing, joints locked", "locked"],
  1004: ["Lying", "lying"],
  1005: ["Walking", "walkable"],
  1006: ["Sitting down", "moving"],
  1007: ["Sitting", "sitting"],
  1013: ["Standing, ready to walk", "walkable"],
  1015: ["Walking", "walkable"],
  1016: ["Running", "walkable"],
  1017: ["Walking, saving power", "walkable"],
  1091: ["Posing", ""],
  2006: ["Lying down", "moving"],
  2007: ["Free avoid", "walkable"],
  2008: ["Free bound", "walkable"],
  2009: ["Free jump", "walkable"],
  2010: ["Climbing stairs", "walkable"],
  2011: ["Handstand", ""],
  2016: ["Cross step", "walkable"],
  2017: ["On the hind legs", ""],
  2019: ["Following", ""],
  2021: ["Rage mode", ""],
};
const GAITS = { 1: "trot", 2: "run", 3: "climbing", 4: "descending" };

/** Why the browser found no way to the other end: the host of this page if the session is shared, else the robot. @param {string} host */
export function noWayWords(host, shared) {
  if (shared && (host === "localhost" || host === "[::1]" || host.startsWith("127."))) {
    return "This browser did not connect to its own computer. Firefox refuses to at 127.0.0.1: open the page by the computer's address in the network (gateway_address).";
  }
  return "The network between this browser and the robot's side does not let through.";
}

/** Why there will be no picture; empty if there may be one. @param {string} offer The browser's own. */
export function noPictureWords(offer) {
  return /^a=rtpmap:\d+ H264\/90000/im.test(offer) ? "" : "No picture: this browser does not play H.264";
}

/** A robot that is faster walks: m/s, rad/s. One that stands may say 0.02 m/s. */
const WALKS = [0.08, 0.15];
/** A robot that lies is lower, m; milliseconds without a word after which nothing is known; steepest that still lies, rad. */
const LYING_BELOW = 0.13;
const GAP = 1000;
const LEVEL = 0.5;

/** What the robot does, as one message after the other tells it. */
export class Doing {
  #code;
  #at = 0;
  /** Of a robot that tells 1001: whether it was seen to lie down ("lies") or to go limp ("limp"). */
  #floor = "";

  /** Nothing is known any more. */
  forget() {
    this.#code = undefined;
    this.#floor = "";
  }

  /**
   * @param {object} state A message of sportmodestate.
   * @param {number} now Milliseconds.
   * @returns {{words: string, posture: string}} posture: walkable, lying, locked, limp, sitting, moving, or empty for others.
   */
  heard(state, now) {
    const { mode = 0, error_code: code = 0, gait_type: gait, velocity, yaw_speed: turning } = state;
    const known = mode === 0 ? NEW_MODES[code] ?? (code < 100 ? OLD_MODES[0] : undefined) : OLD_MODES[mode];
    this.#follow(mode === 0 ? code : undefined, state, now);
    const level = Math.hypot(...(state.imu_state?.rpy ?? []).slice(0, 2)) < LEVEL;
    if (code === 1001 && mode === 0 && this.#floor === "lies" && level) return { words: "Lying", posture: "lying" };
    if (!known) return { words: `Mode ${mode}, code ${code}`, posture: "" };
    const [words, posture] = known;
    if (posture !== "walkable") return { words, posture };
    const walks = Math.hypot(velocity?.[0] ?? 0, velocity?.[1] ?? 0) > WALKS[0] || Math.abs(turning ?? 0) > WALKS[1];
    const stands = words.startsWith("Standing");
    return { words: walks && stands ? "Walking" : GAITS[gait] ? `${words}, ${GAITS[gait]}` : words, posture };
  }

  /** As the node itself judges it: lying is who lay down before one's eyes, and 1001 says that of a limp robot, too. */
  #follow(code, { body_height: height, position }, now) {
    const before = now - this.#at < GAP ? this.#code : undefined;
    [this.#code, this.#at] = [code, now];
    if (code === 1001) {
      if (before === undefined) this.#floor = "";
      else if (before === 2006 && this.#floor !== "limp") this.#floor = (height ?? position?.[2]) < LYING_BELOW ? "lies" : "limp";
      else if (before !== 1001 && before !== 2006) this.#floor = "limp";
    } else if (before === undefined || NEW_MODES[code]?.[1] === "walkable" || code === 1002 || code === 1007) {
      this.#floor = "";
    }
  }
}

/** What stands in the way of walking in a posture, or nothing. */
export const POSTURE_HINTS = {
  lying: "The robot lies and does not walk like this: press Stand up.",
  locked: "The robot stands with locked joints and does not walk like this: press Stand up.",
  limp: "The robot is limp, or lies and does not tell so. It does not walk like this: press Stand up when the floor around it is free.",
  moving: "The robot does not move yet: wait until it has done what it does.",
  sitting: "The robot sits and does not walk like this: press Stand up.",
};

const STATUS = {
  3102: "it could not be sent on within the robot",
  3103: "this robot does not know the command",
  3104: "it timed out within the robot",
  3203: "it is not ready yet, as for about 10 s after connecting, or this firmware does not know the command",
  3204: "the parameter is wrong",
  3205: "another client has the lease",
  4201: "it took too long",
  4206: "not possible in this posture, or with a battery below 20 %",
  7004: "it has no such motion mode, or is in it already",
  401001: "not while moving or just connected, try again",
  9001: "you may look, but not drive: enter the token for control",
  9002: "you are not in control: press Take control first",
};

/** Why a request failed. @param {{code: number | null, words: string}} answer */
export function refusal({ code, words }) {
  if (code === null) return words;
  // Of these the gateway says more.
  if (((code >= 9000 && code < 10000) || code === 7004) && words) return words;
  return STATUS[code] ?? `it answered with code ${code}`;
}

const LINKS = {
  resolving: "Looking for the robot",
  connecting: "Connecting to the robot",
  validating: "Validating",
  live: "Live",
  degraded: "Degraded",
  stale: "Stale: nothing heard",
  busy: "Robot is busy with another client",
  throttled: "Robot wants a pause",
  backing_off: "Lost, trying again soon",
  key_needed: "The robot's key is needed",
  refused: "Another robot, or it refuses: see the link state",
  stopped: "Stopped",
  closed: "Closed",
};
export const linkWords = (state) => LINKS[state] ?? String(state ?? "–");
/** States in which commands reach the robot. */
export const linkCarries = (state) => state === "live" || state === "degraded";

const MOTOR = {
  0x01: "overcurrent",
  0x02: "overvoltage",
  0x04: "driver overheating",
  0x08: "bus undervoltage",
  0x10: "winding overheating",
  0x20: "encoder abnormal",
  0x40: "calibration abnormal",
  0x80: "abnormal reset",
  0x100: "communication interrupted",
};
const PARTS = {
  100: ["communication", { 0x01: "DDS message timeout", 0x02: "distribution switch abnormal", 0x10: "battery communication error", 0x20: "remote control communication error", 0x40: "MCU communication error", 0x80: "motor communication error" }],
  200: ["fans", { 0x01: "rear left fan jammed", 0x02: "rear right fan jammed", 0x04: "front fan jammed" }],
  300: ["motor", MOTOR],
  400: ["LiDAR", { 0x01: "rotation speed abnormal", 0x02: "point cloud abnormal", 0x04: "serial data abnormal", 0x10: "dirt on the window" }],
  500: ["UWB", { 0x01: "serial port does not open", 0x02: "robot information abnormal" }],
  600: ["motion control", { 0x04: "over-temperature protection", 0x08: "low-battery protection" }],
  700: ["battery management", {}],
};

/** A motor that is cooler (°C) is not hot: the default of the node's motor_temperature_warn. */
const HOT = 70;
const LEG_MOTORS = 12;

/** The temperature of the hottest motor in °C, as far as a message of lowstate tells. */
export function hottestMotor({ motor_state: motors }) {
  if (!Array.isArray(motors)) return undefined;
  const told = motors.slice(0, LEG_MOTORS).map((motor) => motor?.temperature).filter(Number.isFinite);
  // A byte of the robot's: what is above 127 is below zero.
  return told.length ? Math.max(...told.map((degrees) => (degrees > 127 && degrees < 256 ? degrees - 256 : degrees))) : undefined;
}

/**
 * As the node says it: faults of heat stand for hours in robots whose motors are cool.
 * @param {[number, number]} fault Source and code. @param {number} [hottest] Of the hottest motor, °C.
 */
export function faultWords([source, code], hottest) {
  const single = (source > 300 && source < 400) || (source >= 3000 && source < 4000);
  const hex = `source ${source} code 0x${Number(code).toString(16)}`;
  const heat = source === 600 ? code === 0x04 : (single || source === 300) && (code === 0x04 || code === 0x10);
  if (heat && hottest < HOT) {
    return `${single ? `motor ${source % 100}` : "the robot"} reports heat (${hex}), but the hottest motor has ${hottest.toFixed(0)} C`;
  }
  const [part, labels] = single ? [`motor ${source % 100}`, MOTOR] : PARTS[source] ?? ["unknown part", {}];
  return `${part}: ${labels[code] ?? hex}`;
}

const MOST_FAULTS = 256;

/** The list of faults after a message of type errors, add_error or rm_error. @param {[number, number][]} faults */
export function changedFaults(faults, { type, data }) {
  if (!Array.isArray(data)) return faults;
  const list = Array.isArray(data[0]) || data.length === 0 ? data : [data];
  const entries = list.filter(Array.isArray).map(([, source, code]) => [source, code]);
  const same = ([source, code]) => ([otherSource, otherCode]) => source === otherSource && code === otherCode;
  if (type === "rm_error") return faults.filter((fault) => !entries.some(same(fault)));
  const before = type === "add_error" ? faults : [];
  return [...before, ...entries.filter((entry) => !before.some(same(entry)))].slice(0, MOST_FAULTS);
}
