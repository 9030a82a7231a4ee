#!/usr/bin/env bash
# werift: one empty message, and a data channel that says it is open carries
#   nothing any more.
#
# One would have sworn: send("") arrives as an empty string. RFC 8831 has two
#   payload protocol identifiers for empty messages just for that, because an
#   SCTP message cannot have 0 bytes; werift itself understands them when others
#   send them.
# What happens: werift sends a DATA chunk without data. The peer gets neither it
#   nor anything sent after it, on any channel of the connection. At both ends the
#   channel stays "open" and the connection "connected", and send() goes on
#   without an error while bytes pile up.
# Versions: werift 0.24.4, node-datachannel 0.33.4 as the peer (Node 20).
# Consequence for a user of such a bridge: a Node client built on werift that
#   sends the text of an empty field, or an empty buffer, has from then on a robot
#   that does not answer: no stop, no heartbeat, and no event that says so.
#   Only a time limit on the answers finds it.
# Documented: no.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund werift@0.24.4 node-datachannel@0.33.4

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
const datachannel = await import("node-datachannel/polyfill");
versions("werift", "node-datachannel");
console.log('expected: "before", "", "after" arrive, in either direction');

async function run(sending, receiving) {
  const link = await connect(sending, receiving);
  for (const message of ["before", "", "after"]) {
    link.channel.send(message);
    await sleep(500);
  }
  await sleep(3000);
  const states = [
    link.channel.readyState,
    link.remote.readyState,
    link.sender.connectionState,
    link.receiver.connectionState,
  ];
  return [JSON.stringify(link.messages), states.join(" ")];
}

const there = await run(datachannel, werift);
console.log(`seen, node-datachannel to werift: ${there[0]}, ${there[1]}`);
const back = await run(werift, datachannel);
console.log(`seen, werift to node-datachannel: ${back[0]}, ${back[1]}`);
const states = "open open connected connected";
const surprise =
  there[0] === '["before","","after"]' && back[0] === '["before"]' && back[1] === states;
console.log(surprise ? "the surprise is still there" : "CHANGED");
process.exit(surprise ? 0 : 1);
JS
timeout 120 node run.mjs
