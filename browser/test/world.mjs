// A simulated browser: pages run the built scripts on a clock, a network and a storage that the test controls.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const read = (name) => readFileSync(new URL(`../../producer_api/static/sdk/${name}.js`, import.meta.url), "utf8");
// Node runs `import()` in such a context only with a flag.
const importing = (code) => code.replaceAll("import(", "importFile(");
const SRC = "https://shop.example/sdk/footfall.js";
const FIRST = new vm.Script(importing(read("footfall")));
const MODULES = Object.fromEntries(
  ["more", "console"].map((name) => {
    const [, body, names] = read(name).match(/^(.*)export\{(.*)\};\s*$/s);
    const exports = names.split(",").map((each) => each.split(" as ").toReversed().join(":"));
    return [new URL(`${name}.js`, SRC).href, new vm.Script(`(() => { ${importing(body)}; return { ${exports} } })()`)];
  }),
);

/** What all tabs of a browser share. */
export class World {
  now = Date.UTC(2026, 0, 15, 10);
  online = true;
  requests = [];
  quota = Infinity;
  local = {};
  // Called after every change of storage.
  changed = () => {};
  // Returns the response to a request as {status, body, headers}, or null for a network error, or a promise of these.
  answer = ({ events }) => ({ status: 200, body: { results: events.map(() => ({ status: "accepted" })) } });
  #timers = new Map();
  #last = 0;

  setTimeout = (call, wait = 0) => {
    this.#timers.set(++this.#last, { at: this.now + Number(wait), call });
    return this.#last;
  };
  clearTimeout = (id) => void this.#timers.delete(id);

  /** Let so many milliseconds pass, and run the timers that are due. */
  async pass(ms = 0) {
    const until = this.now + ms;
    await settled();
    for (;;) {
      const [id, next] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!next || next.at > until) break;
      this.now = Math.max(this.now, next.at);
      this.#timers.delete(id);
      next.call();
      await settled();
    }
    this.now = until;
  }

  /** All events that were sent, in the order of the requests. */
  get sent() {
    return this.requests.flatMap((request) => request.events);
  }

  /** All events in storage. */
  get stored() {
    return Object.values(this.local).flatMap((text) => JSON.parse(text)[4]);
  }

  fetch = async (url, { body, keepalive, credentials }) => {
    const request = { url: String(url), keepalive, credentials, at: this.now, bytes: Buffer.byteLength(body), ...JSON.parse(body) };
    this.requests.push(request);
    const answer = this.online ? await this.answer(request) : null;
    if (!answer) throw new TypeError("Failed to fetch");
    const { status, body: content = {}, headers = {} } = answer;
    return {
      status,
      ok: status >= 200 && status < 300,
      headers: new Headers(headers),
      text: async () => (typeof content === "string" ? content : JSON.stringify(content)),
    };
  };

  storage(entries) {
    return new Proxy(entries, {
      set: (all, name, value) => {
        const size = Object.entries({ ...all, [name]: value }).reduce((sum, pair) => sum + pair.join("").length, 0);
        if (size > this.quota) throw new DOMException("full", "QuotaExceededError");
        all[name] = String(value);
        this.changed();
        return true;
      },
      deleteProperty: (all, name) => {
        delete all[name];
        this.changed();
        return true;
      },
    });
  }

  /** Open a page. `data` are the attributes of the first tag, `parts` replace parts of the browser. */
  open(data = {}, parts = {}) {
    return new Page(this, { bots: "true", auto: "off", ...data }, parts);
  }
}

/** As much of an element as names and clicks need. `own` are names of fields that stand in for properties of a form. */
export class Element {
  constructor(localName, attributes = {}, parent = null) {
    Object.assign(this, { tag: localName, attributes, parentElement: parent });
  }
  get localName() {
    return this.tag;
  }
  getAttribute(name) {
    return this.attributes[name] ?? null;
  }
  matches(selectors) {
    return selectors.split(",").some((selector) => {
      const [, tag, name, , value] = selector.match(/^([a-z]*)(?:\[([\w-]+)(=(\w+))?\])?$/);
      const found = name && this.attributes[name];
      return (!tag || tag === this.tag) && (!name || (found !== undefined && (value === undefined || value === found)));
    });
  }
  closest(selectors) {
    return this.matches(selectors) ? this : (this.parentElement?.closest(selectors) ?? null);
  }
}
export class HTMLFormElement extends Element {
  get length() {
    return this.fields;
  }
}
class ShadowRoot {}

