// The client: makes events, and hands them to what sends them. Nothing here waits or throws in a request.
import { FileStore, MemoryStore } from "./chunks.js";
import { currentContext } from "./context.js";
import { eventId } from "./event-ids.js";
import { Sender } from "./sender.js";

const PATH = "/api/analytics/collect";
const MAX_EVENT_BYTES = 64 * 1024;
const BATCH_BYTES = 200 * 1024;
const MIB = 1024 * 1024;

/** Clients of this process, to flush at its end. */
const clients = new Set();

export class Client {
  #sender;
  #defaults;
  #exitTimeout;
  #endsAt = 0;

  constructor({
    url,
    key,
    site,
    release,
    spoolDir,
    maxBytes = (spoolDir ? 256 : 16) * MIB,
    batchSize = 100,
    wait = 1000,
    timeout = 10_000,
    exitTimeout = 5000,
    log = console.warn,
    fetch = globalThis.fetch,
  }) {
    if (!(batchSize >= 1 && batchSize <= 500)) throw new RangeError("footfall: batchSize from 1 to 500, which is what collectors accept");
    const post = poster(endpoint(url), key, timeout, fetch);
    const store = spoolDir ? new FileStore(spoolDir) : new MemoryStore();
    this.#sender = new Sender(store, post, { wait, log, maxBytes, batchEvents: batchSize, batchBytes: BATCH_BYTES });
    this.#defaults = { site, release };
    this.#exitTimeout = exitTimeout;
    clients.add(this);
    if (spoolDir) this.#sender.schedule();
  }

  /** Queue an event of the catalogue; its id, or null if it had to be dropped. Never blocks, never throws. */
  track(eventType, eventData, about) {
    const sender = this.#sender;
    sender.counts.tracked++;
    try {
      const event_id = eventId();
      const line = encode(event_id, eventType, eventData, { ...this.#defaults, ...currentContext(), ...about });
      if (Buffer.byteLength(line) > MAX_EVENT_BYTES) {
        sender.drop(`"${eventType}" is larger than ${MAX_EVENT_BYTES} bytes`);
        return null;
      }
      sender.add(line);
      return event_id;
    } catch (error) {
      sender.drop(`"${String(eventType)}" cannot be written as JSON (${error?.message})`.slice(0, 500));
      return null;
    }
  }

  /** The same for an event of any name. */
  trackCustom(eventType, eventData, about) {
    return this.track(eventType, eventData, about);
  }

  /** Send what waits now; resolves to whether all of it is done within `timeout` milliseconds. Never rejects. */
  flush(timeout = 10_000) {
    return this.#sender.flush(timeout);
  }

  /** Flush for at most `timeout` milliseconds, and end. */
  async close(timeout = this.#exitTimeout) {
    await this.#sender.close(timeout);
    clients.delete(this);
  }

  /** What became of the events of this process. */
  get counters() {
    return { ...this.#sender.counts, waiting: this.#sender.waiting };
  }

  /** Called when nothing else is left to do: events that wait keep the process for a while. */
  flushAtExit() {
    this.#endsAt ||= performance.now() + this.#exitTimeout;
    const left = this.#endsAt - performance.now();
    if (this.#sender.waiting && left > 0) this.#sender.flush(left);
  }

  closeAtExit() {
    this.#sender.closeNow();
  }
}

const flushAll = () => clients.forEach((client) => client.flushAtExit());
const closeAll = () => clients.forEach((client) => client.closeAtExit());
process.on("beforeExit", flushAll).on("exit", closeAll);

function endpoint(url) {
  const parsed = URL.canParse(url) ? new URL(url) : { protocol: "" };
  if (!/^https?:$/.test(parsed.protocol)) throw new TypeError(`footfall: the URL of a collector, such as https://stats.example.com, not ${JSON.stringify(url)}`);
  const path = parsed.pathname.replace(/\/+$/, "");
  return parsed.origin + (path.endsWith(PATH) ? path : path + PATH);
}

function poster(url, key, timeout, fetch) {
  const headers = { "content-type": "application/json", "user-agent": "footfall-node", ...(key && { "footfall-key": key }) };
  return async (body) => {
    const response = await fetch(url, { method: "POST", body, headers, redirect: "manual", signal: AbortSignal.timeout(timeout) });
    return { status: response.status, retryAfter: response.headers.get("retry-after"), body: await response.text() };
  };
}

function encode(event_id, event_type, event_data = {}, { userId, sessionId, timestamp, ...context }) {
  const event = {
    event_id,
    event_type,
    event_data: event_data ?? {},
    timestamp: (timestamp ?? new Date()).toISOString(),
    // Always there, so that nobody else's headers count.
    user_id: userId ?? null,
    session_id: sessionId ?? null,
  };
  const known = Object.entries(context).filter(([, value]) => value !== undefined && value !== null);
  if (known.length) event.context = Object.fromEntries(known);
  return JSON.stringify(event, plain);
}

function plain(name, value) {
  if (typeof value === "bigint") return `${value}`;
  // What JSON writes as null would look like a value that nobody had.
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`${name} is ${value}`);
  return value instanceof Map ? Object.fromEntries(value) : value instanceof Set ? [...value] : value;
}
