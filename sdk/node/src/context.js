// Whom and where events are about, for all that is tracked below: in a request, a job, a callback.
import { AsyncLocalStorage } from "node:async_hooks";

const storage = new AsyncLocalStorage();

/** What is set here. */
export const currentContext = () => storage.getStore() ?? {};

/** Call a function: all events inside, also after `await`, are of this user, session, release and so on. */
export const context = (values, callback) => storage.run({ ...currentContext(), ...values }, callback);

/** The same from here on, to the end of this request or callback: for middleware that has no function to call. */
export const setContext = (values) => storage.enterWith({ ...currentContext(), ...values });
