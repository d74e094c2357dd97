// What is stored while it cannot be sent, by several tabs and several people.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { answering, positions, World } from "./world.mjs";

const DAY = 86_400_000;
let world;
beforeEach(() => {
  world = new World();
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

test("whoever refuses consent deletes what others have stored too", async () => {
  world.local["footfall:1768471200000.5"] = '[0,0,0,"a1b2",[{"event_id":"evt_019bc1e5ca007"}]]';
  world.open().footfall.consent(false);
  assert.deepEqual(world.local, {});
});
