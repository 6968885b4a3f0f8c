/** The service's API: requests with the key of this tab, progress, and problems as errors. */

const KEY_NAME = 'cxrd-api-key';
const BUSY_TRIES = 5;
const WAIT_MAX_S = 20;

/** A failed request: what the service said of it (RFC 9457), or that it said nothing (status 0). */
export class Problem extends Error {
  constructor({ status = 0, type = '', title = '', detail = '', instance = '' }, retryAfter = 0) {
    super(detail || title);
    Object.assign(this, { status, kind: type.replace('urn:cxrd:problem:', ''), title, detail, instance, retryAfter });
  }

  /** Whether the same request may be answered in a moment: the service is busy, or the key's quota is used up. */
  get passes() {
    return (this.status === 503 || this.status === 429) && this.retryAfter <= WAIT_MAX_S;
  }
}

/** The API key lives as long as this tab. */
export const key = {
  get: () => sessionStorage.getItem(KEY_NAME) ?? '',
  set: (value) => (value ? sessionStorage.setItem(KEY_NAME, value) : sessionStorage.removeItem(KEY_NAME)),
};

/** A header may hold only these; another key cannot be one of the service's. */
export function isPossibleKey(text) {
  return /^[\x21-\x7e]+$/.test(text);
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

function readBody(exchange) {
  try {
    return JSON.parse(exchange.responseText);
  } catch {
    return null;
  }
}

/** A proxy's refusal may be no problem of the service's. */
function problemOf(exchange) {
  const body = readBody(exchange) ?? {};
  return new Problem({ title: exchange.statusText, ...body, status: exchange.status },
    Number(exchange.getResponseHeader('Retry-After')) || 0);
}

/**
 * One request, relative to the page's address so that it works behind a proxy's path.
 * @param {string} method
 * @param {string} path
 * @param {{body?: FormData, signal?: AbortSignal, onSent?: (share: number) => void}} [options]
 *   onSent hears which share of the body has left, from 0 to 1
 * @returns {Promise<any>} the answer's JSON
 * @throws {Problem}
 */
function request(method, path, { body, signal, onSent } = {}) {
  return new Promise((resolve, reject) => {
    const exchange = new XMLHttpRequest();
    exchange.open(method, new URL(path, document.baseURI));
    // Authorization may be a proxy's own.
    if (key.get()) exchange.setRequestHeader('X-API-Key', key.get());
    exchange.upload.addEventListener('progress', (event) => {
      if (event.lengthComputable) onSent?.(event.loaded / event.total);
    });
    exchange.addEventListener('load', () => {
      const answer = exchange.status === 200 ? readBody(exchange) : null;
      if (answer) resolve(answer);
      else reject(problemOf(exchange));
    });
    exchange.addEventListener('error', () => reject(new Problem({})));
    exchange.addEventListener('abort', () => reject(signal.reason));
    signal?.addEventListener('abort', () => exchange.abort(), { once: true });
    exchange.send(body ?? null);
  });
}

/** The same again while the service says that it is busy, as long as it asks to wait. */
async function persist(method, path, options) {
  for (let tries = 1; ; tries++) {
    try {
      return await request(method, path, options);
    } catch (problem) {
      if (!problem.passes || tries === BUSY_TRIES) throw problem;
      options.onWait();
      await pause(problem.retryAfter || 2, options.signal);
    }
  }
}

/** The models served, the first of which answers by default, and whether they give maps and pictures. */
export function listModels() {
  return request('GET', 'models');
}

/**
 * Findings, risks and the map of every label of one image.
 * @param {File} file
 * @param {{model: object, attention: boolean, render: boolean, signal: AbortSignal, onSent: (share: number) => void,
 *   onWait: () => void}} options
 *   attention: the service gives maps and pictures; render: the answer is to hold the picture, which the browser cannot
 *   show itself; onWait hears that the service is busy and will be asked again
 * @returns {Promise<object>} as PredictResponse of openapi.yaml
 */
export function predict(file, { model, attention, render, signal, onSent, onWait }) {
  const query = new URLSearchParams({ model: model.name });
  if (attention) query.set('attention_for', 'all');
  if (attention && render) query.set('render', 'png');
  if (model.heads.some((head) => head.views === 2)) query.set('views', 'frontal');
  const body = new FormData();
  body.append('image', file, file.name);
  return persist('POST', `predict?${query}`, { body, signal, onSent, onWait });
}
