// Live requests: keeps the newest requests that the socket tells of, and shows what the filter lets
// through. It reconnects by itself, more and more slowly. Drawing is done by live-rows.js.
"use strict";
(() => {
  const MOST = 200;
  const LOST_MS = 15000; // a running request that nobody has told of for so long
  const PAUSES_S = [1, 2, 4, 8, 15, 30];
  const FINAL = { 4401: "signed_out", 4429: "too_many" };
  const NOT_FAILED = ["completed", "cancelled"];

  const { say, line, draw, details, numbers } = window.tkLiveRows;
  const at = (id) => document.getElementById(`live-${id}`);
  const root = document.getElementById("live");
  const form = at("filter");
  const body = at("rows");
  const rows = new Map(); // by request: what is known of it
  const lines = new Map(); // by request: its line on the page
  const seconds = []; // [second, ended, failed, left out], of the last minute
  let shown = null; // the request whose details are shown
  let opener = null;
  let paused = false;
  let changedWhilePaused = new Set();
  let held = false; // a row that is being clicked stays where it is
  let dirty = false;
  let tries = 0;
  let sums = { running: 0 };

  // --- What the socket tells -------------------------------------------------------------------

  const isRunning = (row) => row.state !== "ended" && !row.lost;
  const take = (message) => {
    const now = Date.now();
    for (const [process, row] of message.rows) {
      const before = rows.get(row.id);
      if (before && before.state === "ended" && row.state !== "ended") {
        continue;
      }
      rows.set(row.id, { ...row, process, heard: now, told: now });
      if (paused) {
        changedWhilePaused.add(row.id);
      }
      offer("platform", row.platform);
      offer("licence", row.licence);
    }
    for (const [process, ids] of Object.entries(message.alive)) {
      const alive = new Set(ids);
      for (const row of rows.values()) {
        if (row.process === process && alive.has(row.id)) {
          row.told = now;
        }
      }
    }
    forget();
    const second = Math.floor(now / 1000);
    if (!seconds.length || seconds.at(-1)[0] !== second) {
      seconds.push([second, 0, 0, 0]);
    }
    const last = seconds.at(-1);
    last[1] += message.ended;
    last[2] += message.failed;
    last[3] += message.left_out;
    sums = { running: message.running };
    at("others").classList.toggle("tk-hidden", message.others !== "down");
    later();
  };

  // The oldest go first, those that have ended before those that are under way.
  const forget = () => {
    if (rows.size <= MOST) {
      return;
    }
    const order = [...rows.values()].sort((a, b) => isRunning(a) - isRunning(b) || a.at - b.at);
    for (const row of order.slice(0, rows.size - MOST)) {
      if (row.id !== shown) {
        rows.delete(row.id);
      }
    }
  };

  const offered = { platform: new Set(), licence: new Set() };
  const offer = (name, value) => {
    if (value && !offered[name].has(value) && offered[name].size < 500) {
      offered[name].add(value);
      const option = document.createElement("option");
      option.value = value;
      option.textContent = value;
      const select = form.elements[name];
      const next = [...select.options].slice(1).find((one) => one.value > value);
      select.insertBefore(option, next ?? null);
    }
  };

  // --- What is shown ----------------------------------------------------------------------------

  const fits = (row) => {
    const { text, platform, licence, show } = form.elements;
    const sought = text.value.trim().toLowerCase();
    const named = [row.model, row.licence, row.credential, row.id, row.platform, row.endpoint, row.code];
    const kinds = {
      "": () => true,
      running: () => isRunning(row),
      failed: () => row.state === "ended" && !NOT_FAILED.includes(row.outcome),
    };
    return (!platform.value || row.platform === platform.value)
      && (!licence.value || row.licence === licence.value)
      && (kinds[show.value] ?? (() => row.outcome === show.value))()
      && (!sought || named.some((one) => one.toLowerCase().includes(sought)));
  };

  const render = () => {
    dirty = false;
    figures();
    if (shown && rows.has(shown)) {
      showDetails();
    }
    if (paused) {
      at("waiting").textContent = say("paused", { n: changedWhilePaused.size });
    }
    if (paused || held) {
      return;
    }
    const wanted = [...rows.values()].filter(fits).sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
    const ids = new Set(wanted.map((row) => row.id));
    for (const [id, parts] of lines) {
      if (!ids.has(id)) {
        parts.tr.remove();
        lines.delete(id);
      }
    }
    let place = body.firstElementChild;
    for (const row of wanted) {
      let parts = lines.get(row.id);
      if (!parts) {
        parts = line(row);
        lines.set(row.id, parts);
      }
      draw(parts, row);
      parts.tr.setAttribute("aria-selected", String(row.id === shown));
      if (parts.tr === place) {
        place = place.nextElementSibling;
      } else {
        body.insertBefore(parts.tr, place);
      }
    }
    at("empty").classList.toggle("tk-hidden", rows.size > 0);
    at("none").classList.toggle("tk-hidden", !rows.size || wanted.length > 0);
  };
  const later = () => {
    if (!dirty) {
      dirty = true;
      window.requestAnimationFrame(render);
    }
  };

  const figures = () => {
    const since = Math.floor(Date.now() / 1000) - 60;
    while (seconds.length && seconds[0][0] < since) {
      seconds.shift();
    }
    const sum = (index) => numbers.format(seconds.reduce((all, one) => all + one[index], 0));
    at("running").textContent = numbers.format(sums.running);
    at("ended").textContent = sum(1);
    at("failed").textContent = sum(2);
    at("left-out").textContent = sum(3);
  };

  const showDetails = () => {
    const row = rows.get(shown);
    details(row);
    const link = at("record");
    if (link && root.dataset.record) {
      // Only what a licence has used is booked.
      const booked = row.state === "ended" && row.licence_id !== null;
      link.classList.toggle("tk-hidden", !booked);
      link.href = root.dataset.record.replace("REQUEST", encodeURIComponent(row.id));
    }
  };
  const open = (id) => {
    shown = id;
    opener = document.activeElement;
    at("details").classList.remove("tk-hidden");
    at("details").focus({ preventScroll: true });
    showDetails();
    later();
  };
  const close = () => {
    if (!shown) {
      return;
    }
    shown = null;
    at("details").classList.add("tk-hidden");
    if (opener && opener.isConnected) {
      opener.focus();
    }
    later();
  };

  body.addEventListener("pointerdown", () => {
    held = true;
  });
  for (const name of ["pointerup", "pointercancel"]) {
    document.addEventListener(name, () => {
      held = false;
      later();
    });
  }
  body.addEventListener("click", (event) => {
    const tr = event.target.closest("tr");
    if (tr) {
      open(tr.dataset.id);
    }
  });
  at("close").addEventListener("click", close);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      close();
    }
  });
  form.addEventListener("input", later);
  form.addEventListener("submit", (event) => event.preventDefault());
  at("pause").addEventListener("click", () => {
    paused = !paused;
    changedWhilePaused = new Set();
    at("pause").setAttribute("aria-pressed", String(paused));
    at("pause").textContent = say(paused ? "go_on" : "pause");
    at("waiting").classList.toggle("tk-hidden", !paused);
    later();
  });
  at("clear").addEventListener("click", () => {
    for (const row of [...rows.values()]) {
      if (!isRunning(row)) {
        rows.delete(row.id);
      }
    }
    close();
    later();
  });
  window.setInterval(() => {
    const since = Date.now() - LOST_MS;
    for (const row of rows.values()) {
      if (isRunning(row) && row.told < since) {
        row.lost = true;
        row.took += Date.now() - row.heard;
      }
    }
    later();
  }, 1000);

  // --- The socket -------------------------------------------------------------------------------

  const standing = (kind, text) => {
    at("connection").className = `tk-badge ${kind}`;
    at("connection").textContent = text;
  };
  const connect = () => {
    standing("", say("connecting"));
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${window.location.host}${root.dataset.socket}`);
    let opened = 0;
    socket.addEventListener("open", () => {
      opened = Date.now();
      standing("tk-badge-good live-running", say("live"));
    });
    socket.addEventListener("message", (event) => {
      tries = Date.now() - opened > 5000 ? 0 : tries;
      take(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (FINAL[event.code]) {
        standing("tk-badge-bad", say(FINAL[event.code]));
        return;
      }
      retry();
    });
  };
  const retry = () => {
    const pause = PAUSES_S[Math.min(tries, PAUSES_S.length - 1)];
    tries += 1;
    const until = Date.now() + pause * 1000 * (0.75 + Math.random() / 2);
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left <= 0) {
        connect();
        return;
      }
      standing("tk-badge-warn", say("again", { n: left }));
      window.setTimeout(tick, 250);
    };
    tick();
  };
  connect();
})();
