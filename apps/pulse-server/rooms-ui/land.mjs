// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The outline of the land for the live map: a path of a few kilobytes in degrees, x eastward, y southward. It is
// reduced from Natural Earth's 1:110m land, which is in the public domain, as the npm package world-atlas packs it
// (TopoJSON: arcs of quantised steps).

/** Degrees by which the reduced outline may differ; islands below the area are left out. */
const kTolerance = 0.55;
const kMinSquareDegrees = 3;
const kDecimals = 1;

function decodeArc(arc, { scale, translate }) {
  let [x, y] = [0, 0];
  return arc.map(([dx, dy]) => {
    x += dx;
    y += dy;
    return [x * scale[0] + translate[0], y * scale[1] + translate[1]];
  });
}

/** A ring names its arcs; one that is walked backwards as ~index. Neighbours share a point. */
function ringPoints(ring, arcs) {
  return ring.flatMap((index, i) => {
    const points = index < 0 ? [...arcs[~index]].reverse() : arcs[index];
    return i === 0 ? points : points.slice(1);
  });
}

/** Without jumps from one edge of the map to the other: it goes on beyond the edge. What goes round a pole, which is
 *  the southern one, is closed below it. */
function unwrapped(points) {
  let turns = 0;
  const line = points.map(([x, y], i) => {
    const step = i === 0 ? 0 : x - points[i - 1][0];
    if (Math.abs(step) > 180) turns -= Math.sign(step);
    return [x + 360 * turns, y];
  });
  if (turns !== 0) line.push([line.at(-1)[0], -90], [line[0][0], -90], line[0]);
  return line;
}

/** Once more on the other side for what is beyond an edge; the map shows the part of each that is on it. */
function copies(points) {
  const xs = points.map(([x]) => x);
  const shifts = [0, ...(Math.max(...xs) > 180 ? [-360] : []), ...(Math.min(...xs) < -180 ? [360] : [])];
  return shifts.map((shift) => points.map(([x, y]) => [x + shift, y]));
}

function distance([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / length));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

/** Douglas and Peucker's: the points without which the line would be off by more than the tolerance. */
function simplified(points) {
  if (points.length < 3) return points;
  const [first, last] = [points[0], points.at(-1)];
  let [farthest, most] = [0, 0];
  for (let i = 1; i < points.length - 1; i++) {
    const off = distance(points[i], first, last);
    if (off > most) [farthest, most] = [i, off];
  }
  if (most <= kTolerance) return [first, last];
  return [...simplified(points.slice(0, farthest + 1)), ...simplified(points.slice(farthest)).slice(1)];
}

function area(points) {
  return Math.abs(points.reduce((sum, [x, y], i) => {
    const [nx, ny] = points[(i + 1) % points.length];
    return sum + x * ny - nx * y;
  }, 0)) / 2;
}

const text = (n) => String(Number(n.toFixed(kDecimals)));

/** `topology`: land-110m.json. */
export function landPath(topology) {
  const arcs = topology.arcs.map((arc) => decodeArc(arc, topology.transform));
  const polygons = topology.objects.land.geometries.flatMap(({ type, arcs: rings }) => (type === 'Polygon' ? [rings] : rings));
  return polygons.flat()
    .map((ring) => unwrapped(ringPoints(ring, arcs)))
    .filter((points) => area(points) >= kMinSquareDegrees)
    // A ring begins where it ends: in halves, so that its ends are not one point.
    .map((points) => {
      const half = Math.floor(points.length / 2);
      return [...simplified(points.slice(0, half + 1)), ...simplified(points.slice(half)).slice(1, -1)];
    })
    .flatMap(copies)
    .map((points) => `M${points.map(([x, y]) => `${text(x)} ${text(-y)}`).join('L')}Z`)
    .join('');
}
