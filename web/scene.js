/** Draws a picture with what the network saw of it and where it looked, on the screen or into a file. */
import { contour, interpolate, paint } from './heatmap.js';
import { levelFor } from './picture.js';
import { cssColour, paletteTable } from './palette.js';

const FIELD_SIDE = 384;
const CONTOUR_SIDE = 160;
/** Lines lie where the weight is this share of the map's largest. */
const CONTOUR_SHARES = [0.25, 0.5, 0.75];
const HALO = 'rgb(0 0 0 / 75%)';
const SCALE_LENGTHS_MM = [1, 2, 5, 10, 20, 50, 100, 200];
const DEFAULT_WINDOW = { centre: 127.5, width: 255 };

/**
 * @typedef {object} Scene
 * @property {{width: number, height: number}} size of the original, in whose pixels all else is
 * @property {import('./picture.js').Picture | null} picture null where the browser has none to show
 * @property {{x: number, y: number, width: number, height: number} | null} region what the network saw
 * @property {[number, number] | null} spacing millimetres from row to row and from column to column
 * @property {{centre: number, width: number}} window greys that are spread from black to white, of 0 to 255
 * @property {object | null} map the attention map shown, as in an answer
 *
 * @typedef {{x: number, y: number, scale: number}} Place where the original's pixel (0, 0) lies, and how large one is
 */

/** The shares at which lines are drawn, as the settings hide what lies below one. */
export function contourShares({ floor }) {
  return CONTOUR_SHARES.filter((share) => share * 100 >= floor);
}

export function defaultWindow() {
  return { ...DEFAULT_WINDOW };
}

function sizeWithin(region, side) {
  const scale = side / Math.max(region.width, region.height);
  return [Math.max(Math.round(region.width * scale), 2), Math.max(Math.round(region.height * scale), 2)];
}

/** What is computed of a map, by the map: its layers are made once, not for each drawing. */
const layers = new WeakMap();

function layerOf(map) {
  if (!layers.has(map)) layers.set(map, { fields: new Map(), contours: new Map() });
  return layers.get(map);
}

function fieldOf(map, region, side) {
  const { fields } = layerOf(map);
  if (!fields.has(side)) {
    const [width, height] = sizeWithin(region, side);
    fields.set(side, { width, height, values: interpolate(map, width, height) });
  }
  return fields.get(side);
}

function colouredMap(map, region, { palette, floor }) {
  const layer = layerOf(map);
  const wanted = `${palette} ${floor}`;
  if (layer.wanted !== wanted) {
    const { width, height, values } = fieldOf(map, region, FIELD_SIDE);
    layer.canvas ??= new OffscreenCanvas(width, height);
    layer.canvas.getContext('2d').putImageData(paint(values, width, height, paletteTable(palette), floor / 100), 0, 0);
    layer.wanted = wanted;
  }
  return layer.canvas;
}

function contourOf(map, region, share) {
  const { contours } = layerOf(map);
  if (!contours.has(share)) {
    const { width, height, values } = fieldOf(map, region, CONTOUR_SIDE);
    contours.set(share, contour(values, width, height, Math.sqrt(share)));
  }
  return contours.get(share);
}

function fill(context, operation, level, box) {
  const grey = Math.round(level);
  context.globalCompositeOperation = operation;
  context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
  context.fillRect(...box);
}

function subtract(context, level, box) {
  fill(context, 'difference', 255, box);
  fill(context, 'lighter', level, box);
  fill(context, 'difference', 255, box);
}

/**
 * Spreads the window's greys from black to white, in place: the blending of canvases does in a few fills, at any
 * size, what a loop over pixels would take too long for.
 */
function applyWindow(context, { centre, width }, box) {
  const low = centre - width / 2;
  const gain = 255 / width;
  const shift = gain > 1 ? low : low * gain;
  if (gain < 1) fill(context, 'multiply', gain * 255, box);
  if (shift >= 0.5) subtract(context, Math.min(shift, 255), box);
  if (shift <= -0.5) fill(context, 'lighter', Math.min(-shift, 255), box);
  if (gain > 1) fill(context, 'color-dodge', 255 - width, box);
}

function drawPicture(context, scene, place, invert) {
  const left = Math.round(place.x);
  const top = Math.round(place.y);
  const box = [left, top, Math.round(place.x + scene.size.width * place.scale) - left,
    Math.round(place.y + scene.size.height * place.scale) - top];
  context.save();
  context.beginPath();
  context.rect(...box);
  context.clip();
  context.fillStyle = '#20262c';
  if (scene.picture && !scene.picture.closed) {
    const drawnWidth = scene.size.width * place.scale;
    context.imageSmoothingEnabled = place.scale < 8;
    context.drawImage(levelFor(scene.picture, drawnWidth), ...box);
    applyWindow(context, scene.window, box);
    if (invert) fill(context, 'difference', 255, box);
  } else {
    context.fillRect(...box);
  }
  context.restore();
}

