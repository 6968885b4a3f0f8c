/** The results of the chosen image: progress, problem, cautions, findings, detail, facts. */
import { byId, element } from './dom.js';
import { explain } from './problems.js';
import { factsOf, markRow, showCautions, showDetail, showRows } from './results.js';

const PROGRESS = {
  waiting: 'Waiting for its turn',
  sending: 'Sending the picture',
  working: 'The model is reading the picture',
};

/** Writes a problem in plain words, with a button for what can be done about it at once. */
export function showProblem(root, problem, { onRetry, onKey }) {
  const { title, detail, advice, reference } = explain(problem);
  const asksForKey = problem.status === 401 || problem.status === 403;
  const button = asksForKey ?
    element('button', { type: 'button', textContent: 'Enter a key', onclick: onKey }) :
    element('button', { type: 'button', textContent: 'Try again', onclick: onRetry });
  root.replaceChildren(
    element('h3', { textContent: title }),
    element('p', { textContent: detail }),
    element('p', { textContent: advice }),
    button,
    ...(reference ? [element('p', { className: 'quiet reference', textContent: reference })] : []));
  root.hidden = false;
  if (asksForKey) byId('open-key').hidden = false;
}

export class Panel {
  /** @param {{onChoose: Function, onPreview: Function, onRetry: Function, onKey: Function}} listeners */
  constructor(listeners) {
    this.listeners = listeners;
    this.shown = null;
  }

  /**
   * @param {import('./item.js').Item} item
   * @param {import('./results.js').Row | undefined} row the chosen one
   */
  show(item, row) {
    byId('panel-title').textContent = item.name;
    this.showProgress(item);
    byId('problem').hidden = !item.problem;
    if (item.problem && this.shown !== item.problem) showProblem(byId('problem'), item.problem, this.listeners);
    if (!item.prediction) this.clear();
    else if (this.shown !== item.prediction) this.write(item, row);
    else markRow(byId('findings'), row?.id);
    this.shown = item.prediction ?? item.problem;
    if (row) showDetail(byId('detail'), row, item.withheld);
  }

  showProgress(item) {
    const text = PROGRESS[item.state];
    byId('progress-box').hidden = !text;
    if (!text) return;
    byId('progress-text').textContent = text;
    if (item.state === 'sending' && item.sent > 0) byId('progress').value = item.sent;
    else byId('progress').removeAttribute('value');
  }

  clear() {
    for (const id of ['cautions', 'findings', 'detail']) byId(id).replaceChildren();
    for (const id of ['detail', 'downloads', 'facts']) byId(id).hidden = true;
  }

  write(item, row) {
    showCautions(byId('cautions'), item.prediction);
    showRows(byId('findings'), item.rows, row?.id, this.listeners);
    byId('fact-list').replaceChildren(...factsOf(item.reply, item.prediction).flatMap(([name, text]) => [
      element('dt', { textContent: name }), element('dd', { textContent: text }),
    ]));
    byId('detail').hidden = !row;
    byId('downloads').hidden = false;
    byId('facts').hidden = false;
  }
}
