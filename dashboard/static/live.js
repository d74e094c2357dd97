// The live page: chart, feed and a summary, beside the numbers that stream.js draws on every page.

import { addCursor, describe, drawChart } from "./chart.js";
import { addToFeed, openFeed } from "./feed.js";
import { byId, number, setText } from "./format.js";
import { follow } from "./stream.js";

const MINUTE_MS = 60_000;
const SHOWN_MINUTES = 60;
const REDRAWN_MS = 10_000;
const SUMMARY_MS = 30_000;

const only = new URLSearchParams(location.search).get("type");
let shown = null;
let summarized = 0;

function steps() {
  const last = Math.floor(shown.as_of / MINUTE_MS) * MINUTE_MS;
  return Array.from({ length: SHOWN_MINUTES }, (_, position) => {
    const start = last - (SHOWN_MINUTES - 1 - position) * MINUTE_MS;
    const counts = shown.minutes[start] ?? {};
    return { start, counts: only ? (counts[only] ? { [only]: counts[only] } : {}) : counts };
  });
}

// The only live region for screen readers: the numbers change too often.
function summarize() {
  if (performance.now() - summarized < SUMMARY_MS) return;
  summarized = performance.now();
  const { people_5: people, last_hour: events } = shown.figures;
  setText(byId("summary"), `${number(people)} people, ${number(events)} events in the last hour`);
}

const cursorText = (position) => (shown ? describe(steps()[position]) : "");
cursorText.now = () => shown && `${number(shown.figures.this_minute)} events in this minute`;
const showCursor = addCursor(cursorText, SHOWN_MINUTES);
document.querySelector(".chart details").addEventListener("toggle", () => shown && drawChart(steps()));
openFeed();
follow((numbers, patch) => {
  shown = numbers;
  const leftOut = document.querySelector("[data-figure=programs_left_out]");
  if (leftOut) leftOut.parentElement.hidden = !shown.figures.programs_left_out;
  byId("welcome").hidden = Object.keys(shown.total).length > 0;
  // The chart moves on when a minute begins, even if nothing is counted.
  if (patch.minutes || patch.as_of % MINUTE_MS < REDRAWN_MS) drawChart(steps());
  showCursor();
  summarize();
}, addToFeed);
