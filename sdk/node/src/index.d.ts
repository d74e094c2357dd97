import type { Context, Events, Properties } from "./events.js";

export type * from "./events.js";

/** Whom and where an event is about. null takes back what was set further out. */
export interface About extends Context {
  /** As the sessions of browsers name the user: then both are one person. */
  userId?: string | number | null;
  sessionId?: string | null;
}

export interface TrackOptions extends About {
  /** When it happened. Absent: now. */
  timestamp?: Date;
}

export interface Options {
  /** URL of the collector, with or without the path. */
  url: string;
  /** One of the collector's FOOTFALL_BACKEND_KEYS. */
  key?: string;
  site?: string;
  release?: string;
  /** With it an event is on disk when `track` returns, and the next process sends it if this one is killed. */
  spoolDir?: string;
  /** Bound of what may wait; beyond it the oldest events are dropped and counted. 16 MiB in memory, 256 MiB on disk. */
  maxBytes?: number;
  /** Largest number of events per request: 1 to 500. */
  batchSize?: number;
  /** How long an event waits for others, in milliseconds. */
  wait?: number;
  /** How long a request may take, in milliseconds. */
  timeout?: number;
  /** How long the end of the process waits for events, in milliseconds. */
  exitTimeout?: number;
  /** Takes what is wrong, each text once. */
  log?: (message: string) => void;
  fetch?: typeof fetch;
}

/** Since this process began. `tracked` + `adopted` = all others together, but for `retries`. */
export interface Counters {
  /** Given to `track`. */
  tracked: number;
  /** Left on disk by a process that ended, and taken over. */
  adopted: number;
  /** The collector has stored them. */
  accepted: number;
  /** The collector had stored them before: an answer was lost. */
  duplicates: number;
  /** The collector said what is wrong with them; so does the log. */
  rejected: number;
  /** Given up: not JSON, too large, over the bound of what may wait, or still waiting at the end. */
  dropped: number;
  /** Waiting to be sent, or to be answered. */
  waiting: number;
  /** Requests that failed, so that their events were sent again. */
  retries: number;
}

/** Sends events to a collector. One per process is enough. */
export declare class Client {
  constructor(options: Options);
  /** Queue an event of the catalogue; its id, or null if it had to be dropped. Never blocks, never throws. */
  track<Name extends keyof Events>(
    eventType: Name,
    ...rest: {} extends Events[Name] ? [eventData?: Events[Name], options?: TrackOptions] : [eventData: Events[Name], options?: TrackOptions]
  ): string | null;
  /** The same for an event of any name. So a misspelt one of the catalogue does not compile. */
  trackCustom(eventType: string, eventData?: Properties, options?: TrackOptions): string | null;
  /** Send what waits now; resolves to whether all of it is done within `timeout` milliseconds. Never rejects. */
  flush(timeout?: number): Promise<boolean>;
  /** Flush for at most `timeout` milliseconds, and end. */
  close(timeout?: number): Promise<void>;
  /** What became of the events of this process. */
  readonly counters: Counters;
}

/** Call a function: all events inside, also after `await`, are of this user, session, release and so on. */
export declare function context<Result>(values: About, callback: () => Result): Result;

/** The same from here on, to the end of this request or callback: for middleware that has no function to call. */
export declare function setContext(values: About): void;
