// The live page: draws each snapshot that the server pushes. Texts of others only ever go into textContent.

const COLOURS = 6;
const HEIGHT = 100;
// Without a snapshot for this long the numbers are shown as old.
const STALE_MS = 25_000;
const HIDDEN_MS = 10_000;

const byId = (id) => document.getElementById(id);
const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0);
const clock = (moment) => new Date(moment).toISOString().slice(11, 19);
const number = new Intl.NumberFormat("en");

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function row(...cells) {
  const made = document.createElement("tr");
  made.append(...cells.map((cell) => (cell instanceof Node ? cell : element("td", cell))));
  return made;
}

function drawFigures(shown) {
  byId("last-minute").textContent = number.format(shown.last_minute);
  byId("all").textContent = number.format(sum(shown.total));
  for (const outcome of ["late", "duplicate"]) {
    byId(outcome).textContent = number.format(shown.outcomes[outcome]);
  }
  byId("rejected").textContent = number.format(sum(shown.rejections.last_hour));
  byId("empty").hidden = Object.keys(shown.total).length > 0;
}

function drawChart(shown, colourOf) {
  const highest = Math.max(1, ...shown.minutes.map((minute) => sum(minute.counts)));
  const bars = shown.minutes.flatMap((minute, position) => {
    let base = HEIGHT;
    const names = Object.keys(minute.counts).sort((a, b) => colourOf(a) - colourOf(b));
    return names.map((name) => {
      const height = (minute.counts[name] / highest) * HEIGHT;
      base -= height;
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const attributes = { class: `c${colourOf(name)}`, x: position + 0.1, y: base, width: 0.8, height };
      for (const [key, value] of Object.entries(attributes)) bar.setAttribute(key, value);
      return bar;
    });
  });
  byId("chart").replaceChildren(...bars);
  byId("current").textContent = number.format(shown.last_minute);
  byId("scale").textContent = `highest minute: ${number.format(highest)}`;
  byId("minutes").tBodies[0].replaceChildren(
    ...[...shown.minutes].reverse().map((m) => row(clock(m.start).slice(0, 5), number.format(sum(m.counts)))),
  );
}

function drawTypes(shown, colourOf) {
  const all = sum(shown.total);
  const rows = Object.entries(shown.total).map(([name, count]) => {
    const cell = element("td", "");
    cell.append(element("i", "", { class: `c${colourOf(name)}` }), name);
    return row(cell, number.format(count), `${Math.round((100 * count) / all)} %`);
  });
  byId("types").tBodies[0].replaceChildren(...rows);
}

function drawRejections({ last_hour, last }) {
  byId("rejections").hidden = last.length === 0 || Object.keys(last_hour).length === 0;
  byId("reasons").tBodies[0].replaceChildren(
    ...Object.entries(last_hour).map(([reason, count]) => {
      const cell = element("td", "");
      cell.append(element("a", reason, { href: `/api/analytics/errors#${reason}` }));
      return row(cell, number.format(count));
    }),
  );
  byId("rejected-last").tBodies[0].replaceChildren(
    ...last.map((each) => row(clock(each.at), each.event_type ?? "", each.pointer || "/", each.expected)),
  );
}

function draw(shown) {
  const names = Object.keys(shown.total);
  const colourOf = (name) => {
    const position = names.indexOf(name);
    return position < 0 ? COLOURS - 1 : Math.min(position, COLOURS - 1);
  };
  byId("as-of").textContent = clock(shown.as_of);
  byId("state").dataset.connected = shown.connected;
  byId("trouble").textContent = shown.connected ? "" : ", not connected to Kafka";
  drawFigures(shown);
  drawChart(shown, colourOf);
  drawTypes(shown, colourOf);
  drawRejections(shown.rejections);
}

let stream = null;
let staleTimer = 0;
let hiddenTimer = 0;

function fresh() {
  document.body.classList.remove("stale");
  clearTimeout(staleTimer);
  staleTimer = setTimeout(() => {
    document.body.classList.add("stale");
    byId("trouble").textContent = ", no answer from the dashboard since";
  }, STALE_MS);
}

function connect() {
  if (stream) return;
  stream = new EventSource("/dashboard/stream");
  stream.addEventListener("snapshot", (event) => {
    fresh();
    draw(JSON.parse(event.data));
  });
}

function disconnect() {
  stream?.close();
  stream = null;
  clearTimeout(staleTimer);
}

// Browsers allow six connections a host: a tab that nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(disconnect, HIDDEN_MS);
  else connect();
});

connect();
