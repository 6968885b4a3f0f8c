/** What a person takes along: a picture with its map, an answer, a table. */
import { download, percent } from './dom.js';
import { drawScene } from './scene.js';

const SIDE_MAX = 4096;
const SIDE_MIN = 640;

function nameWith(name, ending) {
  return `${name.replace(/\.[A-Za-z0-9]+$/, '')}${ending}`;
}

/** Breaks a text into lines that fit. */
function linesOf(context, text, width) {
  const lines = [];
  for (const word of text.split(' ')) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** What stands below an exported picture, so that no number in it is without its model. */
function captionOf(item, row) {
  const { model } = item.reply;
  const threshold = row.kind === 'finding' ? `, threshold ${percent(row.threshold)}` : '';
  return [`${item.name}: ${row.label} ${percent(row.probability)}${threshold}`,
    `${model.name} ${model.version}, package ${model.package_sha256.slice(0, 12)}. ${model.intended_use}`];
}

/**
 * The whole picture as it is shown, with a caption below.
 * @param {import('./item.js').Item} item
 * @param {import('./results.js').Row} row
 * @param {import('./scene.js').Scene} scene
 * @param {object} settings
 */
export async function downloadPicture(item, row, scene, settings) {
  const { width, height } = scene.size;
  const longer = Math.max(width, height);
  const scale = Math.min(Math.max(longer, SIDE_MIN), SIDE_MAX) / longer;
  const picture = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const ratio = Math.max(picture.width, picture.height) / 900;
  drawScene(picture.getContext('2d'), scene, { x: 0, y: 0, scale }, settings, ratio);

  const letters = Math.round(15 * ratio);
  const margin = letters;
  const font = (context) => Object.assign(context, { font: `${letters}px system-ui, sans-serif` });
  const lines = captionOf(item, row).flatMap((text) =>
    linesOf(font(picture.getContext('2d')), text, picture.width - 2 * margin));
  const sheet = new OffscreenCanvas(picture.width, Math.round(picture.height + (lines.length * 1.4 + 0.6) * letters + margin));
  const context = font(sheet.getContext('2d'));
  context.fillStyle = '#000000';
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.drawImage(picture, 0, 0);
  context.fillStyle = '#ffffff';
  lines.forEach((line, i) => context.fillText(line, margin, picture.height + margin + letters * (0.6 + 1.4 * i)));
  download(await sheet.convertToBlob({ type: 'image/png' }), nameWith(item.name, `.${row.label.replace(/[^A-Za-z0-9-]/g, '_')}.png`));
}

export function downloadAnswer(item) {
  const text = JSON.stringify(item.reply, null, 2);
  download(new Blob([text], { type: 'application/json' }), nameWith(item.name, '.json'));
}

/** A field of a CSV file. What a spreadsheet would take for a formula has "./" before it, as in `cxrd predict`. */
function field(value) {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `./${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const COLUMNS = ['file', 'kind', 'head', 'label', 'probability', 'logit', 'threshold', 'threshold_source', 'positive',
  'warnings', 'error', 'model', 'version', 'package_sha256'];

function linesOfItem(item) {
  if (item.problem) {
    return [{ file: item.name, error: item.problem.detail || 'The service did not answer.' }];
  }
  const { model } = item.reply;
  return item.rows.map((row) => ({
    ...row,
    file: item.name,
    threshold_source: row.thresholdSource,
    warnings: item.prediction.image.warnings.join(' '),
    model: model.name,
    version: model.version,
    package_sha256: model.package_sha256,
  }));
}

/** The text of a table with a line for each row of each image, those that failed included. */
export function tableOf(items) {
  const lines = items.flatMap(linesOfItem).map((line) => COLUMNS.map((name) => field(line[name] ?? '')).join(','));
  return `${[COLUMNS.join(','), ...lines].join('\r\n')}\r\n`;
}

export function downloadTable(items) {
  const done = items.filter((item) => item.reply || item.problem);
  download(new Blob([tableOf(done)], { type: 'text/csv' }), done.length === 1 ? nameWith(done[0].name, '.csv') : 'cxrd.csv');
}
