// MD5 (RFC 1321). The robot's challenge needs it, and browsers have none: crypto.subtle lacks MD5, and over plain HTTP it
// is not there at all.

const SHIFTS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
];
const SINES = Uint32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32));

/** @param {Uint8Array} bytes @returns {Uint8Array} The 16 bytes of the digest. */
export function md5(bytes) {
  const words = padded(bytes);
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  for (let start = 0; start < words.length; start += 16) {
    mix(state, words.subarray(start, start + 16));
  }
  const digest = new DataView(new ArrayBuffer(16));
  state.forEach((word, i) => digest.setUint32(4 * i, word, true));
  return new Uint8Array(digest.buffer);
}

/** The bytes, a one bit, zeros and the length in bits, as little-endian words; whole blocks of 16. */
function padded(bytes) {
  const blocks = Math.floor((bytes.length + 8) / 64) + 1;
  const view = new DataView(new ArrayBuffer(64 * blocks));
  new Uint8Array(view.buffer).set(bytes);
  view.setUint8(bytes.length, 0x80);
  view.setUint32(64 * blocks - 8, (bytes.length << 3) >>> 0, true);
  view.setUint32(64 * blocks - 4, Math.floor(bytes.length / 2 ** 29), true);
  return Uint32Array.from({ length: 16 * blocks }, (_, i) => view.getUint32(4 * i, true));
}

function mix(state, block) {
  let [a, b, c, d] = state;
  for (let i = 0; i < 64; i++) {
    const round = i >> 4;
    const [chosen, word] = step(round, i, b, c, d);
    const sum = (a + chosen + SINES[i] + block[word]) >>> 0;
    const shift = SHIFTS[round][i & 3];
    const turned = (sum << shift) | (sum >>> (32 - shift));
    [a, d, c, b] = [d, c, b, (b + turned) >>> 0];
  }
  [a, b, c, d].forEach((word, i) => {
    state[i] += word;
  });
}

/** What a step adds: a function of three words, and the number of the block's word. */
function step(round, i, b, c, d) {
  switch (round) {
    case 0:
      return [(b & c) | (~b & d), i];
    case 1:
      return [(d & b) | (~d & c), (5 * i + 1) & 15];
    case 2:
      return [b ^ c ^ d, (3 * i + 5) & 15];
    default:
      return [c ^ (b | ~d), (7 * i) & 15];
  }
}
