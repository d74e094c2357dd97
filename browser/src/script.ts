// The script tag: settings come from its data-* attributes, `window.footfall` is for the page.

import { consent, flush, init, track, type Sent } from "./client.js";
import { captureViews } from "./views.js";

const { dataset, src } = document.currentScript as HTMLScriptElement;
const page = window as any;

// A second tag on the same page does nothing.
page.footfall ||=
  (init({
    endpoint: new URL("../api/analytics/collect", src) as unknown as string,
    ...(dataset as object),
    // Looked up for each event. If the function is missing, nothing is sent, rather than unfiltered events.
    before: dataset.before ? (event: Sent) => page[dataset.before!](event) : undefined,
  }) && (dataset.auto ?? "page").includes("page") && captureViews(),
  { track, flush, consent });
