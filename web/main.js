/** The page's beginning: the service's models and key, the images that a person brings, and what is shown of them. */
import { announce, byId, element, percent } from './dom.js';
import { downloadAnswer, downloadPicture, downloadTable } from './exports.js';
import { Item } from './item.js';
import { Panel, showProblem } from './panel.js';
import { Problem, isPossibleKey, key, listModels } from './service.js';
import { settings } from './settings.js';
import { Stage, sceneOf } from './stage.js';
import { Strip, sorted } from './strip.js';

const AT_ONCE = 2;
const LOADING_PAUSE_MS = 2000;
/** Drawings that come with the program, for the model that knows them. */
const SAMPLES = {
  phantom: [
    ['pneumothorax.png', 'Pneumothorax'],
    ['effusion_cardiomegaly.jpg', 'Effusion, large heart'],
    ['mass_rib_fracture.png', 'Mass, rib fracture'],
    ['edema_effusion.dcm', 'Edema, effusion (DICOM)'],
    ['normal.png', 'Normal'],
  ],
};

const state = { models: [], model: null, attention: true, items: [], chosen: null, other: null, sideBySide: false, preview: null };
const stage = new Stage();
const strip = new Strip(choose);
const panel = new Panel({
  onChoose: (finding) => settings.set({ finding }),
  onPreview: (id) => {
    state.preview = id;
    showStage();
  },
  onRetry: () => queue(state.chosen),
  onKey: openKey,
});

/** The row whose map is shown of an image: the one under the pointer, the chosen one, or the first. */
function rowOf(item, withPreview = true) {
  if (!item) return undefined;
  return (withPreview && state.preview && item.row(state.preview)) || item.row(settings.values.finding) || item.rows[0];
}

function showStage() {
  const row = rowOf(state.chosen);
  const other = state.sideBySide ? state.other : null;
  stage.show([state.chosen, other], [row, other?.row(row?.id) ?? rowOf(other)]);
}

/** Shows what has changed, once before the next frame. */
let frame;
function refresh() {
  frame ??= requestAnimationFrame(() => {
    frame = undefined;
    show();
  });
}

function show() {
  const some = state.items.length > 0;
  const losesFocus = some && byId('start').contains(document.activeElement);
  byId('start').hidden = some;
  byId('viewer').hidden = !some;
  for (const id of ['add', 'clear']) byId(id).hidden = !some;
  if (!some) return;
  if (losesFocus) byId('panel-title').focus({ preventScroll: true });
  byId('side-by-side').hidden = state.items.length < 2;
  byId('side-by-side').setAttribute('aria-pressed', state.sideBySide);
  strip.show(state.items, state.chosen);
  panel.show(state.chosen, rowOf(state.chosen, false));
  stage.other.replaceChildren(...state.items.filter((item) => item !== state.chosen).map((item) =>
    element('option', { value: item.id, textContent: item.name, selected: item === state.other })));
  showStage();
}

function choose(item) {
  state.chosen = item;
  state.preview = null;
  if (state.other === item || !state.other) state.other = state.items.find((each) => each !== item) ?? null;
  holdPictures();
  refresh();
}

/** Pictures are kept of what is shown, and decoded anew of what is shown again. */
function holdPictures() {
  for (const item of state.items) {
    const shown = item === state.chosen || (state.sideBySide && item === state.other);
    if (shown !== item.wanted) item.want(shown).then(refresh);
  }
}

/** Says to who cannot see it what came of an image. */
function announceResult(item) {
  if (item.state === 'failed') {
    announce(`${item.name} failed: ${item.problem.detail || 'the service did not answer.'}`);
  } else if (item.state === 'done') {
    const positive = item.rows.filter((row) => row.positive).map((row) => `${row.label} ${percent(row.probability)}`);
    announce(`${item.name}: ${positive.length ? `over the threshold: ${positive.join(', ')}` : 'nothing over its threshold'}.`);
  }
}

/** Images wait here for their turn, so that one person does not take all of a service. */
const waiting = [];
let running = 0;

function queue(...items) {
  for (const item of items) {
    item.reset();
    if (!waiting.includes(item)) waiting.push(item);
  }
  refresh();
  work();
}

async function work() {
  while (running < AT_ONCE && waiting.length && state.model) {
    running++;
    const item = waiting.shift();
    item.analyse(state, refresh).finally(() => {
      running--;
      if (item === state.chosen) announceResult(item);
      refresh();
      work();
    });
  }
}

function add(files) {
  if (!files.length) return;
  if (state.model) hideServiceProblem();
  const items = [...files].map((file) => new Item(file));
  state.items.push(...items);
  if (!state.chosen) choose(items[0]);
  else choose(items.length === 1 ? items[0] : state.chosen);
  announce(items.length === 1 ? `${items[0].name} is being sent.` : `${items.length} images are being sent.`);
  queue(...items);
}

function clear() {
  waiting.length = 0;
  for (const item of state.items) {
    item.reset();
    item.want(false);
  }
  Object.assign(state, { items: [], chosen: null, other: null, sideBySide: false });
  show();
  byId('choose').focus();
}

