// Clicks, forms and errors. Names, never texts or values.

import { captureErrors } from "./errors.js";
import { on } from "./listen.js";
import { nameOf } from "./names.js";
import type { Core } from "./options.js";

const CLICKABLE = "[data-track],a,button,[role=button],[type=submit]";

type Track = (name: string, data: object) => void;

/** Track these kinds of events: click, form, error. `before` is called before each of them. */
export function captureInteractions(core: Core, kinds: string, before: () => void = () => {}): void {
  const after: Track = (name, data) => {
    before();
    core.track(name, data);
  };
  if (kinds.includes("click"))
    on("click", (event: Event) => {
      // The path leads into open shadow roots, which `target` does not.
      const element = event.composedPath().find((node) => node instanceof Element && isClickable(node));
      if (element) after("button_click", { button: nameOf(element as Element), page: location.pathname });
    });
  if (kinds.includes("form")) captureForms(after);
  if (kinds.includes("error")) captureErrors(after, core.early ?? []);
  core.early = undefined;
}

const isClickable = (element: Element) => Element.prototype.matches.call(element, CLICKABLE);

function captureForms(track: Track): void {
  const submitted = ({ target }: Event) => {
    // Fields may be named `length` or `id`.
    if (target instanceof HTMLFormElement)
      track("form_submit", {
        form: nameOf(target),
        page: location.pathname,
        field_count: Reflect.get(HTMLFormElement.prototype, "length", target),
      });
  };
  on("submit", submitted);
  // Submissions do not leave a shadow root, but the focus and the clicks before them do.
  const known = new WeakSet<EventTarget>();
  on("focusin click", (event: Event) => {
    for (const node of event.composedPath())
      if (node instanceof ShadowRoot && !known.has(node)) {
        known.add(node);
        node.addEventListener("submit", submitted, true);
      }
  });
}
