// Puts the page together.

import { Commands } from "./commands.js";
import { Connection } from "./connection.js";
import { Drive, RATE_HZ, limits } from "./drive.js";
import { gatewayObstacle, holdAdvice, holdButton } from "./hold.js";
import { Gamepads, listenToAbsence, listenToHeld, listenToKeys, listenToStick } from "./input.js";
import { MapView } from "./map.js";
import { countPictures } from "./pictures.js";
import { API, SERVICE, TOPIC, unwrap } from "./protocol.js";
import * as view from "./view.js";
import { seenFromAbove } from "./voxels.js";
import { Doing, POSTURE_HINTS, changedFaults, faultWords, hottestMotor, linkCarries, linkWords, refusal } from "./words.js";

const byId = (id) => document.getElementById(id);
const TOKEN = "go2-token";
/** The same refusal is said once in so many ms. */
const REFUSAL_MS = 2000;

const video = byId("video");
const map = new MapView(byId("map"));
let gateway = null;
let posture = "";
const doing = new Doing();
let faults = [];
/** Of the hottest motor, °C. */
let hottest;
let lastRefusal = 0;
const last = { picture: null, map: null };

// --- what comes ---------------------------------------------------------------------------------

const connection = new Connection({ state: stateChanged, track: trackChanged, message: received, refused: commandRefused }, token());

function stateChanged(state, words, retryIn) {
  view.showState(state, words, retryIn);
  if (state !== "connected") drive.releaseAll(state === "lost" || state === "deaf" ? "Stopped: the connection is not well." : "");
  if (state === "connecting" || state === "lost") {
    gateway = null;
    faults = [];
    hottest = undefined;
    posture = "";
    doing.forget();
    last.picture = null;
    view.showBattery(null);
    view.showMode("");
  }
  if (state === "token") {
    view.showTokenForm(true);
    byId("token").focus();
    if (words) view.say(words);
  }
  refresh();
}

function trackChanged(track) {
  video.srcObject = track && new MediaStream([track]);
  if (track) video.play().catch(() => {}); // autoplay does it where this may not
}

function received({ type, topic, data, payload }) {
  if (type === "errors" || type === "add_error" || type === "rm_error") {
    faults = changedFaults(faults, { type, data });
    refresh();
    return;
  }
  if (type !== "msg") return;
  data = unwrap(data);
  if (data === null || typeof data !== "object") return;
  switch (topic) {
    case TOPIC.low: {
      view.showBattery(data);
      const before = hottest;
      hottest = hottestMotor(data);
      if (hottest !== before) refresh();
      break;
    }
    case TOPIC.sport: {
      const now = doing.heard(data, performance.now());
      posture = now.posture;
      view.showMode(now.words);
      break;
    }
    case TOPIC.pose:
      poseReceived(data.pose);
      break;
    case TOPIC.voxels:
      cloudReceived(data, payload);
      break;
    case TOPIC.gateway:
      gatewayReceived(data);
      break;
  }
}

function poseReceived(pose) {
  const { x, y } = pose?.position ?? {};
  const q = pose?.orientation ?? {};
  const yaw = Math.atan2(2 * (q.w * q.z + q.x * q.y), 1 - 2 * (q.y * q.y + q.z * q.z));
  if ([x, y, yaw].every(Number.isFinite)) map.showPose({ x, y, yaw });
}

function cloudReceived(head, payload) {
  if (!payload) return;
  try {
    const cloud = seenFromAbove(head, payload);
    map.showCloud(cloud);
    last.map = performance.now();
    document.body.dataset.points = cloud.points;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // a damaged frame: the next one is on its way
  }
}

function gatewayReceived(state) {
  const had = gateway?.driver === "you";
  gateway = state;
  if (had && state.driver !== "you") drive.releaseAll("Stopped: control has gone to " + (state.driver === "ros" ? "ROS." : "another viewer."));
  refresh();
}

function commandRefused(api, code, words) {
  const walked = drive.held;
  if (api === API.move) drive.releaseAll();
  if (!walked) return; // the last words of a walk that is over
  if (performance.now() - lastRefusal < REFUSAL_MS) return;
  lastRefusal = performance.now();
  view.say(`The robot was not moved: ${refusal({ code, words })}.`);
}

// --- what it says -------------------------------------------------------------------------------

