// What is tracked automatically: page views, clicks, forms, errors. Names and paths, never texts or values.

import { track } from "./client.js";

const CLICKABLE = "[data-track],a,button,[role=button],[type=submit]";
const SAME_ERROR_MS = 1e4;

let lastPage: string | undefined;
let errorsLeft = 10; // per page
const lastSeen: Record<string, number> = {};

/** Track the args kinds of events: page, click, form, error. */
export function capture(kinds = "page,click,form,error"): void {
  if (kinds.includes("page")) {
    for (const name of ["pushState", "replaceState"] as const) {
      const original = history[name];
      history[name] = (...args) => {
        original.apply(history, args);
        view();
      };
    }
    addEventListener("popstate", view);
    addEventListener("prerenderingchange", view, true);
    addEventListener("pageshow", (event) => {
      if (event.persisted) view((lastPage = undefined));
    });
    view();
  }
  if (kinds.includes("click")) addEventListener("click", clicked, true);
  if (kinds.includes("form")) addEventListener("submit", submitted, true);
  if (kinds.includes("error"))
    for (const type of ["error", "unhandledrejection"]) addEventListener(type, failed as any);
}

function view(_?: unknown): void {
  if (location.pathname == lastPage || (document as any).prerendering) return;
  // The path of a page of this site, the host of any other.
  const [, host, path] = document.referrer.match(/\/\/([^/]+)([^?]*)/) || [];
  track("page_view", {
    page: location.pathname + location.search.replace(/([?&])(?!utm_)[^&]*/g, "$1"),
    referrer: lastPage || (host == location.host ? path : host),
    title: lastPage ? null : document.title, // frameworks set the title of the next page later
  });
  lastPage = location.pathname;
}

function clicked({ target }: Event): void {
  const element = (target as Element).closest?.(CLICKABLE);
  if (element) track("button_click", { button: nameOf(element), page: location.pathname });
}

function submitted({ target }: Event): void {
  const form = target as HTMLFormElement;
  track("form_submit", { form: nameOf(form), page: location.pathname, field_count: form.length });
}

function failed({ message, filename, lineno, colno, error, reason = error }: ErrorEvent & { reason?: any }): void {
  const text = String(message || reason?.message || reason).slice(0, 500);
  const now = Date.now();
  if (now < lastSeen[text]! + SAME_ERROR_MS || errorsLeft-- < 1) return;
  lastSeen[text] = now;
  track("error_encountered", {
    message: text,
    page: location.pathname,
    kind: reason?.name,
    source: filename?.split(/[?#]/)[0],
    line: lineno,
    column: colno,
  });
}

/** The name of an element in the page's source; never its text. */
function nameOf(element: Element): string {
  const names = ["data-track", "id", "name", "aria-label"].map((attribute) => element.getAttribute(attribute));
  return names.find((name) => name) || element.localName;
}
