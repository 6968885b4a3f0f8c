/** A canvas in which a picture is looked at: zoom, pan, window and level, by pointer and by keyboard. */
import { element } from './dom.js';
import { defaultWindow, drawScene } from './scene.js';
import { settings } from './settings.js';

const ZOOM_MAX = 32;
const ZOOM_STEP = 1.25;
const PAN_STEP = 48;
const WINDOW_STEP = 10;
const WINDOW_WIDTH_MIN = 2;
const WINDOW_WIDTH_MAX = 510;
const KEYS_TEXT = 'Arrow keys move the picture, plus and minus zoom, 0 fits it, 1 shows it pixel by pixel, I inverts it, ' +
  'arrow keys with Shift change the greys, W resets them.';

function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

export class Pane {
  /** @param {string} name how screen readers call it */
  constructor(name) {
    this.name = name;
    this.canvas = element('canvas', { tabIndex: 0, role: 'application', className: 'pane-canvas' });
    this.note = element('p', { className: 'pane-note', hidden: true });
    this.caption = element('p', { className: 'pane-caption' });
    this.root = element('div', { className: 'pane' }, this.canvas, this.note, this.caption);
    this.context = this.canvas.getContext('2d');
    this.scene = null;
    this.tool = 'pan';
    this.pointers = new Map();
    this.onMove = null;
    this.listen();
  }

  /**
   * Shows a scene; the view stays where it was when the picture is the same.
   * @param {import('./scene.js').Scene | null} scene
   * @param {{caption: string, note?: string}} texts
   */
  show(scene, { caption, note = '' }) {
    const another = scene?.size.width !== this.scene?.size.width || scene?.size.height !== this.scene?.size.height ||
      scene?.owner !== this.scene?.owner;
    this.scene = scene;
    this.caption.textContent = caption;
    this.note.textContent = note;
    this.note.hidden = !note;
    this.canvas.setAttribute('aria-label', `${this.name}: ${caption}. ${KEYS_TEXT}`);
    if (another) this.placeWhole();
    else this.redraw();
  }

