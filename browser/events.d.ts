// Every event type. Generated from the schemas by `make generate`.

/** Anything else worth recording, by name. */
export type Properties = Record<string, string | number | boolean | null>;

interface Common {
  /** When it happened: ISO 8601 with an offset or Z. Absent: now. */
  timestamp?: string;
  /** evt_ and the 32 hex digits of a UUIDv7: the idempotency key. Absent: the collector generates one. */
  event_id?: string;
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
    /** Anything else worth keeping, by name. */
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
    /** Anything else worth keeping, by name. */
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
    /** Anything else worth keeping, by name. */
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
    /** Anything else worth keeping, by name. */
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
    /** Anything else worth keeping, by name. */
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

/** What the user agent says, reduced to classes. */
export interface DeviceRecord {
  /** Browser family, or unknown. */
  browser: string;
  /** Operating system family, or unknown. */
  system: string;
  /** Class of the device. */
  kind: "unknown" | "desktop" | "mobile" | "tablet" | "bot";
  /** Why this looks like a program: crawler, headless, script or missing; null for a person. */
  bot: null | string;
}

/** What the frontend sends as event_data. */
export interface PageViewDataRecord {
  /** Path of the page. */
  page: string;
  /** Page or site the user came from. */
  referrer: null | string;
  /** Title of the page. */
  title: null | string;
  /** Anything else worth keeping, by name. */
  properties: Record<string, string | null | boolean | number>;
}

/** A user visited a page. */
export interface PageViewRecord {
  /** evt_ and 32 hex digits of a UUIDv7; the idempotency key. */
  event_id: string;
  /** What happened, as the frontend named it. */
  event_type: string;
  /** When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where the client did not say. */
  occurred_at: number;
  /** ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set to received_at. */
  time_flag: "unknown" | "ok" | "past" | "clamped";
  /** When the client sent the request, by the client's clock. */
  sent_at: null | number;
  /** When the collector received it. */
  received_at: number;
  /** HMAC-SHA256 over the user id, 16 bytes; null without a user. */
  user_key: null | Uint8Array;
  /** HMAC-SHA256 over the session id, 16 bytes; null without a session. */
  session_key: null | Uint8Array;
  /** HMAC-SHA256 over the IP address with a key of the day, 16 bytes. */
  ip_hash: null | Uint8Array;
  /** Browser, system and class of the device. */
  device: DeviceRecord;
  /** Path of the page it happened on. */
  page: null | string;
  /** The type's own fields. */
  event_data: PageViewDataRecord;
}

/** What the frontend sends as event_data. */
export interface ButtonClickDataRecord {
  /** Name of the element, as the frontend calls it. */
  button: string;
  /** Path of the page. */
  page: null | string;
  /** Anything else worth keeping, by name. */
  properties: Record<string, string | null | boolean | number>;
}

/** A user clicked an interactive element. */
export interface ButtonClickRecord {
  /** evt_ and 32 hex digits of a UUIDv7; the idempotency key. */
  event_id: string;
  /** What happened, as the frontend named it. */
  event_type: string;
  /** When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where the client did not say. */
  occurred_at: number;
  /** ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set to received_at. */
  time_flag: "unknown" | "ok" | "past" | "clamped";
  /** When the client sent the request, by the client's clock. */
  sent_at: null | number;
  /** When the collector received it. */
  received_at: number;
  /** HMAC-SHA256 over the user id, 16 bytes; null without a user. */
  user_key: null | Uint8Array;
  /** HMAC-SHA256 over the session id, 16 bytes; null without a session. */
  session_key: null | Uint8Array;
  /** HMAC-SHA256 over the IP address with a key of the day, 16 bytes. */
  ip_hash: null | Uint8Array;
  /** Browser, system and class of the device. */
  device: DeviceRecord;
  /** Path of the page it happened on. */
  page: null | string;
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
  /** Anything else worth keeping, by name. */
  properties: Record<string, string | null | boolean | number>;
}

/** A user submitted a form. */
export interface FormSubmitRecord {
  /** evt_ and 32 hex digits of a UUIDv7; the idempotency key. */
  event_id: string;
  /** What happened, as the frontend named it. */
  event_type: string;
  /** When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where the client did not say. */
  occurred_at: number;
  /** ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set to received_at. */
  time_flag: "unknown" | "ok" | "past" | "clamped";
  /** When the client sent the request, by the client's clock. */
  sent_at: null | number;
  /** When the collector received it. */
  received_at: number;
  /** HMAC-SHA256 over the user id, 16 bytes; null without a user. */
  user_key: null | Uint8Array;
  /** HMAC-SHA256 over the session id, 16 bytes; null without a session. */
  session_key: null | Uint8Array;
  /** HMAC-SHA256 over the IP address with a key of the day, 16 bytes. */
  ip_hash: null | Uint8Array;
  /** Browser, system and class of the device. */
  device: DeviceRecord;
  /** Path of the page it happened on. */
  page: null | string;
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
  /** Anything else worth keeping, by name. */
  properties: Record<string, string | null | boolean | number>;
}

/** A user hit an error. */
export interface ErrorEncounteredRecord {
  /** evt_ and 32 hex digits of a UUIDv7; the idempotency key. */
  event_id: string;
  /** What happened, as the frontend named it. */
  event_type: string;
  /** When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where the client did not say. */
  occurred_at: number;
  /** ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set to received_at. */
  time_flag: "unknown" | "ok" | "past" | "clamped";
  /** When the client sent the request, by the client's clock. */
  sent_at: null | number;
  /** When the collector received it. */
  received_at: number;
  /** HMAC-SHA256 over the user id, 16 bytes; null without a user. */
  user_key: null | Uint8Array;
  /** HMAC-SHA256 over the session id, 16 bytes; null without a session. */
  session_key: null | Uint8Array;
  /** HMAC-SHA256 over the IP address with a key of the day, 16 bytes. */
  ip_hash: null | Uint8Array;
  /** Browser, system and class of the device. */
  device: DeviceRecord;
  /** Path of the page it happened on. */
  page: null | string;
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
  /** Anything else worth keeping, by name. */
  properties: Record<string, string | null | boolean | number>;
}

/** A measure of how fast or steady a page was for a user. */
export interface WebVitalRecord {
  /** evt_ and 32 hex digits of a UUIDv7; the idempotency key. */
  event_id: string;
  /** What happened, as the frontend named it. */
  event_type: string;
  /** When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where the client did not say. */
  occurred_at: number;
  /** ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set to received_at. */
  time_flag: "unknown" | "ok" | "past" | "clamped";
  /** When the client sent the request, by the client's clock. */
  sent_at: null | number;
  /** When the collector received it. */
  received_at: number;
  /** HMAC-SHA256 over the user id, 16 bytes; null without a user. */
  user_key: null | Uint8Array;
  /** HMAC-SHA256 over the session id, 16 bytes; null without a session. */
  session_key: null | Uint8Array;
  /** HMAC-SHA256 over the IP address with a key of the day, 16 bytes. */
  ip_hash: null | Uint8Array;
  /** Browser, system and class of the device. */
  device: DeviceRecord;
  /** Path of the page it happened on. */
  page: null | string;
  /** The type's own fields. */
  event_data: WebVitalDataRecord;
}

/** A custom event: named in the catalogue, with typed properties. */
export interface CustomRecord {
  /** evt_ and 32 hex digits of a UUIDv7; the idempotency key. */
  event_id: string;
  /** What happened, as the frontend named it. */
  event_type: string;
  /** When it happened: by the client's clock, corrected where sent_at shows it to be wrong; received_at where the client did not say. */
  occurred_at: number;
  /** ok; past: more than 10 minutes before received_at; clamped: it lay more than 10 minutes ahead and was set to received_at. */
  time_flag: "unknown" | "ok" | "past" | "clamped";
  /** When the client sent the request, by the client's clock. */
  sent_at: null | number;
  /** When the collector received it. */
  received_at: number;
  /** HMAC-SHA256 over the user id, 16 bytes; null without a user. */
  user_key: null | Uint8Array;
  /** HMAC-SHA256 over the session id, 16 bytes; null without a session. */
  session_key: null | Uint8Array;
  /** HMAC-SHA256 over the IP address with a key of the day, 16 bytes. */
  ip_hash: null | Uint8Array;
  /** Browser, system and class of the device. */
  device: DeviceRecord;
  /** Path of the page it happened on. */
  page: null | string;
  /** The type's own fields. */
  event_data: Record<string, string | null | boolean | number>;
}

export type EventRecord = PageViewRecord | ButtonClickRecord | FormSubmitRecord | ErrorEncounteredRecord | WebVitalRecord | CustomRecord;
