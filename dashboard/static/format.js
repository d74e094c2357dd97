// Numbers, times and elements. Text of others only ever goes into text nodes.

export const zone = document.documentElement.dataset.zone;

const numbers = new Intl.NumberFormat("en");
const times = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const UNITS = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];

export const byId = (id) => document.getElementById(id);
export const number = (value) => numbers.format(value);
export const clock = (at) => times.format(at);

export function duration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit}`;
}

export function make(name, attributes = {}, ...children) {
  const svg = ["svg", "rect", "path"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

export function timeAndAge(at, now) {
  if (!at) return ["–"];
  const time = make("time", { datetime: new Date(at).toISOString() }, clock(at).slice(0, 5));
  return [time, " ", make("small", { "data-since": at }, `${duration(now - at)} ago`)];
}

// The age behind a time grows, whether the time changes or not.
export function updateAges(now) {
  for (const small of document.querySelectorAll("[data-since]")) setText(small, `${duration(now - small.dataset.since)} ago`);
}

// The time zone's field offers the zones that the browser knows, its own first.
export function offerZones() {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const others = Intl.supportedValuesOf?.("timeZone") ?? [];
  byId("zones").append(...[own, ...others].map((value) => make("option", { value })));
  document.querySelector("[list=zones]").addEventListener("change", (event) => {
    try {
      localStorage.setItem("footfall.tz", event.target.value);
    } catch {
      // Without storage the address alone remembers it.
    }
    event.target.form.requestSubmit();
  });
}
