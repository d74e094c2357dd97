// Clicks, forms and errors. Names, never texts or values.

import type { track as Track } from "./client.js";
import { on } from "./listen.js";

const CLICKABLE = "[data-track],a,button,[role=button],[type=submit]";
const SAME_ERROR_MS = 1e4;

/** Track these kinds of events: click, form, error. */
export function captureInteractions(track: typeof Track, kinds = "click,form,error"): void {
  if (kinds.includes("click"))
    on("click", ({ target }: Event) => {
      const element: Element | null | undefined = (target as Element).closest?.(CLICKABLE);
      if (element) track("button_click", { button: nameOf(element), page: location.pathname });
    });
  if (kinds.includes("form"))
    on("submit", ({ target }: { target: HTMLFormElement }) =>
      track("form_submit", { form: nameOf(target), page: location.pathname, field_count: target.length }),
    );
  if (kinds.includes("error")) captureErrors(track);
}

/** The same message once per ten seconds, at most ten per page. */
function captureErrors(track: typeof Track): void {
  const lastSeen: Record<string, number> = {};
  let left = 10;
  const failed = ({ message, filename, lineno, colno, error, reason = error }: ErrorEvent & { reason?: any }) => {
    const text = String(message || reason?.message || reason).slice(0, 500);
    const now = Date.now();
    if (now < lastSeen[text]! + SAME_ERROR_MS || left-- < 1) return;
    lastSeen[text] = now;
    track("error_encountered", {
      message: text,
      page: location.pathname,
      kind: reason?.name,
      source: filename?.split(/[?#]/)[0],
      line: lineno,
      column: colno,
    });
  };
  for (const type of ["error", "unhandledrejection"]) addEventListener(type, failed as any);
}

/** The name of an element in the page's source; never its text. */
function nameOf(element: Element): string {
  const names = ["data-track", "id", "name", "aria-label"].map((attribute) => element.getAttribute(attribute));
  return names.find((name) => name) || element.localName;
}
