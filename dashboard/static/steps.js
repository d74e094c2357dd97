// The cursor of the history's chart reads the rows of the table below it.

import { addCursor } from "./chart.js";
import { byId } from "./format.js";

// The newest step is the table's first row.
const rows = [...byId("steps").tBodies[0].rows].reverse();
const titles = [...byId("steps").tHead.rows[0].cells].map((cell) => cell.textContent);
const said = (cell, place) => (cell.matches("th, .text") ? cell.textContent : `${titles[place]} ${cell.textContent}`);
addCursor((position) => [...rows[position].cells].map(said).filter(Boolean).join(" · "), rows.length);
