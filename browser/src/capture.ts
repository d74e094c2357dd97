// What is tracked automatically, for the npm package.

import { track } from "./client.js";
import { captureInteractions } from "./interactions.js";
import { captureViews } from "./views.js";

/** Track these kinds of events: page, click, form, error. */
export function capture(kinds = "page,click,form,error"): void {
  if (kinds.includes("page")) captureViews();
  captureInteractions(track, kinds);
}
