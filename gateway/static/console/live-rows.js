// How live requests are shown: one line of the list, and the details of one. Draws, decides nothing.
// Everything that a caller or a platform can fill is set as text.
"use strict";
window.tkLiveRows = (() => {
  const words = JSON.parse(document.getElementById("live-words").textContent);
  const lang = document.documentElement.lang || undefined;
  const numbers = new Intl.NumberFormat(lang);
  const clock = new Intl.DateTimeFormat(lang, {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  });
  const KIND = {
    completed: "tk-badge-good", refused: "tk-badge-warn", truncated: "tk-badge-bad",
    upstream_error: "tk-badge-bad", cancelled: "", streaming: "tk-badge-good live-running",
    waiting: "live-running", trying: "live-running", lost: "", ended: "",
  };

  const say = (word, values = {}) => words[word].replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
  const duration = (ms) => {
    if (ms === null || ms === undefined) {
      return "-";
    }
    if (ms < 1000) {
      return `${Math.round(ms)} ms`;
    }
    const seconds = ms / 1000;
    if (seconds < 60) {
      return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
    }
    return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  };

  // A running request's duration goes on between two messages.
  const took = (row) => row.took + (row.state === "ended" || row.lost ? 0 : Date.now() - row.heard);
  const speed = (row) => {
    const since = row.stream && row.first_byte !== null ? row.first_byte : 0;
    const seconds = (took(row) - since) / 1000;
    return row.completion && seconds > 0.05 ? row.completion / seconds : null;
  };
  const tokens = (row) => {
    if (!row.prompt && !row.completion) {
      return "-";
    }
    const sign = row.measured ? "" : "~";
    return `${sign}${numbers.format(row.prompt)} + ${numbers.format(row.completion)}`;
  };
  const state = (row) => {
    if (row.lost) {
      return ["lost", say("lost")];
    }
    if (row.state === "ended") {
      return row.outcome ? [row.outcome, words[`outcome_${row.outcome}`] ?? row.outcome] : ["ended", say("ended")];
    }
    return [row.state, say(row.state, { n: row.attempts })];
  };
  const where = (row) => [row.platform, row.model].filter(Boolean).join(" / ") || "-";
  // What happens with which credential, or what went wrong, in a few words.
  const more = (row) => (row.state === "ended" && row.status && row.outcome !== "completed"
    ? [row.status, row.code].filter(Boolean).join(" ")
    : row.attempts > 1 ? say("trying", { n: row.attempts }) : "");

  const set = (node, text) => {
    if (node.textContent !== text) {
      node.textContent = text;
    }
  };
  const element = (name, classes = "") => {
    const node = document.createElement(name);
    node.className = classes;
    return node;
  };

  const line = (row) => {
    const tr = element("tr");
    tr.dataset.id = row.id;
    const cells = {};
    for (const [name, classes] of [
      ["time", ""], ["state", ""], ["licence", "live-name"], ["where", "live-name"],
      ["tokens", "tk-number"], ["speed", "tk-number live-wide"], ["first", "tk-number live-wide"],
      ["took", "tk-number"],
    ]) {
      cells[name] = element("td", classes);
      tr.append(cells[name]);
    }
    const open = element("button", "live-open");
    open.type = "button";
    open.textContent = clock.format(row.at);
    cells.time.append(open);
    const parts = { tr, cells };
    for (const name of ["state", "where"]) {
      parts[name] = element("span");
      parts[`${name}More`] = element("span", "live-second");
      cells[name].append(parts[name], parts[`${name}More`]);
    }
    return parts;
  };

  const draw = (parts, row) => {
    const [kind, label] = state(row);
    const classes = `tk-badge ${KIND[kind] ?? ""}`;
    if (parts.state.className !== classes) {
      parts.state.className = classes;
    }
    set(parts.state, label);
    set(parts.stateMore, more(row));
    set(parts.cells.licence, row.licence || say("nobody"));
    set(parts.where, where(row));
    set(parts.whereMore, [row.endpoint, row.credential].filter(Boolean).join(" · "));
    set(parts.cells.tokens, tokens(row));
    const fast = speed(row);
    set(parts.cells.speed, fast === null ? "-" : numbers.format(Math.round(fast)));
    set(parts.cells.first, duration(row.first_byte));
    set(parts.cells.took, duration(took(row)));
  };

  const fact = (list, word, text, node = null) => {
    const name = element("dt");
    name.textContent = words[word];
    const value = element("dd");
    value.append(node ?? text);
    list.append(name, value);
  };

  const details = (row) => {
    const list = document.getElementById("live-facts");
    list.replaceChildren();
    const badge = element("span", `tk-badge ${KIND[state(row)[0]] ?? ""}`);
    badge.textContent = state(row)[1];
    fact(list, "request", row.id);
    fact(list, "state", "", badge);
    fact(list, "licence", row.licence || say("nobody"));
    fact(list, "platform", row.platform || "-");
    fact(list, "model", row.model || "-");
    fact(list, "credential", row.credential || "-");
    fact(list, "endpoint", row.endpoint);
    fact(list, "began", clock.format(row.at));
    const estimated = row.measured || tokens(row) === "-" ? "" : ` (${say("estimated")})`;
    fact(list, "tokens", say("tokens_in_out", {
      in: numbers.format(row.prompt), out: numbers.format(row.completion),
    }) + estimated);
    const fast = speed(row);
    fact(list, "speed", fast === null ? "-" : say("per_second", { n: numbers.format(Math.round(fast)) }));
    fact(list, "first_byte", duration(row.first_byte));
    if (row.waited) {
      fact(list, "waited", duration(row.waited));
    }
    fact(list, "took", duration(took(row)));
    if (row.status) {
      fact(list, "status", String(row.status));
    }
    if (row.code) {
      fact(list, "code", row.code);
    }
    attempts(row);
  };

  const attempts = (row) => {
    const list = document.getElementById("live-attempts");
    document.getElementById("live-no-attempts").classList.toggle("tk-hidden", row.tries.length > 0);
    list.replaceChildren(...row.tries.map((one) => {
      const item = element("li", one.failure ? "live-went-wrong" : "");
      const place = [one.platform, one.model, one.credential].filter(Boolean).join(" / ");
      const end = one.failure ?? (one.ms === undefined ? words.under_way : words.answered);
      const time = element("span", "live-second");
      time.textContent = [end, one.ms === undefined ? "" : duration(one.ms)].filter(Boolean).join(", ");
      item.append(place, time);
      return item;
    }));
  };

  return { say, line, draw, details, numbers };
})();
