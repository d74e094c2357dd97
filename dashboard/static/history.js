// The history is drawn on the server; this adds the cursor of its chart, and the browser's time zones.

import { addCursor } from "./chart.js";
import { byId, offerZones } from "./format.js";

offerZones();
if (byId("chart")) {
  // The newest step stands first in the table.
  const rows = [...byId("steps").tBodies[0].rows].reverse();
  const text = (position) => [...rows[position].cells].map((cell) => cell.textContent).filter(Boolean).join(" · ");
  addCursor(text, rows.length);
}
