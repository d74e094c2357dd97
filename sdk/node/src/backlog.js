// The events that wait, as chunks, oldest first, in bounded space.
import { MemoryChunk } from "./chunks.js";

/** Chunks of at most `batchEvents` events and `batchBytes` bytes. Over `maxBytes` the oldest are dropped. */
export class Backlog {
  events = 0;
  bytes = 0;
  // The last error of the disk. Events are in memory meanwhile.
  diskError = "";
  #store;
  #limits;
  // Sealed ones that may be sent, those that have to wait by the time until then, the one that grows, the one in a request.
  #ready = [];
  #later = [];
  #open;
  #sending;

  constructor(store, limits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** Add an event; how many had to be dropped for it. */
  append(line) {
    const size = Buffer.byteLength(line) + 1;
    const dropped = this.#makeRoom(size);
    if (this.#open && this.#isFull(this.#open, size)) this.#seal();
    this.#append(line, size);
    this.events++;
    this.bytes += size;
    return dropped;
  }

  /** Take over what another process left. */
  add(chunks) {
    for (const chunk of chunks) {
      this.#ready.push(chunk);
      this.events += chunk.events;
      this.bytes += chunk.size;
    }
  }

  /** How many bytes may still come. */
  get room() {
    return this.#limits.maxBytes - this.bytes;
  }

  /** The next chunk to send: a full one, or one whose first event has waited for so many milliseconds. */
  take(now, wait) {
    if (this.#later[0]?.readyAt <= now) this.#sending = this.#later.shift();
    else {
      if (!this.#ready.length && this.#open && (now - this.#open.openedAt >= wait || this.#isFull(this.#open, 0))) this.#seal();
      this.#sending = this.#ready.shift();
    }
    return this.#sending;
  }

  /** When `take` will have one; Infinity if there is nothing. */
  nextAt(wait) {
    const open = this.#open ? (this.#isFull(this.#open, 0) ? 0 : this.#open.openedAt + wait) : Infinity;
    return Math.min(this.#later[0]?.readyAt ?? Infinity, this.#ready.length ? 0 : Infinity, open);
  }

  /** All events of a chunk that was taken are done. */
  done(chunk) {
    if (chunk === this.#sending) this.#sending = undefined;
    this.events -= chunk.events;
    this.bytes -= chunk.size;
    try {
      chunk.remove();
    } catch {} // then a later process sends it again, and the ids show it
  }

  /** A chunk that was taken is to be sent again: now, or later and behind the others. */
  putBack(chunk, readyAt = 0) {
    if (chunk === this.#sending) this.#sending = undefined;
    chunk.readyAt = readyAt;
    if (!readyAt) this.#ready.unshift(chunk);
    else {
      const at = this.#later.findIndex((each) => each.readyAt > readyAt);
      this.#later.splice(at < 0 ? this.#later.length : at, 0, chunk);
    }
  }

  /** Only these lines of a chunk that was taken are to be sent again, at these times. */
  replace(chunk, parts) {
    for (const [lines, readyAt] of parts) {
      const part = this.#filled(lines);
      Object.assign(part, { openedAt: chunk.openedAt, failures: chunk.failures, successes: chunk.successes });
      this.events += part.events;
      this.bytes += part.size;
      this.putBack(part, readyAt);
    }
    this.done(chunk);
  }

  /** Leave what waits to whoever comes; how many events nobody will find, as they are in memory. */
  abandon() {
    let lost = 0;
    for (const chunk of [...this.#ready, ...this.#later, this.#open, this.#sending].filter(Boolean)) {
      chunk.seal();
      if (chunk instanceof MemoryChunk) lost += chunk.events;
    }
    this.#store.close();
    this.events -= lost;
    return lost;
  }

  #append(line, size) {
    try {
      this.#open ??= this.#store.create();
      this.#open.append(line, size);
    } catch (error) {
      this.diskError = error.message;
      if (this.#open?.events) this.#seal();
      else this.#open?.remove();
      this.#open = new MemoryChunk();
      this.#open.append(line, size);
    }
  }

  #filled(lines) {
    const fill = (chunk) => {
      for (const line of lines) chunk.append(line, Buffer.byteLength(line) + 1);
      chunk.seal();
      return chunk;
    };
    try {
      return fill(this.#store.create());
    } catch (error) {
      this.diskError = error.message;
      return fill(new MemoryChunk());
    }
  }

  #seal() {
    this.#open.seal();
    this.#ready.push(this.#open);
    this.#open = undefined;
  }

  #isFull(chunk, more) {
    return chunk.events >= this.#limits.batchEvents || chunk.size + more > this.#limits.batchBytes;
  }

  /** Drop the oldest chunks until there is room. The one that is being sent stays. */
  #makeRoom(size) {
    let dropped = 0;
    while (this.bytes + size > this.#limits.maxBytes) {
      if (!this.#ready.length && !this.#later.length) {
        if (!this.#open) break;
        this.#seal();
      }
      const oldest = (this.#ready.length ? this.#ready : this.#later).shift();
      dropped += oldest.events;
      this.done(oldest);
    }
    return dropped;
  }
}
