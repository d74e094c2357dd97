// The panels' tables: the same cells as templates/parts.html makes, changed where a value changed.

import { make, moment, number, setText, span, zone } from "./format.js";

const LINKED = { key: (table) => table.dataset.filter, page: () => "page" };

function shares([good, fair, poor]) {
  const part = (name, x, width) => make("rect", { class: name, x: `${x}%`, width: `${width}%`, height: "100%" });
  const label = `${good} % good, ${fair} % fair, ${poor} % poor`;
  return make("svg", { class: "split", role: "img", "aria-label": label }, part("good", 0, good), part("fair", good, fair), part("poor", good + fair, poor));
}

const KINDS = {
  count: (value) => [number(value)],
  percent: (value) => [`${Math.round(value)} %`],
  moment,
  span: (value) => [value ? span(value) : "–"],
  rating: (value) => [make("span", { class: `rating ${value}` }, value)],
  shares: (value) => [shares(value)],
  reason: (value) => [make("a", { href: `/api/analytics/errors#${encodeURIComponent(value)}` }, value)],
};

function content(table, kind, value, now) {
  const filter = LINKED[kind]?.(table);
  if (filter && value) return [make("a", { href: `/history?${new URLSearchParams({ [filter]: value, tz: zone })}` }, value)];
  return KINDS[kind]?.(value, now) ?? [value];
}

function newRow(table, kinds, ranked) {
  const row = make("tr");
  kinds.forEach((kind, position) => {
    const cell = make(position ? "td" : "th", position ? { class: kind } : { class: kind, scope: "row" });
    if (!position && ranked) cell.append(make("svg", { class: "bar", "aria-hidden": "true" }, make("rect", { height: "100%" })));
    cell.append(make("span"));
    row.append(cell);
  });
  return row;
}

function fill(table, row, kinds, values, now, share) {
  kinds.forEach((kind, position) => {
    const cell = row.cells[position];
    const text = JSON.stringify(values[position]);
    if (cell.told !== text) cell.lastElementChild.replaceChildren(...content(table, kind, values[position], now));
    cell.told = text;
  });
  row.querySelector(".bar rect")?.setAttribute("width", `${share}%`);
}

export function drawTable(table, panel, now) {
  const kinds = table.dataset.kinds.split(" ");
  const fixed = "fixed" in table.dataset;
  const rows = Object.entries(panel ?? {});
  const counted = kinds.indexOf("count") - (kinds[0] === "key" ? 1 : 0);
  if (!fixed) rows.sort(([a, x], [b, y]) => y[counted] - x[counted] || (a < b ? -1 : 1));
  if (table.dataset.panel === "rejected") rows.sort(([a, x], [b, y]) => y[0] - x[0] || b - a);
  const ranked = kinds[0] === "key" && !fixed;
  const body = table.tBodies[0];
  table.rowOf ??= new Map();
  // Rows hold still under a pointer, and keep the focus.
  const still = body.matches(":hover, :focus-within") && body.rows.length === rows.length && rows.every(([name]) => table.rowOf.has(name));
  const kept = new Map();
  rows.forEach(([name, cells], place) => {
    const row = table.rowOf.get(name) ?? newRow(table, kinds, ranked);
    kept.set(name, row);
    fill(table, row, kinds, kinds[0] === "key" ? [name, ...cells] : cells, now, ranked ? (100 * cells[0]) / rows[0][1][0] : 0);
    if (!still && body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
  });
  for (const row of [...body.rows]) if (![...kept.values()].includes(row)) row.remove();
  table.rowOf = kept;
  table.hidden = rows.length === 0;
  table.closest("section").querySelector(".empty").hidden = rows.length > 0;
}

export function drawRest(rest) {
  for (const line of document.querySelectorAll("[data-rest]")) {
    line.hidden = !rest[line.dataset.rest];
    setText(line.firstElementChild, number(rest[line.dataset.rest] ?? 0));
  }
}
