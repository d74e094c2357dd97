// The examples of docs/browser-sdk.md do what the page says.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import vm from "node:vm";
import { World } from "./world.mjs";

const PAGE = readFileSync(new URL("../../docs/browser-sdk.md", import.meta.url), "utf8");
const blocks = (language) => [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, code]) => code);

/** The scripts of an example, as the name of the file and the attributes of the tag. */
const tags = (html) =>
  [...html.matchAll(/<script defer src="[^"]*\/sdk\/(\w+)\.js"([^>]*)><\/script>/g)].map(([, file, attributes]) => {
    const dataset = Object.fromEntries([...attributes.matchAll(/data-(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
    return { file, dataset };
  });

test("one tag sends a page view, and what happens on the page", async () => {
  const world = new World();
  const [first, ...others] = tags(blocks("html")[0]);
  assert.deepEqual([first.file, others], ["footfall", []]);
  world.open({ auto: undefined, ...first.dataset }).fire("error", { message: "broken" });
  await world.pass(3_000);
  assert.deepEqual(world.sent.map(({ event_type }) => event_type), ["page_view", "error_encountered"]);
});

test("a tag says site, release and route", async () => {
  const world = new World();
  const [{ dataset }] = tags(blocks("html")[1]);
  world.open({ auto: "page", ...dataset });
  await world.pass(3_000);
  assert.deepEqual(world.sent[0].context, { site: "shop", release: "2026.3", route: "/products/:id" });
});

test("a page tracks events of its own", async () => {
  const world = new World();
  vm.runInContext(blocks("js")[0], world.open().window);
  await world.pass();
  assert.deepEqual(world.sent.map(({ event_type }) => event_type), ["feature_used", "form_submit"]);
  assert.deepEqual(world.sent[1].event_data.properties, { plan: { name: "team", seats: 5 } });
});

test("the function of data-before adds the route", async () => {
  const world = new World();
  const page = world.open({ auto: "page", before: "withRoute" }, { url: "https://shop.example/users/7/orders?utm_source=mail" });
  vm.runInContext(blocks("js")[1], page.window);
  page.track(1);
  page.window.history.pushState(null, "", "/users/8");
  await world.pass(3_000);
  assert.deepEqual(world.sent.map(({ context }) => context.route), ["/users/:id/orders", "/users/:id"]);
});

test("routers know the template of a path", () => {
  const code = blocks("ts")[1].replace(/^import .*/m, "");
  const routes = [];
  const router = { resolve: (path) => ({ matched: path === "/products/7" ? [{ path: "/" }, { path: "/products/:id" }] : [] }) };
  const matchRoutes = (_routes, path) => (path === "/products/7" ? [{ route: { path: "/" } }, { route: {} }, { route: { path: "products/:id" } }] : null);
  new Function("init", "router", "matchRoutes", "routes", code)(({ route }) => routes.push(route), router, matchRoutes, []);
  assert.equal(routes.length, 3);
  for (const route of routes) assert.deepEqual([route("/products/7"), route("/none")], ["/products/:id", undefined]);
  assert.equal(routes[2]("/users/jo/orders/7/"), "/users/:name/orders/:order");
});
