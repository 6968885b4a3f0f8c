/** What went wrong in plain words, and what to do about it. */

/** By the problem's kind, then by its status. */
const ADVICE = {
  'switched-off': 'Reload the page: the service gives no maps and pictures any more.',
  'another-model': 'Reload the page.',
  'no-heads': 'Choose another model above, or ask whoever runs the service to add a head to this one.',
  unauthorized: 'Enter the key that you were given for this service.',
  forbidden: 'Check the key for missing characters, or ask whoever runs the service for a new one.',
  'too-many-requests': 'Wait a moment, then try again; or ask for a higher quota.',
  'too-large': 'Send a smaller file or a smaller picture.',
  'unsupported-media': 'Save the picture as PNG, JPEG or DICOM and choose it again.',
  unprocessable: 'Choose another file, or make this one again from its source.',
  'not-finite': 'Choose another picture; if it happens with others, tell whoever runs the service.',
  unreadable: 'Choose it again; it may have been moved or changed since.',
  timeout: 'Try again; if it stays slow, tell whoever runs the service.',
  'request-timeout': 'The connection is slow. Try again, or send a smaller file.',
};
const ADVICE_BY_STATUS = {
  0: 'Check your connection and that the service runs, then try again.',
  400: 'Try again; if it happens again, reload the page.',
  413: ADVICE['too-large'],
  502: 'Try again in a moment; the service behind the proxy may be starting.',
  503: 'Try again in a moment.',
  504: ADVICE.timeout,
};
/** Said in place of the service's own sentence, which speaks to programs. */
const DETAIL = { unauthorized: 'This service answers only those who have a key.' };
const SILENT = 'The service did not answer.';

/**
 * @param {import('./service.js').Problem} problem
 * @returns {{title: string, detail: string, advice: string, reference: string}} reference: how the log calls it
 */
export function explain(problem) {
  const said = DETAIL[problem.kind] ?? problem.detail;
  const detail = problem.status ? said || `The service answered with ${problem.status}.` : SILENT;
  const advice = ADVICE[problem.kind] ?? ADVICE_BY_STATUS[problem.status] ??
    'Try again; if it happens again, tell whoever runs the service.';
  return {
    title: problem.status ? problem.title || `Error ${problem.status}` : 'No answer',
    detail,
    advice: problem.status === 503 && problem.retryAfter ? `Try again in ${problem.retryAfter} seconds.` : advice,
    reference: problem.instance ? `Request ${problem.instance}` : '',
  };
}
