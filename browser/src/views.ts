// Page views: of the page that loads, and of the pages that an application shows without loading one.

import { track } from "./client.js";
import { on } from "./listen.js";

let lastPage: string | undefined;

/** Track a page view now, and whenever the path changes. */
export function captureViews(): void {
  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = (...args) => {
      original.apply(history, args);
      view();
    };
  }
  on("popstate prerenderingchange pageshow", view);
  view();
}

function view(event?: PageTransitionEvent): void {
  if (event?.persisted) lastPage = undefined;
  if (location.pathname == lastPage || (document as any).prerendering) return;
  // The path of a page of this site, the host of any other.
  const [, host, path] = document.referrer.match(/\/\/([^/]+)([^?]*)/) || [];
  track("page_view", {
    // The collector moves the campaign into fields of its own, and removes the ids of clicks (gclid, msclkid, gbraid), which
    // tell paid visits from others. The rest of the query may be personal.
    page: location.pathname + location.search.replace(/([?&])(?!utm_|\w*(clk?id|braid)=)[^&]*/g, "$1"),
    referrer: lastPage || (host == location.host ? path : host),
    title: lastPage ? null : document.title, // frameworks set the title of the next page later
  });
  lastPage = location.pathname;
}
