// What a person can hold: keys, the stick on the page, buttons beside it, a gamepad. And what says that nobody holds anything.

import { WISHES, outsideSlack } from "./drive.js";

const KEYS = {
  KeyW: WISHES.forward,
  ArrowUp: WISHES.forward,
  KeyS: WISHES.back,
  ArrowDown: WISHES.back,
  KeyA: WISHES.turnLeft,
  ArrowLeft: WISHES.turnLeft,
  KeyD: WISHES.turnRight,
  ArrowRight: WISHES.turnRight,
  KeyQ: WISHES.sideLeft,
  KeyE: WISHES.sideRight,
};
/** Left shoulder: as long as it is held, the gamepad's sticks count. B, the right one of four, stops. */
const PAD_HOLD = 4;
const PAD_STOP = 1;

const LAST_WORDS_MS = 80;
/** For how long a stop may still be on its way. */
const LAST_STOP_MS = 500;

const types = (target) => target instanceof HTMLInputElement && target.type !== "range";
/** A focused slider takes the arrows for itself. */
const takes = (target, code) => types(target) || (target instanceof HTMLInputElement && code.startsWith("Arrow"));

/** @param {import("./drive.js").Drive} drive @param {() => void} stop The stop button's. */
export function listenToKeys(drive, stop) {
  addEventListener(
    "keydown",
    (event) => {
      const { code, repeat, target } = event;
      if (code === "Escape" || (code === "Space" && !types(target))) {
        // Not the focused button's: the space bar stops, whatever has the focus.
        if (code === "Space") event.preventDefault();
        if (!repeat) stop();
        return;
      }
      if (event.ctrlKey || event.altKey || event.metaKey) {
        drive.releaseAll(); // the system may keep the release of a key for itself
        return;
      }
      if (!(code in KEYS) || takes(target, code)) return;
      event.preventDefault();
      if (!repeat) drive.press(code, KEYS[code]);
    },
    true,
  );
  addEventListener(
    "keyup",
    (event) => {
      if (event.code === "Space" && !types(event.target)) event.preventDefault();
      drive.release(event.code);
    },
    true,
  );
}

/** @param {() => void} leave Called when the page goes away for good. */
export function listenToAbsence(drive, leave) {
  addEventListener("blur", () => drive.releaseAll("Stopped: the window lost the focus."));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) drive.releaseAll("Stopped: the page was hidden.");
  });
  document.addEventListener("freeze", () => drive.releaseAll());
  addEventListener("pagehide", () => {
    drive.releaseAll();
    // The window loses the focus, or is hidden, before its page goes away: that may have been the stop.
    if (drive.sinceStop() < LAST_STOP_MS) linger();
    leave();
  });
}

/** Holds the page up for a moment: what was sent last is on its way only when another thread has taken it from the channel. */
function linger() {
  const end = performance.now() + LAST_WORDS_MS;
  while (performance.now() < end);
}

/** The stick: up and down walks, to the sides turns. @param {HTMLElement} pad @param {HTMLElement} knob */
export function listenToStick(pad, knob, drive) {
  let pointer = null;

  function wish(event) {
    const { left, top, width, height } = pad.getBoundingClientRect();
    const radius = (width - knob.offsetWidth) / 2;
    let [x, y] = [(event.clientX - left - width / 2) / radius, (event.clientY - top - height / 2) / radius];
    const length = Math.max(1, Math.hypot(x, y));
    [x, y] = [x / length, y / length];
    place(x * radius, y * radius);
    return [-outsideSlack(y), 0, -outsideSlack(x)];
  }

  function place(x, y) {
    knob.style.transform = `translate(${x}px, ${y}px)`;
  }

  function end(event) {
    if (event.pointerId !== pointer) return;
    pointer = null;
    pad.classList.remove("held");
    place(0, 0);
    drive.release("stick");
  }

  pad.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    event.preventDefault();
    pointer = event.pointerId;
    pad.setPointerCapture(pointer);
    pad.classList.add("held");
    drive.press("stick", wish(event));
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.pointerId === pointer) drive.steer("stick", wish(event));
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) pad.addEventListener(type, end);
  pad.addEventListener("contextmenu", (event) => event.preventDefault());
}

/** A button that works as long as it is held. @param {HTMLElement} button @param {string} name One of WISHES. */
export function listenToHeld(button, name, drive) {
  let pointer = null;
  button.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    button.setPointerCapture(pointer);
    button.classList.add("held");
    drive.press(name, WISHES[name]);
  });
  const end = (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    button.classList.remove("held");
    drive.release(name);
  };
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(type, end);
  button.addEventListener("contextmenu", (event) => event.preventDefault());
}

/** Gamepads tell nothing by themselves; `poll` is to be called with every tick. */
export class Gamepads {
  #drive;
  #stop;
  #held = false;
  #stopping = false;

  constructor(drive, stop) {
    this.#drive = drive;
    this.#stop = stop;
    addEventListener("gamepaddisconnected", () => this.#letGo());
  }

  poll() {
    const pads = [...(navigator.getGamepads?.() ?? [])].filter((pad) => pad?.connected && pad.mapping === "standard");
    const stopping = pads.some((pad) => pad.buttons[PAD_STOP]?.pressed);
    if (stopping && !this.#stopping) this.#stop();
    this.#stopping = stopping;

    const pad = pads.find((pad) => pad.buttons[PAD_HOLD]?.pressed);
    if (!pad) {
      this.#letGo();
      return;
    }
    const [side, along, turn] = pad.axes.map((deflection) => -outsideSlack(deflection));
    const wish = [along, side, turn];
    if (this.#held) this.#drive.steer("gamepad", wish);
    else this.#drive.press("gamepad", wish);
    this.#held = true;
  }

  #letGo() {
    if (!this.#held) return;
    this.#held = false;
    this.#drive.release("gamepad");
  }
}
