// What an answer of the collector means for the events of a request. Decisions only, no I/O.

const MAX_WAIT_MS = 3_600_000;
const MAX_BACKOFF_MS = 60_000;
// For what only an operator can mend: a wrong key, a wrong URL.
const MISCONFIGURED_MS = 60_000;

/**
 * The verdict on an answer to a request with so many events. Either it has been judged event by event: `statuses` counts
 * them, `rejections` says why, `again` has the milliseconds after which to send an event again, by its index. Or it
 * `failed` as a whole: `giveUp`, `halve` or send again after `wait` milliseconds (null: nobody said so). `unexplained`: the
 * events themselves may be the cause.
 */
export function judge(status, retryAfter, body, events) {
  const answer = parse(body);
  const results = answer.results;
  const fits = Array.isArray(results) && results.length === events && results.every((each) => each && typeof each === "object");
  if ([200, 400, 429, 503].includes(status) && fits) return ofEach(results);
  const wait = milliseconds(retryAfter);
  const problem = `HTTP ${status}: ${answer.message || "this is not an answer of a collector"}`;
  const failed = { failed: true, wait: null, problem };
  if ((status === 429 || status === 503) && wait !== null) return { ...failed, wait };
  if (status === 413) return { ...failed, wait: 0, halve: true };
  if ([400, 415, 422].includes(status) && answer.errors) return { ...failed, wait: 0, giveUp: true };
  if ([401, 403, 404, 405].includes(status) || (status >= 200 && status < 400)) return { ...failed, wait: MISCONFIGURED_MS };
  return { ...failed, unexplained: true };
}

/** The verdict if there was no answer. The events may have been stored: their ids will tell. */
export const unreachable = (problem) => ({ failed: true, wait: null, problem: `no answer: ${problem}` });

/** Milliseconds to wait after so many failures in a row. `random`, 0 to 1, keeps processes apart. */
export const backoff = (failures, random) => Math.min(MAX_BACKOFF_MS, 500 * 2 ** Math.min(failures, 10)) * (0.5 + random / 2);

function ofEach(results) {
  const verdict = { failed: false, accepted: 0, duplicates: 0, rejected: 0, rejections: [], again: new Map() };
  results.forEach((result, index) => {
    if (result.status === "accepted") verdict.accepted++;
    else if (result.status === "duplicate") verdict.duplicates++;
    else if (result.status === "limited" || result.status === "retry") verdict.again.set(index, milliseconds(result.retry_after) || 1000);
    else {
      const error = result.errors?.[0] ?? {};
      verdict.rejected++;
      verdict.rejections.push({ index, code: error.code ?? "", pointer: error.pointer || "the event", expected: error.expected || error.message || "" });
    }
  });
  return verdict;
}

function parse(body) {
  try {
    const answer = JSON.parse(body);
    return answer && typeof answer === "object" && !Array.isArray(answer) ? answer : {};
  } catch {
    return {};
  }
}

/** Of a Retry-After, which may also be a date: then a second is as good as any. */
function milliseconds(value) {
  if (value === null || value === undefined) return null;
  const seconds = Number(value);
  return Number.isFinite(seconds) ? Math.min(MAX_WAIT_MS, Math.max(0, seconds * 1000)) : 1000;
}
