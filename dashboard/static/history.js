// The server draws the history page. This adds the cursor of the chart, the browser's time zones and saved views.

import { addCursor } from "./chart.js";
import { byId, make, offerZones } from "./format.js";

const VIEWS = "footfall.views";

offerZones();
if (byId("chart")) {
  // The newest step is the table's first row.
  const rows = [...byId("steps").tBodies[0].rows].reverse();
  const text = (position) => [...rows[position].cells].map((cell) => cell.textContent).filter(Boolean).join(" · ");
  addCursor(text, rows.length);
}

// A view is a named address: period and filters. This browser remembers them.
function storedViews() {
  try {
    return new Map(Object.entries(JSON.parse(localStorage.getItem(VIEWS)) ?? {}));
  } catch {
    return new Map();
  }
}

function store(views) {
  try {
    localStorage.setItem(VIEWS, JSON.stringify(Object.fromEntries(views)));
  } catch {
    // Without storage nothing is remembered.
  }
  drawViews(views);
}

function drawViews(views) {
  const name = make("input", { name: "view", size: 12, placeholder: "name", "aria-label": "Name of this view" });
  const save = make("form", {}, name, " ", make("button", {}, "Save this view"));
  save.addEventListener("submit", (event) => {
    event.preventDefault();
    if (name.value.trim()) store(views.set(name.value.trim(), location.search));
  });
  const links = [...views].map(([title, search]) => {
    const remove = make("button", { type: "button", "aria-label": `Forget the view ${title}` }, "✕");
    remove.addEventListener("click", () => {
      views.delete(title);
      store(views);
    });
    return make("span", { class: "chip" }, make("a", { href: `/history${search}` }, title), " ", remove);
  });
  byId("views").replaceChildren(...links, save);
  byId("views").hidden = false;
}

drawViews(storedViews());
