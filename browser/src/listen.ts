/** Listen to some types of events before anything on the page can stop them. What the listener throws stays here. */
export const on = (types: string, call: (event: any) => void) =>
  types.split(" ").map((type) =>
    addEventListener(
      type,
      (event) => {
        try {
          call(event);
        } catch {}
      },
      true,
    ),
  );
