// The second file, which the first one loads: sends in batches, retries, stores, and tracks what happens on the page.

import { deliver } from "./deliver.js";
import { captureInteractions } from "./interactions.js";
import { captureNavigation } from "./navigation.js";
import type { Core } from "./options.js";

export function more(core: Core, kinds: string): void {
  deliver(core);
  capture(core, kinds);
  if (kinds.includes("vital")) import("./vitals.js").then(({ measure }) => measure(core.track), () => {});
}

/** Track these kinds of events: page (all but the first view), click, form, error. */
export function capture(core: Core, kinds: string): void {
  const settle = kinds.includes("page") ? captureNavigation(core) : undefined;
  captureInteractions(core, kinds, settle);
  const { flush } = core;
  core.flush = () => {
    settle?.();
    return flush();
  };
}
