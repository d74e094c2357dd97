// The npm package. Importing it has no effect; `init` starts it.

export { capture } from "./capture.js";
export { consent, flush, init, track, type Options, type Sent } from "./client.js";
export type * from "../events.js";
