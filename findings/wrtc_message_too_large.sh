#!/usr/bin/env bash
# @roamhq/wrtc: a message one byte too large is no error; it closes the channel.
#
# One would have sworn: send() of more than the peer's maximum (a=max-message-size)
#   throws a TypeError and leaves the channel as it was: the W3C's interface says
#   so, Chrome does it with the same engine, and so do aiortc, werift and
#   node-datachannel with errors of their own.
# What happens: send() returns. The channel is closed at this end, with a close
#   event, without an error event and without a word why; at the other end it
#   stays open, so nobody there notices either.
# Versions: @roamhq/wrtc 0.10.0, node-datachannel 0.33.4 as the peer (Node 20).
# Consequence for a user of such a bridge: a Node client that uploads a sound or a
#   map in one piece loses its channel to the robot, commands and heartbeats with
#   it, and its log has no cause; with a peer that says nothing about sizes
#   the limit is 64 KiB, not the 256 KiB one has tested with.
# Documented: no.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund @roamhq/wrtc@0.10.0 node-datachannel@0.33.4

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

const wrtc = require("@roamhq/wrtc");
const datachannel = await import("node-datachannel/polyfill");
versions("@roamhq/wrtc", "node-datachannel");
console.log("expected: a message of 262145 bytes (allowed are 262144) throws, the channel stays");

async function run(sending, receiving) {
  const link = await connect(sending, receiving);
  const sdp = link.sender.remoteDescription.sdp;
  const limit = /a=max-message-size:(\d+)/.exec(sdp)[1];
  link.channel.send(new Uint8Array(262144));
  await sleep(1000);
  let thrown = "nothing";
  let errors = 0;
  let closed = 0;
  link.channel.onerror = () => errors++;
  link.channel.onclose = () => closed++;
  try {
    link.channel.send(new Uint8Array(262145));
  } catch (error) {
    thrown = error.constructor.name;
  }
  await sleep(5000);
  const arrived = link.messages.map(({ byteLength }) => byteLength);
  return { limit, arrived: String(arrived), thrown, errors, closed,
    states: `${link.channel.readyState} ${link.remote.readyState}` };
}

const there = await run(datachannel, wrtc);
console.log("seen, sent by node-datachannel:", JSON.stringify(there));
const seen = await run(wrtc, datachannel);
console.log("seen, sent by @roamhq/wrtc:", JSON.stringify(seen));
const surprise =
  there.thrown !== "nothing" && there.states === "open open" && seen.limit === "262144" &&
  seen.arrived === "262144" && seen.thrown === "nothing" && seen.errors === 0 &&
  seen.closed === 1 && seen.states === "closed open";
console.log(surprise ? "the surprise is still there" : "CHANGED");
process.exit(surprise ? 0 : 1);
JS
timeout 120 node run.mjs
