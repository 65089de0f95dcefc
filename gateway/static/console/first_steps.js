// First steps: a way back on the pages that a step leads to, and the last tick without a reload.
//
// That one has left for a step is kept in this tab alone (sessionStorage) until one is back.
"use strict";
(() => {
  const KEY = "tokens-first-steps";
  const POLL_MS = 3000;
  const MOST_POLLS = 200; // ten minutes, then the page is left alone

  const wayBack = () => {
    const kept = window.sessionStorage.getItem(KEY);
    const content = document.getElementById("content");
    if (!kept || !content) {
      return;
    }
    const { url, told, words } = JSON.parse(kept);
    const bar = document.createElement("div");
    bar.className = "tk-card tk-row tk-row-apart fs-bar";
    const text = document.createElement("span");
    text.className = "tk-quiet";
    text.textContent = told;
    const link = document.createElement("a");
    link.className = "tk-button";
    link.href = url;
    link.textContent = words;
    bar.append(text, link);
    content.prepend(bar);
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-leave]");
    if (link) {
      const { told, words } = link.closest("[data-leaves]").dataset;
      const url = window.location.pathname;
      window.sessionStorage.setItem(KEY, JSON.stringify({ url, told, words }));
    }
  });

  const poll = async (left) => {
    const path = document.getElementById("first-steps");
    if (!path || path.dataset.waits === undefined || left <= 0) {
      return;
    }
    if (!document.hidden) {
      const answer = await fetch(window.location.pathname).catch(() => null);
      const text = answer && answer.ok && !answer.redirected ? await answer.text() : "";
      const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("first-steps");
      if (fresh && fresh.dataset.done !== path.dataset.done) {
        path.replaceWith(document.importNode(fresh, true));
      }
    }
    window.setTimeout(() => poll(left - 1), POLL_MS);
  };

  document.addEventListener("DOMContentLoaded", () => {
    if (document.getElementById("first-steps")) {
      window.sessionStorage.removeItem(KEY);
      window.setTimeout(() => poll(MOST_POLLS), POLL_MS);
    } else {
      wayBack();
    }
  });
})();
