// The queue of tracked events: sent in batches, retried, stored while they cannot be sent. The rules are in
// docs/browser-sdk.md.

import type { Context, Events, Properties } from "../events.js";
import { on } from "./listen.js";

declare const VERSION: string;

/** An event in the form in which it is sent. */
export interface Sent {
  event_id: string;
  event_type: string;
  event_data: object;
  timestamp: string;
  context?: Context | undefined;
}

type BrowserField = "hostname" | "language" | "screen_width";

export interface Options {
  /** URL of the collector's `/api/analytics/collect`. */
  endpoint: string;
  /** Whether requests include cookies, as in `fetch`; by default `include`. */
  credentials?: RequestCredentials;
  /** Largest number of events per request; by default 20. */
  batch?: number;
  /** How long an event waits for others, in milliseconds; by default 3000. */
  wait?: number;
  /** Largest number of events in the queue; older ones are dropped and counted. By default 100. */
  queue?: number;
  /** Where events that cannot be sent now are stored; by default `local`. */
  storage?: "local" | "session" | "none";
  /** `required`: nothing is sent or stored before `consent(true)`. */
  consent?: "required";
  /** Called with each event before it is queued. What it returns is sent; if that is falsy, nothing is. */
  before?: (event: Sent) => Sent | null | undefined | false;
  /** Which of the sites of this installation the page belongs to. */
  site?: string;
  /** The release of the page. */
  release?: string;
  /** The template of the page's path, such as `/products/:id`, or a function that knows it for every path. */
  route?: string | ((path: string) => string | null | undefined);
  /** What is sent about the browser, or `off`; by default `hostname,language,screen_width`. */
  context?: "off" | BrowserField | `${BrowserField},${BrowserField}` | `${BrowserField},${BrowserField},${BrowserField}`;
  /** Log the outcome of each request to the console. */
  debug?: boolean;
  /** Also track browsers that are driven by a program, such as a test. */
  bots?: boolean;
}

const PREFIX = "footfall:";
const DAY_MS = 864e5;
const MAX_BYTES = 3e4; // per request: browsers reject keepalive requests of more than 65,536 bytes in total
const MAX_EVENT_BYTES = 8192;
const MAX_STORED_LENGTH = 65536;

let options: (Options & Required<Pick<Options, "batch" | "wait" | "queue">>) | undefined;
// Undefined until the visitor has decided.
let allowed: boolean | undefined;
// Each event as JSON.
let queue: string[] = [];
// Events that were given up and not reported to the collector yet.
let dropped = 0;
// Nothing is sent before this time, because the collector asked to wait.
let notBefore = 0;
// Consecutive failed requests whose response did not say how long to wait.
let failures = 0;
// How many requests are in flight.
let inFlight = 0;
// The events of the last request. Their array stays the same, so that `hide` can take them back.
let lastBatch: string[] = [];
let maxBytes = MAX_BYTES;
let timer: unknown;
// Keys of the entries that were read from storage into the queue, and are still in storage.
let restored: string[] = [];

const size = (text: string) => new Blob([text]).size;
const debug = (what: unknown) => options!.debug && console.log(PREFIX, what);
const storage = () => (window as any)[options!.storage + "Storage"];

/** What is the same on every page of an origin: it also holds for events that other pages have stored. */
const browserContext = () =>
  JSON.stringify(
    { hostname: location.hostname || null, language: navigator.language, screen_width: screen.width },
    options!.context?.split(/\W+/),
  );

/** What pages of an origin differ in: each event has its own. Templates of servers leave attributes empty. */
function pageContext({ site, release, route }: Options, page: unknown): Context | undefined {
  if (typeof route == "function") route = route(`${page || location.pathname}`.split("?")[0]!) as string;
  return site || release || route ? { site: site || undefined, release, route } : undefined;
}

/** Start. False if nothing may be tracked: the visitor opted out (GPC, DNT), or a program drives the browser. */
export function init(given: Options): boolean {
  const optsOut = (navigator as any).globalPrivacyControl || (navigator.doNotTrack as any) > 0;
  if (options || optsOut || (navigator.webdriver && !given.bots)) return false;
  options = { batch: 20, wait: 3000, queue: 100, storage: "local", credentials: "include", ...given };
  allowed = !given.consent || undefined;
  // `online` may fire while the page is unloading.
  on("visibilitychange online", () => (document.hidden ? hide() : flush()));
  on("pagehide", hide);
  flush();
  return true;
}

/** Track a typed event with its fields, or a custom event. Never throws. */
export function track<Name extends keyof Events>(name: Name, data: Events[Name]): void;
export function track<Name extends string>(name: Name extends keyof Events ? never : Name, data?: Properties): void;
export function track(name: string, data: object = {}): void {
  if (!options || allowed === false) return;
  try {
    const random = crypto.getRandomValues(new BigUint64Array(2)).join(""); // decimal digits are hex digits too
    const event_id = `evt_0${Date.now().toString(16)}7${random.slice(3, 6)}8${random.slice(6, 21)}`; // a UUIDv7
    const context = pageContext(options, (data as { page?: unknown }).page);
    const full = { event_id, event_type: name, event_data: data, timestamp: new Date().toJSON(), context };
    const event = options.before ? options.before(full) : full;
    if (!event) return;
    const json = JSON.stringify({ event_id, ...(event as object) });
    if (size(json) > MAX_EVENT_BYTES) throw json;
    queue.push(json);
    schedule();
    if (document.hidden) queueMicrotask(hide); // for events that are tracked while the page is unloading
  } catch (error) {
    dropped++;
    debug(error);
  }
}

