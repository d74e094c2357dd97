// The effect of the tag's attributes, and of the visitor's choices.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { World } from "./world.mjs";

let world;
beforeEach(() => {
  world = new World();
});

for (const [name, navigator] of [["GPC", { globalPrivacyControl: true }], ["DNT", { doNotTrack: "1" }], ["webdriver", { webdriver: true }]])
  test(`${name}: nothing is tracked, sent or stored`, async () => {
    const page = world.open({ auto: undefined, bots: "" }, { navigator });
    page.track(30);
    page.fire("error", { message: "broken" });
    await page.close();
    await world.pass(10_000);
    assert.deepEqual([world.requests, world.local], [[], {}]);
  });

test("DNT 0 and unspecified are not an opt-out", async () => {
  for (const doNotTrack of ["0", "unspecified", null]) world.open({}, { navigator: { doNotTrack } }).track(1);
  await world.pass(3_000);
  assert.equal(world.sent.length, 3);
});

test("consent required: nothing is sent before consent, and everything after it", async () => {
  const page = world.open({ consent: "required" });
  page.track(30);
  page.hide();
  page.show();
  await world.pass(10_000);
  assert.deepEqual([world.requests, world.local], [[], {}]);
  page.footfall.consent(true);
  await world.pass(10_000);
  assert.equal(world.sent.length, 30);
});

test("consent refused: the queue and the storage are deleted, and nothing more is tracked", async () => {
  const page = world.open();
  world.online = false;
  page.track(30);
  await world.pass(10_000);
  page.track(3);
  const tried = world.requests.length;
  page.footfall.consent(false);
  world.online = true;
  page.track(3);
  page.fire("online");
  page.hide();
  await world.pass(600_000);
  assert.deepEqual([world.requests.length, world.local], [tried, {}]);
  page.footfall.consent(true);
  page.track(1);
  await world.pass(60_000); // it still waits because of the failed requests
  assert.equal(world.requests.slice(tried).flatMap(({ events }) => events).length, 1);
});

test("consent refused while a request is in flight: its events are not queued again", async () => {
  const page = world.open();
  let reply;
  world.answer = () => new Promise((resolve) => (reply = resolve));
  page.track(20);
  await world.pass();
  page.footfall.consent(false);
  page.hide();
  reply({ status: 503, headers: { "Retry-After": "1" } });
  await world.pass(5_000);
  page.footfall.consent(true);
  await world.pass(60_000);
  assert.deepEqual([world.requests.length, world.local], [1, {}]);
});

test("attributes set the batch size, the wait, the queue size, the endpoint and the cookies", async () => {
  const settings = { batch: "2", wait: "500", queue: "3", endpoint: "https://stats.example/c", credentials: "omit" };
  const page = world.open(settings);
  page.track(1);
  await world.pass(500);
  assert.equal(world.requests.length, 1);
  const [{ url, credentials }] = world.requests;
  assert.deepEqual([url, credentials], ["https://stats.example/c", "omit"]);
  page.track(10);
  await world.pass(2_000);
  assert.deepEqual(world.requests.slice(1).map(({ events, dropped }) => [events.length, dropped]), [[2, 0], [2, 5], [1, 0]]);
});

test("the function that data-before names is called with each event", async () => {
  const page = world.open({ before: "scrub" });
  page.window.scrub = (event) => event.event_data.position !== 1 && { ...event, event_data: { position: -1 } };
  page.track(3);
  await world.pass(3_000);
  assert.deepEqual(world.sent.map(({ event_data }) => event_data), [{ position: -1 }, { position: -1 }]);
  assert.equal(world.requests[0].dropped, 0);
  assert.match(world.sent[0].event_id, /^evt_/);
});

test("if that function is missing or throws, nothing is sent, and the events are counted", async () => {
  const page = world.open({ before: "scrub" });
  page.track(2);
  page.window.scrub = (event) => event;
  page.track(1);
  await world.pass(3_000);
  assert.deepEqual(world.requests.map(({ events, dropped }) => [events.length, dropped]), [[1, 2]]);
});

test("data that is not JSON does not throw into the page", async () => {
  const page = world.open();
  const round = {};
  round.round = round;
  page.footfall.track("scroll", round);
  page.footfall.track("scroll", { big: 10n });
  page.track(1);
  await world.pass(3_000);
  assert.deepEqual([world.sent.length, world.requests[0].dropped], [1, 2]);
});

test("a second tag on the page does nothing", async () => {
  const page = world.open({ auto: "page" }, { window: { footfall: "the first" } });
  assert.equal(page.footfall, "the first");
  await world.pass(10_000);
  assert.equal(world.requests.length, 0);
});
