// The server draws the history page. This adds the cursor of the chart and the browser's time zones.

import { addCursor } from "./chart.js";
import { byId, offerZones } from "./format.js";

offerZones();
if (byId("chart")) {
  // The newest step is the table's first row.
  const rows = [...byId("steps").tBodies[0].rows].reverse();
  const text = (position) => [...rows[position].cells].map((cell) => cell.textContent).filter(Boolean).join(" · ");
  addCursor(text, rows.length);
}
