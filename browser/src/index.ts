// The npm package. Importing it has no effect; `init` starts it.

export { consent, flush, flush as resume, init, track, type Options, type Sent } from "./client.js";
export { capture } from "./capture.js";
export type * from "../events.js";
