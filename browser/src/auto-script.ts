// The second script tag: clicks, forms and errors. Which of them says its data-auto.

import { captureInteractions } from "./interactions.js";

const { footfall } = window as any;
// A second tag on the same page does nothing, nor does one without the first script.
if (footfall && !footfall.auto) {
  footfall.auto = true;
  captureInteractions(footfall.track, (document.currentScript as HTMLScriptElement).dataset.auto);
}
