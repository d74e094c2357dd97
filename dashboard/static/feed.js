// The feed: newest first, a bounded number of rows, and always how many entries are not shown.

import { byId, clock, make, number, setText } from "./format.js";

const MAX_ROWS = 200;

const only = new URLSearchParams(location.search).get("type");
const list = byId("feed");
const button = byId("pause");
let notShown = 0;
let pending = [];
let paused = false;

function row({ status, at, type, page, summary, detail }) {
  const cells = [clock(at), type, summary, page].map((text) => make("span", {}, text));
  if (status === "rejected") cells[1].className = status;
  return make("li", {}, make("details", {}, make("summary", {}, ...cells), make("pre", { tabindex: 0 }, detail)));
}

function show(entries) {
  list.prepend(...entries.map(row).reverse());
  // An open row stays, because somebody reads it; the oldest closed ones go.
  const closed = [...list.children].filter((each) => !each.querySelector("details").open);
  for (const each of closed.slice(MAX_ROWS)) each.remove();
  byId("feed-empty").hidden = list.children.length > 0;
}

function showCounts() {
  const parts = [];
  if (paused) parts.push(`paused, ${number(pending.length)} new`);
  if (notShown) parts.push(`${number(notShown)} not shown`);
  setText(byId("feed-count"), parts.join(" · "));
}

export function addToFeed({ entries, skipped }) {
  const wanted = entries.filter(({ type }) => !only || type === only);
  notShown += skipped;
  if (paused) {
    pending.push(...wanted);
    notShown += pending.splice(0, Math.max(0, pending.length - MAX_ROWS)).length;
  } else show(wanted);
  showCounts();
}

export function openFeed() {
  button.hidden = false;
  setText(byId("feed-empty"), "Waiting for the next event.");
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", paused);
    setText(button, paused ? "Resume" : "Pause");
    if (!paused) show(pending.splice(0));
    showCounts();
  });
}
