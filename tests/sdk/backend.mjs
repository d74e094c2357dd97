// The same as backend.py in Node.js: `node backend.mjs URL KEY SPOOL NAME`.
import fs from "node:fs";
import { Client, context } from "../../sdk/node/src/index.js";

const [url, key, spoolDir, name] = process.argv.slice(2);
const client = new Client({ url, key, release: "1", spoolDir: spoolDir || undefined, wait: 50, exitTimeout: 30_000 });
const say = (line) => fs.writeSync(1, `${line}\n`);

let number = 0;
const requests = setInterval(() => {
  const user = `${name}-${number++ % 3}`;
  const id = context({ userId: user, sessionId: `of-${user}` }, () => client.track("feature_used", { feature: user }));
  say(`${id} ${user}`);
}, 4);
process.stdin.once("data", async () => {
  clearInterval(requests);
  process.stdin.destroy();
  const started = Date.now();
  await client.close(30_000);
  say(JSON.stringify({ ...client.counters, seconds: (Date.now() - started) / 1000 }));
});
