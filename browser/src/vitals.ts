// How fast and stable a page is: each of Google's web-vitals, once per page.

import { onCLS, onFCP, onINP, onLCP, onTTFB, type Metric } from "web-vitals";
import type { track as Track } from "./core.js";

/** Track each metric as a `web_vital` when it is final, for most when the page is hidden or left. */
export function measure(track: typeof Track): void {
  const page = location.pathname;
  const reported = new Set<string>();
  const report = ({ id, name, value, rating, navigationType }: Metric) => {
    if (reported.has(id)) return; // hidden, shown and hidden again
    reported.add(id);
    const properties = { rating, navigation: navigationType };
    track("web_vital", { metric: name, value: Math.round(value * 1e4) / 1e4, page, properties });
  };
  for (const on of [onCLS, onFCP, onINP, onLCP, onTTFB]) on(report);
}
