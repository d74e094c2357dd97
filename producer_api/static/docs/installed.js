// Whether the script is installed on a page: opens it in a new tab, and follows the dashboard's feed for what arrives
// from it. Text from elsewhere only goes into textContent.

const STREAM = "/dashboard/stream";
const WAIT_MS = 20_000;
// The dashboard begins to read events when it has a viewer.
const STARTING_MS = 2_000;
const MAX_SHOWN = 12;

const byId = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Follow the feed; resolves with the stream, or with null if it cannot be read. */
function follow(onEntry) {
  return new Promise((resolve) => {
    const stream = new EventSource(STREAM);
    stream.addEventListener("snapshot", () => pause(STARTING_MS).then(() => resolve(stream)), { once: true });
    stream.addEventListener("feed", (event) => JSON.parse(event.data).entries.forEach(onEntry));
    stream.addEventListener("error", () => {
      stream.close();
      resolve(null);
    });
  });
}

function say(text) {
  const item = document.createElement("li");
  item.textContent = text;
  byId("found").append(item);
}

function optOut() {
  if (navigator.globalPrivacyControl) return "Global Privacy Control";
  return Number(navigator.doNotTrack) > 0 ? "Do Not Track" : "";
}

/** What an entry of the feed says about the page, if anything. */
function described({ status, type, page, detail }, { hostname, origin }) {
  if (status === "rejected") {
    const { reason, expected, event_type: name = type } = parsed(detail);
    const whose = expected?.startsWith(`${origin} `) ? "Rejected" : "Rejected, perhaps from this page";
    return `${whose}: ${[name, reason].filter(Boolean).join(", ")}. Expected: ${expected}.`;
  }
  if (detail.includes(`"hostname": ${JSON.stringify(hostname)}`)) return `Arrived: ${type} of ${page || "the page"}.`;
  return undefined;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** Says what arrives. `arrived` is whether an event of the page was among it. */
function reporter(url) {
  const found = { seen: new Set(), arrived: false };
  found.onEntry = (entry) => {
    const text = described(entry, url);
    if (!text || found.seen.has(text) || found.seen.size >= MAX_SHOWN) return;
    found.seen.add(text);
    found.arrived ||= entry.status !== "rejected";
    say(text);
  };
  return found;
}

function sayWhyNothingArrives({ hostname }) {
  say(`Nothing arrived from ${hostname} within ${WAIT_MS / 1000} s. These are the usual reasons:`);
  say("The tag is not in the source of the page, or its Content-Security-Policy forbids the script.");
  say("An ad blocker stopped the script or its requests: the console and the network panel of the tab show that. Serve both under a path of your own.");
  say("The page waits for consent, or the browser opts out: with data-debug=\"on\" on the tag, the console says why nothing is sent.");
}

async function check() {
  const url = new URL(byId("address").value);
  byId("found").replaceChildren();
  const out = optOut();
  if (out) say(`Your browser sends ${out}: the script sends nothing from it. Check with another one.`);
  const found = reporter(url);
  const stream = await follow(found.onEntry);
  open(url, "_blank", "noopener");
  if (!stream) {
    say("What arrives is not visible from here, because the dashboard is elsewhere or you have no access. With data-debug=\"on\" on the tag, the console of the page shows each event.");
    return;
  }
  say(`Waiting for what ${url} sends from the new tab. If no tab has opened, open it yourself.`);
  await pause(WAIT_MS);
  stream.close();
  if (found.arrived) say("It is installed.");
  else if (!found.seen.size) sayWhyNothingArrives(url);
}

byId("installation").addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("open").disabled = true;
  await check();
  byId("open").disabled = false;
});
byId("installation").hidden = false;
