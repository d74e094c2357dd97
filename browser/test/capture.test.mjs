// What is tracked automatically, and what is never sent.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import vm from "node:vm";
import { range, Element, HTMLFormElement, World } from "./world.mjs";

let world;
beforeEach(() => {
  world = new World();
});

const element = (localName, attributes = {}, parent) => new Element(localName, attributes, parent);

/** A page that tracks these kinds of events. */
const capturing = (kinds) => world.open({ auto: kinds });

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

test("in a single-page app, pushState, replaceState and Back are page views if the path changes, with the title that follows", async () => {
  const page = world.open({ auto: "page" });
  const { history, document } = page.window;
  const go = async (how) => {
    how();
    page.window.Document.prototype.title = `Title of ${page.window.location.pathname}`; // as frameworks do, later
    await world.pass(1_000);
  };
  await go(() => history.pushState(null, "", "/list"));
  await go(() => history.replaceState(null, "", "/list?page=2"));
  await go(() => history.replaceState(null, "", "/list/first"));
  await go(() => history.pushState(null, "", "/list/first#top"));
  await go(() => {
    page.window.location.href = "https://shop.example/list";
    page.fire("popstate");
  });
  const views = (await tracked()).map(([, data]) => [data.page.replace("?", ""), data.referrer, data.title]);
  assert.deepEqual(views, [
    ["/start", undefined, "Start"],
    ["/list", "/start", "Title of /list"],
    ["/list/first", "/list", "Title of /list/first"],
    ["/list", "/list/first", "Title of /list"],
  ]);
  assert.equal(document.title, "Title of /list");
});

test("an application that goes on before the second file has loaded has a view of its first page", async () => {
  let load;
  const page = world.open({ auto: "page" }, { files: new Promise((resolve) => (load = resolve)) });
  page.window.history.replaceState(null, "", "/home");
  load({});
  const views = (await tracked()).map(([, data]) => data.page);
  assert.deepEqual(views, ["/start", "/home"]);
});

test("a flood of replaceState is one view, which comes before a click and before the page is left", async () => {
  const page = world.open({ auto: "page,click" });
  for (let n = 0; n < 150; n++) {
    page.window.history.replaceState(null, "", `/map/${n}`);
    await world.pass(20);
  }
  page.fire("click", { target: element("button", { id: "buy" }) });
  await world.pass(1_000);
  page.window.history.pushState(null, "", "/cart");
  await page.close();
  const seen = (await tracked()).map(([type, data]) => [type, data.page]);
  assert.deepEqual(seen, [["page_view", "/start"], ["page_view", "/map/149"], ["button_click", "/map/149"], ["page_view", "/cart"]]);
});

test("a page from the back-forward cache is viewed again, a load only once", async () => {
  const page = world.open({ auto: "page" });
  page.fire("pageshow", { persisted: false });
  page.fire("pageshow", { persisted: true });
  assert.equal((await tracked()).length, 2);
});

test("a prerendered page is viewed when somebody looks at it", async () => {
  const page = world.open({ auto: "page" }, { document: { hidden: true, prerendering: true } });
  const document = page.window.Document.prototype;
  page.fire("pageshow", { persisted: false });
  assert.deepEqual(await tracked(), []);
  document.prerendering = document.hidden = false;
  page.fire("prerenderingchange");
  assert.equal((await tracked()).length, 1);
});

test("a click is named by what developers call the control", async () => {
  const page = capturing("click");
  const named = { "data-track": "buy", id: "b1", name: "pay", "data-testid": "pay-now", "aria-label": "Pay now" };
  for (const name of Object.keys(named)) {
    page.fire("click", { target: element("button", { ...named }) });
    delete named[name];
  }
  page.fire("click", { target: element("a") });
  page.fire("click", { target: element("a", {}, element("nav")) });
  page.fire("click", { target: element("i", {}, element("button", {}, element("p", {}, element("form", { id: "sign-up" })))) });
  page.fire("click", { target: element("p") });
  page.fire("click", { target: page.window.document });
  const names = (await tracked()).map(([, data]) => data.button);
  assert.deepEqual(names, ["buy", "b1", "pay", "pay-now", "Pay now", "a", "nav a", "sign-up button"]);
  assert.deepEqual(world.sent[0].event_data, { button: "buy", page: "/start" });
});

