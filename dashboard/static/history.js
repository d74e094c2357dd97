// The server draws the history page while it reads. This says so to screen readers, stops it, and adds the browser's
// time zones and saved views.

import { byId, make, offerZones, setText } from "./format.js";

const VIEWS = "footfall.views";

offerZones();
followProgress();

// Until the page is whole, the newest line of progress is spoken, and its link stops reading without leaving the page.
function followProgress() {
  if (document.readyState !== "loading") return;
  const main = byId("main"), status = byId("progress");
  const newest = () => [...main.querySelectorAll(".progress")].at(-1);
  // The parser may have put the line there, and not yet what is in it.
  const observer = new MutationObserver(() => setText(status, newest()?.firstElementChild?.textContent ?? ""));
  const end = (text) => {
    observer.disconnect();
    main.removeAttribute("aria-busy");
    if (newest()) setText(status, text);
  };
  main.setAttribute("aria-busy", "true");
  observer.observe(main, { childList: true, subtree: true });
  document.addEventListener("DOMContentLoaded", () => end("All numbers are there."));
  main.addEventListener("click", (event) => {
    const link = event.target.closest(".progress a");
    if (!link) return;
    event.preventDefault();
    window.stop();
    const again = make("a", { href: location.href }, "Show all");
    newest().replaceWith(make("p", { class: "progress" }, make("span", {}, "Stopped: the rest was not read."), " ", again));
    again.focus();
    end("Stopped: the rest was not read.");
  });
}

// A view is a named address: period and filters. This browser remembers them.
function storedViews() {
  try {
    return new Map(Object.entries(JSON.parse(localStorage.getItem(VIEWS)) ?? {}));
  } catch {
    return new Map();
  }
}

function store(views) {
  try {
    localStorage.setItem(VIEWS, JSON.stringify(Object.fromEntries(views)));
  } catch {
    // Without storage nothing is remembered.
  }
  drawViews(views);
}

function drawViews(views) {
  const name = make("input", { name: "view", size: 12, placeholder: "name", "aria-label": "Name of this view" });
  const save = make("form", {}, name, " ", make("button", {}, "Save this view"));
  save.addEventListener("submit", (event) => {
    event.preventDefault();
    if (name.value.trim()) store(views.set(name.value.trim(), location.search));
  });
  const links = [...views].map(([title, search]) => {
    const remove = make("button", { type: "button", "aria-label": `Forget the view ${title}` }, "✕");
    remove.addEventListener("click", () => {
      views.delete(title);
      store(views);
    });
    const params = new URLSearchParams(location.search);
    params.set("compare", "segment");
    params.set("against", search.slice(1));
    const compare = make("a", { href: `/history?${params}`, "aria-label": `Compare with ${title}` }, "compare");
    return make("span", { class: "chip" }, make("a", { href: `/history${search}` }, title), " ", compare, " ", remove);
  });
  byId("views").replaceChildren(...links, save);
  byId("views").hidden = false;
}

drawViews(storedViews());
