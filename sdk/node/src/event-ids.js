// Event ids: `evt_` and the 32 hex digits of a UUIDv7. Made once per event, so that repeats are recognized.
import { randomBytes } from "node:crypto";

/** An id from a time since 1970 in milliseconds and ten random bytes (RFC 9562). */
export function eventId(milliseconds = Date.now(), random = randomBytes(10)) {
  const digits = random.toString("hex");
  const time = milliseconds.toString(16).padStart(12, "0");
  return `evt_${time}7${digits.slice(0, 3)}${"89ab"[random[2] & 3]}${digits.slice(5)}`;
}