for (const id of [":r1b:", "radix-:r3:", "«r7»", "_r_2_", "ember1234", "mui-42", "headlessui-menu-button-7", "3f2b8c1e-77aa-4b1c-9d3e-0a1b2c3d4e5f", "17"])
  test(`the id ${id} was made by a machine, so the next name counts`, async () => {
    const page = capturing("click");
    page.fire("click", { target: element("button", { id, name: "menu" }) });
    page.fire("click", { target: element("button", { id, "aria-label": "Save" }) });
    page.fire("click", { target: element("button", { id }) });
    assert.deepEqual((await tracked()).map(([, data]) => data.button), ["menu", "Save", "button"]);
  });

for (const label of ["Message from Jane Q. Sample", "Jane Sample", "jane@example.com", "Pay 100 EUR", "Call +49 151 23456789", "4.6 of 5 stars from 1,204 reviews"])
  test(`the label "${label}" may be personal, so it is not a name`, async () => {
    capturing("click").fire("click", { target: element("button", { "aria-label": label }) });
    assert.deepEqual((await tracked()).map(([, data]) => data.button), ["button"]);
  });

test("a name is no longer than the collector accepts", async () => {
  capturing("click").fire("click", { target: element("button", { "data-track": "x".repeat(300) }) });
  assert.equal((await tracked())[0][1].button.length, 200);
});

test("a form is tracked with its name and the number of fields, whatever its fields are called", async () => {
  const page = capturing("form");
  const form = new HTMLFormElement("form", { id: "parcel" });
  form.fields = 3;
  for (const name of ["length", "id", "localName", "getAttribute", "closest", "elements"]) Object.defineProperty(form, name, { value: { value: "secret" } });
  page.fire("submit", { target: form });
  assert.deepEqual(await tracked(), [["form_submit", { form: "parcel", page: "/start", field_count: 3 }]]);
});

test("submit on a document, and clicks on what is not an element, are nothing", async () => {
  const page = capturing("click,form");
  page.fire("submit", { target: page.window.document });
  page.fire("click", { target: page.window });
  page.fire("click", { composedPath: () => null });
  assert.deepEqual(await tracked(), []);
});

test("errors and rejections are tracked with the top of the stack, without queries", async () => {
  const page = capturing("error");
  const error = new TypeError("x is not a function");
  error.stack = ["TypeError: x is not a function", ...range(0, 30).map((n) => `    at f${n} (https://shop.example/app.js?token=secret:3:${n})`)].join("\n");
  page.fire("error", { message: "Uncaught TypeError: x is not a function", filename: "https://shop.example/app.js?token=secret", lineno: 3, colno: 14, error });
  page.fire("unhandledrejection", { reason: new RangeError("Failed to fetch module: https://shop.example/a/b.js?access_token=secret") });
  page.fire("unhandledrejection", { reason: "only a text. Is it? Yes: a/b?" });
  page.fire("unhandledrejection", { reason: undefined });
  page.fire("unhandledrejection", { reason: { toString() { throw new Error("no text"); } } });
  page.fire("error", { message: "Script error.", filename: `data:text/javascript;base64,${"A".repeat(3_000)}` });
  const all = (await tracked()).map(([, data]) => data);
  const { stack, ...first } = all[0];
  assert.deepEqual(first, { message: "Uncaught TypeError: x is not a function", page: "/start", kind: "TypeError", source: "https://shop.example/app.js", line: 3, column: 14 });
  assert.equal(stack.split("\n").length, 11);
  assert.equal(stack.split("\n")[1], "    at f0 (https://shop.example/app.js:3:0)");
  assert.deepEqual(all.slice(1).map(({ message }) => message), ["Failed to fetch module: https://shop.example/a/b.js", "only a text. Is it? Yes: a/b?", "undefined", "Script error."]);
  assert.equal(all[4].source, "data:text/javascript;base64");
  assert.equal(JSON.stringify(world.requests).includes("secret"), false);
});

