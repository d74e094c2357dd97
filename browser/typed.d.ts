// The same as the package, but `track` takes the event types of the catalogue alone: a misspelt one does not compile.
import type { Events } from "./events.js";

export { capture, consent, flush, init } from "./src/index.js";
export type * from "./src/index.js";

/** Track an event of the catalogue, or of your own types (`footfall types typescript --sdk`). Never throws. */
export declare function track<Name extends keyof Events>(
  name: Name,
  ...data: {} extends Events[Name] ? [data?: Events[Name]] : [data: Events[Name]]
): void;
