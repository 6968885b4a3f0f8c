/**
 * Colour maps for attention, computed in Oklab (Björn Ottosson, 2020), a space in which equal steps look equally
 * large. Along each the lightness rises evenly, so that it reads the same in grey, in print and to people who do
 * not see red or green apart.
 */

/** For each map: lightness, chroma and hue in degrees at the weights 0, 1/2 and 1; bent through these points. */
const PATHS = {
  viridis: { name: 'Violet to yellow', lightness: [0.28, 0.62, 0.94], chroma: [0.14, 0.11, 0.17], hue: [310, 190, 105] },
  cividis: { name: 'Blue to yellow', lightness: [0.26, 0.6, 0.93], chroma: [0.08, 0.015, 0.16], hue: [265, 180, 98] },
  inferno: { name: 'Black over orange to yellow', lightness: [0.08, 0.56, 0.96], chroma: [0.05, 0.19, 0.11], hue: [-60, 25, 105] },
  grey: { name: 'Black to white', lightness: [0, 0.5, 1], chroma: [0, 0, 0], hue: [0, 0, 0] },
};

/** What a person can choose: {id: name}. */
export const paletteNames = Object.fromEntries(Object.entries(PATHS).map(([id, path]) => [id, path.name]));

/** The parabola through three values at 0, 1/2 and 1. */
function bend([first, middle, last], at) {
  return first * (1 - at) * (1 - 2 * at) + 4 * middle * at * (1 - at) + last * at * (2 * at - 1);
}

function gamma(linear) {
  const bounded = Math.min(Math.max(linear, 0), 1);
  return Math.round(255 * (bounded <= 0.0031308 ? 12.92 * bounded : 1.055 * bounded ** (1 / 2.4) - 0.055));
}

/** Oklab to sRGB, 0 to 255. */
function toRgb(lightness, a, b) {
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    gamma(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
    gamma(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
    gamma(-0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short),
  ];
}

/** @returns {Uint8Array} 256 colours of three bytes, from the weight 0 to the largest */
export function paletteTable(id) {
  const path = PATHS[id];
  const table = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const at = i / 255;
    const lightness = path.lightness[0] + (path.lightness[2] - path.lightness[0]) * at;
    const chroma = Math.max(bend(path.chroma, at), 0);
    const hue = (bend(path.hue, at) * Math.PI) / 180;
    table.set(toRgb(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue)), i * 3);
  }
  return table;
}

/** A colour of a table as CSS. */
export function cssColour(table, weight) {
  const at = Math.round(Math.min(Math.max(weight, 0), 1) * 255) * 3;
  return `rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})`;
}
