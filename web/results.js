/** What an answer says of one image, as rows of which a person chooses one. */
import { element, percent } from './dom.js';

/**
 * @typedef {object} Row
 * @property {string} id the same for the same label of other images
 * @property {'finding' | 'risk'} kind
 * @property {string} label
 * @property {string} [head] of a finding
 * @property {number} probability
 * @property {number} logit
 * @property {number} [threshold] of a finding, as thresholdSource, positive and codes
 * @property {string} [thresholdSource]
 * @property {boolean} [positive]
 * @property {{system: string, code: string}[]} [codes]
 * @property {string} [definition] of a risk
 * @property {object | undefined} map its attention map; linear heads have none
 */

function byProbability(a, b) {
  return b.probability - a.probability;
}

/**
 * The rows of a prediction: findings over their thresholds, other findings, risks; each sorted.
 * @param {object} prediction as in openapi.yaml
 * @param {object} model as in openapi.yaml
 * @returns {Row[]}
 */
export function rowsOf(prediction, model) {
  const maps = new Map(prediction.attention_maps.map((map) => [`${map.head}/${map.label}`, map]));
  const findings = prediction.findings.map((finding) => ({
    ...finding,
    id: `${finding.head}/${finding.label}`,
    kind: 'finding',
    thresholdSource: finding.threshold_source,
    map: maps.get(`${finding.head}/${finding.label}`),
  }));
  // Risks come in the order of the heads and their labels, without the head's name.
  const owners = model.heads.filter((head) => head.kind === 'risk')
    .flatMap((head) => head.labels.map((label) => ({ head: head.name, label: label.name })));
  const risks = prediction.risk_scores.map((risk, i) => {
    const owner = owners[i]?.label === risk.name ? owners[i] : undefined;
    const id = `${owner?.head ?? 'risk'}/${risk.name}`;
    return { ...risk, id, kind: 'risk', label: risk.name, map: maps.get(id) };
  });
  return [
    ...findings.filter((row) => row.positive).sort(byProbability),
    ...findings.filter((row) => !row.positive).sort(byProbability),
    ...risks.sort(byProbability),
  ];
}

function rowElement(row, chosen) {
  const bar = element('span', { className: 'bar', 'aria-hidden': 'true' }, element('span', { className: 'bar-fill' }));
  bar.style.setProperty('--share', row.probability);
  if (row.kind === 'finding') {
    const tick = element('span', { className: 'bar-tick' });
    tick.style.setProperty('--share', row.threshold);
    bar.append(tick);
  }
  const threshold = row.kind === 'finding' ? `threshold ${percent(row.threshold)}` : '';
  return element('label', { className: `row ${row.kind}${row.positive ? ' positive' : ''}`, title: threshold },
    element('input', { type: 'radio', name: 'finding', value: row.id, checked: row.id === chosen }),
    element('span', { className: 'row-label', textContent: row.label }),
    element('span', { className: 'row-value', textContent: percent(row.probability) }),
    element('span', { className: 'visually-hidden', textContent: threshold && `, ${threshold}` }),
    bar);
}

function group(title, rows, chosen, note) {
  if (!rows.length) return null;
  return element('fieldset', { className: 'rows' }, element('legend', { textContent: title }),
    note ? element('p', { className: 'quiet', textContent: note }) : null,
    ...rows.map((row) => rowElement(row, chosen)));
}

const UNSET = 'default';
const UNSET_NOTE = 'Nobody has set the thresholds of some of these labels: they are 0.5, and being over one means little.';

/**
 * Writes the rows into `root` as one group of radio buttons, through which the arrow keys move.
 * @param {HTMLElement} root
 * @param {Row[]} rows
 * @param {string} chosen the id of the chosen row
 * @param {{onChoose: (id: string) => void, onPreview: (id: string | null) => void}} listeners
 *   onPreview hears the row under the pointer, null when there is none any more
 */
export function showRows(root, rows, chosen, { onChoose, onPreview }) {
  const findings = rows.filter((row) => row.kind === 'finding');
  const note = findings.some((row) => row.thresholdSource === UNSET) ? UNSET_NOTE : '';
  const positive = findings.filter((row) => row.positive);
  const groups = [
    group('Over the threshold', positive, chosen, note),
    group('Under the threshold', findings.filter((row) => !row.positive), chosen, positive.length ? '' : note),
    group('Risks', rows.filter((row) => row.kind === 'risk'), chosen, 'A risk is a score; no threshold judges it.'),
  ];
  root.replaceChildren(...groups.filter(Boolean));
  root.onchange = (event) => onChoose(event.target.value);
  root.onpointerover = (event) => {
    if (event.pointerType !== 'mouse') return;
    onPreview(event.target.closest('.row')?.querySelector('input').value ?? null);
  };
  root.onpointerleave = () => onPreview(null);
}

