// Calls of the gateway on a licence's behalf: with a pass as the key, and otherwise as any client's.
import { facts, say } from "./dom.js";

const EARLY_MS = 60_000; // a pass is renewed that long before its end

// What went wrong, as the gateway says it: status, code, sentence; 0 where it could not be asked.
export class CallError extends Error {
  constructor(status, code, message, requestId = "") {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
  }
}

export const isStopped = (error) => error instanceof DOMException && error.name === "AbortError";

const reached = async (address, options) => {
  try {
    return await fetch(address, options);
  } catch (error) {
    if (isStopped(error)) {
      throw error;
    }
    throw new CallError(0, "", say("unreachable"));
  }
};

const passes = new Map(); // licence → {text, until}, or the promise of it

const askForPass = async (licence) => {
  const csrf = document.querySelector("#pg [name=csrfmiddlewaretoken]").value;
  const response = await reached(facts.urls.pass, {
    method: "POST",
    headers: { "X-CSRFToken": csrf },
    body: new URLSearchParams({ licence }),
  });
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  if (!isJson || response.redirected) {
    throw new CallError(response.status, "", say("signed_out"));
  }
  const answer = await response.json();
  if (!response.ok) {
    throw new CallError(response.status, "", answer.error);
  }
  return { text: answer.pass, until: Date.now() + answer.seconds * 1000 - EARLY_MS };
};

const passOf = async (licence, fresh) => {
  const kept = await passes.get(licence);
  if (kept && !fresh && Date.now() < kept.until) {
    return kept.text;
  }
  const asked = askForPass(licence);
  passes.set(licence, asked);
  try {
    return (await asked).text;
  } catch (error) {
    passes.delete(licence);
    throw error;
  }
};

const errorOf = async (response) => {
  const id = response.headers.get("x-request-id") ?? "";
  try {
    const { error } = await response.json();
    return new CallError(response.status, error.code ?? error.type, error.message, id);
  } catch {
    return new CallError(response.status, "", response.statusText || say("unreachable"), id);
  }
};

// The gateway's answer, and when it was asked. Throws CallError for every status that is no success.
//
// No cookies go along: what is tried here is what a client has. A pass that is refused, because the
// site's secret was changed or the clock of this machine stood, is renewed once.
export const call = async (licence, path, { body, signal } = {}) => {
  for (const fresh of [false, true]) {
    const pass = await passOf(licence, fresh);
    signal?.throwIfAborted();
    const headers = { Authorization: `Bearer ${pass}` };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
    }
    const askedAt = performance.now();
    const response = await reached(path, {
      method: body === undefined ? "GET" : "POST",
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: "omit",
      cache: "no-store",
    });
    if (response.ok) {
      return { response, askedAt };
    }
    const error = await errorOf(response);
    if (fresh || error.code !== "invalid_api_key") {
      throw error;
    }
  }
  throw new Error("unreachable"); // the second round returns or throws
};

const pause = (ms) => new Promise((resolve) => window.setTimeout(resolve, ms));

// What a call was booked with, and the files of a task; asked again for a while, as booking comes
// after the answer.
export const booked = async (requestId, taskId = "") => {
  let answer = { booked: null, files: [] };
  for (const waitMs of [300, 700, 1500, 3000, 5000]) {
    await pause(waitMs);
    try {
      const query = new URLSearchParams({ request: requestId, task: taskId });
      answer = await (await fetch(`${facts.urls.booked}?${query}`)).json();
    } catch {
      continue; // signed out, or the line is down: the answer itself is there all the same
    }
    if (answer.booked) {
      break;
    }
  }
  return answer;
};

export const usageLink = (requestId) =>
  facts.urls.usage && requestId ? `${facts.urls.usage}?q=${encodeURIComponent(requestId)}` : "";

export const taskLink = (taskId) =>
  facts.urls.tasks ? `${facts.urls.tasks}${encodeURIComponent(taskId)}/change/` : "";
