/**
 * An attention map between its patches: interpolated, coloured and outlined as the service's own pictures are
 * (engine/image/overlay.c): bilinear between the patches' middles, as a part of the map's largest weight, whose
 * square root is shown.
 */

/** Along one axis of `size` points: between which two of `cells` each lies, and the second one's share. */
function steps(size, cells) {
  return Array.from({ length: size }, (_, i) => {
    const at = Math.min(Math.max(((i + 0.5) / size) * cells - 0.5, 0), cells - 1);
    const low = Math.floor(at);
    return { low, high: Math.min(low + 1, cells - 1), share: at - low };
  });
}

/**
 * @param {{rows: number, columns: number, values: number[]}} map as in an answer
 * @param {number} width
 * @param {number} height
 * @returns {Float32Array} height x width numbers from 0 to 1: the square root of the weight's share of the largest
 */
export function interpolate(map, width, height) {
  const largest = map.values.reduce((most, value) => Math.max(most, value), 0) || 1;
  const across = steps(width, map.columns);
  const field = new Float32Array(width * height);
  const row = new Float32Array(map.columns);
  steps(height, map.rows).forEach(({ low, high, share }, y) => {
    for (let x = 0; x < map.columns; x++) {
      const above = map.values[low * map.columns + x];
      row[x] = (above + (map.values[high * map.columns + x] - above) * share) / largest;
    }
    for (let x = 0; x < width; x++) {
      const cell = across[x];
      field[y * width + x] = Math.sqrt(row[cell.low] + (row[cell.high] - row[cell.low]) * cell.share);
    }
  });
  return field;
}

/**
 * Colours a field: the larger the weight, the less is seen of what lies below.
 * @param {Float32Array} field from interpolate
 * @param {Uint8Array} colours 256 of three bytes
 * @param {number} floor weights below this share of the largest stay clear
 * @returns {ImageData}
 */
export function paint(field, width, height, colours, floor) {
  const image = new ImageData(width, height);
  const least = Math.sqrt(floor);
  for (let i = 0; i < field.length; i++) {
    if (field[i] < least) continue;
    const level = Math.round(field[i] * 255);
    image.data[i * 4] = colours[level * 3];
    image.data[i * 4 + 1] = colours[level * 3 + 1];
    image.data[i * 4 + 2] = colours[level * 3 + 2];
    image.data[i * 4 + 3] = level;
  }
  return image;
}

/** Which sides of a cell a line crosses, by which of its corners are inside (marching squares): bits 1, 2, 4, 8
 * are the corners top left, top right, bottom right, bottom left; sides are 0 top, 1 right, 2 bottom, 3 left. */
const CROSSINGS = [
  [], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]],
  [[2, 3]], [[2, 0]], [[0, 1], [2, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], [],
];

/**
 * The line along which a field has the value `level`, in pieces; closed where it leaves the field.
 * @returns {Path2D} in the unit square
 */
export function contour(field, width, height, level) {
  const path = new Path2D();
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : field[y * width + x]);
  const placeX = (x) => Math.min(Math.max((x + 0.5) / width, 0), 1);
  const placeY = (y) => Math.min(Math.max((y + 0.5) / height, 0), 1);
  for (let y = -1; y < height; y++) {
    for (let x = -1; x < width; x++) {
      const corners = [at(x, y), at(x + 1, y), at(x + 1, y + 1), at(x, y + 1)];
      const inside = corners.reduce((bits, value, i) => bits | (value >= level ? 1 << i : 0), 0);
      if (inside === 0 || inside === 15) continue;
      const between = (a, b) => (level - corners[a]) / (corners[b] - corners[a]);
      const sides = [
        () => [placeX(x + between(0, 1)), placeY(y)],
        () => [placeX(x + 1), placeY(y + between(1, 2))],
        () => [placeX(x + between(3, 2)), placeY(y + 1)],
        () => [placeX(x), placeY(y + between(0, 3))],
      ];
      for (const [from, to] of CROSSINGS[inside]) {
        path.moveTo(...sides[from]());
        path.lineTo(...sides[to]());
      }
    }
  }
  return path;
}
