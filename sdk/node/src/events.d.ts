// Every event type. Generated from the schemas by `make generate`.

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Anything else worth recording, by name. */
export type Properties = Record<string, Json>;

/** Where events happened. An event's own context comes before that of the envelope, field by field; what neither says, the collector derives if it can. */
export interface Context {
  /** Which of the sites of this installation; by default, default. */
  site?: string | null;
  /** Host of the page. By default that of the page's URL or of the Origin. */
  hostname?: string | null;
  /** Template of the page's path, such as /products/:id. */
  route?: string | null;
  /** Where the visitor came from, unless event_data has a referrer. */
  referrer?: string | null;
  /** BCP 47 tag, such as de or pt-BR. By default that of Accept-Language. */
  language?: string | null;
  /** Pixels; a class of widths is stored. */
  screen_width?: number | null;
  /** Release of the page or backend that sends. */
  release?: string | null;
}

interface Common {
  /** When it happened: ISO 8601 with an offset or Z. Absent: now. */
  timestamp?: string;
  /** evt_ and the 32 hex digits of a UUIDv7: the idempotency key. Absent: the collector generates one. */
  event_id?: string;
  /** Where it happened; over what the request says about all of its events. */
  context?: Context;
}

/** A user visited a page. */
export interface PageView extends Common {
  event_type: "page_view";
  event_data: {
    /** Path of the page. */
    page: string;
    /** Page or site the user came from. */
    referrer?: null | string;
    /** Title of the page. */
    title?: null | string;
    /** A JSON object with anything else worth keeping, nested values included. */
    properties?: Properties;
    /** Stored only as browser, operating system and class of device. */
    user_agent?: string;
  };
}

/** A user clicked an interactive element. */
export interface ButtonClick extends Common {
  event_type: "button_click";
  event_data: {
    /** Name of the element, as the frontend calls it. */
    button: string;
    /** Path of the page. */
    page?: null | string;
    /** A JSON object with anything else worth keeping, nested values included. */
    properties?: Properties;
    /** Stored only as browser, operating system and class of device. */
    user_agent?: string;
  };
}

/** A user submitted a form. */
export interface FormSubmit extends Common {
  event_type: "form_submit";
  event_data: {
    /** Name of the form, as the frontend calls it. */
    form: string;
    /** Path of the page. */
    page?: null | string;
    /** Whether the form was taken; null where the frontend does not know. */
    success?: null | boolean;
    /** How many fields the form has; never their values. */
    field_count?: null | number;
    /** A JSON object with anything else worth keeping, nested values included. */
    properties?: Properties;
    /** Stored only as browser, operating system and class of device. */
    user_agent?: string;
  };
}

/** A user hit an error. */
export interface ErrorEncountered extends Common {
  event_type: "error_encountered";
  event_data: {
    /** What the error says. */
    message: string;
    /** Path of the page. */
    page?: null | string;
    /** Class of the error, such as TypeError. */
    kind?: null | string;
    /** File the error came from, without its query. */
    source?: null | string;
    /** Line in the file. */
    line?: null | number;
    /** Column in the line. */
    column?: null | number;
    /** Stack trace. */
    stack?: null | string;
    /** A JSON object with anything else worth keeping, nested values included. */
    properties?: Properties;
    /** Stored only as browser, operating system and class of device. */
    user_agent?: string;
  };
}

/** A measure of how fast or steady a page was for a user. */
export interface WebVital extends Common {
  event_type: "web_vital";
  event_data: {
    /** Name of the measure: LCP, INP, CLS, FCP or TTFB. */
    metric: string;
    /** The measured value; milliseconds, except CLS. */
    value: number;
    /** Path of the page. */
    page?: null | string;
    /** A JSON object with anything else worth keeping, nested values included. */
    properties?: Properties;
    /** Stored only as browser, operating system and class of device. */
    user_agent?: string;
  };
}

/** An event of the catalogue in custom_events.yaml. */
export interface CustomEvent extends Common {
  event_type: "feature_used" | "scroll" | "click" | "footfall_canary" | "test_event";
  event_data: Properties;
}

/** What `POST /api/analytics/collect` accepts. */
export type Event = PageView | ButtonClick | FormSubmit | ErrorEncountered | WebVital | CustomEvent;

/** `event_data` by `event_type`. */
export interface Events {
  page_view: PageView["event_data"];
  button_click: ButtonClick["event_data"];
  form_submit: FormSubmit["event_data"];
  error_encountered: ErrorEncountered["event_data"];
  web_vital: WebVital["event_data"];
  feature_used: Properties;
  scroll: Properties;
  click: Properties;
  footfall_canary: Properties;
  test_event: Properties;
}

// What subscribers read. Times are milliseconds since 1970.

/** JSON as text: `JSON.parse` makes an object of it. */
export type JsonText = string;

/** What the user agent says, reduced to classes. */
export interface DeviceRecord {
  /** Browser family, or unknown. */
  browser: string;
  /** Operating system family, or unknown. */
  system: string;
  /** Class of the device: desktop, mobile, tablet, bot or unknown. */
  kind: string;
  /** Why this looks like a program: crawler, headless, script or missing; null for a person. */
  bot: null | string;
}

