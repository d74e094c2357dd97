// The panels' tables: the same cells as in templates/parts.html, updated where a value changed.

import { duration, make, number, setText, timeAndAge, zone } from "./format.js";

// Values that the history page would read as something else; see filters.py.
const quoted = (value) => value.replace(/^[!\\]/, "\\$&");

function shares([good, fair, poor]) {
  const part = (name, x, width) => make("rect", { class: name, x: `${x}%`, width: `${width}%`, height: "100%" });
  const label = `${good} % good, ${fair} % fair, ${poor} % poor`;
  return make("svg", { class: "split", role: "img", "aria-label": label }, part("good", 0, good), part("fair", good, fair), part("poor", good + fair, poor));
}

const KINDS = {
  count: (value) => [number(value)],
  percent: (value) => [`${Math.round(value)} %`],
  time: timeAndAge,
  vital: (value, _now, name) => [name === "CLS" ? value.toFixed(2) : value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(0)} ms`],
  duration: (value) => [value ? duration(value) : "–"],
  rating: (value) => [make("span", { class: `rating ${value}` }, value)],
  shares: (value) => [shares(value)],
  reason: (value) => [make("a", { href: `/api/analytics/errors#${encodeURIComponent(value)}` }, value)],
};

function content({ className: kind, dataset: { filter } }, name, value, now) {
  const filtered = ["key", "named"].includes(kind) ? name : value;
  if (filter && filtered) return [make("a", { href: `/history?${new URLSearchParams({ [filter]: quoted(filtered), tz: zone })}` }, value)];
  return KINDS[kind]?.(value, now, name) ?? [value];
}

function newRow(kinds, hasBars) {
  const row = make("tr");
  kinds.forEach((kind, position) => {
    const cell = make(position ? "td" : "th", position ? { class: kind } : { class: kind, scope: "row" });
    if (!position && hasBars) cell.append(make("svg", { class: "bar", "aria-hidden": "true" }, make("rect", { height: "100%" })));
    cell.append(make("span"));
    row.append(cell);
  });
  return row;
}

function fill(row, columns, name, values, now, share) {
  columns.forEach((column, position) => {
    const cell = row.cells[position];
    const text = JSON.stringify(values[position]);
    if (cell.drawn !== text) cell.lastElementChild.replaceChildren(...content(column, name, values[position], now));
    cell.drawn = text;
  });
  row.querySelector(".bar rect")?.setAttribute("width", `${share}%`);
}

export function drawTable(table, panel, now) {
  const columns = [...table.tHead.rows[0].cells];
  const kinds = columns.map((cell) => cell.className);
  const isRanked = "ranked" in table.dataset;
  const rows = Object.entries(panel ?? {});
  const counted = kinds.indexOf("count") - (kinds[0] === "key" ? 1 : 0);
  if (isRanked) rows.sort(([a, x], [b, y]) => y[counted] - x[counted] || (a < b ? -1 : 1));
  // Objects list numeric names in ascending order.
  if (table.dataset.panel === "rejected_events") rows.sort(([a, x], [b, y]) => y[0] - x[0] || b - a);
  const hasBars = ["key", "named"].includes(kinds[0]) && isRanked;
  const body = table.tBodies[0];
  table.rowOf ??= new Map();
  // Rows do not move under a pointer or the focus.
  const still = body.matches(":hover, :focus-within") && body.rows.length === rows.length && rows.every(([name]) => table.rowOf.has(name));
  const drawn = new Map();
  rows.forEach(([name, cells], place) => {
    const row = table.rowOf.get(name) ?? newRow(kinds, hasBars);
    drawn.set(name, row);
    fill(row, columns, name, kinds[0] === "key" ? [name, ...cells] : cells, now, hasBars ? (100 * cells[counted]) / rows[0][1][counted] : 0);
    if (!still && body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
  });
  for (const row of [...body.rows]) if (![...drawn.values()].includes(row)) row.remove();
  table.rowOf = drawn;
  table.hidden = rows.length === 0;
  table.closest("section").querySelector(".empty").hidden = rows.length > 0;
}

export function drawNotShown(counts) {
  for (const line of document.querySelectorAll(".more")) {
    const count = counts[line.parentElement.querySelector("table").dataset.panel];
    line.hidden = !count;
    setText(line.firstElementChild, number(count ?? 0));
  }
}
