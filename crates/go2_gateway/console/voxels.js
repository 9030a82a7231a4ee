// The robot's voxel map as seen from above.
//
// A frame is a grid of bits, 128 x 128 x Z voxels: a byte holds 8 voxels along x, the highest bit first; 16 bytes make a row,
// 128 rows (y) a layer, and the layers (z) go up.

import { lz4Block } from "./lz4.js";

export const SIDE = 128;
const ROW = SIDE / 8;
const LAYER = ROW * SIDE;
/** Real frames have 38 layers. */
const MOST_LAYERS = 128;
/** In `top` where a column has no voxel. */
export const EMPTY = -1;

/**
 * @typedef {object} View
 * @property {number} points Voxels that are there.
 * @property {Int16Array} top The layer of the highest voxel of each column, or EMPTY; index y * 128 + x.
 * @property {number} resolution Metres.
 * @property {[number, number, number]} origin Corner of the first voxel in the odometry frame, metres.
 */

/**
 * @param {{resolution: number, src_size: number, origin: number[], width: number[]}} head
 * @param {Uint8Array} payload
 * @returns {View}
 * @throws {RangeError} on a frame that is damaged.
 */
export function seenFromAbove(head, payload) {
  const { resolution, src_size: size, origin } = head ?? {};
  if (!(resolution > 0 && resolution < 10)) throw new RangeError("voxel map: no resolution");
  if (!Array.isArray(origin) || origin.length !== 3 || !origin.every(Number.isFinite)) {
    throw new RangeError("voxel map: no origin");
  }
  if (!Number.isInteger(size) || size <= 0 || size % LAYER !== 0 || size > MOST_LAYERS * LAYER) {
    throw new RangeError("voxel map: its size is not that of whole layers");
  }
  const width = head.width;
  if (width && (width[0] !== SIDE || width[1] !== SIDE || width[2] * LAYER !== size)) {
    throw new RangeError("voxel map: its width does not fit its size");
  }
  const { points, top } = columns(lz4Block(payload, size));
  return { points, top, resolution, origin: [origin[0], origin[1], origin[2]] };
}

/** @param {Uint8Array} grid */
export function columns(grid) {
  const top = new Int16Array(SIDE * SIDE).fill(EMPTY);
  let points = 0;
  for (let i = 0; i < grid.length; i++) {
    const byte = grid[i];
    if (byte === 0) continue; // most are
    const layer = Math.floor(i / LAYER);
    const first = (i % LAYER) * 8; // rows follow each other as the columns do
    for (let bit = 0; bit < 8; bit++) {
      if (byte & (0x80 >> bit)) {
        points += 1;
        top[first + bit] = layer;
      }
    }
  }
  return { points, top };
}

/** The layer of the floor: the lowest that many columns end in. @param {Int16Array} top */
export function floorLayer(top) {
  const count = new Int32Array(MOST_LAYERS);
  let columns = 0;
  for (const layer of top) {
    if (layer === EMPTY) continue;
    count[layer] += 1;
    columns += 1;
  }
  const layer = count.findIndex((number) => number > columns * 0.05);
  return layer < 0 ? 0 : layer;
}
