// The npm package. Importing it does nothing; `init` begins.

export { consent, flush, flush as resume, init, track, type Options, type Sent } from "./client.js";
export { capture } from "./capture.js";
export type * from "../events.js";
