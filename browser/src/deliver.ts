// The queue of tracked events: sent in batches, retried, stored while they cannot be sent. The rules are in
// docs/browser-sdk.md.

import { on } from "./listen.js";
import type { Core, Sent } from "./options.js";
import { ofDocument } from "./own.js";
import { MAX_STORED_LENGTH, readStored, removeStored, writeStored } from "./storage.js";

const MAX_BYTES = 3e4; // per request
// Browsers reject keepalive requests of more than 65,536 bytes in total, and count those that were answered just now.
const MAX_BYTES_IN_FLIGHT = 6e4;
const LINGER_MS = 1e3;
const ENVELOPE_BYTES = 500;
const DAY_MS = 864e5;
// When the collector has failed so many times in a row, a request is sent in halves: one of its events may be the cause.
const MAX_FAULTS = 3;

const size = (text: string) => new Blob([text]).size;

/** Take over the queue of the first file. */
export function deliver(core: Core): void {
  const options = core.options!;
  // Nothing is sent before this time, because the collector asked to wait.
  let notBefore = 0;
  // Consecutive failed requests whose response did not say how long to wait.
  let failures = 0;
  // Of those, requests that the collector failed at: 500 or more.
  let faults = 0;
  // Whose events these are, in the collector's words; empty until it has answered.
  let owner = "";
  // Whether a request is in flight that was not sent by a page that was hiding, and its events unless `hide` took them.
  let busy = false;
  let inFlight: string[] = [];
  // Bytes of keepalive requests that browsers still count.
  let keptAlive = 0;
  // Largest number of events per request: halved when the collector fails, one more after each success.
  let maxEvents = options.batch;
  // An event that failed alone. If another one succeeds afterwards, it was the event's fault, and not the collector's.
  let suspect: string | undefined;
  let guilty: string | undefined;
  let timer: unknown;
  // Names of the entries that were read from storage into the queue, and are still in storage.
  let restored: string[] = [];

  /** Schedule the next request, or send it now if it is due. */
  function schedule(): void {
    trim();
    const pause = Math.max(
      notBefore - Date.now(),
      failures && Math.min(3e5, 500 * 2 ** failures) * (0.5 + Math.random()),
      core.queue.length < options.batch ? options.wait : 0,
    );
    if (pause) timer ||= setTimeout(flush, pause);
    else flush();
  }

  /** Drop the oldest events if the queue is too long. */
  function trim(): void {
    core.dropped += core.queue.splice(0, core.queue.length - options.queue).length;
  }

  /** The page may be about to unload: send what browsers allow, and store the rest, and also the request in flight, as
   * nobody may be left to see it fail. While requests fail, everything is stored. */
  function hide({ type, persisted }: Partial<PageTransitionEvent>): void {
    // Some browsers run timers during unload, and `flush` would then take what is about to be stored. `timer` stays set,
    // so that no new one is started until the page is shown again.
    if (type == "pagehide") clearTimeout(timer as number);
    if (!core.allowed) return;
    if (navigator.onLine && !failures) {
      send(true);
      send(true);
    }
    core.queue.unshift(...inFlight.splice(0));
    store(type == "pagehide" && !persisted);
  }

  /** Send the queue, with what is stored. */
  async function flush(): Promise<void> {
    timer = clearTimeout(timer as number);
    if (core.allowed === false) forget();
    if (!core.allowed || busy) return;
    restore();
    deleteRestored();
    await send(false);
  }

  /** As many events as one request may have now. */
  function nextBatch(isHiding: boolean): { batch: string[]; bytes: number } {
    const batch: string[] = [];
    let bytes = ENVELOPE_BYTES;
    for (const event of core.queue) {
      if (event == suspect && (isHiding || core.queue[1])) continue; // when no other is left
      const next = bytes + size(event);
      if (isHiding && next + keptAlive > MAX_BYTES_IN_FLIGHT) break;
      if (batch[0] && (next > MAX_BYTES || (!isHiding && batch.length >= Math.min(options.batch, maxEvents)))) break;
      batch.push(event);
      bytes = next;
    }
    core.queue = core.queue.filter((event) => !batch.includes(event));
    return { batch, bytes };
  }

  /** One request. A page that is hiding waits for no other, and sends as many events as fit. */
  async function send(isHiding: boolean): Promise<void> {
    if (Date.now() < notBefore) return schedule();
    const { batch, bytes } = nextBatch(isHiding);
    if (!batch[0]) return;
    const sent = [...batch];
    const reported = core.dropped;
    core.dropped = 0;
    if (!isHiding) {
      busy = true;
      inFlight = batch;
    }
    // Where a request has to end with its page, `hide` stores its events.
    const keepalive = keptAlive + bytes <= MAX_BYTES_IN_FLIGHT;
    if (keepalive) keptAlive += bytes;
    let response: Partial<Response> = {};
    let text = "";
    try {
      response = (await core.send(sent, reported, keepalive)) ?? {}; // pages replace `fetch`
      text = await response.text!();
    } catch {}
    if (keepalive) setTimeout(() => (keptAlive -= bytes), LINGER_MS);
    if (!isHiding) {
      busy = false;
      inFlight = [];
    }
    if (!batch[0]) {
      // `hide` has stored them.
      restore();
      core.queue = core.queue.filter((event) => !sent.includes(event));
    }
    const { ok, status } = response;
    if (options.debug || (status! < 500 && (status! > 399 || text.includes('"rejected"')))) core.say(status, text, sent);
    const left = settle(sent, response, text);
    if (core.allowed) core.queue.unshift(...left); // else consent was withdrawn in the meantime
    if (!ok) core.dropped += reported;
    if (!ok || ofDocument("hidden")) store();
    schedule();
  }

  /** Learn from a response. The events of the request that are to be sent again. */
  function settle(sent: string[], { ok, status, headers }: Partial<Response>, text: string): string[] {
    const results = resultsIn(text);
    const retryAfter = +headers?.get("Retry-After")!;
    const failed = failures + 1;
    failures = 0;
    if (status) faults = status > 499 && !(retryAfter > 0) ? faults + 1 : 0;
    owner = headers?.get("Footfall-Sender") || owner;
    if (retryAfter > 0) notBefore = Date.now() + (Math.min(retryAfter, 3600) + Math.random()) * 1e3;
    if (ok || results) {
      maxEvents++;
      guilty = suspect;
      return sent.filter((_, index) => /limited|retry/.test(results?.[index]?.status!));
    }
    if (status == 413 || faults >= MAX_FAULTS || (faults && !sent[1] && guilty == sent[0])) {
      failures = failed;
      return split(sent, status == 413);
    }
    if (status == 400 || status == 415 || status == 422) {
      core.dropped += sent.length;
      return [];
    }
    if (status == 401 || status == 403) {
      failures = 9;
      dispatchEvent(new Event("footfall:blocked"));
    } else if (!(retryAfter > 0)) failures = failed;
    return sent;
  }

  /** Go on with fewer events. One that fails alone goes to the end, and is dropped when others succeed and it fails again. */
  function split(sent: string[], isTooLarge: boolean): string[] {
    if (sent[1]) {
      maxEvents = sent.length >> 1;
      failures = MAX_FAULTS;
      return sent;
    }
    if (isTooLarge || guilty == sent[0]) {
      core.dropped++;
      core.say(isTooLarge ? "it is too large" : "the collector fails at it", sent[0]);
    } else core.queue.push((suspect = sent[0]!));
    return [];
  }

  /** Move the queue to storage. The first page of the same person that looks there, this one or another, sends it. What
   * does not fit waits in the page; if that is `ending`, it is counted as dropped. */
  function store(ending = false): void {
    if (!core.allowed) return;
    restore(); // so that all entries together stay below the largest length
    const { queue } = core;
    for (let count = newest(queue); count; count >>= 1) {
      const dropped = core.dropped + (ending ? queue.length - count : 0);
      const events = queue.slice(-count);
      if (writeStored(options.storage, { notBefore, dropped, faults, owner, events, suspect: idOf(suspect) })) {
        queue.splice(-count);
        core.dropped = 0;
        break;
      }
      deleteRestored(); // full or forbidden: free what was restored, then try half as many events
    }
    deleteRestored();
  }

  /** How many of the newest events may be stored. */
  function newest(queue: string[]): number {
    let count = 0;
    for (let length = 0; count < queue.length; count++) {
      length += queue[queue.length - 1 - count]!.length + 1;
      if (length > MAX_STORED_LENGTH) break;
    }
    return count;
  }

  /** Delete the restored entries, but not before they are stored again: a page may end between any two statements. */
  function deleteRestored(): void {
    for (const name of restored.splice(0)) removeStored(options.storage, name);
  }

  /** Read what this page and others have stored into the queue. */
  function restore(): void {
    const now = Date.now();
    const isFresh = ({ event_id }: Sent) => event_id > `evt_0${(now - DAY_MS).toString(16)}`;
    for (const [name, stored] of readStored(options.storage, restored)) {
      const isSuspect = ({ event_id }: Sent) => event_id == stored.suspect;
      const fresh = stored.events.filter(isFresh);
      const events = [...fresh.filter((event) => !isSuspect(event)), ...fresh.filter(isSuspect)].map(core.toJson);
      if (events[0] && stored.owner && stored.owner != owner) continue; // that person may come back
      restored.push(name);
      notBefore = Math.max(notBefore, Math.min(stored.notBefore, now + 36e5));
      faults = Math.max(faults, stored.faults);
      core.dropped += stored.dropped + stored.events.length - events.length;
      core.queue.unshift(...events);
      if (fresh.some(isSuspect)) suspect = events[events.length - 1];
    }
    trim();
  }

  /** Delete the queue and what is stored. */
  function forget(): void {
    for (const [name] of readStored(options.storage, [])) removeStored(options.storage, name);
    restored = [];
    core.queue.length = core.dropped = 0;
  }

  core.queued = () => {
    schedule();
    if (ofDocument("hidden")) queueMicrotask(() => hide({})); // for events that are tracked while the page is unloading
  };
  core.flush = flush;
  core.hide = (event) => (event.type == "pagehide" || ofDocument("hidden") ? hide(event) : flush());
  // `online` may fire while the page is unloading.
  on("online", () => ofDocument("hidden") || flush());
  on("pageshow", ({ persisted }) => persisted && flush());
  const own = core.queue.splice(0);
  restore();
  if (faults < MAX_FAULTS) core.queue.push(...own);
  else {
    // One of the stored events may be what the collector fails at: they come last, and alone.
    core.queue.unshift(...own);
    maxEvents = 1;
  }
  if (restored[0]) flush();
  else schedule();
}

const idOf = (event: string | undefined): string => (event ? JSON.parse(event).event_id : "");

function resultsIn(text: string): { status: string }[] | undefined {
  try {
    return JSON.parse(text).results;
  } catch {
    return undefined;
  }
}
