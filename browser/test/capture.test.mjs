// What is tracked automatically, and what is never sent.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { World } from "./world.mjs";

let world;
beforeEach(() => {
  world = new World();
});

const element = (localName, attributes = {}, more = {}) => ({
  localName,
  getAttribute: (name) => attributes[name] ?? null,
  closest() {
    return this;
  },
  ...more,
});

/** A page that tracks these kinds of events with the second script. */
const capturing = (kinds) => world.open().load("auto", { auto: kinds });

async function tracked() {
  await world.pass(30_000);
  return world.sent.map(({ event_type, event_data }) => [event_type, event_data]);
}

test("a page view has the path, the campaign and the site the visitor came from", async () => {
  world.open({ auto: "page" }, { url: "https://shop.example/a?email=x%40y.example&utm_source=mail&user=secret&xutm_medium=secret&q=utm_secret#part", referrer: "https://search.example/find?q=secret" });
  const [[type, data]] = await tracked();
  assert.equal(type, "page_view");
  assert.deepEqual([data.referrer, data.title], ["search.example", "Start"]);
  assert.match(data.page, /^\/a\?&?utm_source=mail&*$/);
  assert.equal(JSON.stringify(world.sent).includes("secret"), false);
});

for (const name of ["gclid", "dclid", "msclkid", "ttclid", "gbraid"])
  test(`a page view has ${name}, which shows that its visitor clicked on an advertisement`, async () => {
    world.open({ auto: "page" }, { url: `https://shop.example/a?user=secret&${name}=7&id=secret&clid7=secret` });
    assert.match((await tracked())[0][1].page, new RegExp(`^/a\\?&?${name}=7&*$`));
  });

test("the referrer from the same site is a path without its query", async () => {
  world.open({ auto: "page" }, { referrer: "https://shop.example/login?next=/private" });
  assert.equal((await tracked())[0][1].referrer, "/login");
});

test("in a single-page app, pushState, replaceState and Back are page views if the path changes", async () => {
  const page = world.open({ auto: "page" });
  const { history } = page.window;
  history.pushState(null, "", "/list");
  history.replaceState(null, "", "/list?page=2");
  history.replaceState(null, "", "/list/first");
  history.pushState(null, "", "/list/first#top");
  page.window.location.href = "https://shop.example/list";
  page.fire("popstate");
  const views = (await tracked()).map(([, data]) => [data.page.replace("?", ""), data.referrer]);
  assert.deepEqual(views, [["/start", undefined], ["/list", "/start"], ["/list/first", "/list"], ["/list", "/list/first"]]);
});

test("a page from the back-forward cache is viewed again, a load only once", async () => {
  const page = world.open({ auto: "page" });
  page.fire("pageshow", { persisted: false });
  page.fire("pageshow", { persisted: true });
  assert.equal((await tracked()).length, 2);
});

test("a prerendered page is viewed when somebody looks at it", async () => {
  const document = { hidden: true, prerendering: true, title: "Start", referrer: "" };
  const page = world.open({ auto: "page" }, { window: { document } });
  page.fire("pageshow", { persisted: false });
  assert.deepEqual(await tracked(), []);
  document.prerendering = document.hidden = false;
  page.fire("prerenderingchange");
  assert.equal((await tracked()).length, 1);
});

test("a click is named by data-track, id, name, aria-label or the tag, never by its text", async () => {
  const page = capturing("click");
  const texts = { textContent: "Pay 100 EUR to Jo", innerText: "Pay 100 EUR to Jo", value: "secret" };
  const named = { "data-track": "buy", id: "b1", name: "pay", "aria-label": "Pay" };
  for (const name of Object.keys(named)) {
    page.fire("click", { target: element("button", named, texts) });
    delete named[name];
  }
  page.fire("click", { target: element("a", {}, texts) });
  page.fire("click", { target: { ...element("p"), closest: () => null } });
  page.fire("click", { target: page.window.document });
  assert.deepEqual((await tracked()).map(([, data]) => data.button), ["buy", "b1", "pay", "Pay", "a"]);
  assert.deepEqual(world.sent[0].event_data, { button: "buy", page: "/start" });
});

test("a form is tracked with its name and the number of fields, without values", async () => {
  const page = capturing("form");
  page.fire("submit", { target: element("form", { id: "sign-up" }, { length: 3, elements: [{ value: "secret" }] }) });
  assert.deepEqual(await tracked(), [["form_submit", { form: "sign-up", page: "/start", field_count: 3 }]]);
});

test("errors and rejections are tracked, the same one once per ten seconds, at most ten per page", async () => {
  const page = capturing("error");
  const error = new TypeError("x is not a function");
  page.fire("error", { message: "Uncaught TypeError: x is not a function", filename: "https://shop.example/app.js?token=1", lineno: 3, colno: 14, error });
  page.fire("error", { message: "Uncaught TypeError: x is not a function" });
  page.fire("unhandledrejection", { reason: new RangeError("too far") });
  page.fire("unhandledrejection", { reason: "only a text" });
  page.fire("unhandledrejection", { reason: undefined });
  await world.pass(10_001);
  for (let n = 0; n < 1_000; n++) page.fire("error", { message: n ? `storm ${n}` : "Uncaught TypeError: x is not a function" });
  const all = (await tracked()).map(([, data]) => data);
  assert.deepEqual(all[0], { message: "Uncaught TypeError: x is not a function", page: "/start", kind: "TypeError", source: "https://shop.example/app.js", line: 3, column: 14 });
  assert.deepEqual(all.slice(1, 5).map(({ message }) => message), ["too far", "only a text", "undefined", all[0].message]);
  assert.equal(all.length, 10);
});

test("a long message is cut", async () => {
  const page = capturing("error");
  page.fire("error", { message: "x".repeat(5_000) });
  assert.equal((await tracked())[0][1].message.length, 500);
});

test("the first script tracks page views, and the second one clicks, forms and errors, where data-auto says nothing", async () => {
  const page = world.open({ auto: undefined });
  page.fire("click", { target: element("button") });
  page.load("auto");
  page.fire("click", { target: element("button") });
  page.fire("submit", { target: element("form", {}, { length: 1 }) });
  page.fire("error", { message: "broken" });
  assert.deepEqual((await tracked()).map(([type]) => type), ["page_view", "button_click", "form_submit", "error_encountered"]);
});

test("only what data-auto names is tracked", async () => {
  const page = world.open({ auto: "off" }).load("auto", { auto: "form" });
  page.fire("click", { target: element("button") });
  page.fire("error", { message: "broken" });
  page.fire("submit", { target: element("form", {}, { length: 1 }) });
  assert.deepEqual((await tracked()).map(([type]) => type), ["form_submit"]);
});

test("the second script does nothing twice, and nothing without the first", async () => {
  const page = capturing("click").load("auto");
  page.fire("click", { target: element("button") });
  assert.equal((await tracked()).length, 1);
  page.window.footfall = undefined;
  page.load("auto");
});
