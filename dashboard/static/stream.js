// Follows one event stream, which a hidden tab closes and resumes. Where streams fail, it polls.

import { byId, clock, number, offerZones, setText, timeAndAge, updateAges } from "./format.js";
import { drawNotShown, drawTable } from "./table.js";

const HIDDEN_MS = 10_000;
const POLL_MS = 5_000;
// How often polling tries the stream again.
const RECONNECT_MS = 30_000;
// Without an update for this long the numbers are marked as old.
const STALE_MS = 20_000;

// Whether the events of programs are counted too.
const programs = byId("state").dataset.programs ?? "";

let shown = null;
let lastId = "";
let stream = null;
let timers = [];
let hiddenTimer = 0;
let staleTimer = 0;
let drawMore = () => {};
let onFeed = null;

// Applies a JSON merge patch (RFC 7386). Spread and defineProperty never reach a prototype.
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

function drawFigures({ figures, pipeline, as_of: now }) {
  for (const each of document.querySelectorAll("[data-figure]")) setText(each, number(figures[each.dataset.figure]));
  for (const each of document.querySelectorAll("[data-fact]")) {
    const name = each.dataset.fact;
    const value = name in figures ? figures[name] : pipeline[name];
    if (each.drawn === value) continue;
    each.drawn = value;
    each.replaceChildren(...(name.endsWith("_at") ? timeAndAge(value, now) : [typeof value === "number" ? number(value) : value || "–"]));
  }
  for (const each of document.querySelectorAll("[data-error]")) {
    setText(each, pipeline[each.dataset.error] ?? "");
    each.hidden = !each.textContent;
  }
}

function draw(patch) {
  const now = shown.as_of;
  setText(byId("as-of"), clock(now));
  setState(shown.connected ? "live" : "off", shown.connected ? "Live, as" : "Kafka is unavailable; as");
  drawFigures(shown);
  for (const table of document.querySelectorAll("[data-panel]")) {
    if (patch.panels?.[table.dataset.panel]) drawTable(table, shown.panels[table.dataset.panel], now);
  }
  drawNotShown(shown.not_shown);
  updateAges(now);
  drawMore(shown, patch);
}

function setState(name, text) {
  byId("state").dataset.state = name;
  setText(byId("state-text"), text);
}

function markFresh() {
  document.body.classList.remove("stale");
  clearTimeout(staleTimer);
  staleTimer = setTimeout(() => {
    document.body.classList.add("stale");
    setState("off", "The dashboard is unavailable; as");
  }, STALE_MS);
}

function update(patch, isSnapshot) {
  markFresh();
  shown = isSnapshot ? patch : merged(shown ?? {}, patch);
  draw(patch);
}

function connect() {
  if (stream) return;
  stream = new EventSource(`/dashboard/stream?programs=${programs}&since=${encodeURIComponent(lastId)}`);
  for (const name of ["snapshot", "patch"]) {
    stream.addEventListener(name, (event) => {
      lastId = event.lastEventId;
      update(JSON.parse(event.data), name === "snapshot");
    });
  }
  if (onFeed) stream.addEventListener("feed", (event) => onFeed(JSON.parse(event.data)));
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

// All streams are in use, or a proxy holds streams back: poll for the same numbers.
function poll() {
  disconnect();
  lastId = "";
  const request = async () => {
    const response = await fetch(`/dashboard/snapshot.json?rows=cells&programs=${programs}`).catch(() => null);
    if (response?.ok) update(await response.json(), true);
    if (response?.status === 401) location.reload();
  };
  request();
  timers = [setInterval(request, POLL_MS), setInterval(() => { disconnect(); connect(); }, RECONNECT_MS)];
}

// Browsers allow six connections per host, so a hidden tab closes its own.
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(disconnect, HIDDEN_MS);
  else if (!timers.length) connect();
});

export function follow(more, feed = null) {
  drawMore = more;
  onFeed = feed;
  offerZones();
  connect();
}
