// What is drawn over the map, and its colours. Grid, trail and robot are in metres of the odometry frame, scale and legend in
// pixels of the canvas.

/** Height over the floor, m, and colour. */
const RAMP = [
  [0.0, [38, 50, 66]],
  [0.1, [45, 72, 105]],
  [0.3, [42, 121, 154]],
  [0.6, [60, 174, 148]],
  [0.9, [164, 206, 97]],
  [1.3, [250, 222, 105]],
];
const HIGHEST = RAMP[RAMP.length - 1][0];

export function colour(height) {
  const above = RAMP.findIndex(([h]) => h >= height);
  if (above === 0) return RAMP[0][1];
  if (above < 0) return RAMP[RAMP.length - 1][1];
  const [[low, from], [high, to]] = [RAMP[above - 1], RAMP[above]];
  const share = (height - low) / (high - low);
  return from.map((value, i) => Math.round(value + share * (to[i] - value)));
}

export function drawGrid(c, { x, y }, reach, scale) {
  c.beginPath();
  for (let i = Math.floor(x - reach); i <= x + reach; i++) line(c, i, y - reach, i, y + reach);
  for (let i = Math.floor(y - reach); i <= y + reach; i++) line(c, x - reach, i, x + reach, i);
  c.lineWidth = 1 / scale;
  c.strokeStyle = "rgb(255 255 255 / 7%)";
  c.stroke();
}

function line(c, x1, y1, x2, y2) {
  c.moveTo(x1, y1);
  c.lineTo(x2, y2);
}

export function drawTrail(c, trail, pose, scale) {
  if (!pose || trail.length === 0) return;
  c.beginPath();
  for (const { x, y } of trail) c.lineTo(x, y);
  c.lineTo(pose.x, pose.y);
  c.lineWidth = 2.5 / scale;
  c.lineJoin = "round";
  c.strokeStyle = "rgb(255 145 77 / 75%)";
  c.stroke();
}

/** As long as the robot is, but always large enough to be seen. */
export function drawRobot(c, { x, y, yaw }, scale) {
  const half = Math.max(0.35, 13 / scale);
  c.save();
  c.translate(x, y);
  c.rotate(yaw);
  c.beginPath();
  c.moveTo(half, 0);
  c.lineTo(-half, half * 0.68);
  c.lineTo(-half * 0.55, 0);
  c.lineTo(-half, -half * 0.68);
  c.closePath();
  c.fillStyle = "#ff914d";
  c.strokeStyle = "#10151d";
  c.lineWidth = 2 / scale;
  c.lineJoin = "round";
  c.fill();
  c.stroke();
  c.restore();
}

export function drawScale(c, width, height, scale) {
  const metres = scale >= 40 ? 1 : scale >= 14 ? 2 : 5;
  const [right, bottom] = [width - 14, height - 14];
  const left = right - metres * scale;
  backing(c, left - 8, bottom - 22, metres * scale + 16, 30);
  c.beginPath();
  c.moveTo(left, bottom - 5);
  c.lineTo(left, bottom);
  c.lineTo(right, bottom);
  c.lineTo(right, bottom - 5);
  c.strokeStyle = c.fillStyle = "#d5deea";
  c.lineWidth = 1.5;
  c.stroke();
  c.font = "12px system-ui, sans-serif";
  c.textAlign = "center";
  c.fillText(`${metres} m`, (left + right) / 2, bottom - 7);
}

function backing(c, x, y, width, height) {
  c.fillStyle = "rgb(11 15 21 / 80%)";
  c.beginPath();
  c.roundRect(x, y, width, height, 6);
  c.fill();
}

export function drawLegend(c, height) {
  const [left, bottom, long] = [14, height - 14, Math.min(96, height / 3)];
  backing(c, left - 6, bottom - long - 7, 68, long + 14);
  const gradient = c.createLinearGradient(0, bottom, 0, bottom - long);
  for (const [h, [r, g, b]] of RAMP) gradient.addColorStop(h / HIGHEST, `rgb(${r} ${g} ${b})`);
  c.fillStyle = gradient;
  c.fillRect(left, bottom - long, 7, long);
  c.fillStyle = "#d5deea";
  c.font = "12px system-ui, sans-serif";
  c.textAlign = "left";
  c.fillText("floor", left + 13, bottom);
  c.fillText(`${HIGHEST} m`, left + 13, bottom - long + 9);
}
