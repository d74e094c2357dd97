// The trackers of others bundled and minified as ours is, with what a page needs to track views and events of its own.
import { brotliCompressSync, gzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { build } from "esbuild";

const TRACKERS = {
  "plausible": `import { init, track } from "@plausible-analytics/tracker"; window.t = { init, track };`,
  "OpenPanel": `import { OpenPanel } from "@openpanel/web"; window.t = OpenPanel;`,
  "Snowplow, views and own events": `import { newTracker, trackPageView, trackSelfDescribingEvent } from "@snowplow/browser-tracker"; window.t = { newTracker, trackPageView, trackSelfDescribingEvent };`,
  "posthog-js-lite": `import PostHog from "posthog-js-lite"; window.t = PostHog;`,
  "Segment": `import { AnalyticsBrowser } from "@segment/analytics-next"; window.t = AnalyticsBrowser;`,
  "Jitsu": `import { jitsuAnalytics } from "@jitsu/js"; window.t = jitsuAnalytics;`,
  "RudderStack": `import { RudderAnalytics } from "@rudderstack/analytics-js"; window.t = RudderAnalytics;`,
};
const OWN = new URL("../../producer_api/static/sdk/", import.meta.url);

/** Files that a page loads one by one are compressed one by one. */
function show(name, ...files) {
  const measures = [(code) => code, (code) => gzipSync(code, { level: 9 }), brotliCompressSync];
  const sizes = measures.map((measure) => files.reduce((sum, code) => sum + measure(code).length, 0));
  console.log(`| ${name} | ${sizes.map((size) => size.toLocaleString("en")).join(" | ")} |`);
}

/** What is loaded at first; parts that are loaded later, such as session replay, do not count. */
async function atFirst(contents) {
  const common = { bundle: true, minify: true, splitting: true, format: "esm", target: "es2021", legalComments: "none" };
  const made = await build({ ...common, stdin: { contents, resolveDir: "." }, outdir: "out", write: false, metafile: true });
  const wanted = new Set(["out/stdin.js"]);
  for (const path of wanted)
    for (const { path: next, kind } of made.metafile.outputs[path].imports)
      if (kind === "import-statement") wanted.add(next);
  const files = made.outputFiles.filter(({ path }) => wanted.has(relative(process.cwd(), path)));
  return Buffer.concat(files.map((file) => file.contents));
}

console.log("| tracker | bytes | gzip | brotli |\n|---|---|---|---|");
const [first, more, vitals] = ["footfall.js", "more.js", "vitals.js"].map((name) => readFileSync(new URL(name, OWN)));
show("footfall, first file", first);
show("footfall, with the file that it loads", first, more);
show("footfall with page speed too", first, more, vitals);
for (const [name, contents] of Object.entries(TRACKERS)) show(name, await atFirst(contents));
show("posthog-js, array.js", readFileSync("node_modules/posthog-js/dist/array.js"));
