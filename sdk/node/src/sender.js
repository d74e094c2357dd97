// Sends the events of a backlog: batches, waits, repeats. The only place where this package does HTTP.
import { backoff, judge, unreachable } from "./answers.js";
import { Backlog } from "./backlog.js";

const VERSION = "node/0.1.0";
const ADOPT_MS = 15_000;
const MAX_TIMER_MS = 2 ** 31 - 1;
const MAX_LOGGED = 200;
// Requests that fail with their events alone, while others succeed.
const MAX_FAILURES = 3;

export class Sender {
  counts = { tracked: 0, adopted: 0, accepted: 0, duplicates: 0, rejected: 0, dropped: 0, retries: 0 };
  #backlog;
  #store;
  #post;
  #wait;
  #log;
  #timer;
  #timerAt = Infinity;
  #isSending = false;
  #isClosed = false;
  // Whoever waits for everything to be sent.
  #flushing = new Set();
  #resumeAt = 0;
  #adoptAt = 0;
  // In a row, and in all.
  #failures = 0;
  #successes = 0;
  // Drops that the collector does not know of.
  #unreported = 0;
  #logged = new Set();

  /** `post` takes a body and resolves to `{ status, retryAfter, body }`; `log` takes a text. */
  constructor(store, post, { wait, log, ...limits }) {
    this.#backlog = new Backlog(store, limits);
    this.#store = store;
    this.#post = post;
    this.#wait = wait;
    this.#log = log;
  }

  get waiting() {
    return this.#backlog.events;
  }

