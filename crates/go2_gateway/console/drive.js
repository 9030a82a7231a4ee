// The dead-man rule: the robot walks only while somebody holds something. Pure; the clock and the wire are given.
//
// A grip is one held thing: a key, the stick, the gamepad's shoulder button. It lives from its press to its release. Whatever
// could mean that nobody holds it any more ends all grips at once, and an ended grip does not come back by itself: it has to be
// let go and pressed anew.

export const RATE_HZ = 20;
export const SLOWEST = { linear: 0.2, angular: 0.3 };
export const FASTEST = { linear: 1.0, angular: 1.5 };
/** Zero Moves that go before a StopMove. */
const ZEROS = 3;
/** When no tick came for so long, ms, the page was frozen: whoever held something may be gone. */
const FROZEN = 400;

/** What each key and button wishes: forward, left, turn to the left; each from -1 to 1. */
export const WISHES = {
  forward: [1, 0, 0],
  back: [-1, 0, 0],
  sideLeft: [0, 1, 0],
  sideRight: [0, -1, 0],
  turnLeft: [0, 0, 1],
  turnRight: [0, 0, -1],
};

/** @param {number} share From 0, the slowest, to 1. */
export function limits(share) {
  const between = (low, high) => low + (high - low) * Math.min(1, Math.max(0, share));
  return {
    linear: between(SLOWEST.linear, FASTEST.linear),
    angular: between(SLOWEST.angular, FASTEST.angular),
  };
}

/** A deflection from -1 to 1 without the slack around the middle. */
export function outsideSlack(deflection, slack = 0.12) {
  const size = Math.min(1, Math.abs(deflection));
  if (!(size > slack)) return 0;
  return (Math.sign(deflection) * (size - slack)) / (1 - slack);
}

/** The velocity of all wishes together: m/s forward, m/s to the left, rad/s to the left. */
export function velocity(wishes, { linear, angular }) {
  let [forward, left, turn] = wishes.reduce((sum, wish) => sum.map((value, i) => value + wish[i]), [0, 0, 0]);
  const length = Math.max(1, Math.hypot(forward, left)); // not faster because it goes aslant
  forward /= length;
  left /= length;
  turn = Math.min(1, Math.max(-1, turn));
  const tidy = (value) => Math.round(value * 1000) / 1000 + 0; // + 0: no -0
  return { x: tidy(forward * linear), y: tidy(left * linear), z: tidy(turn * angular) };
}

export class Drive {
  #grips = new Map();
  #lastTick;
  #stopped = -Infinity;
  #wire;
  #now;
  share = 0.25;

  /**
   * @param {object} wire
   * @param {() => string} wire.obstacle Why it may not walk now, in words; empty if it may.
   * @param {(v: {x: number, y: number, z: number}) => void} wire.move
   * @param {() => void} wire.stopMove
   * @param {(why: string) => void} wire.refused Told when a press does nothing, or a walk is ended, for a reason.
   * @param {(v: {x: number, y: number, z: number} | null) => void} [wire.shown] What it does now, for eyes.
   * @param {() => number} now Milliseconds.
   */
  constructor(wire, now = () => performance.now()) {
    this.#wire = wire;
    this.#now = now;
  }

  get held() {
    return this.#grips.size > 0;
  }

  /** Milliseconds since the last stop. */
  sinceStop() {
    return this.#now() - this.#stopped;
  }

  /** Somebody begins to hold something. */
  press(grip, wish) {
    const why = this.#wire.obstacle();
    if (why) {
      this.#wire.refused(why);
      return;
    }
    const first = !this.held;
    this.#grips.set(grip, wish);
    if (first) {
      this.#lastTick = this.#now();
      this.tick();
    }
  }

  /** What is held wishes something else now. Nothing if it is not, or no longer, a grip. */
  steer(grip, wish) {
    if (this.#grips.has(grip)) this.#grips.set(grip, wish);
  }

  /** Somebody lets go; after the last grip it stops at once. */
  release(grip) {
    if (this.#grips.delete(grip) && !this.held) this.#stop();
  }

  /** Nobody can be relied on to hold anything any more. */
  releaseAll(why = "") {
    if (!this.held) return;
    this.#grips.clear();
    this.#stop();
    if (why) this.#wire.refused(why);
  }

  /** The stop button: whatever is held or not. */
  stopNow() {
    this.#grips.clear();
    this.#stop();
  }

  /** To be called RATE_HZ times a second. */
  tick() {
    if (!this.held) return;
    const now = this.#now();
    const gap = now - this.#lastTick;
    this.#lastTick = now;
    const why = gap > FROZEN ? "Stopped: the page was held up for a moment. Let go and press again." : this.#wire.obstacle();
    if (why) {
      this.releaseAll(why);
      return;
    }
    const wanted = velocity([...this.#grips.values()], limits(this.share));
    this.#wire.move(wanted);
    this.#wire.shown?.(wanted);
  }

  #stop() {
    for (let i = 0; i < ZEROS; i++) this.#wire.move({ x: 0, y: 0, z: 0 });
    this.#wire.stopMove();
    this.#stopped = this.#now();
    this.#wire.shown?.(null);
  }
}
