// A simulated browser: pages run the built scripts on a clock, a network and a storage that the test controls.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const SCRIPTS = new Map(
  ["footfall", "auto"].map((name) => {
    const built = new URL(`../../producer_api/static/sdk/${name}.js`, import.meta.url);
    return [name, new vm.Script(readFileSync(built, "utf8"))];
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

  /** All events in storage, as JSON. */
  get stored() {
    return Object.values(this.local).flatMap((text) => JSON.parse(text)[2]);
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
      json: async () => (typeof content === "string" ? JSON.parse(content) : content),
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

class Page {
  #listeners = {};

  constructor(world, dataset, { url = "https://shop.example/start", referrer = "", storage, ...parts }) {
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
    this.window = {
      document: { hidden: false, title: "Start", referrer },
      navigator: { webdriver: false, doNotTrack: null, language: "de-DE", get onLine() { return world.online; }, ...parts.navigator },
      screen: { width: 1440 },
      history: { pushState: go, replaceState: go },
      addEventListener: listen,
      dispatchEvent: (event) => this.fire(event.type, event),
      location,
      Date: VirtualDate,
      console,
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
    this.load("footfall", dataset);
    this.footfall = this.window.footfall;
  }

  /** Run a script of the SDK; `dataset` are the attributes of its tag. */
  load(name, dataset = {}) {
    this.window.document.currentScript = { dataset, src: `https://shop.example/sdk/${name}.js` };
    SCRIPTS.get(name).runInContext(this.window);
    this.window.document.currentScript = null;
    return this;
  }

  track(count, data = {}) {
    for (let n = 0; n < count; n++) this.footfall.track("scroll", { position: n, ...data });
  }

  fire(type, event = {}) {
    for (const call of this.#listeners[type] ?? []) call({ type, ...event });
    return true;
  }

  listens(type, call) {
    this.window.addEventListener(type, call);
  }

  hide() {
    this.window.document.hidden = true;
    this.fire("visibilitychange");
  }

  show() {
    this.window.document.hidden = false;
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

export const positions = (events) => events.map((event) => (typeof event === "string" ? JSON.parse(event) : event).event_data.position);

const settled = () => new Promise((resolve) => setImmediate(resolve));