test("an error that repeats is tracked three times, and leaves room for others", async () => {
  const page = capturing("error");
  for (let n = 0; n < 100; n++) {
    page.fire("error", { message: "ResizeObserver loop completed with undelivered notifications." });
    page.fire("error", { message: `the tile ${n} could not be loaded` });
    await world.pass(1_001);
  }
  page.fire("error", { message: "the order could not be sent" });
  const messages = (await tracked()).map(([, { message }]) => message);
  assert.deepEqual(messages, [0, 10, 20].map((n) => `the tile ${n} could not be loaded`).concat("the order could not be sent"));
});

test("a page tracks ten errors", async () => {
  const page = capturing("error");
  for (let n = 0; n < 1_000; n++) page.fire("error", { message: `storm ${"x".repeat(n)}` });
  assert.equal((await tracked()).length, 10);
});

test("a long message is cut", async () => {
  const page = capturing("error");
  page.fire("error", { message: "x".repeat(5_000) });
  assert.equal((await tracked())[0][1].message.length, 1_000);
});

const everything = (page) => {
  page.fire("click", { target: element("button") });
  page.fire("submit", { target: new HTMLFormElement("form") });
  page.fire("error", { message: "broken" });
};

test("one tag tracks page views, clicks, forms and errors", async () => {
  everything(world.open({ auto: undefined }));
  assert.deepEqual((await tracked()).map(([type]) => type), ["page_view", "button_click", "form_submit", "error_encountered"]);
});

test("only what data-auto names is tracked", async () => {
  everything(world.open({ auto: "form" }));
  assert.deepEqual((await tracked()).map(([type]) => type), ["form_submit"]);
});

test("a second tag does nothing", async () => {
  const page = capturing("page,click");
  page.tagAgain();
  page.fire("click", { target: element("button") });
  assert.equal((await tracked()).length, 2);
});

test("a text is cut where the collector would reject it, and between characters", async () => {
  const page = world.open({ auto: "page" }, { document: { title: `${"x".repeat(499)}\u{1F600} of the shop` } });
  page.footfall.track("feature_used", { text: `${"x".repeat(1_999)}\u{1F600}`, list: ["x".repeat(3_000)], path: "C:\\ud800\\u0000", bad: "\ud800\0." });
  const [[, view], [, own]] = await tracked();
  assert.deepEqual([view.title, own.text, own.list, own.path, own.bad], ["x".repeat(499), "x".repeat(1_999), ["x".repeat(2_000)], "C:\\ud800\\u0000", "."]);
});

test("elements whose names are those of properties of the document stand in for nothing", async () => {
  const image = element("img");
  const names = ["currentScript", "title", "referrer", "hidden", "prerendering", "cookie", "body", "createElement"];
  const clobbered = Object.fromEntries(names.map((name) => [name, { value: image }]));
  world.open({ auto: "page" }, { clobbered, referrer: "https://search.example/" });
  assert.deepEqual(await tracked(), [["page_view", { page: "/start", referrer: "search.example", title: "Start" }]]);
  assert.equal(world.requests[0].url, "https://shop.example/api/analytics/collect");
});

test("a page that turns arrays and dates into text still sends lists and times, and stores events", async () => {
  const page = world.open();
  vm.runInContext("Array.prototype.toJSON = Date.prototype.toJSON = function () { return JSON.stringify(String(this)); }", page.window);
  world.online = false;
  vm.runInContext("footfall.track('feature_used', { list: [1, ['a']], none: [] })", page.window);
  await page.close();
  assert.deepEqual(world.stored.map(({ event_data }) => event_data), [{ list: [1, ["a"]], none: [] }]);
  world.online = true;
  const next = world.open();
  vm.runInContext("Array.prototype.toJSON = Date.prototype.toJSON = function () { return JSON.stringify(String(this)); }", next.window);
  await world.pass(3_000);
  assert.deepEqual(world.requests.at(-1).events[0].event_data, { list: [1, ["a"]], none: [] });
  assert.match(world.requests.at(-1).sent_at, /^2026-01-15T10:00:0\d/);
});
