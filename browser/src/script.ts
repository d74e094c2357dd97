// The script tag: settings come from its data-* attributes, `window.footfall` is for the page.

import { capture } from "./capture.js";
import { consent, flush, init, track, type Sent } from "./client.js";

const { dataset, src } = document.currentScript as HTMLScriptElement;
const page = window as any;

// A second tag on the same page does nothing.
page.footfall ||=
  (init({
    endpoint: new URL("../api/analytics/collect", src) as unknown as string,
    ...(dataset as object),
    // Looked up for each event. If the function is missing, nothing is sent, rather than unfiltered events.
    before: (event: Sent) => (dataset.before ? page[dataset.before](event) : event),
  }) && capture(dataset.auto),
  { track, flush, consent, resume: flush });
