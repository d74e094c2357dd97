/** Listen to some types of events before anything on the page can stop them. */
export const on = (types: string, call: (event: any) => void) =>
  types.split(" ").map((type) => addEventListener(type, call, true));
