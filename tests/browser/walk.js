// A visit that navigates by itself, so that it runs in any browser: each page does its step and goes to the next one.
const go = (path) => (location.href = path);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const step = location.pathname.slice(1);

function track(count, text, from = 0) {
  for (let n = from; n < from + count; n++) footfall.track("scroll", { step, n, ...(text && { text }) });
}

/** Wait until the collector has accepted so many events of a step. On a busy machine a retry may come late: whoever
 * started the browser says how long is too long. */
async function accepted(name, count) {
  while (Number(await (await fetch(`/accepted?${name}`)).text()) < count) await pause(250);
}

/** Wait until the page has stored what it could not send; other tabs may have stored something too. */
async function stored() {
  while (!Object.values(localStorage).some((text) => text.includes(`"step":"${step}"`))) await pause(50);
}

/** Before the second file has loaded, the page that is left does not store anything. */
const loaded = () => import("/sdk/more.js");

const steps = {
  async navigated() {
    track(5);
    go("/opener");
  },
  async opener() {
    const tab = open("/closed");
    for (let n = 0; n < 40 && !tab?.closed; n++) await pause(100);
    go("/limited");
  },
  async closed() {
    track(5);
    setTimeout(close, 300);
  },
  async limited() {
    track(20);
    await stored();
    go("/limited-next");
  },
  async "limited-next"() {
    await accepted("limited", 20);
    go("/late");
  },
  async late() {
    await loaded();
    track(20); // the request is answered when the page has gone
    go("/late-next");
  },
  async "late-next"() {
    await accepted("late", 20);
    go("/bytes");
  },
  async bytes() {
    await loaded();
    const text = "\u6f22".repeat(1_500);
    track(12, text);
    await footfall.flush();
    await footfall.flush(); // 56 kB, which browsers still count although they are answered
    track(28, text, 12);
    go("/bytes-next");
  },
  async "bytes-next"() {
    await accepted("bytes", 40);
    go("/full");
  },
  async full() {
    for (let size = 1 << 20; size; size >>= 1)
      try {
        for (;;) localStorage[Math.random()] = "x".repeat(size);
      } catch {} // until nothing fits any more
    track(20);
    await accepted("full", 20);
    localStorage.clear();
    go("/unavailable");
  },
  async unavailable() {
    track(20);
    await stored();
    go("/unavailable-next");
  },
  async "unavailable-next"() {
    await fetch("/recover");
    await accepted("unavailable", 20);
    go("/sandboxed");
  },
  async sandboxed() {
    track(20); // no storage here
    await accepted("sandboxed", 20);
    go("/end");
  },
};
steps[step]?.();