/** Checks the chosen row without writing all anew, so that the focus stays. */
export function markRow(root, chosen) {
  for (const input of root.querySelectorAll('input')) input.checked = input.value === chosen;
}

function noteOnMap(row, withheld) {
  if (!row.map) return withheld ? 'This service gives no attention maps.' : 'The head of this label is linear and has no attention map.';
  if (row.kind === 'finding' && !row.positive) {
    return 'The model holds this finding for absent; its map still has a brightest place, since each is stretched to its own largest weight.';
  }
  return 'The map shows where the model looked for this label, stretched to its own largest weight. It is not a border of what is there.';
}

/**
 * Writes what is to be said of one row into `root`.
 * @param {HTMLElement} root
 * @param {Row} row
 * @param {boolean} withheld the service gives no maps of any row
 */
export function showDetail(root, row, withheld) {
  const facts = [['Probability', `${percent(row.probability)} (logit ${row.logit.toFixed(3)})`]];
  if (row.calibration) facts.push(['Calibration', `scale ${row.calibration.scale}, offset ${row.calibration.offset}`]);
  if (row.kind === 'finding') {
    facts.push(['Threshold', `${percent(row.threshold)}, ${row.thresholdSource === UNSET ? 'set by nobody' : row.thresholdSource}`]);
  }
  if (row.definition) facts.push(['Definition', row.definition]);
  if (row.codes?.length) facts.push(['Codes', row.codes.map(({ system, code }) => `${system} ${code}`).join(', ')]);
  if (row.map) facts.push(['Peak', `x ${Math.round(row.map.peak.x)}, y ${Math.round(row.map.peak.y)}`]);
  root.replaceChildren(
    element('h3', { textContent: row.label }),
    element('dl', {}, ...facts.flatMap(([name, text]) => [
      element('dt', { textContent: name }), element('dd', { textContent: text }),
    ])),
    element('p', { className: 'quiet', textContent: noteOnMap(row, withheld) }));
  root.hidden = false;
}

/** Writes what a reader should know before believing any number: input quality and warnings. */
export function showCautions(root, prediction) {
  const { input_quality: quality, image } = prediction;
  const said = [];
  if (quality) {
    const reasons = quality.reasons.map((reason) => element('li', { textContent: reason.detail }));
    said.push(element('div', { className: quality.acceptable ? 'caution good' : 'caution bad' },
      element('h3', { textContent: `Input quality${quality.score === null ? '' : ` ${percent(quality.score)}`}: ${quality.acceptable ? 'acceptable' : 'not acceptable'}` }),
      reasons.length ? element('ul', {}, ...reasons) : null));
  }
  const notes = [...image.warnings];
  if (prediction.views === 'frontal') notes.push('Heads of two views read this one image as both views.');
  if (notes.length) {
    said.push(element('div', { className: 'caution' }, element('h3', { textContent: notes.length === 1 ? 'Warning' : 'Warnings' }),
      element('ul', {}, ...notes.map((textContent) => element('li', { textContent })))));
  }
  root.replaceChildren(...said);
}

/** What the file and the model are, as pairs. */
export function factsOf(reply, prediction) {
  const { image } = prediction;
  const known = [
    ['File', image.id],
    ['Format', `${image.format.toUpperCase()}, ${image.width} × ${image.height}`],
    ['Read as', image.dicom_profile ? `${image.profile}, DICOM by ${image.dicom_profile}` : image.profile],
    ['Modality', image.modality],
    ['View', image.view_position],
    ['Pixel spacing', image.pixel_spacing_mm?.map((value) => `${value} mm`).join(' × ')],
    ['Window', image.window && `centre ${image.window.centre}, width ${image.window.width}`],
    ['Model', `${reply.model.name} ${reply.model.version}`],
    ['Package', reply.model.package_sha256],
    ['Time', `${Math.round(reply.timing_ms.total)} ms`],
    ['Request', reply.request_id],
  ];
  return known.filter(([, text]) => text);
}
