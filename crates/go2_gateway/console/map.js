// The map from above: the cloud coloured by height, the robot as an arrow in the middle, where it was, and how long a metre is.

import { colour, drawGrid, drawLegend, drawRobot, drawScale, drawTrail } from "./marks.js";
import { EMPTY, SIDE, floorLayer } from "./voxels.js";

/** Side of what is remembered around, in cells. */
const MEMORY = 1024;
const TRAIL_STEP = 0.05;
const TRAIL_LONGEST = 2000;
/** A pose so far from the last one, m, is another odometry frame: the robot has started anew. */
const JUMP = 2;
const ZOOMS = [3, 4.5, 6.5, 10, 15, 24];
export class MapView {
  #canvas;
  #context;
  #live = layer(SIDE);
  #memory = layer(MEMORY);
  /** Cell of the odometry frame that the memory's corner is; null before the first map. */
  #corner = null;
  #window = null;
  #pose = null;
  #trail = [];
  #zoom = 2;
  #waiting = false;
  /** Whether the robot always looks up; otherwise the odometry frame's x is up. */
  headingUp = false;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    new ResizeObserver(() => this.#later()).observe(canvas);
  }

  /** @param {import("./voxels.js").View} view */
  showCloud(view) {
    const { resolution, origin } = view;
    if (this.#window && this.#window.resolution !== resolution) this.forget();
    paint(this.#live, view);
    const cell = [Math.round(origin[0] / resolution), Math.round(origin[1] / resolution)];
    this.#window = { resolution, x: origin[0], y: origin[1] };
    this.#remember(cell);
    this.#later();
  }

  /** @param {{x: number, y: number, yaw: number}} pose Metres and radians. */
  showPose(pose) {
    const last = this.#trail.at(-1);
    const way = last ? Math.hypot(pose.x - last.x, pose.y - last.y) : Infinity;
    if (last && way > JUMP) this.forget();
    if (way > TRAIL_STEP) this.#trail.push({ x: pose.x, y: pose.y });
    if (this.#trail.length > TRAIL_LONGEST) this.#trail.shift();
    this.#pose = pose;
    this.#later();
  }

  forget() {
    this.#trail = [];
    this.#window = null;
    this.#corner = null;
  }

  zoom(step) {
    this.#zoom = Math.min(ZOOMS.length - 1, Math.max(0, this.#zoom + step));
    this.#later();
  }

  turn(headingUp) {
    this.headingUp = headingUp;
    this.#later();
  }

  /** What is in the window now replaces what was remembered there. */
  #remember(cell) {
    const inside = (i) => cell[i] >= this.#corner[i] && cell[i] + SIDE <= this.#corner[i] + MEMORY;
    if (!this.#corner || !inside(0) || !inside(1)) {
      const corner = cell.map((value) => value - (MEMORY - SIDE) / 2);
      const old = this.#memory;
      this.#memory = layer(MEMORY);
      if (this.#corner) this.#memory.drawImage(old.canvas, this.#corner[0] - corner[0], this.#corner[1] - corner[1]);
      this.#corner = corner;
    }
    const [x, y] = [cell[0] - this.#corner[0], cell[1] - this.#corner[1]];
    this.#memory.clearRect(x, y, SIDE, SIDE);
    this.#memory.drawImage(this.#live.canvas, x, y);
  }

  #later() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#draw();
    });
  }

  #draw() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width || !height) return;
    const [pixelsX, pixelsY] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== pixelsX) this.#canvas.width = pixelsX;
    if (this.#canvas.height !== pixelsY) this.#canvas.height = pixelsY;

    const c = this.#context;
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    const scale = Math.min(width, height) / ZOOMS[this.#zoom];
    const centre = this.#pose ?? middle(this.#window);
    const up = this.headingUp ? centre.yaw : 0;
    const [sin, cos] = [scale * Math.sin(up), scale * Math.cos(up)];

    c.save();
    c.translate(width / 2, height / 2);
    c.transform(sin, -cos, -cos, -sin, 0, 0); // x of the world up, y to the left; metres
    c.translate(-centre.x, -centre.y);
    this.#drawCloud(c);
    drawGrid(c, centre, Math.hypot(width, height) / scale / 2, scale);
    drawTrail(c, this.#trail, this.#pose, scale);
    if (this.#pose) drawRobot(c, this.#pose, scale);
    c.restore();
    drawScale(c, width, height, scale);
    if (width > 260) drawLegend(c, height);
  }

  #drawCloud(c) {
    if (!this.#window) return;
    const { resolution, x, y } = this.#window;
    c.imageSmoothingEnabled = false;
    c.globalAlpha = 0.4;
    const side = MEMORY * resolution;
    c.drawImage(this.#memory.canvas, this.#corner[0] * resolution, this.#corner[1] * resolution, side, side);
    c.globalAlpha = 1;
    c.drawImage(this.#live.canvas, x, y, SIDE * resolution, SIDE * resolution);
  }
}

function layer(side) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  return canvas.getContext("2d");
}

/** The middle of the window, where the robot is as long as its pose is not known. */
function middle(at) {
  if (!at) return { x: 0, y: 0, yaw: 0 };
  const half = (SIDE * at.resolution) / 2;
  return { x: at.x + half, y: at.y + half, yaw: 0 };
}

function paint(context, { top, resolution }) {
  const floor = floorLayer(top);
  const image = context.createImageData(SIDE, SIDE);
  top.forEach((layer, i) => {
    if (layer === EMPTY) return;
    const [r, g, b] = colour((layer - floor) * resolution);
    image.data.set([r, g, b, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
}
