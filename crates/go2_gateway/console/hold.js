// Who may walk the robot in a shared session, and the hold, during which nobody may. Pure.

import { API } from "./protocol.js";
import { linkCarries } from "./words.js";

const HELD = "The robot is held: nobody walks it.";

/**
 * Why this page may not walk the robot, by what the gateway says; empty if it may.
 * @param {{may_drive: boolean, held: boolean, driver: string, hears: boolean, link: {state: string}} | null} gateway
 */
export function gatewayObstacle(gateway) {
  if (!gateway) return "The gateway has not said yet who drives.";
  if (!gateway.may_drive) return "You may look, but not drive: enter the token for control.";
  if (gateway.held) return `${HELD} Press Release hold first.`;
  if (gateway.driver !== "you") return "Press Take control first.";
  if (!linkCarries(gateway.link?.state) || gateway.hears === false) return "The robot does not hear: its link is not live.";
  return "";
}

/** What every viewer is told of the hold; empty without one. */
export function holdAdvice(gateway) {
  if (!gateway?.held) return "";
  return `${HELD} ${gateway.may_drive ? "Press Release hold when it may walk again." : "Who may drive can release it."}`;
}

/** The button: its words, what a press asks of the gateway, and whether it can be pressed. A hold takes no control, as a stop does. */
export function holdButton(gateway) {
  const held = Boolean(gateway?.held);
  return {
    words: held ? "Release hold" : "Hold",
    held,
    api: held ? API.endHold : API.hold,
    enabled: Boolean(gateway?.may_drive),
  };
}
