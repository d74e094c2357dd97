// Every event is sent once, when it may be sent; nothing is lost without being counted.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { answering, positions, range, results, World } from "./world.mjs";

const DAY = 86_400_000;
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
