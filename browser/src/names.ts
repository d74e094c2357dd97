// What a person would call a control or a form, without the texts of the page, which may be personal.

import { MAX_NAME } from "./limits.js";

const SOURCE_NAMES = ["data-track", "id", "name", "data-testid", "data-test", "data-cy", "data-qa"];
const LANDMARK = "form,dialog,nav,aside,header,footer";
// Ids of frameworks: `:r1b:`, `«r1»`, `radix-:r3:`, `_r_3_`, `ember123`, `mui-42`, `el-id-1024-7`, UUIDs and other hexadecimal digits.
const GENERATED = /[:«]|^_r_|\d{3}|-\d+$|[\da-f]{8}|^\d+$/i;
// One to four words in lower case but for the first letter, without digits: `Save`, `Add to cart`. Labels with names of
// people, amounts and so on are longer or have capitals and digits further on.
const GENERIC_LABEL = /^\p{L}\p{Ll}*([ -]\p{Ll}+){0,3}$/u;

const attribute = (element: Element, name: string) => Element.prototype.getAttribute.call(element, name)?.trim();

const tagOf = (element: Element) => Reflect.get(Element.prototype, "localName", element) as string;

function ownName(element: Element): string | undefined {
  for (const name of SOURCE_NAMES) {
    const value = attribute(element, name);
    if (value && (name == "data-track" || !GENERATED.test(value))) return value;
  }
  const label = attribute(element, "aria-label");
  return label && GENERIC_LABEL.test(label) ? label : undefined;
}

/** The name of an element in the page's source, else its tag and the part of the page that it belongs to. */
export function nameOf(element: Element): string {
  const around = () => {
    const landmark = Element.prototype.closest.call(element.parentElement ?? element, LANDMARK);
    const where = landmark && landmark != element ? `${ownName(landmark) ?? tagOf(landmark)} ` : "";
    return where + tagOf(element);
  };
  return (ownName(element) ?? around()).slice(0, MAX_NAME);
}
