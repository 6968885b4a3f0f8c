/** The images of a session as a strip of thumbnails, in the order of a finding where one is chosen. */
import { byId, element, percent } from './dom.js';
import { settings } from './settings.js';

const STATES = { waiting: 'waiting', sending: 'being sent', working: 'being read', failed: 'failed' };

/** Items in the order that the settings ask for: those with the highest probability first, those without one last. */
export function sorted(items, sort) {
  if (!sort) return items;
  const value = (item) => item.row(sort)?.probability ?? -1;
  return [...items].sort((a, b) => value(b) - value(a));
}

function describe(item, sort) {
  if (item.state !== 'done') return STATES[item.state];
  const row = item.row(sort) ?? item.rows[0];
  return row ? `${percent(row.probability)} ${row.label}` : 'no findings';
}

function drawThumbnail(canvas, item) {
  const { thumbnail } = item;
  if (!thumbnail || canvas.dataset.drawn) return;
  canvas.width = thumbnail.width;
  canvas.height = thumbnail.height;
  canvas.getContext('2d').drawImage(thumbnail, 0, 0);
  canvas.dataset.drawn = 'yes';
}

export class Strip {
  /** @param {(item: import('./item.js').Item) => void} onChoose */
  constructor(onChoose) {
    this.entries = new Map();
    this.onChoose = onChoose;
    byId('sort').addEventListener('change', (event) => settings.set({ sort: event.target.value }));
  }

  entryOf(item) {
    if (!this.entries.has(item)) {
      const input = element('input', { type: 'radio', name: 'image', value: item.id });
      const canvas = element('canvas', { width: 1, height: 1, 'aria-hidden': 'true' });
      const text = element('span', { className: 'thumbnail-text' });
      const root = element('label', { className: 'thumbnail', title: item.name }, input, canvas,
        element('span', { className: 'thumbnail-name', textContent: item.name }), text);
      input.addEventListener('change', () => this.onChoose(item));
      this.entries.set(item, { root, input, canvas, text });
    }
    return this.entries.get(item);
  }

  /**
   * @param {import('./item.js').Item[]} items
   * @param {import('./item.js').Item} chosen
   */
  show(items, chosen) {
    byId('strip').hidden = items.length < 2;
    this.showOrders(items);
    const order = sorted(items, settings.values.sort);
    const roots = order.map((item) => {
      const { root, input, canvas, text } = this.entryOf(item);
      input.checked = item === chosen;
      root.dataset.state = item.state;
      root.classList.toggle('positive', item.rows.some((row) => row.positive && row.id === (settings.values.sort || item.rows[0].id)));
      text.textContent = describe(item, settings.values.sort);
      drawThumbnail(canvas, item);
      return root;
    });
    for (const item of this.entries.keys()) if (!items.includes(item)) this.entries.delete(item);
    // Moving what is in its place already would take the focus from it.
    const list = byId('thumbnails');
    const focused = document.activeElement;
    if (roots.some((root, i) => list.children[i] !== root) || list.children.length !== roots.length) {
      list.replaceChildren(...roots);
      if (list.contains(focused)) focused.focus();
    }
  }

  showOrders(items) {
    const rows = items.find((item) => item.rows.length)?.rows ?? [];
    const options = [['', 'As added'], ...rows.map((row) => [row.id, row.label]).sort((a, b) => a[1].localeCompare(b[1]))];
    const select = byId('sort');
    const wanted = options.map(([value]) => value).join('\n');
    if (select.dataset.options !== wanted) {
      select.replaceChildren(...options.map(([value, textContent]) => element('option', { value, textContent })));
      select.dataset.options = wanted;
    }
    select.value = options.some(([value]) => value === settings.values.sort) ? settings.values.sort : '';
  }
}
