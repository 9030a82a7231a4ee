// The way to a session and back to it: the offer, the gateway's answer, ICE, the data channel; again and again when it is lost.

import { Session } from "./session.js";
import { noPictureWords, noWayWords } from "./words.js";

const GATHERING_MS = 2000;
/** The gateway speaks with the robot in this time. */
const ANSWER_MS = 25_000;
/** From the answer to the end of the validation. */
const VALIDATION_MS = 20_000;
/** So long it hears nothing before it begins anew. */
const GIVE_UP_MS = 15_000;
const TICK_MS = 100;
const RETRY_S = [1, 2, 4, 8, 15];
/** A session that lasted so long was a good one. */
const GOOD_MS = 10_000;
/** More bytes than that waiting in the channel is a network that does not keep up. */
const CONGESTED = 1024;

/** Something went wrong, in words for the user. */
class Trouble extends Error {
  /** @param {string} words @param {number} [status] of HTTP */
  constructor(words, status) {
    super(words);
    this.status = status;
  }
}

/**
 * States: "starting", "token" (one is needed), "connecting", "validating", "connected", "deaf", "lost" (tries again), "closed".
 */
export class Connection {
  #on;
  #token;
  #attempt = null;
  #failures = 0;
  #retry = null;
  about = null;
  state = "starting";
  /** Why there will be no picture, in words. */
  noPicture = "";

  /**
   * @param {object} on
   * @param {(state: string, words: string, retryIn: number) => void} on.state
   * @param {(track: MediaStreamTrack | null) => void} on.track
   * @param {(message: object) => void} on.message
   * @param {(api: number, code: number, words: string) => void} on.refused
   */
  constructor(on, token) {
    this.#on = on;
    this.#token = token;
    setInterval(() => this.#tick(), TICK_MS);
  }

  get session() {
    return this.state === "connected" || this.state === "deaf" ? this.#attempt.session : null;
  }

  /** Whether what is sent now arrives soon. */
  get congested() {
    return (this.#attempt?.channel?.bufferedAmount ?? 0) > CONGESTED;
  }

  get shared() {
    return this.about?.mode === "shared";
  }

  /** Begins anew, at once. @param {string} [token] */
  async start(token = this.#token) {
    this.#token = token;
    this.#end();
    const attempt = (this.#attempt = { since: performance.now() });
    this.#become("connecting");
    try {
      this.about ??= await askAbout();
      if (this.#attempt !== attempt) return;
      if (!this.#token && this.about.viewing !== "anyone") {
        this.#become("token");
        return;
      }
      await this.#connect(attempt);
    } catch (error) {
      if (this.#attempt !== attempt) return;
      if (error.status === 401) {
        this.#end();
        this.#become("token", error.message);
      } else {
        this.#lose(error instanceof Trouble ? error.message : `The browser says: ${error.message}`);
      }
    }
  }

  close() {
    this.#end();
    this.#become("closed");
  }

  async #connect(attempt) {
    if (!("RTCPeerConnection" in window)) throw new Trouble("This browser has no WebRTC.");
    const peer = (attempt.peer = new RTCPeerConnection());
    // The robot numbers the sections of its answer by position: video, data.
    peer.addTransceiver("video", { direction: "recvonly" });
    const channel = (attempt.channel = peer.createDataChannel("data"));
    channel.binaryType = "arraybuffer";
    attempt.session = this.#newSession(attempt);

    const mine = (handler) => (event) => this.#attempt === attempt && handler(event);
    peer.ontrack = mine(({ track }) => this.#on.track(track));
    peer.onconnectionstatechange = mine(() => {
      if (peer.connectionState === "failed") this.#lose(noWayWords(location.hostname, this.shared));
    });
    channel.onmessage = mine(({ data }) => attempt.session.receive(data));
    channel.onclose = mine(() => this.#lose("The other side has closed the connection."));

    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    if (this.#attempt !== attempt) return;
    this.noPicture = noPictureWords(peer.localDescription.sdp);
    const answer = await this.#offer(peer.localDescription.sdp);
    if (this.#attempt !== attempt) return;
    await peer.setRemoteDescription(answer);
    if (this.#attempt !== attempt || this.state !== "connecting") return;
    attempt.answered = performance.now();
    this.#become("validating");
  }

  async #offer(sdp) {
    const offer = { token: this.#token, id: "STA_localNetwork", type: "offer", ip: this.about.robot, sdp };
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(offer) };
    return askJson("offer", options, ANSWER_MS);
  }

  #newSession(attempt) {
    const send = (text) => {
      if (attempt.channel.readyState === "open") attempt.channel.send(text);
    };
    const state = (state) => {
      if (this.#attempt !== attempt) return;
      if (state === "connected") attempt.connected ??= performance.now();
      this.#become(state);
    };
    const { message, refused } = this.#on;
    return new Session(send, { state, message, refused }, { shared: this.shared });
  }

  #become(state, words = "", retryIn = 0) {
    this.state = state;
    this.#on.state(state, words, retryIn);
  }

  #tick() {
    const now = performance.now();
    if (this.state === "lost") {
      const left = Math.ceil((this.#retry.at - now) / 1000);
      if (left <= 0) {
        this.start();
      } else if (left !== this.#retry.left) {
        this.#retry.left = left;
        this.#become("lost", this.#retry.words, left);
      }
      return;
    }
    const attempt = this.#attempt;
    attempt?.session?.tick();
    if (this.state === "validating" && now - attempt.answered > VALIDATION_MS) {
      this.#lose(
        attempt.channel.readyState === "open"
          ? "The other side did not validate this client."
          : "No way through the network to the robot's side: is this device in the same network?",
      );
    } else if (this.state === "deaf" && attempt.session.unheardFor > GIVE_UP_MS) {
      this.#lose("Nothing was heard any more.");
    }
  }

  #lose(words) {
    const connected = this.#attempt?.connected;
    if (connected && performance.now() - connected > GOOD_MS) this.#failures = 0;
    const seconds = RETRY_S[Math.min(this.#failures, RETRY_S.length - 1)];
    this.#failures += 1;
    this.#end();
    this.#retry = { at: performance.now() + 1000 * seconds, left: seconds, words };
    this.#become("lost", words, seconds);
  }

  #end() {
    const attempt = this.#attempt;
    this.#attempt = null;
    attempt?.session?.end();
    attempt?.channel?.close();
    attempt?.peer?.close();
    if (attempt?.peer) this.#on.track(null);
  }
}

const askAbout = () => askJson("about", {}, 5000);

async function askJson(path, options, limit) {
  let response;
  try {
    response = await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(limit) });
  } catch (error) {
    throw new Trouble(error.name === "TimeoutError" ? "The gateway does not answer in time." : "The gateway cannot be reached: is it running?");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Trouble(body?.error ?? `The gateway answers with HTTP status ${response.status}.`, response.status);
  if (!body) throw new Trouble("The gateway's answer is not JSON.");
  return body;
}

/** The offer goes out with all candidates, or those there are after a while. */
function gathered(peer) {
  return new Promise((resolve) => {
    const check = () => peer.iceGatheringState === "complete" && resolve();
    peer.addEventListener("icegatheringstatechange", check);
    setTimeout(resolve, GATHERING_MS);
    check();
  });
}
