// The script tag: settings come from its data-* attributes, `window.footfall` is for the page.

import { begin, consent, core, flush, track } from "./core.js";
import type { Sent } from "./options.js";
import { ofDocument } from "./own.js";

const tag = ofDocument("currentScript") as HTMLScriptElement;
const page = window as any;
declare const APART: boolean;

function functionOfPage(name: string): (event: Sent) => Sent {
  const found = page.hasOwnProperty(name) && page[name];
  if (typeof found != "function") throw `the page has no function ${name}, which data-before names`;
  return found;
}

// A second tag on the same page does nothing. An element with the id `footfall` is not a property of the window itself.
if (!tag) core.say("module");
else if (!page.hasOwnProperty("footfall")) {
  const { dataset, src } = tag;
  const { auto = "page,click,form,error", before } = dataset;
  page.footfall = { track, flush, consent };
  // A script of another origin, and any script of a sandboxed page, has no URL that imports are relative to.
  core.at = (file) => new URL(file, src) as unknown as string;
  if (
    begin({
      endpoint: new URL("../api/analytics/collect", src) as unknown as string,
      ...(dataset as object),
      // Looked up for each event. If the page has no such function, nothing is sent, rather than unfiltered events.
      before: before ? (event: Sent) => functionOfPage(before)(event) : undefined,
    })
  ) {
    if (auto.includes("page")) core.view();
    // If it cannot be loaded, each event is sent once.
    (APART ? import(core.at("./more.js")) : import("./more.js")).then(
      ({ more }) => more(core, auto),
      () => (core.queued = core.flush)(),
    );
  }
}
