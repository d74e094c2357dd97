// Errors of the page: without personal parts of URLs, and each kind of them a few times only.

import { MAX_MESSAGE, MAX_NAME, MAX_TEXT } from "./limits.js";

const SAME_ERROR_MS = 1e4;
const MAX_SAME = 3;
const MAX_ERRORS = 10;
const MAX_FRAMES = 10;
// Browsers report that a layout took another frame; nothing is wrong, and some pages cause it thousands of times.
const NOISE = /^ResizeObserver loop/;

type Track = (name: string, data: object) => void;
interface Failure {
  type?: string;
  message?: string;
  filename?: string;
  lineno?: number;
  colno?: number;
  error?: any;
  reason?: any;
}

/** The same error at most every ten seconds and three times, ten errors per page. `early` happened before. */
export function captureErrors(track: Track, early: Event[]): void {
  const seen = new Map<string, { at: number; times: number }>();
  let left = MAX_ERRORS;
  const failed = ({ type, message, filename, lineno, colno, error, reason = error }: Failure) => {
    if (type == "error" && !message && !error) return; // made by the page
    const text = withoutQueries(String(message || reason?.message || reason)).slice(0, MAX_MESSAGE);
    const kind = text.replace(/\d+/g, "0"); // the same error with another number
    const { at, times } = seen.get(kind) ?? { at: -Infinity, times: 0 };
    const now = Date.now();
    if (NOISE.test(text) || now < at + SAME_ERROR_MS || times >= MAX_SAME || left < 1) return;
    left--;
    seen.set(kind, { at: now, times: times + 1 });
    track("error_encountered", {
      message: text,
      page: location.pathname,
      kind: textOf(reason?.name)?.slice(0, MAX_NAME),
      source: filename?.split(/[?#,]/)[0]!.slice(0, MAX_TEXT), // a data: URL has its content behind the comma
      line: lineno,
      column: colno,
      stack: topOf(reason?.stack),
    });
  };
  const listener = (event: Event) => {
    try {
      failed(event as Failure);
    } catch {} // a page can throw what cannot be made text
  };
  early.forEach(listener);
  for (const type of ["error", "unhandledrejection"]) addEventListener(type, listener);
}

const textOf = (value: unknown) => (typeof value == "string" && value ? value : undefined);

/** URLs keep their path, and the line and column behind it. */
const withoutQueries = (text: string) => text.replace(/(\w:\/\/[^\s?#'"()]*|\/[^\s?#'"()]+)[?#][^\s'"()]+?(?=(:\d+)*[\s'"()]|(:\d+)*$)/g, "$1");

/** The innermost calls of a stack. */
const topOf = (stack: unknown) =>
  textOf(stack) && withoutQueries(stack as string).split("\n").slice(0, MAX_FRAMES + 1).join("\n").slice(0, MAX_TEXT);
