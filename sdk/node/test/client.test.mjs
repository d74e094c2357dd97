// The SDK without a collector: what it sends, what it makes of answers, and that it never gets in the way.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, context, setContext } from "../src/index.js";
import { backoff, judge } from "../src/answers.js";
import { FileStore } from "../src/chunks.js";

const HERE = path.dirname(new URL(import.meta.url).pathname);
const reply = (status, body = "", headers = {}) => new Response(body, { status, headers });
const results = (statuses, more = {}, status = 200) =>
  reply(status, JSON.stringify({ success: true, message: "", results: statuses.map((each, index) => ({ index, status: each, ...more })) }));
const accept = (events) => results(events.map(() => "accepted"));

let clients, folder, logged, requests, replies;

beforeEach(() => {
  [clients, logged, requests, replies] = [[], [], [], []];
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "footfall-"));
});

afterEach(async () => {
  replies = [];
  await Promise.all(clients.map((client) => client.close(1000)));
  fs.rmSync(folder, { recursive: true });
});

function start(options = {}) {
  const fetch = async (url, { body, signal }) => {
    const request = JSON.parse(body);
    requests.push(request);
    const answer = (replies.shift() ?? accept)(request.events, signal);
    return answer;
  };
  clients.push(new Client({ url: "http://collector", wait: 5, log: (message) => logged.push(message), fetch, ...options }));
  return clients.at(-1);
}

const sent = () => requests.flatMap((request) => request.events);
const ids = () => sent().map((event) => event.event_id);
const until = async (condition) => {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 2000, "it does not become true");
    await sleep(5);
  }
};
const gone = () => {
  throw new TypeError("fetch failed", { cause: new Error("refused") });
};

