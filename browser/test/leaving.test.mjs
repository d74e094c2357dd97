// Pages that are offline, hidden, left, or shown again: every event once.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { answering, positions, range, results, World } from "./world.mjs";

let world;
beforeEach(() => {
  world = new World();
});

test("offline and back online: sent immediately, once", async () => {
  const page = world.open();
  world.online = false;
  page.track(30);
  await world.pass(60_000);
  world.online = true;
  const tried = world.requests.length;
  page.fire("online");
  await world.pass(5_000);
  assert.deepEqual(positions(world.requests.slice(tried).flatMap(({ events }) => events)), range(0, 30));
});

test("offline for a minute, closed and opened again: a hundred events are sent, each once", async () => {
  const page = world.open();
  world.online = false;
  page.track(100);
  await world.pass(60_000);
  await page.close();
  const tried = world.requests.length;
  world.online = true;
  world.open();
  await world.pass(30_000);
  assert.deepEqual(positions(world.requests.slice(tried).flatMap(({ events }) => events)), range(0, 100));
  assert.equal(world.stored.length, 0);
});

test("hiding sends the whole queue, and stores the request in flight, of which nobody may see the response", async () => {
  const page = world.open();
  let reply;
  world.answer = () => new Promise((resolve) => (reply ??= resolve));
  page.track(95);
  await page.close();
  assert.deepEqual(positions(world.sent), range(0, 95));
  assert.deepEqual(positions(world.stored), range(0, 20));
  world.answer = new World().answer;
  world.open();
  await world.pass(3_000);
  assert.deepEqual(world.requests.at(-1).events, world.requests[0].events);
  assert.equal(world.stored.length, 0);
});

test("a request in flight while the page is only hidden is not sent again, nor stays it in storage", async () => {
  const page = world.open();
  let reply;
  world.answer = () => new Promise((resolve) => (reply = resolve));
  page.track(20);
  await world.pass();
  page.hide();
  assert.equal(world.stored.length, 20);
  world.answer = new World().answer;
  page.track(1);
  await world.pass();
  reply(answering(200)());
  await world.pass();
  assert.equal(world.stored.length, 0); // at once, as hidden pages may end any time
  await world.pass(60_000);
  page.show();
  await world.pass(60_000);
  assert.deepEqual(positions(world.sent), [...range(0, 20), 0]);
});

test("a request in flight that fails after the page was hidden is sent again once", async () => {
  const page = world.open();
  let reply;
  world.answer = () => new Promise((resolve) => (reply = resolve));
  page.track(20);
  await world.pass();
  page.hide();
  world.answer = new World().answer;
  reply(answering(429, { "Retry-After": "2" }, results(...Array(19).fill("accepted"), "limited"))());
  await world.pass(60_000);
  assert.deepEqual(positions(world.requests[1].events), [19]);
  assert.equal(world.requests.length, 2);
  assert.equal(world.stored.length, 0);
});

test("requests of a closing page that fail come back into storage, with what is stored already", async () => {
  const page = world.open();
  const replies = [];
  world.answer = () => new Promise((resolve) => replies.push(resolve));
  page.track(40, { text: "漢".repeat(1_500) });
  page.fire("pagehide");
  page.hide();
  await world.pass();
  assert.ok(replies.length >= 2);
  for (const reply of replies) reply(null); // as Chromium reports them
  await world.pass();
  assert.deepEqual(positions(world.stored).toSorted((a, b) => a - b), range(0, 40));
});

test("what does not fit into storage while a page closes is counted as dropped", async () => {
  const page = world.open();
  world.online = false;
  page.track(100, { text: "x".repeat(1_990) });
  page.fire("pagehide", { persisted: false });
  page.hide();
  assert.ok(world.stored.length > 50);
  const stored = world.stored.length;
  page.window.setTimeout = () => {}; // the page has ended
  world.online = true;
  world.open();
  await world.pass(60_000);
  const delivered = new Set(world.sent.map(({ event_id }) => event_id)).size;
  assert.equal(world.requests.reduce((sum, { dropped }) => sum + dropped, 0), 100 - stored);
  assert.ok(delivered >= stored);
});

test("what browsers would reject while the page hides, as they still count what was answered just now, is stored", async () => {
  // A browser that counts a request for 300 ms after its response, and rejects what exceeds 64 KiB.
  const counted = [];
  const fetch = async (url, init) => {
    const bytes = Buffer.byteLength(init.body);
    const total = counted.filter(({ until }) => until > world.now).reduce((sum, each) => sum + each.bytes, 0);
    if (!init.keepalive) return world.fetch(url, init);
    if (total + bytes > 65_536) throw new TypeError("Failed to fetch");
    const entry = { bytes, until: Infinity };
    counted.push(entry);
    try {
      return await world.fetch(url, init);
    } finally {
      entry.until = world.now + 300;
    }
  };
  const page = world.open({}, { window: { fetch } });
  page.track(12, { text: "漢".repeat(1_500) });
  page.footfall.flush();
  await world.pass(10);
  page.footfall.flush();
  await world.pass(10);
  world.answer = () => new Promise(() => {}); // the page ends before there is a response
  page.track(40, { text: "漢".repeat(1_500) });
  let rejected = 0;
  page.window.fetch = (...given) => fetch(...given).catch((error) => { rejected++; throw error; });
  page.fire("pagehide");
  await world.pass();
  const ids = new Set([...world.sent, ...world.stored].map(({ event_id }) => event_id));
  assert.deepEqual([rejected, ids.size], [0, 52]);
});

