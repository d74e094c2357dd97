// What the SDK says in the console: nothing while all is well, one sentence about each thing that is wrong, and with
// data-debug everything.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { World } from "./world.mjs";

let world;
beforeEach(() => {
  world = new World();
});
const fault = { code: "origin_not_allowed", pointer: "", message: "The page may not.", expected: "another origin", got: "", docs: "/api/analytics/errors#origin_not_allowed" };

test("a page whose events are accepted, limited or wait says nothing, nor does it load the file", async () => {
  const page = world.open({ auto: "page" });
  page.track(3);
  await world.pass(3_000);
  world.answer = () => ({ status: 503, headers: { "Retry-After": "1" }, body: { errors: [{ ...fault, code: "unavailable" }] } });
  page.track(20);
  await world.pass(10_000);
  world.online = false;
  await world.pass(10_000);
  assert.deepEqual([page.said, Object.keys(page.files)], [[], ["https://shop.example/sdk/more.js"]]);
});

test("a page whose origin is refused says once what to do", async () => {
  const page = world.open({ auto: "page" });
  world.answer = () => ({ status: 403, body: { success: false, message: "no", errors: [fault] } });
  await world.pass(7_200_000);
  assert.ok(world.requests.length > 1);
  assert.deepEqual(page.said, [
    "footfall may not send from this page: add https://shop.example to FOOTFALL_ALLOWED_ORIGINS of the collector, or serve the collector on the page's own origin.",
  ]);
});

test("without a session, the sentence is the collector's", async () => {
  const page = world.open({ auto: "page" });
  world.answer = () => ({ status: 403, body: { errors: [{ ...fault, code: "session_missing", message: "The request has no session.", expected: "a session in the cookie session" }] } });
  await world.pass(10_000);
  assert.match(page.said[0], /^footfall was rejected with 403\. The request has no session\. Expected: a session in the cookie session\. See https:\/\/shop\.example\/api/);
});

test("each rejected event is named once, with pointer, meaning and where to read more", async () => {
  const page = world.open();
  const error = { code: "event_type_unknown", pointer: "/event_type", message: "No event type has this name.", expected: 'did you mean "page_view"?', got: '"pageview"', docs: "/api/analytics/errors#event_type_unknown" };
  world.answer = ({ events }) => ({ status: 200, body: { results: events.map(({ event_type }) => (event_type === "pageview" ? { status: "rejected", errors: [error] } : { status: "accepted" })) } });
  for (let n = 0; n < 3; n++) {
    page.track(1);
    page.footfall.track("pageview");
    await world.pass(3_000);
  }
  assert.deepEqual(page.said, [
    'footfall event "pageview" was rejected. /event_type: No event type has this name. Expected: did you mean "page_view"?. Got: "pageview". See https://shop.example/api/analytics/errors#event_type_unknown',
  ]);
});

test("the link to what an error means stands beside the collect route, wherever a proxy has put that", async () => {
  const page = world.open({ auto: "page", endpoint: "https://shop.example/insights/send" });
  world.answer = () => ({ status: 403, body: { errors: [{ ...fault, code: "session_missing" }] } });
  await world.pass(10_000);
  assert.match(page.said[0], /See https:\/\/shop\.example\/insights\/errors#origin_not_allowed$/);
});

test("an answer that is not the collector's names the URL", async () => {
  const page = world.open();
  world.answer = () => ({ status: 404, body: "<html>" });
  page.track(1);
  await world.pass(60_000);
  assert.deepEqual(page.said, ["footfall got 404 from https://shop.example/api/analytics/collect: is this the URL of the collector?"]);
});

test("with debug, each event and its outcome", async () => {
  const page = world.open({ debug: "on" });
  world.answer = ({ events }) => ({ status: 200, body: { results: events.map(() => ({ status: "accepted", hint: "not in the catalogue" })) } });
  page.track(1);
  await world.pass(3_000);
  world.online = false;
  page.track(1);
  await world.pass(3_000);
  assert.match(page.said[0], /^footfall: \d+\.\d+\.\d+ sends to https:\/\/shop\.example\/api\/analytics\/collect$/);
  assert.match(page.said[1], /^footfall: "scroll": accepted; not in the catalogue \{"event_id":/);
  assert.match(page.said[2], /^footfall: "scroll": no response: the network, CORS or a blocker \{/);
});

for (const [why, navigator, data] of [
  ["Global Privacy Control", { globalPrivacyControl: true }, {}],
  ["Do Not Track", { doNotTrack: "1" }, {}],
  ["a program drives the browser", { webdriver: true }, { bots: "" }],
  ["sends nothing before footfall.consent(true)", {}, { consent: "required" }],
])
  test(`with debug, a page says why nothing is sent: ${why}`, async () => {
    const page = world.open({ debug: "on", ...data }, { navigator });
    await world.pass(10_000);
    assert.equal(page.said.length, 1);
    assert.ok(page.said[0].includes(why), page.said[0]);
    const quiet = world.open(data, { navigator });
    await world.pass(10_000);
    assert.deepEqual([quiet.said, world.requests], [[], []]);
  });

test("events that cannot be sent are named with the reason", async () => {
  const page = world.open({ before: "scrub" });
  page.track(2);
  page.window.scrub = (event) => event;
  page.footfall.track("round", Object.fromEntries([..."abcdefghij"].map((name) => [name, "x".repeat(1_000)])));
  page.footfall.track("big", { big: 10n });
  assert.deepEqual(page.said.slice(0, 2), [
    'footfall dropped the event "scroll", because the page has no function scrub, which data-before names.',
    'footfall dropped the event "round", because it is larger than 8 kB.',
  ]);
  assert.match(page.said[2], /^footfall dropped the event "big", because .*BigInt.*\.$/);
  assert.equal(page.said.length, 3);
});

test("a tag that a module script hides says what to write", () => {
  const page = world.open({}, { script: null });
  assert.match(page.said[0], /<script defer src=…>, without type="module"/);
  assert.equal(page.footfall, undefined);
});
