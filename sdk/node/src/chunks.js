// Where events wait: in memory, or in files that the next process finds. A chunk is what goes into one request.
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { hostname } from "node:os";
import path from "node:path";

// Another process takes over the files of one that has shown no sign of life for so long.
const ORPHAN_MS = 60_000;
const SUFFIX = ".events";
const ALIVE = ".alive";
// When this process began, about. What has its number and is older was left by another one, as in a container.
const BORN = Date.now() - process.uptime() * 1000;

class Chunk {
  openedAt = performance.now();
  readyAt = 0;
  events = 0;
  size = 0;
  // How often its request failed although others did not, and how many requests had succeeded by then.
  failures = 0;
  successes = 0;
  seal() {}
}

/** A chunk that ends with the process. */
export class MemoryChunk extends Chunk {
  #lines = [];

  append(line, size) {
    this.#lines.push(line);
    this.events++;
    this.size += size;
  }

  lines() {
    return this.#lines;
  }

  remove() {
    this.#lines = [];
  }
}

export class MemoryStore {
  create() {
    return new MemoryChunk();
  }

  adopt() {
    return [];
  }

  touch() {}

  close() {}
}

/** A chunk in a file. What is appended survives the process, as the operating system has it then. */
class FileChunk extends Chunk {
  #path;
  #descriptor;

  constructor(file, descriptor) {
    super();
    this.#path = file;
    this.#descriptor = descriptor;
  }

  append(line, size) {
    const data = Buffer.from(`${line}\n`);
    if (fs.writeSync(this.#descriptor, data) !== data.length) {
      fs.ftruncateSync(this.#descriptor, this.size);
      throw new Error("the disk is full");
    }
    this.events++;
    this.size += size;
  }

  seal() {
    if (this.#descriptor !== undefined) fs.closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  /** The events. Those that the disk has damaged are left out. */
  lines() {
    return this.#read().filter(isEvent);
  }

  remove() {
    this.seal();
    fs.rmSync(this.#path, { force: true });
  }

  /** Count what an earlier process wrote, whether it can be read or not. */
  measure() {
    for (const line of this.#read()) {
      this.events++;
      this.size += Buffer.byteLength(line) + 1;
    }
  }

  #read() {
    // The last line of a killed process may be cut: its `track` had not returned.
    return fs.readFileSync(this.#path, "utf8").split("\n").slice(0, -1);
  }
}

/**
 * Files in a folder that processes of any number of machines may share. Each process has its own files. Two that take each
 * other for dead send events twice, which their ids show; nothing is lost.
 */
export class FileStore {
  #folder;
  #host = hostname().replaceAll("~", "-");
  #name = `${this.#host}~${process.pid}~${randomBytes(6).toString("hex")}`;
  #number = 0;
  #touchedAt = -Infinity;

  constructor(folder) {
    this.#folder = folder;
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.touch();
  }

  create() {
    const file = this.#nextPath();
    return new FileChunk(file, fs.openSync(file, "ax", 0o600));
  }

  /** Chunks that other processes left, of about so many bytes. */
  adopt(maxBytes) {
    const adopted = [];
    for (const name of fs.readdirSync(this.#folder).sort()) {
      const owner = name.slice(0, name.endsWith(ALIVE) ? -ALIVE.length : name.lastIndexOf("~"));
      if (!(name.endsWith(SUFFIX) || name.endsWith(ALIVE)) || owner === this.#name || !this.#isDead(owner)) continue;
      if (name.endsWith(ALIVE)) {
        fs.rmSync(path.join(this.#folder, name), { force: true });
      } else if (maxBytes > 0) {
        const chunk = this.#claim(name);
        if (chunk) adopted.push(chunk);
        maxBytes -= chunk?.size ?? 0;
      }
    }
    return adopted;
  }

  /** Show that this process lives. */
  touch() {
    if (performance.now() - this.#touchedAt < ORPHAN_MS / 6) return;
    this.#touchedAt = performance.now();
    fs.writeFileSync(this.#alive(this.#name), "", { mode: 0o600 });
  }

  close() {
    fs.rmSync(this.#alive(this.#name), { force: true });
  }

  #claim(name) {
    const mine = this.#nextPath();
    try {
      fs.renameSync(path.join(this.#folder, name), mine);
    } catch (error) {
      if (error.code === "ENOENT") return undefined; // another process was faster
      throw error;
    }
    const chunk = new FileChunk(mine);
    chunk.measure();
    return chunk;
  }

  #isDead(owner) {
    let seenAt;
    try {
      seenAt = fs.statSync(this.#alive(owner)).mtimeMs;
    } catch {
      return true;
    }
    if (Date.now() - seenAt > ORPHAN_MS) return true;
    const [host, pid, random] = owner.split("~");
    return random !== undefined && host === this.#host && /^\d+$/.test(pid) && hasEnded(Number(pid), seenAt);
  }

  #alive(name) {
    return path.join(this.#folder, name + ALIVE);
  }

  #nextPath() {
    this.#number++;
    return path.join(this.#folder, `${this.#name}~${String(this.#number).padStart(8, "0")}${SUFFIX}`);
  }
}

function isEvent(line) {
  try {
    return "event_type" in JSON.parse(line);
  } catch {
    return false;
  }
}

function hasEnded(pid, seenAt) {
  if (pid === process.pid) return seenAt < BORN;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}