class Page {
  #listeners = {};

  constructor(world, dataset, { url = "https://shop.example/start", referrer = "", storage, files = {}, ...parts }) {
    this.world = world;
    this.dropped = 0;
    const listen = (type, call) => (this.#listeners[type] ??= []).push(call);
    const location = new URL(url);
    const go = (_state, _title, to) => {
      location.href = new URL(to, location).href;
    };
    class VirtualDate extends Date {
      constructor(...given) {
        super(...(given.length ? given : [world.now]));
      }
      static now = () => world.now;
    }
    // Files that the page has imported. With `files` null, they cannot be loaded.
    this.files = files;
    this.said = [];
    // The properties of a document are those of its prototype.
    class Document {}
    Object.assign(Document.prototype, { hidden: false, title: "Start", referrer });
    this.window = {
      document: Object.defineProperties(new Document(), parts.clobbered ?? {}),
      ...{ Document, Element, ShadowRoot, HTMLFormElement },
      navigator: { webdriver: false, doNotTrack: null, language: "de-DE", get onLine() { return world.online; }, ...parts.navigator },
      screen: { width: 1440 },
      history: { pushState: go, replaceState: go },
      addEventListener: listen,
      dispatchEvent: (event) => this.fire(event.type, event),
      location,
      Date: VirtualDate,
      console: { log: (text) => this.said.push(text), warn: (text) => this.said.push(text) },
      importFile: (url) => this.#import(new URL(url, this.base).href),
      get localStorage() {
        if (storage === "blocked") throw new DOMException("denied", "SecurityError");
        return world.storage(world.local);
      },
      ...{ Blob, URL, Event, crypto, queueMicrotask },
      ...{ fetch: world.fetch, setTimeout: world.setTimeout, clearTimeout: world.clearTimeout },
      ...parts.window,
    };
    this.window.window = this.window;
    vm.createContext(this.window);
    Object.assign(Document.prototype, parts.document);
    // Only a module has a URL that imports are relative to, and it has no tag.
    this.base = parts.script === null ? SRC : undefined;
    this.tag = parts.script === null ? null : { dataset, src: SRC };
    this.tagAgain();
    this.footfall = this.window.footfall;
  }

  /** `import()`, but at once, so that tests need not wait; if `files` is a promise, when it is resolved. */
  #import(url) {
    const load = (files) => {
      if (!files) throw new TypeError("Failed to fetch dynamically imported module");
      return (files[url] ??= MODULES[url].runInContext(this.window));
    };
    if (this.files instanceof Promise) return this.files.then(load);
    return { then: (loaded, failed) => void (this.files ? loaded(load(this.files)) : failed()) };
  }

  /** Another tag of the same script. */
  tagAgain() {
    this.window.Document.prototype.currentScript = this.tag;
    FIRST.runInContext(this.window);
    this.window.Document.prototype.currentScript = null;
  }

  track(count, data = {}) {
    for (let n = 0; n < count; n++) this.footfall.track("scroll", { position: n, ...data });
  }

  fire(type, event = {}) {
    const composedPath = () => {
      const path = [];
      for (let node = event.target; node; node = node.parentElement) path.push(node);
      return path;
    };
    for (const call of this.#listeners[type] ?? []) call({ type, composedPath, ...event });
    return true;
  }

  listens(type, call) {
    this.window.addEventListener(type, call);
  }

  hide() {
    this.window.Document.prototype.hidden = true;
    this.fire("visibilitychange");
  }

  show() {
    this.window.Document.prototype.hidden = false;
    this.fire("visibilitychange");
  }

  /** Close the tab: after this, no code of the page runs any more. */
  async close() {
    this.fire("pagehide");
    this.hide();
    await settled();
    this.window.setTimeout = this.window.fetch = () => {};
  }
}

export const positions = (events) => events.map((event) => event.event_data.position);

const settled = () => new Promise((resolve) => setImmediate(resolve));
export const range = (from, to) => Array.from({ length: to - from }, (_, n) => from + n);
// What the collector answers.
export const answering = (status, headers = {}, body = {}) => () => ({ status, headers, body });
export const results = (...statuses) => ({ results: statuses.map((status, index) => ({ index, status })) });