/** The fields that every event begins with. */
export interface EventHeadRecord {
  /** evt_ and 32 hex digits of a UUIDv7; the idempotency key. */
  event_id: string;
  /** What happened, as the frontend named it. */
  event_type: string;
  /** When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where the client did not say. */
  occurred_at: number;
  /** How far to trust occurred_at. ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set to received_at. */
  time_flag: string;
  /** When the client sent the request, by the client's clock. */
  sent_at: null | number;
  /** When the collector received it. */
  received_at: number;
  /** Which of the sites of this installation it happened on; default if the client does not say. */
  site: string;
  /** HMAC-SHA256 over the user id, 16 bytes as 32 hex digits; null without a user. */
  user_key: null | string;
  /** HMAC-SHA256 over the id in the visitor's cookie, 32 hex digits: the browser, also of a signed-in user; null without the cookie. */
  visitor_key: null | string;
  /** HMAC-SHA256 over the session id, 32 hex digits; null without a session. */
  session_key: null | string;
  /** Where the sender's IP is, as two letters of ISO 3166; null where that is not known. */
  country: null | string;
  /** Where in the country, as a code of ISO 3166-2; null where that is not known. */
  region: null | string;
  /** Language of the browser, such as de or pt-BR. */
  language: null | string;
  /** Class of the screen by its width in pixels: xs below 576, sm below 768, md below 992, lg below 1200, xl below 1600, else xxl. */
  screen: null | string;
  /** Release of the page or backend that sent it. */
  release: null | string;
  /** Browser, system and class of the device. */
  device: DeviceRecord;
  /** Host of the page it happened on. */
  hostname: null | string;
  /** Path of the page it happened on. */
  page: null | string;
  /** Template of the page's path, such as /products/:id, where the client knows it. */
  route: null | string;
  /** Host of the page outside the site that led here; null without one. */
  source: null | string;
  /** How the visitor arrived: search, social, mail, ai, paid, referral or direct; null for events that do not tell of an arrival. */
  channel: null | string;
  /** Campaign parameter utm_source of the page. */
  utm_source: null | string;
  /** Campaign parameter utm_medium of the page. */
  utm_medium: null | string;
  /** Campaign parameter utm_campaign of the page. */
  utm_campaign: null | string;
  /** Campaign parameter utm_term of the page. */
  utm_term: null | string;
  /** Campaign parameter utm_content of the page. */
  utm_content: null | string;
}

/** What the frontend sends as event_data. */
export interface PageViewDataRecord {
  /** Path of the page. */
  page: string;
  /** Page or site the user came from. */
  referrer: null | string;
  /** Title of the page. */
  title: null | string;
  /** A JSON object with anything else worth keeping, nested values included. */
  properties: JsonText;
}

/** A user visited a page. */
export interface PageViewRecord extends EventHeadRecord {
  /** The type's own fields. */
  event_data: PageViewDataRecord;
}

/** What the frontend sends as event_data. */
export interface ButtonClickDataRecord {
  /** Name of the element, as the frontend calls it. */
  button: string;
  /** Path of the page. */
  page: null | string;
  /** A JSON object with anything else worth keeping, nested values included. */
  properties: JsonText;
}

/** A user clicked an interactive element. */
export interface ButtonClickRecord extends EventHeadRecord {
  /** The type's own fields. */
  event_data: ButtonClickDataRecord;
}

/** What the frontend sends as event_data. */
export interface FormSubmitDataRecord {
  /** Name of the form, as the frontend calls it. */
  form: string;
  /** Path of the page. */
  page: null | string;
  /** Whether the form was taken; null where the frontend does not know. */
  success: null | boolean;
  /** How many fields the form has; never their values. */
  field_count: null | number;
  /** A JSON object with anything else worth keeping, nested values included. */
  properties: JsonText;
}

/** A user submitted a form. */
export interface FormSubmitRecord extends EventHeadRecord {
  /** The type's own fields. */
  event_data: FormSubmitDataRecord;
}

/** What the frontend sends as event_data. */
export interface ErrorEncounteredDataRecord {
  /** What the error says. */
  message: string;
  /** Path of the page. */
  page: null | string;
  /** Class of the error, such as TypeError. */
  kind: null | string;
  /** File the error came from, without its query. */
  source: null | string;
  /** Line in the file. */
  line: null | number;
  /** Column in the line. */
  column: null | number;
  /** Stack trace. */
  stack: null | string;
  /** A JSON object with anything else worth keeping, nested values included. */
  properties: JsonText;
}

/** A user hit an error. */
export interface ErrorEncounteredRecord extends EventHeadRecord {
  /** The type's own fields. */
  event_data: ErrorEncounteredDataRecord;
}

/** What the frontend sends as event_data. */
export interface WebVitalDataRecord {
  /** Name of the measure: LCP, INP, CLS, FCP or TTFB. */
  metric: string;
  /** The measured value; milliseconds, except CLS. */
  value: number;
  /** Path of the page. */
  page: null | string;
  /** A JSON object with anything else worth keeping, nested values included. */
  properties: JsonText;
}

/** A measure of how fast or steady a page was for a user. */
export interface WebVitalRecord extends EventHeadRecord {
  /** The type's own fields. */
  event_data: WebVitalDataRecord;
}

/** What the frontend sends as event_data. */
export interface CustomDataRecord {
  /** A JSON object: the whole event_data that the frontend sent, nested values included. */
  properties: JsonText;
}

/** A custom event: named in the catalogue, with free properties. */
export interface CustomRecord extends EventHeadRecord {
  /** The type's own fields. */
  event_data: CustomDataRecord;
}

export type EventRecord = PageViewRecord | ButtonClickRecord | FormSubmitRecord | ErrorEncounteredRecord | WebVitalRecord | CustomRecord;
