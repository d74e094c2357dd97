// The first file: makes events, and sends what there is if the page is left before the second file has loaded. That one
// (deliver.ts) sends in batches, retries and stores. The rules are in docs/browser-sdk.md.

import type { Context, Events, Properties } from "../events.js";
import { MAX_EVENT_BYTES, MAX_TEXT } from "./limits.js";
import { on } from "./listen.js";
import type { Core, Options, Sent } from "./options.js";
import { view } from "./views.js";

declare const VERSION: string;
// Whether the files are served one by one, or are all in this one. Then the other half of a condition is left out.
declare const APART: boolean;

export const core: Core = {
  queue: [],
  early: [],
  dropped: 0,
  at: (file) => file,
  queued() {},
  async flush() {
    const { allowed, queue, dropped } = core;
    const events = queue.splice(0, allowed ? Infinity : 0);
    if (!events[0]) return;
    core.dropped = 0;
    let lost = dropped + events.length;
    try {
      const response = await core.send(events, dropped);
      if (response.ok) lost = (await response.text()).split(/"status": ?"(?:limited|retry)/).length - 1;
    } catch {}
    core.dropped += lost;
  },
  hide: () => core.flush(),
  // As text/plain, which needs no preflight on another origin.
  send: async (events, dropped, keepalive = true) =>
    fetch(core.options!.endpoint, {
      method: "POST",
      body: `{"sent_at":"${new Date().toISOString()}","sdk":"${VERSION}","dropped":${dropped},"context":${browserContext()},"events":[${events}]}`,
      keepalive,
      credentials: core.options!.credentials!,
    }),
  toJson: (value) =>
    // Pages with old libraries have an `Array.prototype.toJSON` that returns text. Texts must be no longer than allowed, and
    // of whole characters.
    JSON.stringify(value, function (this: any, name, json) {
      return this[name]?.slice ? this[name].slice(0, MAX_TEXT) : json;
    }).replace(/(\\\\)|\\u(d...|0000)/g, "$1"),
  track: (name: string, data: object = {}) => {
    const { options } = core;
    if (!options || core.allowed === false) return;
    try {
      const random = crypto.getRandomValues(new BigUint64Array(2)).join(""); // decimal digits are hex digits too
      const event_id = `evt_0${Date.now().toString(16)}7${random.slice(3, 6)}8${random.slice(6, 21)}`; // a UUIDv7
      const context = pageContext(options, (data as { page?: unknown }).page);
      const full = { event_id, event_type: name, event_data: data, timestamp: new Date().toISOString(), context };
      const event = options.before ? options.before(full) : full;
      if (!event) return;
      const json = core.toJson({ event_id, ...(event as object) });
      if (new Blob([json]).size > MAX_EVENT_BYTES) throw "it is larger than 8 kB";
      core.queue.push(json);
      core.dropped += core.queue.splice(0, core.queue.length - options.queue).length; // the oldest
      core.queued();
    } catch (error) {
      core.dropped++;
      core.say(error, name);
    }
  },
  view,
  // What there is to say is in a file of its own, which few pages need.
  say(...what) {
    const { options } = core;
    (APART ? import(core.at("./console.js")) : import("./console.js")).then(({ explain }) => explain(options, ...what), () => {});
  },
};

/** What is the same on every page of an origin: it also holds for events that other pages have stored. */
const browserContext = () =>
  JSON.stringify(
    { hostname: location.hostname || null, language: navigator.language, screen_width: screen.width },
    core.options!.context?.split(/\W+/),
  );

/** What pages of an origin differ in: each event has its own. Templates of servers leave attributes empty. */
function pageContext({ site, release, route }: Options, page: unknown): Context | undefined {
  if (typeof route == "function") route = route(`${page || location.pathname}`.split("?")[0]!) as string;
  return site || release || route ? { site: site || undefined, release, route } : undefined;
}

/** Start. False if nothing may be tracked: the visitor opted out (GPC, DNT), or a program drives the browser. */
export function begin(given: Options): boolean {
  if (core.options) return false;
  core.options = { batch: 20, wait: 3000, queue: 100, storage: "local", credentials: "include", ...given };
  if (given.debug) core.say();
  if ((navigator as any).globalPrivacyControl || (navigator.doNotTrack as any) > 0 || (navigator.webdriver && !given.bots))
    return !!(core.options = undefined);
  core.allowed = !given.consent || undefined;
  on("pagehide visibilitychange", (event) => core.hide(event));
  for (const type of ["error", "unhandledrejection"])
    addEventListener(type, (event) => core.early?.[9] || core.early?.push(event));
  return true;
}

/** Track an event of the catalogue, or one that you have added to `Events`: a misspelt one does not compile. Never throws. */
export function track<Name extends keyof Events>(
  name: Name,
  ...data: {} extends Events[Name] ? [data?: Events[Name]] : [data: Events[Name]]
): void;
export function track(name: string, data?: object): void {
  core.track(name, data);
}

/** The visitor's decision. `false` deletes the queue and what is stored, and stops tracking. */
export function consent(given: boolean): void {
  if (!core.options) return;
  core.allowed = given;
  if (!given) core.queue.length = core.dropped = 0;
  core.flush();
}

/** Send the queue now; resolves when the request is done. */
export const flush = async (): Promise<void> => void (await core.flush());
