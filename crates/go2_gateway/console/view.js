// What the page says: state, battery, mode, link, faults, messages. Writes only what has changed, so that nothing is read aloud
// twice.

const byId = (id) => document.getElementById(id);

const STATES = {
  starting: "Starting",
  token: "Token needed",
  connecting: "Connecting",
  validating: "Validating",
  connected: "Connected",
  deaf: "Connected, but hears nothing",
  lost: "Lost",
  closed: "Closed",
};
/** Milliseconds that a message stays. */
const MESSAGE_MS = 9000;
/** What is older, ms, is said to be old. */
const OLD_MS = 2500;

let messageTimer;

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

function level(element, name) {
  if (element.dataset.level !== name) element.dataset.level = name;
}

/** A line for the user, until it is old. @param {"bad" | "good"} kind */
export function say(words, kind = "bad") {
  const element = byId("message");
  clearTimeout(messageTimer);
  put(element, words);
  level(element, kind);
  messageTimer = setTimeout(() => put(element, ""), MESSAGE_MS);
}

/** @param {number} retryIn Seconds until it tries again. */
export function showState(state, words, retryIn) {
  const element = byId("state");
  if (element.dataset.state !== state) element.dataset.state = state;
  // The seconds are for eyes: a screen reader hears the change to "lost" once.
  element.setAttribute("aria-live", state === "lost" ? "off" : "polite");
  put(element, state === "lost" ? `Lost, trying again in ${retryIn} s` : STATES[state]);
  show(byId("retry"), state === "lost");
  showAdvice(state === "lost" ? words : "");
}

let advice = { connection: "", link: "", hold: "" };

function showAdvice(words, whose = "connection") {
  advice[whose] = words;
  const all = [advice.connection, advice.link, advice.hold].filter(Boolean).join(" ");
  put(byId("advice"), all);
  show(byId("advice"), all !== "");
}

/** @param {boolean} asked Whether a token is wanted. */
export function showTokenForm(asked) {
  show(byId("token-form"), asked);
}

export function showBattery(low) {
  const { soc } = low?.bms_state ?? {};
  const volts = low?.power_v;
  const parts = [];
  if (Number.isFinite(soc)) parts.push(`${soc} %`);
  if (Number.isFinite(volts)) parts.push(`${volts.toFixed(1)} V`);
  if (soc < 20) parts.push("low");
  put(byId("battery"), parts.join(" · ") || "–");
  level(byId("battery"), soc < 20 ? "bad" : soc < 35 ? "warn" : "");
}

/** @param {string} words */
export function showMode(words) {
  put(byId("mode"), words || "–");
}

/** @param {{words: string, advice: string, level: string}} link */
export function showLink({ words, advice, level: name }) {
  put(byId("link"), words);
  level(byId("link"), name);
  showAdvice(advice, "link");
}

export function showFaults(faults) {
  const list = byId("faults");
  const before = [...list.children].map((item) => item.textContent);
  if (before.join("\n") !== faults.join("\n")) {
    list.replaceChildren(
      ...faults.map((text) => {
        const item = document.createElement("li");
        item.textContent = text;
        return item;
      }),
    );
  }
  show(byId("fault-box"), faults.length > 0);
}

/** Who drives. @param {{driver: string, may_drive: boolean, viewers: number} | null} gateway null: in direct mode. */
export function showGateway(gateway, shared) {
  for (const element of document.querySelectorAll(".shared")) show(element, shared);
  const mine = gateway?.driver === "you";
  const drivers = { ros: "ROS", you: "You", viewer: "Another viewer" };
  put(byId("driver"), drivers[gateway?.driver] ?? "–");
  level(byId("driver"), mine ? "good" : "");
  put(byId("viewers"), Number.isInteger(gateway?.viewers) ? String(gateway.viewers) : "–");
  const button = byId("take-control");
  put(button, mine ? "Give back" : "Take control");
  button.disabled = !gateway?.may_drive;
  document.body.classList.toggle("in-control", !shared || mine);
}

/** Whether nobody may walk the robot. @param {{words: string, held: boolean, enabled: boolean}} button @param {string} words */
export function showHold({ words: name, held, enabled }, words) {
  const button = byId("hold");
  put(button, name);
  if (button.ariaPressed !== String(held)) button.ariaPressed = String(held);
  button.disabled = !enabled;
  showAdvice(words, "hold");
}

export function showVelocity(v) {
  const parts = [];
  if (v?.x) parts.push(`${v.x > 0 ? "forward" : "back"} ${Math.abs(v.x).toFixed(2)} m/s`);
  if (v?.y) parts.push(`${v.y > 0 ? "left" : "right"} ${Math.abs(v.y).toFixed(2)} m/s`);
  if (v?.z) parts.push(`turning ${v.z > 0 ? "left" : "right"} ${Math.abs(v.z).toFixed(2)} rad/s`);
  put(byId("velocity"), v ? parts.join(", ") || "Held, standing still" : "Standing still");
  level(byId("velocity"), v ? "good" : "");
}

export function showSpeed({ linear, angular }) {
  const text = `${linear.toFixed(2)} m/s, ${angular.toFixed(2)} rad/s`;
  put(byId("speed-value"), text);
  byId("speed").setAttribute("aria-valuetext", text);
}

/**
 * Says so where a picture or a map is old or not there. @param {string} id @param {number | null} age ms
 * @param {string} [never] Why there will be none.
 */
export function showAge(id, what, age, never = "") {
  const note = byId(`${id}-note`);
  show(note, age === null || age > OLD_MS);
  if (age === null) put(note, never || `No ${what} yet`);
  else if (age > OLD_MS) put(note, `No new ${what} for ${Math.floor(age / 1000)} s`);
  byId(id).classList.toggle("old", age === null || age > OLD_MS);
}

/** Buttons of the robot work as long as there is a session and the right to command. */
export function enableCommands(enabled) {
  for (const id of ["stand-up", "lie-down", "damp"]) byId(id).disabled = !enabled;
}
