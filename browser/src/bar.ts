// `data-debug="bar"`: what the console says, at the bottom of the page, for phones and for those who do not open a console.

const MAX_ROWS = 50;
// A style sheet of its own would need `style-src`; properties that a script sets do not.
const BAR =
  "position:fixed;inset:auto 0 0;z-index:2147483647;max-height:40vh;overflow:auto;padding:.4em .8em;color:#fff;background:#1b1f24;font:13px/1.5 ui-monospace,monospace";

let rows: HTMLElement | undefined;

/** Add a row, the newest on top. */
export function show(text: string, isWrong: boolean): void {
  rows ??= open();
  const row = document.createElement("div");
  row.textContent = text;
  row.style.cssText = `overflow-wrap:anywhere;color:${isWrong ? "#ff9a9a" : "inherit"}`;
  rows.prepend(row);
  if (rows.children.length > MAX_ROWS) rows.lastElementChild!.remove();
}

/** Neither styles nor scripts of the page reach into a closed root, and clicks in it are not tracked. */
function open(): HTMLElement {
  const host = document.createElement("footfall-debug");
  const bar = document.createElement("details");
  const name = document.createElement("summary");
  const made = document.createElement("div");
  name.textContent = "footfall";
  bar.style.cssText = BAR;
  bar.open = true;
  bar.append(name, made);
  host.attachShadow({ mode: "closed" }).append(bar);
  document.documentElement.append(host);
  return made;
}