/** The visitor's decision. `false` deletes the queue and what is stored, and stops tracking. */
export function consent(given: boolean): void {
  if (!options) return;
  allowed = given;
  if (given) flush();
  else {
    restore();
    deleteRestored();
    queue = [];
    dropped = 0;
  }
}

/** Drop the oldest events if the queue is too long. */
function trim(): void {
  dropped += queue.splice(0, queue.length - options!.queue).length;
}

/** Schedule the next request, or send it now if it is due. */
function schedule(): void {
  trim();
  const pause = Math.max(
    notBefore - Date.now(),
    failures && Math.min(3e5, 500 * 2 ** failures) * (0.5 + Math.random()),
    queue.length < options!.batch ? options!.wait : 0,
  );
  if (pause) timer ||= setTimeout(flush, pause);
  else flush();
}

/** The page may be about to unload: send up to two requests and store the rest.
 * While requests fail, no page would be left to retry them, so everything is stored, including what is in flight. */
function hide(pagehide?: Event): void {
  // Some browsers run timers during unload, and `flush` would then take what is about to be stored. `timer` stays set,
  // so that no new one is started until the page is shown again.
  if (pagehide) clearTimeout(timer as number);
  if (navigator.onLine && !failures) {
    flush(1);
    flush(1);
  } else if (inFlight) queue = lastBatch.splice(0).concat(queue);
  store();
}

/** Send the queue now; resolves when the request is done. `maxInFlight` requests may be in flight already. */
export async function flush(maxInFlight = 0): Promise<void> {
  timer = clearTimeout(timer as number);
  if (!allowed || inFlight > maxInFlight) return;
  restore();
  deleteRestored();
  if (Date.now() < notBefore) return schedule();
  let batch: string[] = (lastBatch = []);
  let bytes = 0;
  while (queue[0]) {
    bytes += size(queue[0]);
    if (batch[0] && (bytes > maxBytes || (!maxInFlight && batch.length >= options!.batch))) break;
    batch.push(queue.shift()!);
  }
  if (!batch[0]) return;
  const reported = dropped;
  let response: Partial<Response> = {};
  let results: { status: string }[] | undefined;
  dropped = 0;
  inFlight++;
  try {
    // As text/plain, which needs no preflight on another origin.
    response = await fetch(options!.endpoint, {
      method: "POST",
      body: `{"sent_at":"${new Date().toJSON()}","sdk":"${VERSION}","dropped":${reported},"context":${browserContext()},"events":[${batch}]}`,
      keepalive: true,
      credentials: options!.credentials,
    });
    results = (await response.json!()).results;
  } catch {}
  inFlight--;
  debug(results);
  const status: any = response.status;
  const retryAfter = +response.headers?.get("Retry-After")!;
  const failed = failures + 1;
  failures = 0;
  if (response.ok || results) batch = batch.filter((_, index) => /limited|retry/.test(results?.[index]?.status!));
  else if (status == 413 && batch[1]) maxBytes = size("" + batch) / 2;
  else if (/400|41[35]|422/.test(status)) {
    dropped += batch.length;
    batch = [];
  } else if (/40[13]/.test(status)) {
    failures = 9;
    dispatchEvent(new Event("footfall:blocked"));
  } else if (!(retryAfter > 0)) failures = failed;
  if (retryAfter > 0) notBefore = Date.now() + (Math.min(retryAfter, 3600) + Math.random()) * 1e3;
  if (allowed) queue = batch.concat(queue); // else consent was withdrawn in the meantime
  if (!response.ok) {
    dropped += reported;
    store();
  }
  schedule();
}

/** Move the queue to storage. The first page that looks there, this one or another, sends it. */
function store(): void {
  if (!allowed) return;
  restore(); // so that all entries together stay below MAX_STORED_LENGTH
  for (let count = queue.length; count; count >>= 1)
    try {
      const text = JSON.stringify([notBefore, dropped, queue.slice(-count)]);
      if (text.length < MAX_STORED_LENGTH) {
        storage()[PREFIX + (Date.now() + Math.random())] = text;
        queue.splice(-count);
        dropped = count = 0;
      }
    } catch {
      deleteRestored(); // full or forbidden: free what was restored, then try half as many events
    }
  deleteRestored();
}

/** Delete the restored entries, but not before they are stored again: a page may end between any two statements. */
function deleteRestored(): void {
  for (const name of restored.splice(0)) delete storage()[name];
}

/** Read what this page and others have stored into the queue. */
function restore(): void {
  const now = Date.now();
  try {
    const entries = storage();
    for (const name in entries)
      if (name.includes(PREFIX)) {
        const [until, count, events] = JSON.parse(entries[name]);
        restored.push(name);
        const fresh = name > PREFIX + (now - DAY_MS) ? events : [];
        notBefore = Math.max(notBefore, Math.min(until, now + 36e5));
        dropped += count + events.length - fresh.length;
        queue = fresh.concat(queue);
      }
  } catch {} // storage is forbidden, or holds something that is not ours
  trim();
}
