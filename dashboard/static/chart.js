// The stacked bars, the cursor that reads them out, and the table below them. render/charts.py draws the same bars.

import { byId, clock, make, number, setText } from "./format.js";

const COLOURS = 6;
const OTHERS = "others";

// The cursor is a range input over the bars: arrow keys move it, and screen readers read its text.
export function addCursor(describe, length) {
  const plot = document.querySelector(".plot");
  const input = make("input", { type: "range", id: "cursor", min: 0, max: length - 1, value: length - 1, "aria-label": byId("chart").dataset.unit });
  const mark = make("rect", { class: "cursor", width: 1, height: 100, y: 0 });
  const initial = byId("readout").textContent;
  let active = false;
  const show = () => {
    const text = describe(Number(input.value));
    input.setAttribute("aria-valuetext", text);
    setText(byId("readout"), active ? text : describe.now?.() ?? initial);
    mark.setAttribute("x", input.value);
    if (active) plot.querySelector("svg").append(mark);
    else mark.remove();
  };
  const activate = (value) => () => {
    active = value;
    show();
  };
  const point = (event) => {
    const box = plot.getBoundingClientRect();
    input.value = Math.floor(((event.clientX - box.left) / box.width) * length);
    activate(true)();
  };
  for (const [name, act] of [["input", activate(true)], ["focus", activate(true)], ["blur", activate(false)], ["pointermove", point], ["pointerleave", activate(false)]]) input.addEventListener(name, act);
  plot.append(input);
  show();
  return show;
}

const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0);
const ranked = (counts) => Object.entries(counts).sort((a, b) => b[1] - a[1]);

function roundUp(highest) {
  const size = 10 ** Math.max(0, Math.ceil(Math.log10(highest)) - 1);
  return [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * size).find((top) => top >= highest) ?? 1;
}

// The most frequent types have a colour each, in the order of charts.py.
function seriesOf(steps) {
  const sums = new Map();
  for (const { counts } of steps) for (const [name, count] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + count);
  const names = [...sums].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name]) => name);
  return names.length <= COLOURS ? names : [...names.slice(0, COLOURS - 1), OTHERS];
}

function fold(counts, series) {
  const folded = new Map();
  for (const [name, count] of Object.entries(counts)) {
    const shown = series.includes(name) ? name : OTHERS;
    folded.set(shown, (folded.get(shown) ?? 0) + count);
  }
  return folded;
}

export const describe = ({ start, counts }) => {
  const parts = ranked(counts).map(([name, count]) => `${name} ${number(count)}`);
  return `${clock(start).slice(0, 5)} · ${number(sum(counts))} events${parts.length ? ` · ${parts.join(", ")}` : ""}`;
};

export function drawChart(steps) {
  const series = seriesOf(steps);
  const top = roundUp(Math.max(0, ...steps.map(({ counts }) => sum(counts))));
  const bars = steps.flatMap(({ counts }, position) => {
    const folded = fold(counts, series);
    let base = 100;
    return series.flatMap((name, colour) => {
      const height = ((folded.get(name) ?? 0) / top) * 100;
      base -= height;
      return height ? [make("rect", { class: `c${colour}`, x: position + 0.1, y: base, width: 0.8, height })] : [];
    });
  });
  document.querySelector(".plot svg").replaceChildren(...bars);
  setText(document.querySelector(".top-line"), `${number(top)} events`);
  const labels = document.querySelectorAll(".axis span");
  steps.filter((_, position) => position % 15 === 0).forEach(({ start }, position) => setText(labels[position], clock(start).slice(0, 5)));
  drawLegend(series);
  drawSteps(steps);
}

function drawLegend(series) {
  const legend = byId("legend");
  if (legend.drawn === series.join("\n")) return;
  legend.drawn = series.join("\n");
  const params = new URLSearchParams(location.search);
  const only = params.get("type");
  legend.replaceChildren(
    ...series.map((name, colour) => {
      if (only || name === OTHERS) params.delete("type");
      else params.set("type", name);
      return make("li", {}, make("a", { href: `/?${params}` }, make("i", { class: `c${colour}` }), only ? `${name} ✕` : name));
    }),
  );
}

function drawSteps(steps) {
  if (!document.querySelector(".chart details").open) return;
  const rows = [...steps].reverse().map((step) => {
    const types = ranked(step.counts).map(([name, count]) => `${name} ${number(count)}`).join(", ");
    return make("tr", {}, make("th", { scope: "row" }, clock(step.start).slice(0, 5)), make("td", {}, number(sum(step.counts))), make("td", { class: "text" }, types));
  });
  byId("steps").tBodies[0].replaceChildren(...rows);
}