  /** Draws before the next frame, once however often it is asked. */
  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (this.scene && this.place) drawScene(this.context, this.scene, this.place, settings.values, this.ratio);
      else this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    });
  }

  get ratio() {
    return window.devicePixelRatio || 1;
  }

  get fittingScale() {
    const { width, height } = this.scene.size;
    return Math.min(this.canvas.width / width, this.canvas.height / height);
  }

  placeWhole() {
    this.fitted = true;
    if (this.scene) {
      const { width, height } = this.scene.size;
      const scale = this.fittingScale;
      this.place = { scale, x: (this.canvas.width - width * scale) / 2, y: (this.canvas.height - height * scale) / 2 };
    }
    this.redraw();
  }

  fit() {
    this.placeWhole();
    this.moved();
  }

  /** A person moved the picture. */
  moved() {
    this.redraw();
    this.onMove?.(this);
  }

  /** Puts the middle of the picture where another pane has it: what lies there, and how large beside fitting. */
  follow(other) {
    if (!this.scene || !other.scene) return;
    const share = this.middle(other);
    const scale = this.fittingScale * (other.place.scale / other.fittingScale);
    this.fitted = other.fitted;
    this.place = {
      scale,
      x: this.canvas.width / 2 - share.x * this.scene.size.width * scale,
      y: this.canvas.height / 2 - share.y * this.scene.size.height * scale,
    };
    this.redraw();
  }

  middle({ canvas, place, scene }) {
    return {
      x: (canvas.width / 2 - place.x) / place.scale / scene.size.width,
      y: (canvas.height / 2 - place.y) / place.scale / scene.size.height,
    };
  }

  /** Zooms about a point of the canvas, its middle by default. */
  zoom(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    if (!this.place) return;
    const scale = clamp(this.place.scale * factor, this.fittingScale / 2, Math.max(ZOOM_MAX, this.fittingScale));
    const change = scale / this.place.scale;
    this.place = { scale, x: x - (x - this.place.x) * change, y: y - (y - this.place.y) * change };
    this.fitted = false;
    this.moved();
  }

  /** One pixel of the picture is one of the screen. */
  showPixels() {
    if (this.place) this.zoom(1 / this.place.scale);
  }

  pan(dx, dy) {
    if (!this.place) return;
    const { width, height } = this.scene.size;
    const { scale } = this.place;
    this.place.x = clamp(this.place.x + dx, this.canvas.width / 2 - width * scale, this.canvas.width / 2);
    this.place.y = clamp(this.place.y + dy, this.canvas.height / 2 - height * scale, this.canvas.height / 2);
    this.fitted = false;
    this.moved();
  }

  /** To the right the window grows wider, upwards it moves to brighter greys. */
  changeWindow(dx, dy) {
    if (!this.scene) return;
    const shown = this.scene.window;
    shown.width = Math.round(clamp(shown.width + dx, WINDOW_WIDTH_MIN, WINDOW_WIDTH_MAX));
    shown.centre = clamp(shown.centre - dy, 0, 255);
    this.moved();
  }

  resetWindow() {
    if (this.scene) Object.assign(this.scene.window, defaultWindow());
    this.moved();
  }

  listen() {
    const { canvas } = this;
    new ResizeObserver(() => this.resize()).observe(canvas);
    canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    canvas.addEventListener('pointerdown', (event) => this.pointerDown(event));
    canvas.addEventListener('pointermove', (event) => this.pointerMove(event));
    for (const kind of ['pointerup', 'pointercancel']) {
      canvas.addEventListener(kind, (event) => this.pointers.delete(event.pointerId));
    }
    canvas.addEventListener('contextmenu', (event) => event.preventDefault());
    canvas.addEventListener('dblclick', () => this.fit());
    canvas.addEventListener('keydown', (event) => this.keyDown(event));
  }

  resize() {
    const width = Math.round(this.canvas.clientWidth * this.ratio);
    const height = Math.round(this.canvas.clientHeight * this.ratio);
    if (width === this.canvas.width && height === this.canvas.height) return;
    const before = this.place && this.scene && !this.fitted ? this.middle(this) : null;
    this.canvas.width = width;
    this.canvas.height = height;
    if (!before) {
      this.placeWhole();
      return;
    }
    this.place.x = width / 2 - before.x * this.scene.size.width * this.place.scale;
    this.place.y = height / 2 - before.y * this.scene.size.height * this.place.scale;
    this.redraw();
  }

  wheel(event) {
    if (!this.place) return;
    event.preventDefault();
    const box = this.canvas.getBoundingClientRect();
    this.zoom(Math.exp(-clamp(event.deltaY, -200, 200) / 400), (event.clientX - box.left) * this.ratio,
      (event.clientY - box.top) * this.ratio);
  }

  pointerDown(event) {
    this.canvas.setPointerCapture(event.pointerId);
    const changesWindow = this.tool === 'window' || event.button === 2 || event.shiftKey;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, changesWindow });
  }

  pointerMove(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last || !this.place) return;
    const before = this.spread();
    const dx = event.clientX - last.x;
    const dy = event.clientY - last.y;
    last.x = event.clientX;
    last.y = event.clientY;
    if (this.pointers.size > 1) {
      const after = this.spread();
      const box = this.canvas.getBoundingClientRect();
      this.pan((after.x - before.x) * this.ratio, (after.y - before.y) * this.ratio);
      this.zoom(after.distance / before.distance, (after.x - box.left) * this.ratio, (after.y - box.top) * this.ratio);
    } else if (last.changesWindow) {
      this.changeWindow(dx, dy);
    } else {
      this.pan(dx * this.ratio, dy * this.ratio);
    }
  }

  /** Where the first two fingers are, and how far apart. */
  spread() {
    const [a, b = a] = [...this.pointers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, distance: Math.hypot(a.x - b.x, a.y - b.y) || 1 };
  }

  keyDown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = (x, y) => (event.shiftKey ? this.changeWindow(x * WINDOW_STEP, y * WINDOW_STEP) :
      this.pan(-x * PAN_STEP * this.ratio, -y * PAN_STEP * this.ratio));
    const actions = {
      ArrowLeft: () => move(-1, 0),
      ArrowRight: () => move(1, 0),
      ArrowUp: () => move(0, -1),
      ArrowDown: () => move(0, 1),
      '+': () => this.zoom(ZOOM_STEP),
      '=': () => this.zoom(ZOOM_STEP),
      '-': () => this.zoom(1 / ZOOM_STEP),
      0: () => this.fit(),
      1: () => this.showPixels(),
      i: () => settings.set({ invert: !settings.values.invert }),
      w: () => this.resetWindow(),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}
