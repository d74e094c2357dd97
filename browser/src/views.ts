// Page views: of the page that loads, and of the pages that an application shows without loading one.

import { MAX_TITLE } from "./limits.js";
import { ofDocument } from "./own.js";
import type { Core } from "./options.js";

let lastPage: string | undefined;

/** Track a view of the page if its path is not that of the last view. */
export function view(this: Pick<Core, "track">, event?: PageTransitionEvent): void {
  if (event?.persisted) lastPage = undefined;
  // A document of a frame's `srcdoc` has no page of its own.
  if (location.pathname == lastPage || location.protocol == "about:" || (ofDocument as any)("prerendering")) return;
  // The path of a page of this site, the host of any other.
  const [, host, path] = ofDocument("referrer").match(/\/\/([^/]+)([^?]*)/) || [];
  this.track("page_view", {
    // The collector moves the campaign into fields of its own, and removes the ids of clicks (gclid, msclkid, gbraid), which
    // tell paid visits from others. The rest of the query may be personal.
    page: location.pathname + location.search.replace(/([?&])(?!utm_|\w*(clk?id|braid)=)[^&]*/g, "$1"),
    referrer: lastPage || (host == location.host ? path : host),
    title: ofDocument("title").slice(0, MAX_TITLE),
  });
  lastPage = location.pathname;
}
