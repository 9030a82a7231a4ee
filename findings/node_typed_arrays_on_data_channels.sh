#!/usr/bin/env bash
# node-datachannel, werift: a Float32Array, Int16Array or DataView sent on a
#   data channel arrives as other bytes, or as none.
#
# One would have sworn: send() of an ArrayBufferView sends the bytes that it
#   views, as the W3C's interface says, as browsers and @roamhq/wrtc do. The
#   polyfill of node-datachannel is there to be that interface.
# What happens: node-datachannel's polyfill makes new Uint8Array(view) and werift
#   Buffer.from(view): both convert number by number, modulo 256. Ten floats
#   become 10 bytes instead of 40, samples of 16 bits lose their upper half, a
#   DataView becomes a message of 0 bytes in node-datachannel. Uint8Array,
#   Buffer and ArrayBuffer are right, so most tests pass. No error anywhere.
# Versions: node-datachannel 0.33.4, werift 0.24.4, @roamhq/wrtc 0.10.0 (Node 20).
# Consequence for a user of such a bridge: a Node gateway or client that sends
#   16-bit sound or a Float32Array of points or joint angles works in the
#   browser and, with the same code, sends rubbish of plausible size from Node.
# Documented: no.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund \
    node-datachannel@0.33.4 werift@0.24.4 @roamhq/wrtc@0.10.0

cat >send.mjs <<'JS'
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as datachannel from "node-datachannel/polyfill";
const require = createRequire(import.meta.url);
const werift = require("werift");
const wrtc = require("@roamhq/wrtc");

const peers = { "@roamhq/wrtc": wrtc, "node-datachannel": datachannel, werift };
const sleep = (time) => new Promise((done) => setTimeout(done, time));
const within = (promise, what) =>
  Promise.race([
    promise,
    sleep(15000).then(() => {
      throw new Error(`no ${what}`);
    }),
  ]);

async function gathered(peer) {
  while (peer.iceGatheringState !== "complete") await sleep(20);
}

/** What arrives at a @roamhq/wrtc peer of what `library` sends, as hexadecimal digits. */
async function arrived(library, views) {
  const sender = new library.RTCPeerConnection({ iceServers: [] });
  const receiver = new wrtc.RTCPeerConnection({ iceServers: [] });
  const channel = sender.createDataChannel("data");
  const opened = new Promise((done) => (channel.onopen = done));
  const messages = [];
  const all = new Promise((done) => {
    receiver.ondatachannel = (event) => {
      event.channel.binaryType = "arraybuffer";
      event.channel.onmessage = ({ data }) => {
        if (data === "end") done();
        else messages.push(Buffer.from(data).toString("hex"));
      };
    };
  });
  await sender.setLocalDescription(await sender.createOffer());
  await gathered(sender);
  await receiver.setRemoteDescription({ type: "offer", sdp: sender.localDescription.sdp });
  await receiver.setLocalDescription(await receiver.createAnswer());
  await gathered(receiver);
  await sender.setRemoteDescription({ type: "answer", sdp: receiver.localDescription.sdp });
  if (channel.readyState !== "open") await within(opened, "open channel");
  for (const view of views) {
    channel.send(view);
    await sleep(50);
  }
  channel.send("end");
  await within(all, "end");
  await sender.close();
  receiver.close();
  return messages;
}

const kinds = {
  "Uint8Array [1, 2, 255]": new Uint8Array([1, 2, 255]),
  "Int16Array [1000, -2]": new Int16Array([1000, -2]),
  "Float32Array [0.5, -1.25]": new Float32Array([0.5, -1.25]),
};
const view = new DataView(new ArrayBuffer(4));
view.setUint32(0, 0x01020304);

const hex = (one) => Buffer.from(one.buffer, one.byteOffset, one.byteLength).toString("hex");
console.log(`node ${process.version}`);
for (const name of Object.keys(peers)) {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
  console.log(`${name} ${version}`);
}
const results = {};
for (const [name, library] of Object.entries(peers)) {
  const views = Object.values(kinds);
  // werift's channel does not survive a message of no bytes, so no DataView there
  const names = [...Object.keys(kinds)];
  if (name !== "werift") {
    views.push(view);
    names.push("DataView 01020304");
  }
  const messages = (results[name] = await arrived(library, views));
  names.forEach((kind, at) => {
    const expected = hex(views[at]);
    const right = messages[at] === expected ? "right" : "WRONG";
    console.log(`${name}: ${kind}: expected ${expected}, seen "${messages[at]}": ${right}`);
  });
}
const same = (name, ...expected) => String(results[name]) === String(expected);
const surprise =
  same("@roamhq/wrtc", "0102ff", "e803feff", "0000003f0000a0bf", "01020304") &&
  same("node-datachannel", "0102ff", "e8fe", "00ff", "") &&
  same("werift", "0102ff", "e8fe", "00ff");
console.log(surprise ? "the surprise is still there" : "CHANGED");
process.exit(surprise ? 0 : 1);
JS
timeout 120 node send.mjs
