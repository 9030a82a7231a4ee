import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { md5 } from "../md5.js";

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const text = (string) => new TextEncoder().encode(string);

test("the digests of RFC 1321", () => {
  const digests = {
    "": "d41d8cd98f00b204e9800998ecf8427e",
    a: "0cc175b9c0f1b6a831c399e269772661",
    abc: "900150983cd24fb0d6963f7d28e17f72",
    "message digest": "f96b697d7cb7938d525a2f31aaf161d0",
    abcdefghijklmnopqrstuvwxyz: "c3fcd3d76192e4007dfb496cca67e13b",
    "12345678901234567890123456789012345678901234567890123456789012345678901234567890": "57edf4a22be3c955ac49da2e2107b67a",
  };
  for (const [input, digest] of Object.entries(digests)) assert.equal(hex(md5(text(input))), digest);
});

test("every length around the edges of blocks, as another implementation has it", () => {
  for (let length = 0; length < 260; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 151 + length) & 255);
    assert.equal(hex(md5(bytes)), createHash("md5").update(bytes).digest("hex"), `${length} bytes`);
  }
});

test("a million bytes, and a view into a larger buffer", () => {
  const million = new Uint8Array(1_000_000).fill(0x61);
  assert.equal(hex(md5(million)), "7707d6ae4e027c70eea2a935c2296f21");
  assert.equal(hex(md5(million.subarray(7, 8))), "0cc175b9c0f1b6a831c399e269772661");
});
