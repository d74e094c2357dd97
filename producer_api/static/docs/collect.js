// The page for frontend developers: copy an example, try an event, watch it arrive. Text from elsewhere only goes into
// textContent.

const COLLECT = "/api/analytics/collect";
const VALIDATE = "/api/analytics/validate";
const SNAPSHOT = "/dashboard/snapshot.json";
const POLL_INTERVAL_MS = 400;
const POLL_TIMEOUT_MS = 15_000;

const byId = (id) => document.getElementById(id);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function addCopyButtons() {
  for (const example of document.querySelectorAll("[data-copy]")) {
    const box = document.createElement("div");
    box.className = "copied";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      button.textContent = (await copy(example)) ? "Copied" : "Selected: press Ctrl+C";
      setTimeout(() => (button.textContent = "Copy"), 2_000);
    });
    example.replaceWith(box);
    box.append(button, example);
  }
}

async function copy(example) {
  try {
    await navigator.clipboard.writeText(example.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(example);
    return false;
  }
}

async function examplesByType() {
  const response = await fetch("/api/analytics/event-types");
  const { event_types } = await response.json();
  return Object.fromEntries(event_types.map((each) => [each.event_type, each.example]));
}

function showOutcome(text, kind = "") {
  byId("outcome").textContent = text;
  byId("outcome").className = kind;
}

function addStep(text) {
  const step = document.createElement("li");
  step.textContent = text;
  byId("steps").hidden = false;
  byId("steps").append(step);
  return step;
}

async function post(path) {
  const started = performance.now();
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: byId("event").value,
  });
  const text = await response.text();
  const retryAfter = response.headers.get("Retry-After");
  return { status: response.status, ok: response.ok, text, retryAfter, ms: Math.round(performance.now() - started) };
}

function showResponse({ status, ok, text, retryAfter, ms }) {
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    // perhaps the error page of a proxy; shown as it is
  }
  showOutcome(`${status} after ${ms} ms${retryAfter ? `; try again in ${retryAfter} s` : ""}`, ok ? "good" : "bad");
  byId("answer").hidden = false;
  byId("answer").firstElementChild.textContent = body ? JSON.stringify(body, null, 2) : text;
  return body;
}

/** How many events of a type the dashboard has counted; null if it cannot be asked. */
async function countOf(type) {
  try {
    const response = await fetch(SNAPSHOT, { headers: { Accept: "application/json" } });
    return response.ok ? ((await response.json()).total[type] ?? 0) : null;
  } catch {
    return null;
  }
}

async function watch(type, before, eventId) {
  addStep(`Stored: ${eventId} is in Kafka. From here on it cannot be lost.`);
  if (before === null) {
    addStep(`Counted: not visible from here, because the dashboard is elsewhere or you have no access. On the server, run: footfall explain ${eventId}`);
    return;
  }
  const step = addStep("Counted: waiting for the live counts…");
  const started = performance.now();
  while (performance.now() - started < POLL_TIMEOUT_MS) {
    const now = await countOf(type);
    if (now > before) {
      step.textContent = `Counted after ${Math.round(performance.now() - started)} ms: ${type} went from ${before} to ${now} on the dashboard.`;
      return;
    }
    await pause(POLL_INTERVAL_MS);
  }
  step.textContent = `Not counted within ${POLL_TIMEOUT_MS / 1000} s. Perhaps it was sent before (duplicates count once), or the stream app lags behind. On the server, run: footfall explain ${eventId}`;
}

function eventTypeOf(text) {
  try {
    return JSON.parse(text).event_type;
  } catch {
    return undefined;
  }
}

async function tryEvent(path) {
  const type = eventTypeOf(byId("event").value);
  byId("steps").hidden = true;
  byId("steps").replaceChildren();
  showOutcome("Sending…");
  const before = path === COLLECT && type ? await countOf(type) : null;
  try {
    const response = await post(path);
    const body = showResponse(response);
    if (path === COLLECT && response.ok && body?.event_id) await watch(type, before, body.event_id);
  } catch (error) {
    showOutcome(`No response: ${error.message}`, "bad");
  }
}

async function addTrial() {
  const examples = await examplesByType();
  const show = () => (byId("event").value = JSON.stringify(examples[byId("type").value], null, 2));
  byId("type").addEventListener("change", show);
  byId("trial").addEventListener("submit", (event) => {
    event.preventDefault();
    tryEvent(COLLECT);
  });
  byId("check").addEventListener("click", () => tryEvent(VALIDATE));
  show();
  byId("trial").hidden = false;
}

addCopyButtons();
addTrial();
