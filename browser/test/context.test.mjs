// What is sent about the page and the browser, and what a page can do about it.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { World } from "./world.mjs";

let world;
beforeEach(() => {
  world = new World();
});

const BROWSER = { hostname: "shop.example", language: "de-DE", screen_width: 1440 };

/** The context of the only request, after the page has tracked an event. */
async function sentAbout(page) {
  page.track(1);
  await world.pass(3_000);
  assert.equal(world.requests.length, 1);
  return world.requests[0].context;
}

test("a request says the host without its port, the language and the width of the screen, and an event nothing", async () => {
  assert.deepEqual(await sentAbout(world.open({}, { url: "https://shop.example:8443/start" })), BROWSER);
  assert.equal("context" in world.sent[0], false);
});

test("attributes that a template left empty say nothing", async () => {
  await sentAbout(world.open({ site: "", release: "", route: "/a/:b" }));
  assert.deepEqual(world.sent[0].context, { release: "", route: "/a/:b" });
});

for (const [context, fields] of [
  ["hostname,language", ["hostname", "language"]],
  ["screen_width", ["screen_width"]],
  ["language, hostname", ["hostname", "language"]],
  ["off", []],
  ["", []],
])
  test(`data-context="${context}": nothing else about the browser is sent`, async () => {
    const wanted = Object.fromEntries(fields.map((name) => [name, BROWSER[name]]));
    assert.deepEqual(await sentAbout(world.open({ context })), wanted);
  });

test("a page without a host says so, rather than a host that the collector would reject", async () => {
  assert.equal((await sentAbout(world.open({}, { url: "file:///app/index.html" }))).hostname, null);
});

test("data-site, data-release and data-route are in every event of the page", async () => {
  const page = world.open({ auto: "page,error", site: "shop", release: "2026.1", route: "/products/:id" });
  page.fire("error", { message: "broken" });
  page.track(1);
  await world.pass(3_000);
  const context = { site: "shop", release: "2026.1", route: "/products/:id" };
  assert.deepEqual(world.sent.map((event) => event.context), [context, context, context]);
});

// Options of the npm package are taken as attributes are; only `init` can be given a function.
const byNumber = (path) => (path.startsWith("/products/") ? path.replace(/\/\d+$/, "/:id") : undefined);

test("a function knows the route of the page that an event happened on", async () => {
  const page = world.open({ auto: "page", route: byNumber }, { url: "https://shop.example/products/7?utm_source=mail&q=1" });
  page.window.history.pushState(null, "", "/cart");
  await world.pass(1_000);
  page.footfall.track("web_vital", { metric: "LCP", value: 1, page: "/products/7" }); // measured before
  page.footfall.track("scroll", { page: 3 });
  await world.pass(3_000);
  const routes = world.sent.map(({ event_type, context }) => [event_type, context?.route]);
  const expected = [["page_view", "/products/:id"], ["page_view", undefined], ["web_vital", "/products/:id"], ["scroll", undefined]];
  assert.deepEqual(routes, expected);
});

test("events of a function that throws are dropped and counted", async () => {
  const page = world.open({ route: (path) => { if (path === "/start") throw new Error("no router yet"); return path; } });
  page.track(2);
  page.window.history.pushState(null, "", "/list");
  page.track(1);
  await world.pass(3_000);
  assert.deepEqual([world.sent.length, world.sent[0].context.route, world.requests[0].dropped], [1, "/list", 2]);
});

test("events that a page could not send have its site and release, whichever page sends them", async () => {
  const old = world.open({ site: "shop", release: "2026.1" });
  world.online = false;
  old.track(1);
  await old.close();
  world.online = true;
  world.open({ release: "2026.2" }).track(1);
  await world.pass(3_000);
  const contexts = world.sent.map((event) => event.context);
  assert.deepEqual(contexts, [{ site: "shop", release: "2026.1" }, { release: "2026.2" }]);
});

test("the function that data-before names can change the context of an event", async () => {
  const page = world.open({ site: "shop", release: "1", before: "withRoute" });
  page.window.withRoute = ({ context: { release, ...context }, ...event }) => ({ ...event, context: { ...context, route: "/of/:mine" } });
  await sentAbout(page);
  assert.deepEqual(world.sent[0].context, { site: "shop", route: "/of/:mine" });
});
