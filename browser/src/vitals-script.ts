// The third script tag: page speed.

import { measure } from "./vitals.js";

const { footfall } = window as any;
// A second tag on the same page does nothing, nor does one without the first script.
if (footfall && !footfall.vitals) {
  footfall.vitals = true;
  measure(footfall.track);
}
