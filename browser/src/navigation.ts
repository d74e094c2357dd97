// Page views of applications that change pages without loading one.

import { on } from "./listen.js";
import type { Core } from "./options.js";

// Frameworks set the title after the path, and maps and filters change the path many times per second.
const SETTLE_MS = 300;

/** Returns a function that tracks the view that still waits for the page to settle, so that it comes first. */
export function captureNavigation(core: Core): () => void {
  let timer: unknown;
  const settle = () => {
    if (timer) core.view();
    timer = clearTimeout(timer as number);
  };
  const changed = () => {
    clearTimeout(timer as number);
    timer = setTimeout(settle, SETTLE_MS);
  };
  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = function (this: History, ...given) {
      const path = location.pathname;
      original.apply(this, given);
      if (location.pathname != path) changed();
    };
  }
  changed(); // an application may have gone on before this file had loaded
  on("popstate", changed);
  on("pagehide", settle);
  on("pageshow prerenderingchange", (event) => core.view(event));
  return settle;
}
