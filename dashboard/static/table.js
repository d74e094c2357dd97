// The panels' tables: the same cells as in templates/parts.html, updated where a value changed.

import { duration, make, number, setText, timeAndAge, zone } from "./format.js";

// The filter that a cell's link sets.
const FILTERS = { key: (table) => table.dataset.filter, page: () => "page" };

function shares([good, fair, poor]) {
  const part = (name, x, width) => make("rect", { class: name, x: `${x}%`, width: `${width}%`, height: "100%" });
  const label = `${good} % good, ${fair} % fair, ${poor} % poor`;
  return make("svg", { class: "split", role: "img", "aria-label": label }, part("good", 0, good), part("fair", good, fair), part("poor", good + fair, poor));
}

const KINDS = {
  count: (value) => [number(value)],
  percent: (value) => [`${Math.round(value)} %`],
  time: timeAndAge,
  duration: (value) => [value ? duration(value) : "–"],
  rating: (value) => [make("span", { class: `rating ${value}` }, value)],
  shares: (value) => [shares(value)],
  reason: (value) => [make("a", { href: `/api/analytics/errors#${encodeURIComponent(value)}` }, value)],
};

function content(table, kind, value, now) {
  const filter = FILTERS[kind]?.(table);
  if (filter && value) return [make("a", { href: `/history?${new URLSearchParams({ [filter]: value, tz: zone })}` }, value)];
  return KINDS[kind]?.(value, now) ?? [value];
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

function fill(table, row, kinds, values, now, share) {
  kinds.forEach((kind, position) => {
    const cell = row.cells[position];
    const text = JSON.stringify(values[position]);
    if (cell.drawn !== text) cell.lastElementChild.replaceChildren(...content(table, kind, values[position], now));
    cell.drawn = text;
  });
  row.querySelector(".bar rect")?.setAttribute("width", `${share}%`);
}

export function drawTable(table, panel, now) {
  const kinds = [...table.tHead.rows[0].cells].map((cell) => cell.className);
  const isRanked = "ranked" in table.dataset;
  const rows = Object.entries(panel ?? {});
  const counted = kinds.indexOf("count") - (kinds[0] === "key" ? 1 : 0);
  if (isRanked) rows.sort(([a, x], [b, y]) => y[counted] - x[counted] || (a < b ? -1 : 1));
  // Objects list numeric names in ascending order.
  if (table.dataset.panel === "rejected_events") rows.sort(([a, x], [b, y]) => y[0] - x[0] || b - a);
  const hasBars = kinds[0] === "key" && isRanked;
  const body = table.tBodies[0];
  table.rowOf ??= new Map();
  // Rows do not move under a pointer or the focus.
  const still = body.matches(":hover, :focus-within") && body.rows.length === rows.length && rows.every(([name]) => table.rowOf.has(name));
  const drawn = new Map();
  rows.forEach(([name, cells], place) => {
    const row = table.rowOf.get(name) ?? newRow(kinds, hasBars);
    drawn.set(name, row);
    fill(table, row, kinds, kinds[0] === "key" ? [name, ...cells] : cells, now, hasBars ? (100 * cells[0]) / rows[0][1][0] : 0);
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
