// A visit that walks through its pages by itself, so that any browser can be sent on it: each page does its step and goes on.
const go = (path) => (location.href = path);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const step = location.pathname.slice(1);

function track(count, text) {
  for (let n = 0; n < count; n++) footfall.track("scroll", { step, n, ...(text && { text }) });
}

/** Wait until the collector has taken so many events of a step, or too long. */
async function taken(name, count) {
  for (let n = 0; n < 60; n++) {
    if (Number(await (await fetch(`/taken?${name}`)).text()) >= count) return;
    await pause(250);
  }
}

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
    await pause(500);
    go("/limited-next");
  },
  async "limited-next"() {
    await taken("limited", 20);
    go("/bytes");
  },
  async bytes() {
    track(40, "\u6f22".repeat(1_500));
    go("/bytes-next");
  },
  async "bytes-next"() {
    await taken("bytes", 40);
    go("/full");
  },
  async full() {
    for (let size = 1 << 20; size; size >>= 1)
      try {
        for (;;) localStorage[Math.random()] = "x".repeat(size);
      } catch {} // until nothing fits any more
    track(20);
    await taken("full", 20);
    localStorage.clear();
    go("/away");
  },
  async away() {
    track(20);
    await pause(500);
    go("/away-next");
  },
  async "away-next"() {
    await fetch("/come-back");
    await taken("away", 20);
    go("/sandboxed");
  },
  async sandboxed() {
    track(20);
    await pause(3_000);
    go("/end");
  },
};
steps[step]?.();