/** Dims what the network did not see, and draws the border of what it did. */
function drawRegion(context, { region, size }, unit) {
  const whole = region.width >= size.width - 1 && region.height >= size.height - 1;
  if (whole) return;
  context.save();
  context.beginPath();
  context.rect(0, 0, size.width, size.height);
  context.rect(region.x, region.y, region.width, region.height);
  context.fillStyle = 'rgb(0 0 0 / 35%)';
  context.fill('evenodd');
  context.setLineDash([6 * unit, 4 * unit]);
  context.lineWidth = unit;
  context.strokeStyle = '#9fd3ff';
  context.strokeRect(region.x, region.y, region.width, region.height);
  context.restore();
}

function drawContours(context, map, region, settings, place, unit) {
  const colours = paletteTable(settings.palette);
  const toScreen = new DOMMatrix([region.width * place.scale, 0, 0, region.height * place.scale,
    place.x + region.x * place.scale, place.y + region.y * place.scale]);
  context.save();
  context.resetTransform();
  context.lineCap = 'round';
  context.globalAlpha = Math.max(settings.opacity / 100, 0.2);
  for (const share of contourShares(settings)) {
    const line = new Path2D();
    line.addPath(contourOf(map, region, share), toScreen);
    context.strokeStyle = HALO;
    context.lineWidth = 4.5 * unit;
    context.stroke(line);
    context.strokeStyle = cssColour(colours, 0.35 + 0.65 * share);
    context.lineWidth = 2 * unit;
    context.stroke(line);
  }
  context.restore();
}

function drawPeak(context, { x, y }, unit) {
  const arm = 11 * unit;
  const gap = 4 * unit;
  context.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + dx * gap, y + dy * gap);
    context.lineTo(x + dx * arm, y + dy * arm);
  }
  for (const [colour, width] of [[HALO, 5], ['#ffffff', 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width * unit;
    context.stroke();
  }
}

/** The longest round length that takes at most a quarter of the width, and how wide it is; null without spacing. */
function scaleBar(scene, place, width) {
  if (!scene.spacing) return null;
  const pixels = (millimetres) => (millimetres / scene.spacing[1]) * place.scale;
  const length = SCALE_LENGTHS_MM.findLast((millimetres) => pixels(millimetres) <= width / 4);
  return length ? { length, pixels: pixels(length) } : null;
}

function drawScaleBar(context, scene, place, width, height, ratio) {
  const bar = scaleBar(scene, place, width);
  if (!bar) return;
  const text = bar.length % 10 ? `${bar.length} mm` : `${bar.length / 10} cm`;
  const left = 14 * ratio;
  const bottom = height - 14 * ratio;
  context.save();
  context.resetTransform();
  context.font = `${13 * ratio}px system-ui, sans-serif`;
  const trace = () => {
    context.beginPath();
    context.moveTo(left, bottom - 6 * ratio);
    context.lineTo(left, bottom);
    context.lineTo(left + bar.pixels, bottom);
    context.lineTo(left + bar.pixels, bottom - 6 * ratio);
    context.stroke();
  };
  context.strokeStyle = HALO;
  context.lineWidth = 5 * ratio;
  trace();
  context.strokeText(text, left + 6 * ratio, bottom - 8 * ratio);
  context.strokeStyle = '#ffffff';
  context.fillStyle = '#ffffff';
  context.lineWidth = 2 * ratio;
  trace();
  context.fillText(text, left + 6 * ratio, bottom - 8 * ratio);
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context of a canvas of width x height
 * @param {Scene} scene
 * @param {Place} place
 * @param {object} settings of settings.js: mode, palette, opacity, floor, peak, region, invert
 * @param {number} [ratio] pixels of the canvas to one of the page, for lines and letters
 */
export function drawScene(context, scene, place, settings, ratio = 1) {
  const { width, height } = context.canvas;
  context.resetTransform();
  context.clearRect(0, 0, width, height);
  drawPicture(context, scene, place, settings.invert);
  context.setTransform(place.scale, 0, 0, place.scale, place.x, place.y);
  const unit = ratio / place.scale;
  const { map, region } = scene;
  if (region && settings.region) drawRegion(context, scene, unit);
  if (map && settings.mode === 'colour') {
    context.globalAlpha = settings.opacity / 100;
    context.imageSmoothingEnabled = true;
    context.drawImage(colouredMap(map, region, settings), region.x, region.y, region.width, region.height);
    context.globalAlpha = 1;
  }
  if (map && settings.mode === 'contour') drawContours(context, map, region, settings, place, unit);
  if (map && settings.peak && settings.mode !== 'none') drawPeak(context, map.peak, unit);
  drawScaleBar(context, scene, place, width, height, ratio);
}
