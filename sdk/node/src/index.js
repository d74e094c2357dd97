// Sends events from Node.js backends to a footfall collector. Never blocks or throws in the application.
export { Client } from "./client.js";
export { context, setContext } from "./context.js";
