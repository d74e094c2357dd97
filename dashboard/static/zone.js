// The reader's time zone: the address has it, else what this browser chose before, else the browser's own.

const zoneParams = new URLSearchParams(location.search);
const storedZone = () => {
  try {
    return localStorage.getItem("footfall.tz");
  } catch {
    return null;
  }
};
const wantedZone = storedZone() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
if (!zoneParams.has("tz") && wantedZone && wantedZone !== "UTC") {
  zoneParams.set("tz", wantedZone);
  location.replace(`${location.pathname}?${zoneParams}${location.hash}`);
}
