// What is tracked waits here, is sent in batches, and survives what goes wrong; docs/browser-sdk.md has the rules.

import type { Events, Properties } from "../events.js";

declare const VERSION: string;

/** An event as it is sent. */
export interface Sent {
  event_id: string;
  event_type: string;
  event_data: object;
  timestamp: string;
}

export interface Options {
  /** Address of the collector's `/api/analytics/collect`. */
  endpoint: string;
  /** Whether cookies go along: `include` unless said otherwise. */
  credentials?: RequestCredentials;
  /** Most events in a request: 20. */
  batch?: number;
  /** How long events wait for others, in milliseconds: 3000. */
  wait?: number;
  /** Most events that wait; older ones are dropped and counted: 100. */
  queue?: number;
  /** Where events are kept that cannot be sent now: `local` unless said otherwise. */
  storage?: "local" | "session" | "none";
  /** `required`: nothing is sent or stored before `consent(true)`. */
  consent?: "required";
  /** Sees each event first; what it returns is sent instead, or nothing. */
  before?: (event: Sent) => Sent | null | undefined | false;
  /** Tell in the console what became of the events. */
  debug?: boolean;
  /** Also track browsers that are driven by programs. */
  bots?: boolean;
}

const PREFIX = "footfall:";
const DAY_MS = 864e5;
const MOST_BYTES = 3e4; // of a request; browsers refuse keepalive requests of more than 65,536 bytes together
const MOST_EVENT_BYTES = 8192;
const MOST_STORED = 65536;

let options: Required<Options> | undefined;
// Undefined until the visitor has decided.
let allowed: boolean | undefined;
// Events as JSON.
let queue: string[] = [];
let dropped = 0;
// Nothing is sent before, as the collector said.
let notBefore = 0;
// Requests in a row that failed without a word on when to come back.
let failures = 0;
let inFlight = 0;
// The events of the last request.
let underWay: string[] = [];
let mostBytes = MOST_BYTES;
let timer: unknown;
// Names of what was just taken out of the storage.
let taken: string[] = [];

const size = (text: string) => new Blob([text]).size;
const tell = (what: unknown) => options!.debug && console.log(PREFIX, what);
const storage = () => (window as any)[options!.storage + "Storage"];

/** Begin. False where nothing may be tracked: the visitor's browser says so (GPC, DNT), or a program drives it. */
export function init(given: Options): boolean {
  const asked = (navigator as any).globalPrivacyControl || (navigator.doNotTrack as any) > 0;
  if (options || asked || (navigator.webdriver && !given.bots)) return false;
  const usual = { batch: 20, wait: 3000, queue: 100, storage: "local", credentials: "include" };
  options = { ...usual, before: (event: Sent) => event, ...given } as Required<Options>;
  allowed = !given.consent || undefined;
  // The network may be told to be back while the page goes.
  for (const type of ["visibilitychange", "online"]) addEventListener(type, () => (document.hidden ? hide() : flush()));
  addEventListener("pagehide", hide);
  flush();
  return true;
}

/** Track an event: one of a known type with its fields, or a custom one. Never throws. */
export function track<Name extends keyof Events>(name: Name, data: Events[Name]): void;
export function track<Name extends string>(name: Name extends keyof Events ? never : Name, data?: Properties): void;
export function track(name: string, data: object = {}): void {
  if (!options || allowed === false) return;
  try {
    const event_id = eventId();
    const made = { event_id, event_type: name, event_data: data, timestamp: new Date().toJSON() };
    const event = options.before(made);
    if (!event) return;
    const json = JSON.stringify({ event_id, ...(event as object) });
    if (size(json) > MOST_EVENT_BYTES) throw json;
    queue.push(json);
    arm();
    if (document.hidden) queueMicrotask(hide); // for what others track while the page goes
  } catch (error) {
    dropped++;
    tell(error);
  }
}

/** What the visitor decided; false forgets what waits, and stops. */
export function consent(given: boolean): void {
  if (!options) return;
  allowed = given;
  if (given) flush();
  else {
    takeStored();
    forget();
    queue = [];
    dropped = 0;
  }
}

/** evt_ and a UUIDv7. */
function eventId(): string {
  const random = crypto.getRandomValues(new BigUint64Array(2)).join(""); // decimal digits are hex digits too
  return `evt_0${Date.now().toString(16)}7${random.slice(3, 6)}8${random.slice(6, 21)}`;
}

/** Only the newest wait. */
function trim(): void {
  dropped += queue.splice(0, queue.length - options!.queue).length;
}

