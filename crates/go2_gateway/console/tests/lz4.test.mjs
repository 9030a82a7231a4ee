import assert from "node:assert/strict";
import { test } from "node:test";

import { lz4Block } from "../lz4.js";

const bytes = (...values) => Uint8Array.from(values);
const ABC = [0x61, 0x62, 0x63];

test("literals alone, and none at all", () => {
  assert.deepEqual(lz4Block(bytes(0x30, ...ABC), 3), bytes(...ABC));
  assert.deepEqual(lz4Block(bytes(0x00), 0), bytes());
});

test("a match that lies apart, and one that runs into itself", () => {
  // abc, then 4 bytes from 3 back (abca), then the literal c
  assert.equal(String.fromCharCode(...lz4Block(bytes(0x30, ...ABC, 3, 0, 0x10, 0x63), 8)), "abcabcac");
  assert.equal(String.fromCharCode(...lz4Block(bytes(0x10, 0x78, 1, 0, 0x10, 0x79), 6)), "xxxxxy");
  const apart = bytes(0x50, ...ABC, 0x64, 0x65, 5, 0, 0x10, 0x21);
  assert.equal(String.fromCharCode(...lz4Block(apart, 10)), "abcdeabcd!");
});

test("lengths of several bytes", () => {
  const literals = new Uint8Array(15 + 255 + 10).fill(7);
  assert.deepEqual(lz4Block(bytes(0xf0, 255, 10, ...literals), literals.length), literals);
  // one zero, and 4 + 15 + 255 + 0 more of it
  assert.deepEqual(lz4Block(bytes(0x1f, 0, 1, 0, 255, 0, 0x10, 9), 276), bytes(...new Uint8Array(275), 9));
});

test("what is damaged is refused", () => {
  const damaged = {
    "ends within literals": bytes(0x40, 1, 2),
    "ends within a length": bytes(0xf0),
    "ends within an offset": bytes(0x10, 1, 1),
    "an offset of zero": bytes(0x10, 1, 0, 0, 0x10, 2),
    "an offset before the beginning": bytes(0x10, 1, 2, 0, 0x10, 2),
  };
  for (const [what, input] of Object.entries(damaged)) {
    assert.throws(() => lz4Block(input, 6), RangeError, what);
  }
});

test("neither more nor less than was said", () => {
  const block = bytes(0x10, 0x78, 1, 0, 0x10, 0x79); // 6 bytes
  assert.throws(() => lz4Block(block, 5), RangeError);
  assert.throws(() => lz4Block(block, 7), RangeError);
  assert.throws(() => lz4Block(bytes(), 1), RangeError);
  assert.throws(() => lz4Block(bytes(0x50, 1, 2, 3, 4, 5), 4), RangeError);
  // a length that would be gigabytes
  const endless = new Uint8Array(100_000).fill(255);
  assert.throws(() => lz4Block(bytes(0x1f, 0, 1, 0, ...endless), 77_824), RangeError);
});

test("no noise gets through or does harm", () => {
  let state = 12345;
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  for (let round = 0; round < 3000; round++) {
    const input = Uint8Array.from({ length: random() % 60 }, () => random() & 255);
    const size = random() % 200;
    try {
      assert.equal(lz4Block(input, size).length, size);
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
    }
  }
});
