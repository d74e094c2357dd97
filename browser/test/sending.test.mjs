// Every event is sent once, when it may be sent; nothing is lost without being counted.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { positions, World } from "./world.mjs";

const DAY = 86_400_000;
const range = (from, to) => Array.from({ length: to - from }, (_, n) => from + n);
const answering = (status, headers = {}, body = {}) => () => ({ status, headers, body });
const results = (...statuses) => ({ results: statuses.map((status, index) => ({ index, status })) });
let world;
beforeEach(() => {
  world = new World();
});

test("events wait three seconds for others, and are sent immediately when there are twenty", async () => {
  const page = world.open();
  page.track(19);
  await world.pass(2_999);
  assert.equal(world.requests.length, 0);
  await world.pass(1);
  assert.deepEqual(positions(world.sent), range(0, 19));
  page.track(20);
  await world.pass();
  assert.equal(world.requests.length, 2);
  assert.equal(world.requests[1].events.length, 20);
});

test("a request has the form that the collector accepts", async () => {
  const page = world.open();
  page.footfall.track("feature_used", { feature: "export" });
  await world.pass(3_000);
  const [{ url, keepalive, credentials, sent_at, sdk, dropped, events }] = world.requests;
  assert.deepEqual([url, !!keepalive, credentials, dropped], ["https://shop.example/api/analytics/collect", true, "include", 0]);
  assert.equal(sent_at, "2026-01-15T10:00:03.000Z");
  assert.match(sdk, /^\d+\.\d+\.\d+$/);
  const [{ event_id, ...event }] = events;
  assert.deepEqual(event, { event_type: "feature_used", event_data: { feature: "export" }, timestamp: "2026-01-15T10:00:00.000Z" });
});

