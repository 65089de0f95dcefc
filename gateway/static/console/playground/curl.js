// The curl command for what would be sent next; long data URLs are cut to their beginning.
import { at, bytes, facts } from "./dom.js";

const LONG = 120; // characters of a data URL
const KEPT = 48;

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export const showCurl = (path, body, isStream) => {
  let isShort = false;
  const shortened = (_key, value) => {
    if (typeof value !== "string" || !value.startsWith("data:") || value.length <= LONG) {
      return value;
    }
    isShort = true;
    return `${value.slice(0, KEPT)}… (${bytes(value.length)})`;
  };
  const lines = [
    `curl ${isStream ? "--no-buffer " : ""}${quoted(`${facts.base || window.location.origin}${path}`)}`,
    '--header "Authorization: Bearer $LICENCE"',
    "--header 'Content-Type: application/json'",
    `--data ${quoted(JSON.stringify(body, shortened, 2))}`,
  ];
  at("pg-curl").textContent = lines.join(" \\\n  ");
  at("pg-curl-short").hidden = !isShort;
};
