// What the SDK says in the console: with `debug` each event and what became of it, otherwise one sentence about each thing
// that is wrong. The first file loads this one when there is something to say.

import { show } from "./bar.js";
import type { Options } from "./options.js";

declare const VERSION: string;

interface Fault {
  code: string;
  pointer: string;
  message: string;
  expected?: string;
  got?: string;
  docs?: string;
}
interface Result {
  status?: string;
  errors?: Fault[];
  hint?: string;
}

const said = new Set<string>();
let hasBar = false;

/** One of:
 * - nothing: the page has begun, with `debug`
 * - `module`: the script tag cannot be read
 * - the HTTP status (undefined without a response), the response's text, and the events sent, as JSON
 * - why an event was dropped, and its name or JSON */
export function explain(options: Options | undefined, what?: unknown, detail?: unknown, sent?: string[]): void {
  hasBar = options?.debug == "bar";
  if (what == "module") once("has a tag that it cannot read. Load it with <script defer src=…>, without type=\"module\".");
  else if (sent) explainResponse(options!, what as number | undefined, String(detail), sent);
  else if (detail) once(`dropped the event ${nameIn(String(detail))}, because ${what instanceof Error ? what.message : what}.`);
  else log(`${VERSION} ${whyNothingIsSent(options!) ?? `sends to ${options!.endpoint}`}`);
}

function log(text: string): void {
  console.log(`footfall: ${text}`);
  if (hasBar) show(text, false);
}

function once(text: string): void {
  if (said.has(text)) return;
  said.add(text);
  console.warn(`footfall ${text}`);
  if (hasBar) show(text, true);
}

function whyNothingIsSent(options: Options): string | undefined {
  const { globalPrivacyControl, doNotTrack, webdriver } = navigator as Navigator & { globalPrivacyControl?: boolean };
  if (globalPrivacyControl) return "sends nothing: the browser sends Global Privacy Control";
  if ((doNotTrack as any) > 0) return "sends nothing: the browser sends Do Not Track";
  if (webdriver && !options.bots) return 'sends nothing: a program drives the browser. data-bots="on" sends nevertheless';
  if (options.consent) return "sends nothing before footfall.consent(true)";
  return undefined;
}

const nameIn = (event: string) => JSON.stringify(/"event_type":"([^"]*)/.exec(event)?.[1] ?? event);

function explainResponse(options: Options, status: number | undefined, text: string, sent: string[]): void {
  const { message, errors = [], results } = parsed(text);
  if (options.debug) logEvents(status, results, sent);
  if (results) results.forEach((result, index) => explainResult(options, result, sent[index]!));
  else if (status! < 500) explainRejection(options, status!, message, errors);
}

function parsed(text: string): { message?: string; errors?: Fault[]; results?: Result[] } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function logEvents(status: number | undefined, results: Result[] | undefined, sent: string[]): void {
  const common = status === undefined ? "no response: the network, CORS or a blocker" : `HTTP ${status}`;
  sent.forEach((event, index) => {
    const { status: outcome, hint } = results?.[index] ?? {};
    log(`${nameIn(event)}: ${outcome ?? common}${hint ? `; ${hint}` : ""} ${event}`);
  });
}

function explainResult(options: Options, { status, errors = [] }: Result, event: string): void {
  if (status != "rejected") return;
  for (const fault of errors) once(`event ${nameIn(event)} was rejected. ${sentence(options, fault)}`);
}

function explainRejection(options: Options, status: number, message: string | undefined, errors: Fault[]): void {
  const [fault] = errors;
  if (status == 429) return;
  if (fault?.code == "origin_not_allowed")
    once(
      `may not send from this page: add ${location.origin} to FOOTFALL_ALLOWED_ORIGINS of the collector, ` +
        "or serve the collector on the page's own origin.",
    );
  else if (fault) once(`was rejected with ${status}. ${sentence(options, fault)}`);
  else once(`got ${status} from ${options.endpoint}: is this the URL of the collector? ${message ?? ""}`.trim());
}

function sentence({ endpoint }: Options, { pointer, message, expected, got, docs }: Fault): string {
  const where = pointer ? `${pointer}: ` : "";
  const wanted = expected ? ` Expected: ${expected}.` : "";
  const found = got ? ` Got: ${got}.` : "";
  // Beside the collect route, wherever a proxy has put that.
  const more = docs ? ` See ${new URL(docs.split("/").pop()!, new URL(endpoint, location.href))}` : "";
  return where + message + wanted + found + more;
}