test("every id is a UUIDv7 with its time, and all are different", async () => {
  const page = world.open();
  for (let n = 0; n < 50; n++) {
    page.track(20);
    await world.pass(1);
  }
  const ids = world.sent.map((event) => event.event_id);
  assert.equal(new Set(ids).size, 1_000);
  for (const { event_id, timestamp } of world.sent) {
    assert.match(event_id, /^evt_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    assert.equal(parseInt(event_id.slice(4, 16), 16), Date.parse(timestamp));
  }
});

for (const status of [429, 503])
  test(`${status}: the whole queue waits as long as Retry-After says, at most a second longer`, async () => {
    const page = world.open();
    world.answer = answering(status, { "Retry-After": "60" });
    page.track(20);
    await world.pass(30_000);
    page.track(20);
    await world.pass(29_999);
    assert.equal(world.requests.length, 1);
    world.answer = new World().answer;
    await world.pass(4_001);
    assert.deepEqual(positions(world.sent.slice(20)), [...range(0, 20), ...range(0, 20)]);
    assert.deepEqual(world.requests[0].events, world.requests[1].events);
  });

test("neither hiding nor the next page sends before Retry-After is over", async () => {
  const page = world.open();
  world.answer = answering(429, { "Retry-After": "60" });
  page.track(20);
  await world.pass(1_000);
  page.track(3);
  page.hide();
  page.show();
  await page.close();
  const next = world.open();
  next.track(1);
  await world.pass(55_000);
  await next.close();
  world.open();
  await world.pass(3_000);
  assert.equal(world.requests.length, 1);
  world.answer = new World().answer;
  await world.pass(6_000);
  assert.equal(world.sent.length, 20 + 24);
});

for (const header of ["0", "-5", "Thu, 01 Jan 2015 00:00:00 GMT", "soon", undefined])
  test(`Retry-After ${header}: the waits grow, and there is no storm of requests`, async () => {
    const page = world.open();
    world.answer = answering(503, header === undefined ? {} : { "Retry-After": header });
    page.track(20);
    await world.pass(60_000);
    assert.ok(world.requests.length >= 4 && world.requests.length <= 7, String(world.requests.length));
    await world.pass(DAY / 2);
    assert.ok(world.requests.length < 400);
  });

test("a Retry-After of a year is limited to an hour", async () => {
  const page = world.open();
  world.answer = answering(503, { "Retry-After": "31536000" });
  page.track(20);
  await world.pass(3_602_000);
  assert.equal(world.requests.length, 2);
});

test("limited and retry events are sent again with the same ids; the others are done", async () => {
  const page = world.open();
  const body = results("accepted", "limited", "duplicate", "retry", "rejected");
  world.answer = answering(200, { "Retry-After": "5" }, body);
  page.track(5);
  await world.pass(3_000);
  world.answer = new World().answer;
  await world.pass(6_000);
  assert.deepEqual(positions(world.requests[1].events), [1, 3]);
  assert.deepEqual(world.requests[1].events, [1, 3].map((n) => world.requests[0].events[n]));
  await world.pass(DAY);
  assert.equal(world.requests.length, 2);
});

test("events rejected in a 429 are not sent again", async () => {
  const page = world.open();
  world.answer = answering(429, { "Retry-After": "5" }, results("rejected", "limited"));
  page.track(2);
  await world.pass(3_000);
  world.answer = new World().answer;
  await world.pass(6_000);
  assert.deepEqual(positions(world.requests[1].events), [1]);
});

for (const body of ["", "<html>", "null"])
  test(`a 200 with the body ${JSON.stringify(body)} counts as success`, async () => {
    const page = world.open();
    world.answer = answering(200, {}, body);
    page.track(20);
    await world.pass(DAY);
    assert.equal(world.requests.length, 1);
  });

for (const status of [400, 415, 422])
  test(`${status}: the batch is dropped and counted, and the next one is sent`, async () => {
    const page = world.open();
    world.answer = answering(status);
    page.track(20);
    await world.pass();
    world.answer = new World().answer;
    page.track(1);
    await world.pass(3_000);
    assert.deepEqual(world.requests.map(({ events, dropped }) => [events.length, dropped]), [[20, 0], [1, 20]]);
  });

test("413 halves the request until it fits; an event that is too large alone is dropped and counted", async () => {
  const page = world.open();
  world.answer = ({ events, bytes }) => (bytes > 700 ? answering(413)() : new World().answer({ events }));
  page.track(8);
  page.track(1, { text: "x".repeat(900) });
  page.track(8);
  await world.pass(120_000);
  page.track(1);
  await world.pass(60_000);
  const taken = world.requests.filter(({ bytes }) => bytes <= 700);
  assert.equal(taken.reduce((sum, { events }) => sum + events.length, 0), 17);
  assert.equal(taken.reduce((sum, { dropped }) => sum + dropped, 0), 1);
});

for (const status of [401, 403])
  test(`${status}: the events are stored, footfall:blocked is fired, and flush() or the next page continues`, async () => {
    const page = world.open();
    let blocked = 0;
    page.listens("footfall:blocked", () => blocked++);
    world.answer = answering(status);
    page.track(20);
    await world.pass(60_000);
    assert.deepEqual([world.requests.length, blocked, world.stored.length], [1, 1, 20]);
    await page.close();
    const next = world.open();
    await world.pass();
    assert.equal(world.requests.length, 2);
    world.answer = new World().answer;
    next.footfall.flush();
    await world.pass();
    assert.equal(world.requests[2].events.length, 20);
    assert.equal(world.stored.length, 0);
  });

for (const [name, answer] of [["500", answering(500)], ["502", answering(502, {}, "<html>")], ["408", answering(408)], ["no network", () => null]])
  test(`${name}: retried forever, after waits that double up to five minutes`, async () => {
    const page = world.open();
    world.answer = answer;
    page.track(20);
    await world.pass(3_600_000);
    const waits = world.requests.slice(1).map(({ at }, n) => (at - world.requests[n].at) / 1000);
    waits.forEach((wait, n) => assert.ok(wait >= Math.min(300, 2 ** n) * 0.5 && wait <= Math.max(3, Math.min(300, 2 ** n) * 1.5), `${n}: ${wait}`));
    world.answer = new World().answer;
    await world.pass(450_000);
    assert.equal(world.requests.at(-1).events.length, 20);
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

test("hiding sends the whole queue, even while a request is in flight", async () => {
  const page = world.open();
  let reply;
  world.answer = () => new Promise((resolve) => (reply = resolve));
  page.track(95);
  await page.close();
  assert.deepEqual(positions(world.sent), range(0, 95));
  assert.equal(world.stored.length, 0);
  reply(null);
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
  world.changed = () => seen.push(new Set(world.stored.map((text) => JSON.parse(text).event_id)).size);
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
  assert.deepEqual(positions(world.stored.map((text) => JSON.parse(text))), [...range(0, 20), ...range(0, 3)]);
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

test("requests in flight stay below the limit of browsers, counted in bytes", async () => {
  const page = world.open();
  world.answer = () => new Promise(() => {});
  page.track(100, { text: "漢".repeat(1_500) });
  await page.close();
  const bytes = world.requests.map((request) => request.bytes);
  assert.ok(bytes.length >= 2 && Math.max(...bytes) < 31_000, String(bytes));
  assert.ok(bytes.reduce((sum, each) => sum + each) < 65_536, String(bytes));
  assert.ok(world.stored.length > 0);
});

test("of a thousand events in a loop, the newest hundred are queued and the others counted as dropped", async () => {
  const page = world.open();
  page.track(1_000);
  await world.pass(60_000);
  assert.deepEqual(positions(world.sent.slice(20)), range(900, 1_000));
  assert.equal(world.requests.reduce((sum, { dropped }) => sum + dropped, 0), 880);
});

test("the response to an older request does not reset what was dropped since", async () => {
  const page = world.open();
  let reply;
  world.answer = () => new Promise((resolve) => (reply = resolve));
  page.track(20);
  await world.pass();
  page.track(1_000);
  world.answer = new World().answer;
  reply(answering(200)());
  await world.pass(60_000);
  assert.equal(world.requests.reduce((sum, { dropped }) => sum + dropped, 0), 900);
});

test("dropped events are reported again if the report failed", async () => {
  const page = world.open();
  page.footfall.track("scroll", { text: "x".repeat(9_000) });
  page.track(1);
  world.answer = answering(503, { "Retry-After": "5" });
  await world.pass(3_000);
  await page.close();
  world.answer = new World().answer;
  world.open();
  await world.pass(10_000);
  assert.deepEqual(world.requests.map(({ dropped }) => dropped), [1, 1]);
});

test("two tabs that close offline both store their events, and the first tab that is back sends them", async () => {
  const tabs = [world.open(), world.open()];
  world.online = false;
  tabs[0].track(3);
  tabs[1].track(5);
  for (const tab of tabs) await tab.close();
  world.online = true;
  world.open();
  world.open();
  await world.pass(10_000);
  assert.equal(world.sent.length, 8);
});

test("the success of one tab does not delete what another tab stored", async () => {
  const [waiting, well] = [world.open(), world.open()];
  world.answer = answering(429, { "Retry-After": "60" });
  waiting.track(5);
  await world.pass(3_000);
  world.answer = new World().answer;
  well.track(2);
  await world.pass(70_000);
  const taken = world.requests.slice(1).flatMap(({ events }) => events.map(({ event_id }) => event_id));
  assert.equal(taken.length, 7);
  assert.equal(new Set(taken).size, 7);
});

test("with a full storage, what fits is stored and the page continues", async () => {
  world.quota = 3_000;
  const page = world.open();
  world.online = false;
  page.track(40);
  await world.pass(1_000);
  await page.close();
  assert.ok(world.stored.length >= 10 && world.stored.length < 40, String(world.stored.length));
});

test("storage stays below 64 KiB and holds the newest events, however often a page hides", async () => {
  const page = world.open({ batch: "1000" });
  world.online = false;
  page.track(100, { text: "x".repeat(2_000) });
  page.hide();
  assert.equal(positions(world.stored).at(-1), 99);
  for (let n = 0; n < 20; n++) {
    page.track(1, { text: "x".repeat(5_000) });
    await world.pass(10);
  }
  await page.close();
  assert.ok(JSON.stringify(world.local).length < 80_000, String(JSON.stringify(world.local).length));
});

for (const [name, data, parts] of [["blocked", {}, { storage: "blocked" }], ["none", { storage: "none" }, {}]])
  test(`storage ${name}: events wait in the page`, async () => {
    const page = world.open(data, parts);
    world.answer = answering(503, { "Retry-After": "5" });
    page.track(20);
    await world.pass(2_000);
    assert.deepEqual(world.local, {});
    world.answer = new World().answer;
    await world.pass(10_000);
    assert.equal(world.requests[1].events.length, 20);
  });

test("stored events are dropped and counted after a day", async () => {
  const page = world.open();
  world.online = false;
  page.track(5);
  await page.close();
  world.online = true;
  world.now += DAY + 1;
  world.open().track(1);
  await world.pass(3_000);
  assert.deepEqual(world.requests.map(({ events, dropped }) => [events.length, dropped]), [[1, 5]]);
});

test("nothing is stored while requests succeed", async () => {
  const page = world.open();
  page.track(25);
  await world.pass(10_000);
  await page.close();
  assert.deepEqual(world.local, {});
});

test("foreign entries in storage do no harm", async () => {
  world.local["footfall:1"] = "{";
  world.local["other"] = "foreign";
  const page = world.open();
  page.track(1);
  await world.pass(3_000);
  assert.equal(world.sent.length, 1);
  assert.equal(world.local.other, "foreign");
});
