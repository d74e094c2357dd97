// The page for frontends: copy an example, try an event, watch it arrive. Texts of others only ever go into textContent.

const COLLECT = "/api/analytics/collect";
const VALIDATE = "/api/analytics/validate";
const SNAPSHOT = "/dashboard/snapshot.json";
const LOOK_EVERY_MS = 400;
const LOOK_MS = 15_000;

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
  const answer = await fetch("/api/analytics/event-types");
  const { event_types } = await answer.json();
  return Object.fromEntries(event_types.map((each) => [each.event_type, each.example]));
}

function say(text, kind = "") {
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
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: byId("event").value,
  });
  const text = await answer.text();
  const wait = answer.headers.get("Retry-After");
  return { status: answer.status, ok: answer.ok, text, wait, ms: Math.round(performance.now() - started) };
}

function showAnswer({ status, ok, text, wait, ms }) {
  let said = null;
  try {
    said = JSON.parse(text);
  } catch {
    // a proxy's page; shown as it came
  }
  say(`${status} after ${ms} ms${wait ? `; come back in ${wait} s` : ""}`, ok ? "good" : "bad");
  byId("answer").hidden = false;
  byId("answer").firstElementChild.textContent = said ? JSON.stringify(said, null, 2) : text;
  return said;
}

/** How often the dashboard has counted a type; null where it cannot be asked. */
async function counted(type) {
  try {
    const answer = await fetch(SNAPSHOT, { headers: { Accept: "application/json" } });
    return answer.ok ? ((await answer.json()).total[type] ?? 0) : null;
  } catch {
    return null;
  }
}

async function watch(type, before, eventId) {
  addStep(`Kept: ${eventId} is in Kafka. From here on nothing loses it.`);
  if (before === null) {
    addStep(`Counted: cannot be seen from here, as the dashboard is elsewhere or closed to you. On the server, footfall explain ${eventId} tells.`);
    return;
  }
  const step = addStep("Counted: waiting for the live counts …");
  const started = performance.now();
  while (performance.now() - started < LOOK_MS) {
    const now = await counted(type);
    if (now > before) {
      step.textContent = `Counted after ${Math.round(performance.now() - started)} ms: ${type} went from ${before} to ${now} on the dashboard.`;
      return;
    }
    await pause(LOOK_EVERY_MS);
  }
  step.textContent = `Not counted within ${LOOK_MS / 1000} s. It may have been sent before (repeats count once), or the stream app is behind: footfall explain ${eventId} tells.`;
}

function typeIn(text) {
  try {
    return JSON.parse(text).event_type;
  } catch {
    return undefined;
  }
}

async function tryEvent(path) {
  const type = typeIn(byId("event").value);
  byId("steps").hidden = true;
  byId("steps").replaceChildren();
  say("Sending …");
  const before = path === COLLECT && type ? await counted(type) : null;
  try {
    const answer = await post(path);
    const said = showAnswer(answer);
    if (path === COLLECT && answer.ok && said?.event_id) await watch(type, before, said.event_id);
  } catch (error) {
    say(`No answer: ${error.message}`, "bad");
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
