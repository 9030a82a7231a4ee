// One session over an open data channel: the challenge, the heartbeat, what is subscribed to, requests and their answers.
// Knows neither WebRTC nor the page; time is given.

import { TOPIC, challengeAnswer, envelope, heartbeat, isValidated, read, request } from "./protocol.js";

const HEARTBEAT_MS = 2000;
/** Without an echo for so long the robot, or the gateway, is not heard. */
const DEAF_MS = 5000;
/** Without any message for so long nobody walks it. Longer than from one heartbeat to the next. */
const QUIET_MS = 3000;
const ANSWER_MS = 5000;
const MOST_PENDING = 32;
/** How often an answer to the challenge is repeated for a robot that asks again. */
const REPEATS = 3;
/** The firmware misses the first commands of the LiDAR's switch. */
const LIDAR_ON_TIMES = 5;
const LIDAR_ON_EVERY_MS = 200;

export class Session {
  #out;
  #on;
  #now;
  #shared;
  #challenge = null;
  #repeats = 0;
  #lastBeat = -Infinity;
  #lastEcho = 0;
  #lastHeard = 0;
  #lidarOn = 0;
  #lastLidarOn = 0;
  #pending = new Map();
  #nextId = Math.floor(Math.random() * 2 ** 30);
  /** "validating", "connected" or "deaf" */
  state = "validating";

  /**
   * @param {(text: string) => void} out
   * @param {object} on
   * @param {(state: string) => void} on.state
   * @param {(message: object) => void} on.message Messages of topics, faults.
   * @param {(api: number, code: number, words: string) => void} on.refused A command without a waiting caller was refused.
   * @param {{shared: boolean, now?: () => number}} options
   */
  constructor(out, on, { shared, now = () => performance.now() }) {
    this.#out = out;
    this.#on = on;
    this.#shared = shared;
    this.#now = now;
  }

  /** Nothing at all came for some seconds. */
  get quiet() {
    return this.#now() - this.#lastHeard > QUIET_MS;
  }

  /** Milliseconds since the last echo of a heartbeat. */
  get unheardFor() {
    return this.#now() - this.#lastEcho;
  }

  /** @param {string | ArrayBuffer} received */
  receive(received) {
    const message = read(received);
    if (!message) return;
    this.#lastHeard = this.#now();
    switch (message.type) {
      case "validation":
        this.#validation(message);
        break;
      case "err":
        if (this.#challenge !== null && this.#repeats++ < REPEATS) this.#answer();
        break;
      case "heartbeat":
        this.#lastEcho = this.#now();
        if (this.state === "deaf") this.#become("connected");
        break;
      case "rtc_inner_req":
        // A probe of the delay comes back as it was; it is spelled so on the wire.
        if (message.info?.req_type === "rtt_probe_send_from_mechine") this.#send("rtc_inner_req", "", message.info);
        break;
      case "res":
        this.#response(message);
        break;
      default:
        this.#on.message(message);
    }
  }

  /** To be called some times a second. */
  tick() {
    if (this.state === "validating") return;
    const now = this.#now();
    if (now - this.#lastBeat >= HEARTBEAT_MS) {
      this.#lastBeat = now;
      this.#out(heartbeat());
    }
    if (this.state === "connected" && this.unheardFor > DEAF_MS) this.#become("deaf");
    if (this.#lidarOn > 0 && now - this.#lastLidarOn >= LIDAR_ON_EVERY_MS) {
      this.#lastLidarOn = now;
      this.#lidarOn -= 1;
      this.#send("msg", TOPIC.lidarSwitch, "ON");
    }
    for (const [id, waiting] of this.#pending) {
      if (now - waiting.since <= ANSWER_MS) continue;
      this.#pending.delete(id);
      waiting.resolve({ code: null, words: `no answer within ${ANSWER_MS / 1000} s` });
    }
  }

  /**
   * Asks for something and waits for the answer.
   * @returns {Promise<{code: number | null, words: string}>} code null: none came.
   */
  ask(service, api, { parameter, urgent = false } = {}) {
    if (this.#pending.size >= MOST_PENDING) return Promise.resolve({ code: null, words: "too many requests wait for answers" });
    return new Promise((resolve) => {
      const id = this.#newId();
      this.#pending.set(id, { resolve, since: this.#now(), topic: `${service}/response`, api });
      this.#out(request(service, id, api, parameter, urgent));
    });
  }

  /** Commands something and waits for nothing. */
  tell(service, api, parameter) {
    this.#out(request(service, this.#newId(), api, parameter, false));
  }

  /** The connection is gone; nobody waits for an answer any longer. */
  end() {
    for (const { resolve } of this.#pending.values()) resolve({ code: null, words: "the connection was lost" });
    this.#pending.clear();
  }

  #newId() {
    this.#nextId = (this.#nextId % (2 ** 31 - 1)) + 1;
    return this.#nextId;
  }

  #send(type, topic, data) {
    this.#out(envelope(type, topic, data));
  }

  #become(state) {
    this.state = state;
    this.#on.state(state);
  }

  #answer() {
    this.#send("validation", "", challengeAnswer(this.#challenge));
  }

  #validation(message) {
    if (!isValidated(message)) {
      this.#challenge = String(message.data);
      this.#answer();
    } else if (this.state === "validating") {
      this.#lastEcho = this.#now();
      this.#become("connected");
      this.#begin();
    }
  }

  #begin() {
    this.tick();
    this.#send("rtc_inner_req", "", { req_type: "disable_traffic_saving", instruction: "on" });
    const topics = [TOPIC.low, TOPIC.sport, TOPIC.pose, TOPIC.voxels];
    if (this.#shared) topics.push(TOPIC.gateway);
    for (const topic of topics) this.#send("subscribe", topic);
    this.#send("vid", "", "on");
    if (!this.#shared) this.#lidarOn = LIDAR_ON_TIMES; // in a shared session the node decides
  }

  #response({ topic, data }) {
    const identity = data?.header?.identity ?? {};
    const code = data?.header?.status?.code ?? 0;
    const words = typeof data?.data === "string" ? data.data : "";
    const id = this.#pending.has(identity.id) ? identity.id : this.#withoutId(topic, identity);
    if (id !== undefined) {
      this.#pending.get(id).resolve({ code, words });
      this.#pending.delete(id);
    } else if (code !== 0) {
      this.#on.refused(identity.api_id, code, words);
    }
  }

  /** Some services do not echo ids. */
  #withoutId(topic, { id, api_id: api }) {
    if (id) return undefined;
    return [...this.#pending].find(([, waiting]) => waiting.topic === topic && waiting.api === api)?.[0];
  }
}
