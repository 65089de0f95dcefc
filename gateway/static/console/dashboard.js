// The start page: keeps itself up to date while it is looked at, and switches what its charts show.
//
// Every data-refresh-s seconds the same page is fetched and what differs is exchanged in place:
// elements with data-part, the charts' JSON. Elements with data-source fetch their content
// themselves. Nothing is exchanged that has the focus.
"use strict";
(() => {
  const dashboard = document.getElementById("dashboard");
  if (!dashboard) {
    return;
  }
  const REMEMBERED = "tokens-dashboard-measure";
  const texts = new Map(); // what the server sent last, by part
  const parts = (root) => root.querySelectorAll("[data-part]");
  const data = (root) => root.querySelectorAll("script[type='application/json'][id]");
  const words = dashboard.dataset;
  let timer = 0;
  let shownAt = Date.now();

  const show = (measure) => {
    dashboard.querySelectorAll("[data-measure]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.measure === measure));
    });
    dashboard.querySelectorAll("canvas[data-axis]").forEach((canvas) => {
      const id = `chart-${canvas.dataset.axis}-${measure}`;
      if (canvas.dataset.chart !== id) {
        canvas.dataset.chart = id;
        window.TokensCharts.draw(canvas);
      }
    });
  };

  const exchange = (fresh) => {
    parts(dashboard).forEach((old) => {
      const name = old.dataset.part;
      const found = fresh.querySelector(`[data-part="${name}"]`);
      if (!found || texts.get(name) === found.innerHTML || old.contains(document.activeElement)) {
        return;
      }
      texts.set(name, found.innerHTML);
      old.replaceChildren(...found.childNodes); // a <details> stays open or closed
      old.classList.remove("dash-stale");
    });
    data(dashboard).forEach((old) => {
      const found = fresh.getElementById(old.id);
      if (found && found.textContent !== old.textContent) {
        old.textContent = found.textContent;
        const canvas = dashboard.querySelector(`canvas[data-chart="${old.id}"]`);
        if (canvas) {
          window.TokensCharts.draw(canvas);
        }
      }
    });
  };

  const fetched = async (address) => {
    // The header tells the server that nobody has clicked.
    const answer = await fetch(address, { headers: { "X-Tokens-Refresh": "1" } });
    if (answer.redirected || answer.status === 401 || answer.status === 403) {
      throw new Error("signed out");
    }
    if (!answer.ok) {
      throw new Error("failed");
    }
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };

  const load = async (element) => {
    try {
      const found = await fetched(element.dataset.source);
      if (!element.contains(document.activeElement)) {
        element.replaceChildren(...found.body.childNodes);
      }
      element.dataset.loaded = "yes";
    } catch {
      if (!element.dataset.loaded) {
        const lost = document.createElement("p");
        lost.className = "tk-empty";
        lost.textContent = element.dataset.lost;
        element.replaceChildren(lost);
      }
    }
  };
  const loadAll = () => Promise.all([...dashboard.querySelectorAll("[data-source]")].map(load));

  const stale = (text) => {
    const updated = dashboard.querySelector("[data-part='updated']");
    texts.delete("updated");
    updated.classList.add("dash-stale");
    updated.textContent = text;
  };

  const refresh = async () => {
    window.clearTimeout(timer);
    let again = true;
    try {
      const fresh = await fetched(window.location.href);
      if (parts(fresh).length !== parts(dashboard).length) {
        window.location.reload(); // the first request was made, or a role was changed
        return;
      }
      exchange(fresh);
      await loadAll();
    } catch (error) {
      again = error.message !== "signed out";
      stale(again ? words.failed : words.signedOut);
    }
    shownAt = Date.now();
    if (again) {
      wait();
    }
  };

  const wait = () => {
    window.clearTimeout(timer);
    if (!document.hidden) {
      const left = Number(words.refreshS) * 1000 - (Date.now() - shownAt);
      timer = window.setTimeout(refresh, Math.max(0, left));
    }
  };

  parts(dashboard).forEach((part) => texts.set(part.dataset.part, part.innerHTML));
  dashboard.addEventListener("click", (event) => {
    const button = event.target.closest("[data-measure]");
    if (button) {
      window.localStorage.setItem(REMEMBERED, button.dataset.measure);
      show(button.dataset.measure);
    }
  });
  document.addEventListener("visibilitychange", wait);
  window.addEventListener("DOMContentLoaded", () => {
    const measure = window.localStorage.getItem(REMEMBERED);
    if (measure && dashboard.querySelector(`[data-measure="${CSS.escape(measure)}"]`)) {
      show(measure);
    }
  });
  loadAll();
  wait();
})();
