/** The part of the page in which pictures are looked at: one pane or two, the tools above, the map's controls below. */
import { announce, byId, element, percent } from './dom.js';
import { Pane } from './pane.js';
import { paletteNames, paletteTable } from './palette.js';
import { contourShares } from './scene.js';
import { MODES, settings } from './settings.js';

const UNSHOWN = 'A browser cannot show this kind of file, and the service gave no picture of it.';
const LEGENDS = {
  colour: () => 'From no weight to the map\'s largest. Two maps cannot be compared by their colours.',
  contour: (values) => {
    const shares = contourShares(values).map((share) => share * 100);
    return shares.length ? `Lines at ${shares.join(', ')} % of the map's largest weight.` : 'All lines are hidden.';
  },
  none: () => 'No map is shown.',
};
const ANOTHER_SIZE = 'The browser and the service read this file at different sizes, so that only places are drawn.';

/** The scene of an item with the map of a row; null while nothing is known of it. */
export function sceneOf(item, row) {
  if (!item?.size) return null;
  const image = item.prediction?.image;
  const fits = !image || !item.picture || item.rendered ||
    (item.picture.width === image.width && item.picture.height === image.height);
  return {
    owner: item,
    size: { width: item.size.width, height: item.size.height },
    picture: fits ? item.picture : null,
    note: fits ? (item.source ? '' : UNSHOWN) : ANOTHER_SIZE,
    region: image?.region ?? null,
    spacing: image?.pixel_spacing_mm ?? null,
    window: item.window,
    map: row?.map ?? null,
  };
}

function captionOf(item, row) {
  if (!row) return item.name;
  const kind = row.kind === 'risk' ? 'risk ' : '';
  return `${item.name}: ${row.label}, ${kind}${percent(row.probability)}${row.map ? '' : ', no map'}`;
}

export class Stage {
  constructor() {
    this.panes = [new Pane('Picture'), new Pane('Second picture')];
    this.other = element('select', { 'aria-label': 'Second picture' });
    this.panes[1].root.append(this.other);
    this.items = [null, null];
    this.rows = [null, null];
    byId('panes').append(this.panes[0].root);
    this.panes.forEach((pane, i) => {
      pane.onMove = () => this.items[1] && this.panes[1 - i].follow(pane);
    });
    this.buildTools();
    this.buildControls();
    settings.listen(() => this.applySettings());
    this.applySettings();
  }

  /**
   * Shows items with the maps of rows, one or two.
   * @param {(import('./item.js').Item | null)[]} items
   * @param {(import('./results.js').Row | undefined)[]} rows
   */
  show(items, rows) {
    this.items = items;
    this.rows = rows;
    const isPair = Boolean(items[1]);
    byId('panes').classList.toggle('pair', isPair);
    const becomesPair = isPair && !this.panes[1].root.isConnected;
    if (becomesPair) byId('panes').append(this.panes[1].root);
    if (!isPair) this.panes[1].root.remove();
    this.panes.forEach((pane, i) => {
      const scene = sceneOf(items[i], rows[i]);
      if (items[i]) pane.show(scene, { caption: captionOf(items[i], rows[i]), note: items[i].prediction ? scene.note : '' });
    });
    if (becomesPair) {
      for (const pane of this.panes) pane.resize();
      this.panes[1].follow(this.panes[0]);
    }
  }

  buildTools() {
    const [pane] = this.panes;
    const actions = {
      'zoom-in': () => pane.zoom(1.25),
      'zoom-out': () => pane.zoom(0.8),
      'zoom-fit': () => pane.fit(),
      'zoom-pixels': () => pane.showPixels(),
      'reset-window': () => this.panes.forEach((each) => each.resetWindow()),
      invert: () => settings.set({ invert: !settings.values.invert }),
      'tool-window': () => this.switchTool(),
      'full-screen': () => this.switchFullScreen(),
    };
    for (const [id, action] of Object.entries(actions)) byId(id).addEventListener('click', action);
    byId('full-screen').hidden = !document.fullscreenEnabled;
    document.addEventListener('fullscreenchange', () => {
      byId('full-screen').setAttribute('aria-pressed', Boolean(document.fullscreenElement));
    });
  }

  switchTool() {
    const tool = this.panes[0].tool === 'window' ? 'pan' : 'window';
    for (const pane of this.panes) {
      pane.tool = tool;
      pane.canvas.classList.toggle('window-tool', tool === 'window');
    }
    byId('tool-window').setAttribute('aria-pressed', tool === 'window');
    announce(tool === 'window' ? 'Dragging changes the greys.' : 'Dragging moves the picture.');
  }

  /** The whole page, so that the intended use stays in sight. */
  switchFullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen();
  }

  buildControls() {
    for (const [mode, name] of Object.entries(MODES)) {
      byId('modes').append(element('label', {}, element('input', { type: 'radio', name: 'mode', value: mode }), ` ${name}`));
    }
    byId('modes').addEventListener('change', (event) => settings.set({ mode: event.target.value }));
    byId('palette').append(...Object.entries(paletteNames).map(([value, name]) => element('option', { value, textContent: name })));
    byId('palette').addEventListener('change', (event) => settings.set({ palette: event.target.value }));
    for (const name of ['opacity', 'floor']) {
      byId(name).addEventListener('input', (event) => settings.set({ [name]: event.target.valueAsNumber }));
    }
    for (const name of ['peak', 'region']) {
      byId(name).addEventListener('change', (event) => settings.set({ [name]: event.target.checked }));
    }
  }

  /** Shows the settings in the controls, and by them. */
  applySettings() {
    const { mode, palette, opacity, floor, peak, region, invert } = settings.values;
    for (const input of byId('modes').querySelectorAll('input')) input.checked = input.value === mode;
    byId('palette').value = palette;
    byId('opacity').value = opacity;
    byId('opacity-value').textContent = `${opacity} %`;
    byId('floor').value = floor;
    byId('floor-value').textContent = `${floor} %`;
    byId('peak').checked = peak;
    byId('region').checked = region;
    byId('invert').setAttribute('aria-pressed', invert);
    byId('legend-text').textContent = LEGENDS[mode](settings.values);
    this.drawLegend(palette);
    for (const pane of this.panes) pane.redraw();
  }

  drawLegend(palette) {
    const image = new ImageData(256, 1);
    const table = paletteTable(palette);
    // As wide as the weight, of which the square root is the colour's place.
    for (let i = 0; i < 256; i++) {
      const level = Math.round(Math.sqrt(i / 255) * 255);
      image.data.set([...table.subarray(level * 3, level * 3 + 3), 255], i * 4);
    }
    byId('legend').getContext('2d').putImageData(image, 0, 0);
  }
}