test("a page that is closed offline takes nothing out of storage again, even if its timers still run", async () => {
  const page = world.open();
  world.online = false;
  page.track(25);
  await world.pass(100);
  page.track(3);
  await page.close();
  assert.equal(world.stored.length, 28);
  page.fire("online"); // as Chromium does when it unloads a page that is emulating offline
  await world.pass(60_000);
  assert.equal(world.stored.length, 28);
});

test("wherever a page ends while it stores events, none is missing", async () => {
  const page = world.open();
  world.online = false;
  page.track(20);
  await world.pass(100);
  page.track(5);
  const seen = [];
  world.changed = () => seen.push(new Set(world.stored.map(({ event_id }) => event_id)).size);
  await page.close();
  assert.ok(seen.length > 1);
  assert.ok(seen.every((events) => events >= 20), String(seen));
  assert.equal(seen.at(-1), 25);
});

test("a page that returns from the back-forward cache continues", async () => {
  const page = world.open();
  page.fire("pagehide", { persisted: true });
  page.hide();
  page.show();
  page.track(3);
  await world.pass(3_000);
  assert.equal(world.sent.length, 3);
});

test("a hidden page keeps retrying", async () => {
  const page = world.open();
  world.online = false;
  page.track(5);
  await world.pass(4_000);
  page.hide();
  world.online = true;
  await world.pass(10_000);
  assert.equal(world.requests.at(-1).events.length, 5);
  assert.equal(world.stored.length, 0);
});

test("while requests fail, a closing page stores the events in flight too, and they are sent once", async () => {
  const page = world.open();
  world.answer = () => null;
  page.track(20);
  await world.pass(100);
  let reply;
  world.answer = () => new Promise((resolve) => (reply = resolve));
  await world.pass(3_500);
  page.track(3);
  page.fire("pagehide");
  page.hide();
  await world.pass();
  assert.deepEqual(positions(world.stored), [...range(0, 20), ...range(0, 3)]);
  reply(null); // the page was only hidden, so it sees the failure
  await world.pass();
  assert.equal(world.stored.length, 23);
  world.answer = new World().answer;
  page.show();
  await world.pass(60_000);
  assert.equal(new Set(world.sent.map(({ event_id }) => event_id)).size, 23);
  assert.equal(world.stored.length, 0);
});

test("hidden, shown and hidden again: sent once", async () => {
  const page = world.open();
  page.track(5);
  page.hide();
  page.show();
  page.hide();
  page.fire("pagehide");
  await world.pass(60_000);
  assert.equal(world.requests.length, 1);
});

test("events that are tracked while the page unloads are sent too, in one request", async () => {
  const page = world.open();
  page.listens("visibilitychange", () => page.track(3));
  await page.close();
  assert.deepEqual(world.requests.map(({ events }) => events.length), [3]);
});

test("a page that is left before the second file has loaded sends its events, and one without that file sends each once", async () => {
  const waiting = world.open({ auto: "page" }, { files: new Promise(() => {}) });
  waiting.track(2);
  await waiting.close();
  assert.deepEqual(world.sent.map(({ event_type }) => event_type), ["page_view", "scroll", "scroll"]);
  const alone = world.open({ auto: "page" }, { files: null });
  alone.track(1);
  world.online = false;
  alone.track(1);
  await world.pass();
  world.online = true;
  alone.track(1);
  await world.pass();
  assert.deepEqual(world.requests.slice(1).map(({ events, dropped }) => [events.length, dropped]), [[1, 0], [1, 0], [1, 0], [1, 1]]);
});

test("without the second file, events that the collector did not take are counted in the next request", async () => {
  const page = world.open({}, { files: null });
  const answers = [
    { status: 503 },
    { status: 400 },
    { status: 200, body: '{"results": [{"status": "limited"}]}' },
    { status: 200, body: { results: [{ status: "retry" }] } },
    { status: 200, body: { results: [{ status: "accepted" }] } },
    { status: 200, body: { results: [{ status: "rejected", errors: [{ got: '"status":"retry"' }] }] } },
    { status: 200 },
  ];
  for (const answer of answers) {
    world.answer = () => answer;
    page.track(1);
    await world.pass();
  }
  assert.deepEqual(world.requests.map(({ dropped }) => dropped), [0, 1, 2, 1, 1, 0, 0]);
});

test("events from before the second file has loaded are in its first request", async () => {
  const page = world.open({ auto: "page" }, { files: Promise.resolve({}) });
  page.track(2);
  await world.pass(3_000);
  assert.deepEqual(world.requests.map(({ events }) => events.length), [3]);
});

test("a page from the back-forward cache continues, whichever events the browser fires", async () => {
  const page = world.open();
  world.online = false;
  page.track(3);
  page.fire("pagehide", { persisted: true });
  assert.equal(world.stored.length, 3);
  world.online = true;
  page.fire("pageshow", { persisted: true });
  await world.pass();
  assert.equal(world.sent.length, 3);
});