test("an event has an id, a time and the people of the context", async () => {
  const client = start({ site: "shop", release: "1" });
  const made = context({ userId: "ann", sessionId: "s" }, () =>
    context({ release: "2", route: "/orders/:id" }, () => [
      client.track("feature_used", { feature: "export" }),
      client.track("page_view", { page: "/" }, { userId: null, timestamp: new Date("2026-01-02T00:00:00Z") }),
    ]),
  );
  made.push(client.trackCustom("tea_made"));
  assert.ok(await client.flush());
  assert.deepEqual(ids(), made);
  assert.ok(made.every((id) => /^evt_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/.test(id)));
  assert.ok(Math.abs(parseInt(made[0].slice(4, 16), 16) - Date.now()) < 60_000);
  assert.deepEqual(sent().map((event) => [event.user_id, event.session_id]), [["ann", "s"], [null, "s"], [null, null]]);
  const inside = { site: "shop", release: "2", route: "/orders/:id" };
  assert.deepEqual(sent().map((event) => event.context), [inside, inside, { site: "shop", release: "1" }]);
  assert.equal(sent()[1].timestamp, "2026-01-02T00:00:00.000Z");
  assert.match(requests[0].sdk, /^node\//);
});

test("requests that run at the same time have their own context", async () => {
  const client = start();
  const request = async (userId) => {
    await sleep(1);
    setContext({ userId });
    await sleep(1);
    client.track("click", { userId });
  };
  await Promise.all(Array.from({ length: 20 }, (_, number) => request(`user-${number}`)));
  await client.flush();
  assert.equal(sent().length, 20);
  for (const event of sent()) assert.equal(event.user_id, event.event_data.userId);
});

test("what cannot be sent is counted, said once, and throws nothing", async () => {
  const client = start();
  const ring = {};
  ring.ring = ring;
  const hostile = { toJSON() { throw new Error("no"); } };
  const wrong = [ring, hostile, NaN, "x".repeat(70_000)];
  for (const value of [...wrong, ...wrong]) assert.equal(client.track("click", { value }), null);
  assert.equal(client.track("click", {}, { timestamp: new Date(NaN) }), null);
  assert.equal(client.track(Symbol("x"), ring), null);
  for (const value of [1n, new Date(), new Map([["a", 1]]), new Set([1]), "\ud83d", undefined]) assert.ok(client.track("click", { value }));
  assert.ok(client.track(undefined));
  assert.ok(await client.flush());
  const { tracked, accepted, dropped } = client.counters;
  assert.deepEqual([tracked, accepted, dropped], [17, 7, 10]);
  assert.equal(logged.length, 6);
  assert.equal(requests.reduce((sum, request) => sum + request.dropped, 0), 10);
});

test("limited events wait alone, and rejected ones are said once", async () => {
  const error = { code: "field_missing", pointer: "/event_data/page", expected: "text" };
  replies = [
    () => results(["accepted", "limited", "duplicate", "retry"], { retry_after: 0.05 }),
    (events) => results(events.map(() => "rejected"), { errors: [error] }, 400),
  ];
  const client = start({ wait: 10_000, batchSize: 4 });
  const made = [1, 2, 3, 4].map(() => client.track("click"));
  await until(() => client.counters.accepted);
  client.track("click");
  assert.ok(await client.flush());
  const { accepted, duplicates, rejected } = client.counters;
  assert.deepEqual([accepted, duplicates, rejected], [3, 1, 1]);
  assert.deepEqual(made.map((id) => ids().filter((each) => each === id).length), [1, 2, 1, 2]);
  assert.deepEqual(logged, ['footfall: the collector rejected "click": field_missing at /event_data/page (expected: text)']);
});

for (const [name, failure] of Object.entries({
  "no connection": gone,
  "a 503": () => reply(503, "{}", { "retry-after": "0" }),
  "a 429": () => reply(429, "{}", { "retry-after": "0" }),
  "a proxy's 502": () => reply(502, "<html>"),
  "each again": () => results(["retry", "retry"], { retry_after: 0.01 }, 503),
})) {
  test(`what fails with ${name} is sent again with the same ids`, async (t) => {
    t.mock.method(Math, "random", () => -0.99); // short waits
    replies = [failure, failure, failure];
    const client = start({ wait: 10_000, batchSize: 2 });
    const made = [client.track("click"), client.track("click")];
    await until(() => requests.length === 4);
    assert.ok(await client.flush());
    assert.deepEqual(ids(), [...made, ...made, ...made, ...made]);
    const { accepted, waiting, retries } = client.counters;
    assert.deepEqual([accepted, waiting, retries], [2, 0, 3]);
  });
}

test("a request that is too large is sent in halves", async () => {
  const tooLarge = (events) => (events.length > 1 || events[0].event_data.large ? reply(413, "{}") : accept(events));
  replies = Array(9).fill(tooLarge);
  const client = start({ wait: 10_000, batchSize: 5 });
  for (const number of [0, 1, 2, 3, 4]) client.track("click", number === 2 ? { large: true } : {});
  assert.ok(await client.flush());
  assert.deepEqual([client.counters.accepted, client.counters.dropped], [4, 1]);
});

test("an event that the collector fails at does not hold up the others", async (t) => {
  t.mock.method(Math, "random", () => -0.99);
  replies = Array(100_000).fill((events) => (events.some((event) => event.event_data.poison) ? reply(500) : accept(events)));
  const client = start({ wait: 1, batchSize: 4 });
  for (let number = 0; number < 8; number++) client.track("click", number === 5 ? { poison: true } : {});
  await until(() => client.track("click") && client.counters.dropped);
  assert.ok(await client.flush());
  const { tracked, accepted, dropped } = client.counters;
  assert.deepEqual([dropped, accepted], [1, tracked - 1]);
});

for (const onDisk of [false, true]) {
  test(`what waits ${onDisk ? "on disk" : "in memory"} is bounded, and the oldest go first`, async () => {
    let goOn;
    const held = new Promise((resolve) => (goOn = resolve));
    replies = [async (events) => (await held, accept(events))];
    const client = start({ maxBytes: 20_000, batchSize: 10, spoolDir: onDisk ? folder : undefined });
    const made = Array.from({ length: 500 }, (_, number) => client.track("click", { number }));
    await until(() => requests.length);
    assert.ok(client.counters.waiting < 120);
    const stored = fs.readdirSync(folder).reduce((sum, name) => sum + fs.statSync(path.join(folder, name)).size, 0);
    assert.ok(stored <= 20_000 && stored > 0 === onDisk);
    goOn();
    assert.ok(await client.flush());
    const { accepted, dropped } = client.counters;
    assert.equal(accepted + dropped, 500);
    assert.deepEqual(ids().slice(-50), made.slice(-50));
    assert.equal(requests.reduce((sum, request) => sum + request.dropped, 0), dropped);
    assert.deepEqual(fs.readdirSync(folder).filter((name) => name.endsWith(".events")), []);
  });
}

test("what is left in memory at the end is counted, and what is on disk is sent by the next", async () => {
  replies = Array(1000).fill(gone);
  const [inMemory, onDisk] = [start(), start({ spoolDir: folder })];
  const made = [1, 2, 3].map(() => onDisk.track("click"));
  inMemory.track("click");
  await Promise.all([inMemory.close(20), onDisk.close(20)]);
  assert.deepEqual([inMemory.counters, onDisk.counters].map(({ dropped, waiting }) => [dropped, waiting]), [[1, 0], [0, 3]]);
  assert.ok(logged.some((message) => message.includes("the process ended")));
  [replies, requests] = [[], []];
  const [file] = fs.readdirSync(folder).filter((name) => name.endsWith(".events"));
  fs.appendFileSync(path.join(folder, file), '\0\0\0}\n[]\n{"event_id": "evt_cut'); // by a machine that failed, and by a kill
  const later = start({ spoolDir: folder });
  await until(() => later.counters.adopted === 5);
  assert.ok(await later.flush());
  assert.deepEqual(ids(), made);
  assert.deepEqual([later.counters.accepted, later.counters.dropped], [3, 2]);
  assert.deepEqual(fs.readdirSync(folder).filter((name) => name.endsWith(".events")), []);
});

test("files of the living are left alone", () => {
  const chunk = new FileStore(folder).create();
  const event = '{"event_type":"click"}';
  chunk.append(event, event.length + 1);
  assert.deepEqual(new FileStore(folder).adopt(1e6), []);
  for (const name of fs.readdirSync(folder)) fs.renameSync(path.join(folder, name), path.join(folder, name.replace(os.hostname(), "elsewhere")));
  assert.deepEqual(new FileStore(folder).adopt(1e6), []);
  for (const name of fs.readdirSync(folder)) fs.utimesSync(path.join(folder, name), 1, 1);
  assert.deepEqual(new FileStore(folder).adopt(1e6).map((each) => each.lines()), [[event]]);
});

test("a disk that fails costs no event", async (t) => {
  const client = start({ spoolDir: folder, wait: 10_000 });
  client.track("click");
  const write = t.mock.method(fs, "writeSync", () => {
    throw new Error("no space left");
  });
  for (let number = 0; number < 5; number++) client.track("click");
  write.mock.restore();
  client.track("click");
  assert.ok(await client.flush());
  assert.equal(client.counters.accepted, 7);
  assert.ok(logged.some((message) => message.includes("no space left")));
});

for (const [said, status, body] of [
  ["HTTP 403: no", 403, '{"success": false, "message": "no", "errors": []}'],
  ["HTTP 404: this is not an answer of a collector", 404, "<html>"],
]) {
  test(`a wrong key or URL is said once and costs nothing else: ${said}`, async () => {
    replies = [() => reply(status, body)];
    const client = start();
    client.track("click");
    await until(() => client.counters.retries);
    assert.deepEqual([client.counters.waiting, client.counters.dropped], [1, 0]);
    assert.ok(await client.flush());
    assert.deepEqual(logged, [`footfall: ${said}; tried again`]);
  });
}

test("an answer that is not a collector's confirms nothing", () => {
  for (const body of ["<html>", "[]", '{"results": []}', '{"results": [1]}', '{"results": {"a": 1}}', "null"]) {
    const verdict = judge(200, null, body, 1);
    assert.deepEqual([verdict.failed, verdict.giveUp, verdict.accepted], [true, undefined, undefined]);
  }
  assert.equal(judge(429, "Wed, 21 Oct 2026 07:28:00 GMT", "", 1).wait, 1000);
  assert.equal(judge(503, "99999999", "", 1).wait, 3_600_000);
  assert.deepEqual([1, 2, 3, 50].map((failures) => backoff(failures, 1)), [1000, 2000, 4000, 60_000]);
});

test("the URL may have the path or a prefix, and one that cannot be meant is refused", async () => {
  const urls = [];
  const fetch = async (url, { body }) => (urls.push(url), accept(JSON.parse(body).events));
  for (const url of ["http://a", "http://a/api/analytics/collect", "http://a/stats/"]) {
    const client = start({ url, fetch });
    client.track("click");
    await client.flush();
  }
  assert.deepEqual(urls, ["http://a/api/analytics/collect", "http://a/api/analytics/collect", "http://a/stats/api/analytics/collect"]);
  for (const url of ["", "collector:3000", "ftp://a", undefined]) assert.throws(() => new Client({ url }), /the URL of a collector/);
});

test("a process waits at its end for what it has tracked, but not for long", () => {
  const run = (listens) => {
    const program = `
      import http from "node:http";
      import { Client } from ${JSON.stringify(path.join(HERE, "../src/index.js"))};
      const server = http.createServer((request, response) => {
        response.end(JSON.stringify({ results: [{ status: "accepted" }] }));
        setTimeout(() => server.close(), 50);
      });
      await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
      const client = new Client({ url: "http://127.0.0.1:" + server.address().port, wait: 60_000, exitTimeout: 300 });
      client.track("click");
      process.on("exit", () => console.log(JSON.stringify(client.counters)));
      ${listens ? "server.unref()" : "server.close()"};
    `;
    return spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8", timeout: 20_000 });
  };
  assert.equal(JSON.parse(run(true).stdout).accepted, 1);
  const lost = run(false);
  assert.equal(JSON.parse(lost.stdout).dropped, 1);
  assert.match(lost.stderr, /the process ended before/);
});

test("the package loads with require, too", () => {
  const source = `console.log(typeof require(${JSON.stringify(path.join(HERE, "../src/index.js"))}).Client)`;
  assert.equal(execFileSync(process.execPath, ["-e", source], { encoding: "utf8" }).trim(), "function");
});
