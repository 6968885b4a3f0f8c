/**
 * Files as pictures that a browser can draw. The service reads pixels as they are stored: it turns nothing by an
 * EXIF orientation and applies no colour profile. So what would make a browser do either is cut out of the file
 * before it is decoded; else maps would lie in the wrong place.
 */

const PNG_BEGIN = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const PNG_KEPT = new Set(['IHDR', 'PLTE', 'IDAT', 'IEND']);
const PNG_HEAD_BYTES = 33;
/** Grey, RGB and palette: the colour types without transparency. */
const PNG_OPAQUE = new Set([0, 2, 3]);
const LEVEL_SIDE_MIN = 512;

function beginsWith(bytes, beginning) {
  return beginning.every((value, i) => bytes[i] === value);
}

/** The parts of a PNG that decide its pixels; null when it has over 8 bits or a transparency, or is none. */
function plainPng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < PNG_HEAD_BYTES || view.getUint8(24) > 8 || !PNG_OPAQUE.has(view.getUint8(25))) return null;
  const parts = [bytes.subarray(0, 8)];
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 12 + view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === 'tRNS') return null;
    if (PNG_KEPT.has(kind)) parts.push(bytes.subarray(at, end));
    if (kind === 'IEND') return parts;
    at = end;
  }
  return null;
}

/** The parts of a JPEG without what applications wrote (APP1 to APP13, APP15); null when it is none of 8 bits. */
function plainJpeg(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [bytes.subarray(0, 2)];
  for (let at = 2; at + 4 <= bytes.length;) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff) return null;
    if (marker === 0xff) {
      at++; // fill
      continue;
    }
    if (marker === 0xda) return [...parts, bytes.subarray(at)];
    const end = at + 2 + view.getUint16(at + 2);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    // A progressive, arithmetic or lossless frame that a browser cannot decode fails there.
    if (isFrame && (bytes[at + 4] !== 8 || ![1, 3].includes(bytes[at + 9]))) return null;
    const isNote = marker >= 0xe1 && marker <= 0xef && marker !== 0xee; // APP14 says how colours are coded
    if (!isNote) parts.push(bytes.subarray(at, end));
    at = end;
  }
  return null;
}

/**
 * @param {Blob} file
 * @returns {Promise<Blob | null>} what a browser decodes to the pixels that the service reads; null when that
 *   needs the service's own decoder: DICOM, over 8 bits, transparency, or anything else
 */
export async function drawable(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (beginsWith(bytes, PNG_BEGIN)) {
    const parts = plainPng(bytes);
    return parts && new Blob(parts, { type: 'image/png' });
  }
  if (beginsWith(bytes, [0xff, 0xd8, 0xff])) {
    const parts = plainJpeg(bytes);
    return parts && new Blob(parts, { type: 'image/jpeg' });
  }
  return null;
}

/**
 * A picture and its halves, so that a large one is drawn small without a flicker and at once.
 * @typedef {{width: number, height: number, levels: ImageBitmap[], closed: boolean}} Picture
 */

/**
 * @param {Blob} blob
 * @returns {Promise<Picture | null>} null when the browser cannot decode it
 */
export async function decode(blob) {
  try {
    const whole = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
    const levels = [whole];
    for (;;) {
      const last = levels.at(-1);
      if (Math.max(last.width, last.height) < 2 * LEVEL_SIDE_MIN) break;
      levels.push(await createImageBitmap(last, {
        resizeWidth: Math.max(last.width >> 1, 1),
        resizeHeight: Math.max(last.height >> 1, 1),
        resizeQuality: 'medium',
      }));
    }
    return { width: whole.width, height: whole.height, levels, closed: false };
  } catch {
    return null;
  }
}

/** A PNG that stands as base64 in an answer. */
export function fromBase64(text) {
  return new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type: 'image/png' });
}

/** The smallest level that has at least `width` pixels across. */
export function levelFor(picture, width) {
  return picture.levels.findLast((level) => level.width >= width) ?? picture.levels[0];
}
