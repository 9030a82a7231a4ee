#!/usr/bin/env bash
# werift: messages sent just before close() are lost, and towards a peer that
#   counts them the channel never closes.
#
# One would have sworn: close() of a data channel lets everything that send() had
#   taken arrive first; the W3C's closing procedure says so, and a stream reset
#   (RFC 6525) names the last message that belongs to the old stream.
# What happens: the close does not wait for the messages. To another werift, which
#   gets all 20 of another sender's, 1 to 8 of 20 arrive. A @roamhq/wrtc peer
#   (libwebrtc, as in Chrome) gets, most times, all but the last one and waits for
#   it: the channel stays "open" there and "closing" here. Closed a second later,
#   everything is right.
# Versions: werift 0.24.4, @roamhq/wrtc 0.10.0, node-datachannel 0.33.4 (Node 20).
# Consequence for a user of such a bridge: "send the stop, then close" from a Node
#   client does not stop the robot when the stop is the last message; a page that
#   waits for the channel's close event waits for ever.
# Documented: no.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund \
    werift@0.24.4 @roamhq/wrtc@0.10.0 node-datachannel@0.33.4

cat >run.mjs <<'JS'
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);

const sleep = (time) => new Promise((done) => setTimeout(done, time));

async function gathered(peer) {
  while (peer.iceGatheringState !== "complete") await sleep(20);
}

/** A data channel from a peer of one library to a peer of another, and what arrives on it. */
async function connect(sending, receiving) {
  const sender = new sending.RTCPeerConnection({ iceServers: [] });
  const receiver = new receiving.RTCPeerConnection({ iceServers: [] });
  const channel = sender.createDataChannel("data");
  const link = { sender, receiver, channel, messages: [] };
  receiver.ondatachannel = (event) => {
    link.remote = event.channel;
    event.channel.binaryType = "arraybuffer";
    event.channel.onmessage = ({ data }) => link.messages.push(data);
  };
  await sender.setLocalDescription(await sender.createOffer());
  await gathered(sender);
  await receiver.setRemoteDescription({ type: "offer", sdp: sender.localDescription.sdp });
  await receiver.setLocalDescription(await receiver.createAnswer());
  await gathered(receiver);
  await sender.setRemoteDescription({ type: "answer", sdp: receiver.localDescription.sdp });
  for (let tries = 0; tries < 500; tries++) {
    if (channel.readyState === "open" && link.remote?.readyState === "open") break;
    await sleep(20);
  }
  await sleep(200);
  return link;
}

function versions(...names) {
  for (const name of names) {
    const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
    console.log(`${name} ${version}`);
  }
}

const werift = require("werift");
const wrtc = require("@roamhq/wrtc");
const datachannel = await import("node-datachannel/polyfill");
versions("werift", "@roamhq/wrtc", "node-datachannel");
console.log("expected: 20 of 20 arrive, then the channel is closed at both ends");

async function run(sending, receiving, pause) {
  const link = await connect(sending, receiving);
  for (let number = 0; number < 20; number++) link.channel.send(`${number} `.repeat(250));
  await sleep(pause);
  link.channel.close();
  await sleep(4000);
  const result = [link.messages.length, link.channel.readyState, link.remote.readyState].join(" ");
  await link.sender.close();
  await link.receiver.close();
  return result;
}

const good = "20 closed closed";
const control = await run(datachannel, werift, 0);
console.log(`seen, node-datachannel to werift, closed at once: ${control}`);
const idle = await run(werift, werift, 1000);
console.log(`seen, werift to werift, closed after a second: ${idle}`);
const lost = await run(werift, werift, 0);
console.log(`seen, werift to werift, closed at once: ${lost}`);
const stuck = [];
while (stuck.length < 6 && !stuck.includes("19 closing open")) {
  stuck.push(await run(werift, wrtc, 0));
  console.log(`seen, werift to @roamhq/wrtc, closed at once: ${stuck.at(-1)}`);
}
const surprise =
  control === good && idle === good && parseInt(lost) < 15 && stuck.includes("19 closing open");
console.log(surprise ? "the surprise is still there" : "CHANGED");
process.exit(surprise ? 0 : 1);
JS
timeout 120 node run.mjs
