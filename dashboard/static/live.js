// The live page: one stream, paused while nobody looks, resumed where it stopped; where there is none, asks again and again.

import { addCursor, describe, drawChart } from "./chart.js";
import { feed, openFeed } from "./feed.js";
import { age, byId, clock, moment, number, offerZones, setText } from "./format.js";
import { drawRest, drawTable } from "./table.js";

const MINUTE_MS = 60_000;
const SHOWN_MINUTES = 60;
const HIDDEN_MS = 10_000;
const POLL_MS = 5_000;
const STREAM_AGAIN_MS = 30_000;
// Without news for this long the numbers are shown as old.
const STALE_MS = 20_000;
const SUMMARY_MS = 30_000;

const only = new URLSearchParams(location.search).get("type");
let shown = null;
let lastId = "";
let stream = null;
let timers = [];
let hiddenTimer = 0;
let staleTimer = 0;
let summarized = 0;
let showCursor = null;

// A JSON merge patch (RFC 7386). Spread defines names and so never reaches a prototype.
function merged(target, patch) {
  const made = { ...target };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete made[name];
    else {
      const next = value instanceof Object && !Array.isArray(value) ? merged(Object.hasOwn(made, name) ? made[name] : {}, value) : value;
      Object.defineProperty(made, name, { value: next, enumerable: true, configurable: true, writable: true });
    }
  }
  return made;
}

function steps() {
  const last = Math.floor(shown.as_of / MINUTE_MS) * MINUTE_MS;
  return Array.from({ length: SHOWN_MINUTES }, (_, position) => {
    const start = last - (SHOWN_MINUTES - 1 - position) * MINUTE_MS;
    const counts = shown.minutes[start] ?? {};
    return { start, counts: only ? (counts[only] ? { [only]: counts[only] } : {}) : counts };
  });
}

function drawFigures({ figures, pipeline, as_of: now }) {
  for (const each of document.querySelectorAll("[data-figure]")) setText(each, number(figures[each.dataset.figure]));
  for (const each of document.querySelectorAll("[data-fact]")) {
    const name = each.dataset.fact;
    const value = name === "newest" ? figures.newest : pipeline[name];
    if (each.told === value) continue;
    each.told = value;
    const isMoment = name === "newest" || /_at$|^last_/.test(name);
    each.replaceChildren(...(isMoment ? moment(value, now) : [typeof value === "number" ? number(value) : value || "–"]));
  }
  for (const each of document.querySelectorAll("[data-trouble]")) {
    setText(each, pipeline[each.dataset.trouble] ?? "");
    each.hidden = !each.textContent;
  }
}

function draw(patch) {
  const now = shown.as_of;
  setText(byId("as-of"), clock(now));
  state(shown.connected ? "live" : "off", shown.connected ? "Live, as" : "Not connected to Kafka; as");
  byId("welcome").hidden = Object.keys(shown.total).length > 0;
  drawFigures(shown);
  // A minute that begins moves the chart on, also when nothing is counted.
  if (patch.minutes || patch.as_of % MINUTE_MS < 2 * POLL_MS) drawChart(steps());
  for (const table of document.querySelectorAll("[data-panel]")) {
    if (patch.panels?.[table.dataset.panel]) drawTable(table, shown.panels[table.dataset.panel], now);
  }
  drawRest(shown.rest);
  age(now);
  showCursor?.();
  summarize();
}

// For screen readers: live numbers are in no live region, only this, now and then.
function summarize() {
  if (performance.now() - summarized < SUMMARY_MS) return;
  summarized = performance.now();
  const { users_5: users, last_hour: events } = shown.figures;
  setText(byId("summary"), `${number(users)} active users, ${number(events)} events in the last hour`);
}

function state(name, words) {
  byId("state").dataset.state = name;
  setText(byId("state-word"), words);
}

function fresh() {
  document.body.classList.remove("stale");
  clearTimeout(staleTimer);
  staleTimer = setTimeout(() => {
    document.body.classList.add("stale");
    state("off", "No answer from the dashboard since");
  }, STALE_MS);
}

function take(patch, isWhole) {
  fresh();
  shown = isWhole ? patch : merged(shown ?? {}, patch);
  draw(patch);
}

function connect() {
  if (stream) return;
  stream = new EventSource(`/dashboard/stream${lastId && `?since=${encodeURIComponent(lastId)}`}`);
  for (const name of ["snapshot", "tick"]) {
    stream.addEventListener(name, (event) => {
      lastId = event.lastEventId;
      take(JSON.parse(event.data), name === "snapshot");
    });
  }
  stream.addEventListener("feed", (event) => feed(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    if (stream?.readyState === EventSource.CLOSED) poll();
  });
}

function disconnect() {
  stream?.close();
  stream = null;
  timers.forEach(clearInterval);
  timers = [];
  clearTimeout(staleTimer);
}

// All places are taken, or something between us holds streams back: the same numbers, asked for.
function poll() {
  disconnect();
  lastId = "";
  const ask = async () => {
    const answer = await fetch("/dashboard/snapshot.json").catch(() => null);
    if (answer?.ok) take(await answer.json(), true);
    if (answer?.status === 401) location.reload();
  };
  ask();
  timers = [setInterval(ask, POLL_MS), setInterval(() => { disconnect(); connect(); }, STREAM_AGAIN_MS)];
}

// Browsers allow six connections a host: a tab that nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(disconnect, HIDDEN_MS);
  else if (!timers.length) connect();
});

const cursorText = (position) => (shown ? describe(steps()[position]) : "");
cursorText.now = () => shown && `${number(shown.figures.this_minute)} events in this minute`;
showCursor = addCursor(cursorText, SHOWN_MINUTES);
document.querySelector(".chart details").addEventListener("toggle", () => shown && drawChart(steps()));
offerZones();
openFeed();
connect();
