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
    assert.ok(world.requests.length >= 4 && world.requests.length <= 10, String(world.requests.length));
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

for (const [name, answer] of [["408", answering(408)], ["no network", () => null]])
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

for (const status of [500, 502])
  test(`${status} for an hour: fewer and fewer events are tried, nothing is dropped, and there is no storm`, async () => {
    const page = world.open();
    world.answer = answering(status, {}, "<html>");
    page.track(20);
    await world.pass(3_600_000);
    assert.ok(world.requests.length < 30, String(world.requests.length));
    const sizes = world.requests.map(({ events }) => events.length);
    assert.deepEqual(sizes.slice(0, 8), [20, 20, 20, 10, 5, 2, 1, 1]);
    const lone = new Set(world.requests.slice(6).map(({ events }) => events[0].event_id));
    assert.ok(lone.size > 5, "each lone event makes room for the next");
    const failed = world.requests.length;
    world.answer = new World().answer;
    await world.pass(1_200_000);
    const delivered = world.requests.slice(failed).flatMap(({ events }) => positions(events));
    assert.deepEqual(delivered.toSorted((a, b) => a - b), range(0, 20));
    assert.equal(world.requests.reduce((sum, { dropped }) => sum + dropped, 0), 0);
    const last = world.requests.length;
    page.track(20);
    await world.pass(60_000);
    assert.ok(world.requests[last].events.length > 1, "requests grow again");
  });

for (const place of [0, 7, 19])
  test(`an event that the collector always fails at, at place ${place}, is dropped alone, and said so; all others arrive once`, async () => {
    const page = world.open();
    world.answer = ({ events }) => (positions(events).includes(-1) ? answering(500)() : new World().answer({ events }));
    page.track(place);
    page.footfall.track("scroll", { position: -1 });
    page.track(30 - place);
    await world.pass(900_000);
    for (let n = 0; n < 10; n++) {
      page.track(1);
      await world.pass(300_000);
    }
    const taken = world.requests.filter(({ events }) => !positions(events).includes(-1));
    assert.equal(taken.flatMap(({ events }) => events).length, 40);
    assert.equal(new Set(taken.flatMap(({ events }) => events.map(({ event_id }) => event_id))).size, 40);
    assert.equal(taken.reduce((sum, { dropped }) => sum + dropped, 0), 1);
    assert.deepEqual(page.said, ['footfall dropped the event "scroll", because the collector fails at it.']);
    const last = world.requests.length;
    await world.pass(3_600_000);
    assert.equal(world.requests.length, last);
  });

test("such an event is found though no page lasts long enough, and others get past it", async () => {
  world.answer = ({ events }) => (positions(events).includes(-1) ? answering(500)() : new World().answer({ events }));
  const first = world.open();
  first.footfall.track("scroll", { position: -1 });
  await world.pass(3_000);
  await first.close();
  for (let n = 0; n < 30; n++) {
    const page = world.open();
    page.track(1, { n });
    await world.pass(1_500); // time for two requests that fail
    await page.close();
  }
  const taken = world.requests.filter(({ events }) => !positions(events).includes(-1)).flatMap(({ events }) => events);
  assert.ok(new Set(taken.map(({ event_data }) => event_data.n)).size > 20);
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
  page.footfall.track("scroll", Object.fromEntries(range(0, 9).map((n) => [n, "x".repeat(1_000)])));
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

test("storage stays below 128 KiB and holds the newest events, however often a page hides", async () => {
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
  assert.ok(JSON.stringify(world.local).length < 160_000, String(JSON.stringify(world.local).length));
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

for (const [name, text] of [["footfall:1", "{"], ["footfall:2", "[1,2]"], ["footfall:3", '{"a":1}'], ["footfall:4", "null"], ["footfall:5", '[0,0,0,"",[7]]'], ["footfall:settings", "[0,0,0,\"\",[]]"], ["my-footfall:1768471200000.5", '[0,0,0,"",[]]'], ["other", "foreign"]])
  test(`what others have stored as ${name} = ${text} stays there, and hides none of ours`, async () => {
    world.local[name] = text;
    const page = world.open();
    world.online = false;
    page.track(3);
    await page.close();
    world.online = true;
    world.open();
    await world.pass(3_000);
    assert.equal(world.requests.at(-1).events.length, 3);
    assert.deepEqual(world.local, { [name]: text });
  });

test("what one person could not send is not sent under the login of another, but when that person is back", async () => {
  const signedIn = (who) => ({ events }) => ({ ...new World().answer({ events }), headers: { "Footfall-Sender": who } });
  const visit = async (who, count) => {
    world.answer = signedIn(who);
    const page = world.open();
    page.track(count);
    await world.pass(3_000);
    return page;
  };
  const mine = await visit("a1b2", 1);
  world.online = false;
  mine.track(5);
  await mine.close();
  world.online = true;
  const before = world.requests.length;
  await (await visit("c3d4", 2)).close();
  assert.deepEqual(world.requests.slice(before).map(({ events }) => events.length), [2]);
  assert.equal(world.stored.length, 5);
  await visit("a1b2", 1);
  await world.pass(10_000);
  assert.deepEqual(world.requests.slice(before + 1).map(({ events }) => events.length), [1, 5]);
  assert.equal(world.stored.length, 0);
});

test("what another person could not send is dropped and counted after a day", async () => {
  world.answer = ({ events }) => ({ ...new World().answer({ events }), headers: { "Footfall-Sender": "a1b2" } });
  const page = world.open();
  page.track(1);
  await world.pass(3_000);
  world.online = false;
  page.track(5);
  await page.close();
  world.online = true;
  world.now += DAY + 1;
  world.answer = new World().answer;
  world.open().track(1);
  await world.pass(3_000);
  assert.deepEqual([world.requests.at(-1).dropped, world.local], [5, {}]);
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

test("a page that has replaced fetch by what returns nothing, or throws, loses nothing", async () => {
  let broken = () => undefined;
  const page = world.open({}, { window: { fetch: (...given) => (broken ? broken() : world.fetch(...given)) } });
  page.track(20);
  await world.pass(1_000);
  broken = () => { throw new Error("blocked"); };
  await world.pass(5_000);
  broken = undefined;
  await world.pass(60_000);
  assert.deepEqual(positions(world.sent), range(0, 20));
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

test("whoever refuses consent deletes what others have stored too", async () => {
  world.local["footfall:1768471200000.5"] = '[0,0,0,"a1b2",[{"event_id":"evt_019bc1e5ca007"}]]';
  world.open().footfall.consent(false);
  assert.deepEqual(world.local, {});
});
