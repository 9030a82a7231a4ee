import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { lz4Block } from "../lz4.js";
import { read } from "../protocol.js";
import { EMPTY, columns, seenFromAbove } from "../voxels.js";

// A frame of the simulated robot out of the recording of the tests, and what Python's lz4 makes of it.
const { frame, expected } = JSON.parse(readFileSync(new URL("./frame.json", import.meta.url), "utf8"));
const { data: head, payload } = read(new Uint8Array(Buffer.from(frame, "base64")).buffer);

test("a recorded frame", () => {
  const grid = lz4Block(payload, head.src_size);
  assert.equal(createHash("sha256").update(grid).digest("hex"), expected.sha256);

  const view = seenFromAbove(head, payload);
  const tops = [...view.top].filter((layer) => layer !== EMPTY);
  assert.equal(view.points, expected.points);
  assert.equal(tops.length, expected.columns);
  assert.equal(tops.reduce((sum, layer) => sum + layer), expected.sumOfTops);
  assert.equal(view.resolution, head.resolution);
  assert.deepEqual(view.origin, head.origin);
});

test("the bits: x is fastest and the highest bit comes first, then y, then z", () => {
  const grid = new Uint8Array(38 * 2048);
  for (const [x, y, z] of [[0, 0, 0], [9, 3, 2], [127, 127, 37], [9, 3, 1]]) {
    grid[z * 2048 + y * 16 + (x >> 3)] |= 0x80 >> (x & 7);
  }
  assert.deepEqual([grid[0], grid[4145], grid[77_823]], [0x80, 0x40, 0x01]);
  const { points, top } = columns(grid);
  assert.equal(points, 4);
  assert.equal(top[0], 0);
  assert.equal(top[3 * 128 + 9], 2, "the highest of the column");
  assert.equal(top[127 * 128 + 127], 37);
  assert.equal(top.filter((layer) => layer !== EMPTY).length, 3);
});

test("heads that lie are refused before anything is reserved for them", () => {
  const lies = [
    { src_size: 77_823 },
    { src_size: 0 },
    { src_size: -2048 },
    { src_size: 2048 * 100_000 },
    { src_size: "77824" },
    { resolution: 0 },
    { resolution: undefined },
    { origin: [0, 0] },
    { origin: [0, 0, null] },
    { width: [64, 128, 38] },
    { width: [128, 128, 39] },
  ];
  for (const lie of lies) {
    assert.throws(() => seenFromAbove({ ...head, ...lie }, payload), RangeError, JSON.stringify(lie));
  }
  assert.throws(() => seenFromAbove(undefined, payload), RangeError);
});

test("a damaged payload is refused", () => {
  assert.throws(() => seenFromAbove(head, payload.subarray(0, payload.length - 9)), RangeError);
  assert.throws(() => seenFromAbove(head, new Uint8Array()), RangeError);
});