function refresh() {
  const { shared, session } = connection;
  view.showGateway(gateway, shared);
  view.showHold(holdButton(gateway), shared ? holdAdvice(gateway) : "");
  view.enableCommands(Boolean(session) && (!shared || Boolean(gateway?.may_drive)));
  const reported = shared ? gateway?.fault_codes ?? [] : faults;
  view.showFaults(reported.map((fault) => faultWords(fault, hottest)));
  view.showLink(link());
  if (connection.state !== "token") view.showTokenForm(Boolean(session) && shared && gateway?.may_drive === false);
}

function link() {
  if (!connection.session) return { words: "–", advice: "", level: "" };
  if (!connection.shared) {
    const hears = connection.state === "connected";
    return { words: hears ? "Direct" : "Nothing heard", advice: "", level: hears ? "good" : "bad" };
  }
  const { state, advice = "" } = gateway?.link ?? {};
  const hears = gateway?.hears !== false;
  const words = linkWords(state) + (hears || state === "stale" ? "" : ", nothing heard");
  return { words, advice, level: !state ? "" : state === "live" && hears ? "good" : linkCarries(state) ? "warn" : "bad" };
}

function obstacle() {
  if (connection.state !== "connected") return "Not connected: the robot cannot be moved.";
  if (connection.session.quiet) return "Stopped: nothing is heard from the other side.";
  if (connection.congested) return "Stopped: the network does not keep up.";
  return connection.shared ? gatewayObstacle(gateway) : "";
}

// --- commands -----------------------------------------------------------------------------------

const drive = new Drive({
  obstacle,
  move: (v) => connection.session?.tell(SERVICE.sport, API.move, v),
  stopMove: () => connection.session?.tell(SERVICE.sport, API.stopMove),
  refused: view.say,
  shown: (v) => {
    view.showVelocity(v);
    if (v && POSTURE_HINTS[posture]) view.say(POSTURE_HINTS[posture]);
  },
});

const commands = new Commands(connection, drive, () => ({
  posture,
  mine: !connection.shared || gateway?.driver === "you",
  hold: holdButton(gateway),
}));

// --- the page -----------------------------------------------------------------------------------

/** The token comes in the address's fragment, which no server sees, and does not stay there. */
function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null) {
    sessionStorage.setItem(TOKEN, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(TOKEN) ?? "";
}

function onClick(id, handler) {
  byId(id).addEventListener("click", handler);
}

function listen() {
  const stop = () => {
    byId("damp-dialog").close();
    commands.stop();
  };
  const stopButton = byId("stop");
  stopButton.addEventListener("pointerdown", stop); // does not wait for the finger to leave
  stopButton.addEventListener("click", (event) => event.detail === 0 && stop()); // by the keyboard
  onClick("take-control", () => commands.takeOrGiveBack());
  onClick("hold", () => commands.hold());
  onClick("stand-up", () => commands.standUp());
  onClick("lie-down", () => commands.lieDown());
  onClick("damp", () => {
    drive.releaseAll();
    byId("damp-dialog").show(); // not modal: the stop button stays in reach
  });
  onClick("damp-no", () => byId("damp-dialog").close());
  onClick("damp-yes", () => {
    byId("damp-dialog").close();
    commands.damp();
  });
  onClick("retry", () => connection.start());
  onClick("zoom-in", () => map.zoom(-1));
  onClick("zoom-out", () => map.zoom(1));
  onClick("heading-up", ({ currentTarget }) => {
    map.turn(!map.headingUp);
    currentTarget.setAttribute("aria-pressed", String(map.headingUp));
  });
  byId("speed").addEventListener("input", speedChanged);
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(TOKEN, byId("token").value.trim());
    view.showTokenForm(false);
    connection.start(token());
  });

  listenToKeys(drive, stop);
  listenToStick(byId("stick"), byId("knob"), drive);
  listenToHeld(byId("side-left"), "sideLeft", drive);
  listenToHeld(byId("side-right"), "sideRight", drive);
  listenToAbsence(drive, () => connection.close());
  const gamepads = new Gamepads(drive, stop);
  setInterval(() => {
    gamepads.poll();
    drive.tick();
  }, 1000 / RATE_HZ);
  addEventListener("pageshow", (event) => event.persisted && connection.start());
  addEventListener("hashchange", () => connection.start(token()));
}

function speedChanged() {
  drive.share = byId("speed").value / 100;
  view.showSpeed(limits(drive.share));
}

listen();
speedChanged();
countPictures(video, (frames) => {
  last.picture = performance.now();
  document.body.dataset.frames = frames;
});
setInterval(() => {
  const age = (since) => since && performance.now() - since;
  view.showAge("video", "picture", age(last.picture), connection.noPicture);
  view.showAge("map", "map", age(last.map));
}, 250);
connection.start();
