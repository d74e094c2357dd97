// The live feed: newest first, a bounded number of rows, and always how much is not shown.

import { byId, clock, make, number, setText } from "./format.js";

const MOST_ROWS = 200;

const only = new URLSearchParams(location.search).get("type");
const list = byId("feed");
const button = byId("pause");
let skipped = 0;
let waiting = [];
let paused = false;

function row({ kind, at, type, page, about, detail }) {
  const cells = [clock(at), type, about, page].map((text) => make("span", {}, text));
  if (kind === "rejected") cells[1].className = kind;
  return make("li", {}, make("details", {}, make("summary", {}, ...cells), make("pre", { tabindex: 0 }, detail)));
}

function show(entries) {
  list.prepend(...entries.map(row).reverse());
  // What somebody reads stays; the oldest closed rows go.
  const closed = [...list.children].filter((each) => !each.querySelector("details").open);
  for (const each of closed.slice(MOST_ROWS)) each.remove();
  byId("feed-empty").hidden = list.children.length > 0;
}

function tell() {
  const parts = [];
  if (paused) parts.push(`paused, ${number(waiting.length)} new`);
  if (skipped) parts.push(`${number(skipped)} not shown`);
  setText(byId("feed-count"), parts.join(" · "));
}

export function feed({ entries, skipped: more }) {
  const wanted = entries.filter(({ type }) => !only || type === only);
  skipped += more;
  if (paused) {
    waiting.push(...wanted);
    skipped += waiting.splice(0, Math.max(0, waiting.length - MOST_ROWS)).length;
  } else show(wanted);
  tell();
}

export function openFeed() {
  button.hidden = false;
  setText(byId("feed-empty"), "Waiting for the next event.");
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", paused);
    setText(button, paused ? "Go on" : "Pause");
    if (!paused) show(waiting.splice(0));
    tell();
  });
}