  /** Queue an event. */
  add(line) {
    if (this.#isClosed) return this.drop("the client is closed");
    const dropped = this.#backlog.append(line);
    if (dropped) this.drop("too many events wait: the oldest are dropped", dropped);
    if (this.#backlog.diskError) this.say(`the spool cannot be written (${this.#backlog.diskError}): events are in memory only`);
    this.schedule();
  }

  /** Count events that cannot be sent. */
  drop(reason, count = 1) {
    this.counts.dropped += count;
    this.#unreported += count;
    this.say(`events dropped: ${reason}`);
  }

  /** Send what waits now; resolves to whether all of it is done within so many milliseconds. */
  flush(timeout) {
    if (!this.waiting) return Promise.resolve(true);
    if (this.#failures) this.#resumeAt = Math.min(this.#resumeAt, performance.now());
    return new Promise((resolve) => {
      const one = { resolve: (done) => (clearTimeout(one.timer), this.#flushing.delete(one), resolve(done)) };
      one.timer = setTimeout(() => one.resolve(!this.waiting), timeout);
      this.#flushing.add(one);
      this.schedule();
    });
  }

  /** Flush, and end. What is left on disk is for the next process; what is left in memory is dropped. */
  async close(timeout) {
    await this.flush(timeout);
    this.closeNow();
  }

  /** End without waiting, as at the end of a process. */
  closeNow() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const lost = this.#backlog.abandon();
    if (lost) this.drop(`the process ended before ${lost} of them were sent`, lost);
  }

  /** Send when there is something to send. */
  schedule() {
    if (this.#isSending || this.#isClosed) return;
    const now = performance.now();
    const due = Math.max(this.#backlog.nextAt(this.#flushing.size ? 0 : this.#wait), this.#resumeAt);
    const at = Math.min(due, this.#adoptAt);
    if (this.#timer && this.#timerAt <= at) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#run(), Math.min(Math.max(0, at - now), MAX_TIMER_MS));
    // The process may end while events wait; `beforeExit` flushes them. While a flush waits, its own timer is there.
    this.#timer.unref();
  }

  /** Log a message, once. No more than a few hundred: callers who do something wrong do not fill the log. */
  say(message) {
    if (this.#logged.has(message) || this.#logged.size >= MAX_LOGGED) return;
    this.#logged.add(message);
    // Not in the midst of our own work: whoever logs may track an event.
    if (this.#isClosed) this.#write(message);
    else queueMicrotask(() => this.#write(message));
  }

  #write(message) {
    try {
      this.#log(`footfall: ${message}`);
    } catch {}
  }

  async #run() {
    this.#timer = undefined;
    this.#timerAt = Infinity;
    this.#isSending = true;
    try {
      this.#adopt();
      for (let chunk; (chunk = this.#next()); ) await this.#send(chunk);
    } catch (error) {
      this.say(`a bug: ${error.stack}`);
      this.#resumeAt = performance.now() + 1000;
    } finally {
      this.#isSending = false;
      if (!this.waiting) for (const one of [...this.#flushing]) one.resolve(true);
      this.schedule();
    }
  }

  #adopt() {
    const now = performance.now();
    if (now < this.#adoptAt) return;
    this.#adoptAt = now + ADOPT_MS;
    try {
      this.#store.touch();
      const chunks = this.#store.adopt(this.#backlog.room);
      for (const chunk of chunks) this.counts.adopted += chunk.events;
      this.#backlog.add(chunks);
    } catch (error) {
      this.say(`the spool cannot be read (${error.message})`);
    }
  }

  #next() {
    const now = performance.now();
    if (this.#isClosed || now < this.#resumeAt) return undefined;
    return this.#backlog.take(now, this.#flushing.size ? 0 : this.#wait);
  }

  async #send(chunk) {
    const unreported = this.#unreported;
    let lines = [];
    let isGone = false;
    let verdict = { failed: false, accepted: 0, duplicates: 0, rejected: 0, rejections: [], again: new Map() };
    try {
      lines = chunk.lines();
      if (lines.length) verdict = await this.#postAll(lines, unreported);
    } catch (error) {
      isGone = error.code === "ENOENT"; // another process took this one for dead, and sends them
      if (isGone) this.counts.adopted -= chunk.events;
      else verdict = { failed: true, wait: null, problem: `the spool cannot be read (${error.message})` };
    }
    if (this.#isClosed) return; // given up, or left on disk
    const damaged = verdict.failed || isGone ? 0 : chunk.events - lines.length;
    if (damaged) this.drop("the disk has damaged them", damaged);
    if (verdict.failed) this.#applyFailure(verdict, chunk, lines);
    else this.#apply(verdict, chunk, lines, unreported);
  }

  async #postAll(lines, unreported) {
    const head = JSON.stringify({ sent_at: new Date().toISOString(), sdk: VERSION, dropped: Math.min(unreported, 1_000_000) });
    let answer;
    try {
      answer = await this.#post(`${head.slice(0, -1)},"events":[${lines}]}`);
    } catch (error) {
      return unreachable(error.cause?.message || error.message);
    }
    return judge(answer.status, answer.retryAfter, answer.body, lines.length);
  }

  #apply(verdict, chunk, lines, unreported) {
    this.#failures = 0;
    this.#successes++;
    if (verdict.accepted || verdict.duplicates) this.#unreported -= unreported;
    for (const { index, code, pointer, expected } of verdict.rejections) {
      this.say(`the collector rejected "${JSON.parse(lines[index]).event_type}": ${code} at ${pointer} (expected: ${expected})`);
    }
    for (const name of ["accepted", "duplicates", "rejected"]) this.counts[name] += verdict[name];
    if (verdict.again.size) this.counts.retries++;
    const byWait = groupByWait(verdict.again);
    const now = performance.now();
    this.#backlog.replace(
      chunk,
      [...byWait].map(([wait, entries]) => [entries.map(([index]) => lines[index]), now + wait]),
    );
  }

  #applyFailure(verdict, chunk, lines) {
    this.#failures++;
    if (!verdict.giveUp) this.counts.retries++;
    this.say(`${verdict.problem}; ${verdict.giveUp ? "dropped" : "tried again"}`);
    const wait = verdict.wait ?? backoff(this.#failures, Math.random());
    const now = performance.now();
    this.#resumeAt = now + wait;
    if (verdict.unexplained && this.#successes > chunk.successes) {
      // Others succeeded since it failed last, or since it came.
      chunk.failures++;
      chunk.successes = this.#successes;
    }
    const isSuspect = chunk.failures > MAX_FAILURES;
    if (verdict.giveUp || ((verdict.halve || isSuspect) && lines.length === 1)) {
      this.drop(verdict.problem, lines.length);
      this.#backlog.done(chunk);
    } else if (verdict.halve || isSuspect) {
      chunk.failures = 0;
      const middle = lines.length >> 1;
      this.#backlog.replace(chunk, [[lines.slice(middle), 0], [lines.slice(0, middle), 0]]);
    } else if (verdict.unexplained && this.#failures > 1) {
      this.#backlog.putBack(chunk, now + 2 * wait); // behind others: it may be the cause
    } else this.#backlog.putBack(chunk);
  }
}

function groupByWait(again) {
  const groups = new Map();
  for (const entry of again) groups.set(entry[1], [...(groups.get(entry[1]) ?? []), entry]);
  return groups;
}