async function addSample(name) {
  try {
    const answer = await fetch(`page/${name}`);
    add([new File([await answer.blob()], name)]);
  } catch {
    showServiceProblem(new Problem({}), () => addSample(name));
  }
}

/** Says what is wrong with the service itself, once while it stays the same. */
let saidOfService;
function showServiceProblem(problem, onRetry) {
  byId('service-state').hidden = false;
  if (saidOfService === problem.detail) return;
  saidOfService = problem.detail;
  showProblem(byId('service-alert'), problem, { onRetry, onKey: openKey });
}

function hideServiceProblem() {
  byId('service-state').hidden = true;
  saidOfService = undefined;
}

function showSamples() {
  const samples = SAMPLES[state.model.name] ?? [];
  byId('samples').hidden = !samples.length;
  byId('sample-list').replaceChildren(...samples.map(([name, title]) => {
    const picture = name.endsWith('.dcm') ? element('span', { className: 'sample-file', textContent: 'DICOM', 'aria-hidden': 'true' }) :
      element('img', { src: `page/${name}`, alt: '', width: 96, height: 96 });
    return element('li', {}, element('button', { type: 'button', className: 'sample', onclick: () => addSample(name) },
      picture, element('span', { textContent: title })));
  }));
}

function useModel(name) {
  state.model = state.models.find((model) => model.name === name) ?? state.models[0];
  byId('model').value = state.model.name;
  byId('intended-use').textContent = state.model.intended_use;
  showSamples();
  if (state.items.length) queue(...state.items);
  work();
}

/** Asks for the models until the service has them. */
async function connect() {
  try {
    Object.assign(state, await listModels());
  } catch (problem) {
    showServiceProblem(problem, connect);
    if (problem.status === 401) openKey();
    if (problem.passes) setTimeout(connect, LOADING_PAUSE_MS);
    return;
  }
  hideServiceProblem();
  byId('model').replaceChildren(...state.models.map(({ name, version }) =>
    element('option', { value: name, textContent: `${name} ${version}` })));
  byId('model-choice').hidden = state.models.length < 2;
  byId('map-controls').hidden = !state.attention;
  useModel(settings.values.model);
}

function openKey() {
  byId('key').value = key.get();
  byId('key-error').textContent = '';
  byId('key-forget').hidden = !key.get();
  byId('key-dialog').showModal();
}

function useKey(text) {
  key.set(text);
  byId('key-dialog').close();
  const failed = state.items.filter((item) => item.state === 'failed');
  if (state.models.length) queue(...failed);
  else connect();
}

function listenToKey() {
  byId('open-key').hidden = !key.get();
  byId('open-key').addEventListener('click', openKey);
  byId('key-cancel').addEventListener('click', () => byId('key-dialog').close());
  byId('key-forget').addEventListener('click', () => useKey(''));
  byId('key-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = byId('key').value.trim();
    if (isPossibleKey(text)) useKey(text);
    else byId('key-error').textContent = 'A key has letters, digits and signs, and no spaces.';
  });
}

function listenToFiles() {
  const input = byId('files');
  for (const id of ['choose', 'add']) byId(id).addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    add([...input.files]);
    input.value = '';
  });
  document.addEventListener('paste', (event) => add([...event.clipboardData.files]));
  let depth = 0; // of elements entered and not left
  const over = (change) => {
    depth = Math.max(depth + change, 0);
    document.body.classList.toggle('dragging', depth > 0);
  };
  document.addEventListener('dragenter', () => over(1));
  document.addEventListener('dragleave', () => over(-1));
  document.addEventListener('dragover', (event) => event.preventDefault());
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    over(-depth);
    add([...event.dataTransfer.files]);
  });
}

function listenToViewer() {
  byId('clear').addEventListener('click', clear);
  byId('model').addEventListener('change', (event) => settings.set({ model: event.target.value }));
  byId('side-by-side').addEventListener('click', () => {
    state.sideBySide = !state.sideBySide;
    holdPictures();
    refresh();
  });
  stage.other.addEventListener('change', (event) => {
    state.other = state.items.find((item) => item.id === event.target.value);
    holdPictures();
    refresh();
  });
  byId('download-png').addEventListener('click', () => {
    const row = rowOf(state.chosen, false);
    downloadPicture(state.chosen, row, sceneOf(state.chosen, row), settings.values);
  });
  byId('download-json').addEventListener('click', () => downloadAnswer(state.chosen));
  byId('download-csv').addEventListener('click', () => downloadTable(sorted(state.items, settings.values.sort)));
  settings.listen((values, changed) => {
    if (changed.includes('model') && values.model !== state.model?.name && state.models.length) useModel(values.model);
    refresh();
  });
}

// What sticks below the header has to know how tall that is.
new ResizeObserver(([{ target }]) => {
  document.documentElement.style.setProperty('--top-height', `${target.offsetHeight}px`);
}).observe(byId('top'));

listenToKey();
listenToFiles();
listenToViewer();
connect();
