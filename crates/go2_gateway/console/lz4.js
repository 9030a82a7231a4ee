// One LZ4 block, without a frame around it. The bytes come over the network: nothing in them makes this read or write out of
// bounds, or take more memory than the caller said.

/**
 * @param {Uint8Array} input
 * @param {number} size Bytes that must come out, no more and no less.
 * @returns {Uint8Array}
 * @throws {RangeError} on anything that is not such a block.
 */
export function lz4Block(input, size) {
  const output = new Uint8Array(size);
  let from = 0;
  let to = 0;

  /** A length of 15 goes on in the following bytes, until one is below 255. */
  function length(nibble) {
    let total = nibble;
    if (nibble === 15) {
      let more;
      do {
        if (from >= input.length) throw new RangeError("LZ4: ends within a length");
        more = input[from++];
        total += more;
        if (total > size) throw new RangeError("LZ4: gives more than it should");
      } while (more === 255);
    }
    return total;
  }

  while (from < input.length) {
    const token = input[from++];
    const literals = length(token >> 4);
    if (literals > input.length - from) throw new RangeError("LZ4: ends within literals");
    if (literals > size - to) throw new RangeError("LZ4: gives more than it should");
    output.set(input.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === input.length) break; // the last sequence has no match

    if (input.length - from < 2) throw new RangeError("LZ4: ends within an offset");
    const offset = input[from] | (input[from + 1] << 8);
    from += 2;
    if (offset === 0 || offset > to) throw new RangeError("LZ4: refers to what is not there");
    const match = length(token & 15) + 4;
    if (match > size - to) throw new RangeError("LZ4: gives more than it should");
    if (offset >= match) {
      output.copyWithin(to, to - offset, to - offset + match);
      to += match;
    } else {
      // The match runs into what it writes itself.
      for (const end = to + match; to < end; to++) output[to] = output[to - offset];
    }
  }
  if (to !== size) throw new RangeError(`LZ4: gives ${to} bytes and not ${size}`);
  return output;
}
