// What is stored while it cannot be sent: an entry per page that could not send.

import type { Options, Sent } from "./options.js";

const PREFIX = "footfall:";
const NAME = /^footfall:\d/;
// Of an entry. Browsers allow an origin some five million characters.
export const MAX_STORED_LENGTH = 131_072;

interface Entry<Event> {
  /** Nothing is sent before this time. */
  notBefore: number;
  dropped: number;
  /** Consecutive requests that the collector failed at. */
  faults: number;
  /** Id of an event that failed alone, or empty. */
  suspect: string;
  /** Whose events they are, in the collector's words; empty if it never answered. */
  owner: string;
  events: Event[];
}

export type Stored = Entry<Sent>;

// Throws if the browser forbids it.
const storage = (kind: Options["storage"]) => (window as any)[kind + "Storage"];

/** Write an entry; false if storage is full or forbidden. */
export function writeStored(kind: Options["storage"], entry: Entry<string>): boolean {
  // By hand, because pages may have changed how arrays become JSON. The events are JSON already.
  const text = `[${entry.notBefore},${entry.dropped},${entry.faults},"${entry.owner}",[${entry.events}],"${entry.suspect}"]`;
  try {
    storage(kind)[PREFIX + (Date.now() + Math.random())] = text;
    return true;
  } catch {
    return false;
  }
}

/** Delete an entry. */
export function removeStored(kind: Options["storage"], name: string): void {
  delete storage(kind)[name];
}

/** The entries by name, but for some. What others have stored under such a name is skipped. */
export function readStored(kind: Options["storage"], except: string[]): [string, Stored][] {
  const found: [string, Stored][] = [];
  let names: string[] = [];
  try {
    names = Object.keys(storage(kind));
  } catch {} // storage is forbidden
  for (const name of names)
    if (NAME.test(name) && !except.includes(name))
      try {
        const [notBefore, dropped, faults, owner, events, suspect] = JSON.parse(storage(kind)[name]);
        if (events.every((event: Sent) => event.event_id) && notBefore + dropped + faults >= 0)
          found.push([name, { notBefore, dropped, faults, owner, events, suspect }]);
      } catch {} // not ours
  return found;
}