/** See to it that what waits is sent in time. */
function arm(): void {
  trim();
  const pause = Math.max(
    notBefore - Date.now(),
    failures && Math.min(3e5, 500 * 2 ** failures) * (0.5 + Math.random()),
    queue.length < options!.batch ? options!.wait : 0,
  );
  if (pause) timer ||= setTimeout(flush, pause);
  else flush();
}

/** The page may not live on: hand over what one request may hold beside another, keep the rest.
 * Where requests fail nobody would be there to hear it: then all is kept, also what is under way. */
function hide(gone?: Event): void {
  // Some browsers let timers run while the page goes: it would take what is kept. As it stays set, none is armed anew
  // until the page is shown again.
  if (gone) clearTimeout(timer as number);
  if (navigator.onLine && !failures) {
    flush(1);
    flush(1);
  } else if (inFlight) queue = underWay.splice(0).concat(queue);
  store();
}

/** Send what waits, now; done when that is answered. `beside` says how many requests may be under way already. */
export async function flush(beside = 0): Promise<void> {
  timer = clearTimeout(timer as number);
  if (!allowed || inFlight > beside) return;
  takeStored();
  forget();
  if (Date.now() < notBefore) return arm();
  let batch: string[] = (underWay = []);
  let bytes = 0;
  while (queue[0]) {
    bytes += size(queue[0]);
    if (batch[0] && (bytes > mostBytes || (!beside && batch.length >= options!.batch))) break;
    batch.push(queue.shift()!);
  }
  if (!batch[0]) return;
  const reported = dropped;
  let answer: Partial<Response> = {};
  let results: { status: string }[] | undefined;
  dropped = 0;
  inFlight++;
  try {
    // As text/plain, which another origin takes without a preflight.
    answer = await fetch(options!.endpoint, {
      method: "POST",
      body: `{"sent_at":"${new Date().toJSON()}","sdk":"${VERSION}","dropped":${reported},"events":[${batch}]}`,
      keepalive: true,
      credentials: options!.credentials,
    });
    results = (await answer.json!()).results;
  } catch {}
  inFlight--;
  tell(results);
  const status: any = answer.status;
  const retryAfter = +answer.headers?.get("Retry-After")!;
  const more = failures + 1;
  failures = 0;
  if (answer.ok || results) batch = batch.filter((_, index) => /limited|retry/.test(results?.[index]?.status!));
  else if (status == 413 && batch[1]) mostBytes = size("" + batch) / 2;
  else if (/400|41[35]|422/.test(status)) {
    dropped += batch.length;
    batch = [];
  } else if (/40[13]/.test(status)) {
    failures = 9;
    dispatchEvent(new Event("footfall:blocked"));
  } else if (!(retryAfter > 0)) failures = more;
  if (retryAfter > 0) notBefore = Date.now() + (Math.min(retryAfter, 3600) + Math.random()) * 1e3;
  if (allowed) queue = batch.concat(queue); // else the visitor said no meanwhile
  if (!answer.ok) {
    dropped += reported;
    store();
  }
  arm();
}

/** From the queue to the storage: whoever looks there first, this page or another, sends it. */
function store(): void {
  if (!allowed) return;
  takeStored(); // so that there is never more than MOST_STORED in all
  for (let count = queue.length; count; count >>= 1)
    try {
      const text = JSON.stringify([notBefore, dropped, queue.slice(-count)]);
      if (text.length < MOST_STORED) {
        storage()[PREFIX + (Date.now() + Math.random())] = text;
        queue.splice(-count);
        dropped = count = 0;
      }
    } catch {
      forget(); // full or forbidden; half may fit
    }
  forget();
}

/** Remove from the storage what was taken: not before it is stored anew, as a page may end between any two lines. */
function forget(): void {
  for (const name of taken.splice(0)) delete storage()[name];
}

/** From the storage to the queue: what this page put there, or others that are gone or have to wait. */
function takeStored(): void {
  const now = Date.now();
  try {
    const kept = storage();
    for (const name in kept)
      if (name.includes(PREFIX)) {
        const [until, count, events] = JSON.parse(kept[name]);
        taken.push(name);
        const fresh = name > PREFIX + (now - DAY_MS) ? events : [];
        notBefore = Math.max(notBefore, Math.min(until, now + 36e5));
        dropped += count + events.length - fresh.length;
        queue = fresh.concat(queue);
      }
  } catch {} // forbidden, or not ours
  trim();
}
