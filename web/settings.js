/**
 * What a person has chosen, kept in the address behind the "#" so that a link brings it back. It never holds a
 * picture, a file's name or the key.
 */
import { paletteNames } from './palette.js';

export const MODES = { colour: 'Colours', contour: 'Contours', none: 'Picture only' };

const DEFAULTS = {
  model: '',
  finding: '',
  sort: '',
  mode: 'colour',
  palette: 'viridis',
  opacity: 85,
  floor: 10,
  peak: true,
  region: true,
  invert: false,
};

/** Whether a name may have a value; where it has another, it keeps its usual one. */
const CHECKS = {
  mode: (value) => Object.hasOwn(MODES, value),
  palette: (value) => Object.hasOwn(paletteNames, value),
};
const MOST = { opacity: 100, floor: 90 };

function parse(name, text) {
  const usual = DEFAULTS[name];
  if (typeof usual === 'boolean') return text === '1';
  if (typeof usual === 'number') {
    const number = Number(text);
    return Number.isFinite(number) ? Math.min(Math.max(Math.round(number), 0), MOST[name]) : usual;
  }
  return !CHECKS[name] || CHECKS[name](text) ? text.slice(0, 200) : usual;
}

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const read = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS)) if (given.has(name)) read[name] = parse(name, given.get(name));
  return read;
}

function writeAddress(values) {
  const kept = new URLSearchParams();
  for (const [name, usual] of Object.entries(DEFAULTS)) {
    const value = values[name];
    if (value !== usual) kept.set(name, typeof value === 'boolean' ? Number(value) : value);
  }
  const hash = kept.toString();
  history.replaceState(null, '', hash ? `#${hash}` : location.pathname + location.search);
}

/** The settings of this page: read `values`, change them with `set`, hear of changes with `listen`. */
export const settings = {
  values: readAddress(),
  listeners: [],

  set(changes) {
    Object.assign(this.values, changes);
    writeAddress(this.values);
    for (const listener of this.listeners) listener(this.values, Object.keys(changes));
  },

  listen(listener) {
    this.listeners.push(listener);
  },
};

window.addEventListener('hashchange', () => settings.set(readAddress()));
