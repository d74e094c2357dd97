// How fast and steady a page was: Google's web-vitals, each measure once for a page.

import { onCLS, onFCP, onINP, onLCP, onTTFB, type Metric } from "web-vitals";
import type { track as Track } from "./client.js";

/** Track each measure as a `web_vital` when it is final, which for most is when the page is left. */
export function measure(track: typeof Track): void {
  const page = location.pathname;
  const told = new Set<string>();
  const report = ({ id, name, value, rating, navigationType }: Metric) => {
    if (told.has(id)) return; // hidden, shown and hidden again
    told.add(id);
    const properties = { rating, navigation: navigationType };
    track("web_vital", { metric: name, value: Math.round(value * 1e4) / 1e4, page, properties });
  };
  for (const on of [onCLS, onFCP, onINP, onLCP, onTTFB]) on(report);
}
