// What the buttons command, and what becomes of it.

import { API, SERVICE } from "./protocol.js";
import { say } from "./view.js";
import { refusal } from "./words.js";

export class Commands {
  #connection;
  #drive;
  #known;

  /**
   * @param {import("./connection.js").Connection} connection
   * @param {import("./drive.js").Drive} drive
   * @param {() => {posture: string, mine: boolean, hold: {held: boolean, api: number}}} known The posture, whether it is us who
   * drive, and what the button of the hold does.
   */
  constructor(connection, drive, known) {
    this.#connection = connection;
    this.#drive = drive;
    this.#known = known;
  }

  stop() {
    if (!this.#connection.session) {
      say("Not connected: Stop does not reach the robot. Use its remote control.");
      return;
    }
    if (this.#known().mine) this.#drive.stopNow();
    this.#ask("Stop", SERVICE.sport, API.stopMove, { urgent: true });
  }

  /** To its feet and ready to walk, from whatever posture. */
  standUp() {
    const ways = { locked: API.balanceStand, sitting: API.riseSit };
    this.#act("Stand up", ways[this.#known().posture] ?? API.recoveryStand);
  }

  lieDown() {
    this.#act("Lie down", API.standDown);
  }

  damp() {
    this.#act("Damp", API.damp, { urgent: true });
  }

  /** Has nobody walk the robot, or ends that. */
  hold() {
    const { held, api } = this.#known().hold;
    this.#drive.releaseAll();
    this.#ask(held ? "Release hold" : "Hold", SERVICE.gateway, api, { urgent: !held });
  }

  takeOrGiveBack() {
    this.#drive.releaseAll();
    const { mine } = this.#known();
    this.#ask(mine ? "Give back" : "Take control", SERVICE.gateway, mine ? API.giveBack : API.takeControl);
  }

  #act(what, api, options) {
    this.#drive.releaseAll();
    this.#ask(what, SERVICE.sport, api, options);
  }

  async #ask(what, service, api, options) {
    const { session } = this.#connection;
    if (!session) {
      say(`${what}: not connected.`);
      return;
    }
    const answer = await session.ask(service, api, options);
    if (answer.code === 0) say(`${what}: done.`, "good");
    else say(`${what}: ${refusal(answer)}.`);
  }
}
