// The npm package. Importing it has no effect; `init` starts it.

import { begin, core } from "./core.js";
import { deliver } from "./deliver.js";
import { capture as captureMore } from "./more.js";
import type { Options } from "./options.js";

export { consent, flush, track } from "./core.js";
export type { Options, Sent } from "./options.js";
export type * from "../events.js";

/** Start. False if nothing may be tracked: the visitor opted out (GPC, DNT), or a program drives the browser. */
export function init(options: Options): boolean {
  const begun = begin(options);
  if (begun) deliver(core);
  return begun;
}

/** Track these kinds of events: page, click, form, error. */
export function capture(kinds = "page,click,form,error"): void {
  if (kinds.includes("page")) core.view();
  captureMore(core, kinds);
}
