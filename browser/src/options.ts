// What a page can set, and the form of an event.

import type { Context } from "../events.js";

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
  /** Log each event and its outcome to the console; `bar`: also at the bottom of the page. */
  debug?: boolean | "bar";
  /** Also track browsers that are driven by a program, such as a test. */
  bots?: boolean;
}

/** What the first file shares with the others. A file may be older than another by as long as browsers cache them. */
export interface Core {
  options?: (Options & Required<Pick<Options, "batch" | "wait" | "queue">>) | undefined;
  /** Undefined until the visitor has decided. */
  allowed?: boolean | undefined;
  /** Each event as JSON. */
  queue: string[];
  /** Errors of the page from before the second file has loaded. */
  early?: Event[] | undefined;
  /** Events that were given up and not reported to the collector yet. */
  dropped: number;
  /** The URL of another file. */
  at(file: string): string;
  /** Called when an event has been queued. */
  queued(): void;
  /** Called when the page is hidden, left or shown again. */
  hide(event: Event): void;
  /** Send the queue now, or forget everything if consent was refused; resolves when the request is done. */
  flush(): Promise<unknown>;
  /** One request. It resolves with the response, and rejects if there is none. */
  send(events: string[], dropped: number, keepalive?: boolean): Promise<Response>;
  /** An object as JSON that the collector accepts. */
  toJson(value: unknown): string;
  track(name: string, data?: object): void;
  view(event?: PageTransitionEvent): void;
  /** Say something in the console. */
  say(...what: unknown[]): void;
}
