/* The frame of the console under a strict Content-Security-Policy.

   django-unfold's pages carry expressions for Alpine.js, which the ordinary Alpine evaluates with
   `new Function`. The CSP build that is served in its place reads most of them by itself; what it
   cannot (several statements, globals) is put into functions here, and the attributes are changed to
   call these, before Alpine looks at the page. Inserted styles of htmx are left out. */
"use strict";

(() => {
  const OPEN = "sidebarDesktopOpen";

  htmx.config.includeIndicatorStyles = false;
  htmx.config.allowEval = false;

  function read(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null; // a browser that keeps nothing
    }
  }

  function keep(name, value) {
    try {
      localStorage.setItem(name, value);
    } catch {
      // As above: then it is forgotten with the page.
    }
  }

  function frame(tab) {
    return {
      activeTab: tab,
      sidebarMobileOpen: false,
      sidebarDesktopOpen: read(OPEN) === null || read(OPEN) === "1",
      init() {
        this.activeTab = getCurrentTab() || tab;
        this.$watch(OPEN, (open) => keep(OPEN, open ? "1" : "0"));
      },
      toggleSidebar() {
        this.sidebarDesktopOpen = !this.sidebarDesktopOpen;
      },
      formAction() {
        const page = location.pathname + location.search;
        return this.activeTab && this.activeTab !== "general" ? `${page}#${this.activeTab}` : page;
      },
    };
  }

  function dropdown() {
    const made = searchDropdown();
    // Its own looks for items of a list, which the results are not any more (0.91).
    const found = () => document.querySelectorAll("#search-results a");
    return Object.assign(made, {
      openAtStart() {
        this.openSearchResults = true;
        this.currentIndex = 0;
      },
      closeOrClear() {
        this.openSearchResults = false;
        const input = this.$refs.searchInput;
        if (input.value === "") input.blur();
        else input.value = "";
      },
      maxItem() {
        return found().length;
      },
      selectItem() {
        const link = found()[Math.max(this.currentIndex, 1) - 1];
        if (link) location.assign(link.href);
      },
    });
  }

  function command() {
    const made = searchCommand();
    return Object.assign(made, {
      selectPlain(event, addHistory) {
        if (!event.metaKey && !event.ctrlKey) this.selectItem(addHistory, false);
      },
    });
  }

  function change(root, attribute, to) {
    for (const element of root.querySelectorAll(`[${CSS.escape(attribute)}]`)) {
      const old = element.getAttribute(attribute);
      const next = to(old);
      if (next !== old) element.setAttribute(attribute, next);
    }
  }

  function rewrite() {
    const body = document.body;
    const tab = /activeTab:\s*'([^']*)'/.exec(body.getAttribute("x-data") || "");
    Alpine.data("frame", () => frame(tab ? tab[1] : ""));
    body.setAttribute("x-data", "frame");
    body.removeAttribute("x-init");
    change(body, "x-on:click", (text) =>
      text.startsWith("sidebarDesktopOpen = !") ? "toggleSidebar()" : text.replace(/;\s*$/, ""));
    change(body, "x-on:focus", (text) =>
      text.includes("openSearchResults = true;") ? "openAtStart()" : text);
    change(body, "x-on:keydown.escape.prevent", (text) =>
      text.startsWith("openSearchResults = false;") ? "closeOrClear()" : text);
    change(body, "x-on:keydown.enter.prevent", (text) => {
      const plain = /^if .*selectItem\((true|false), false\)$/.exec(text);
      return plain ? `selectPlain($event, ${plain[1]})` : text;
    });
    change(body, "x-bind:action", (text) =>
      text.includes("window.location") ? "formAction()" : text);
    change(body, "x-bind:style", (text) =>
      text === "'width: ' + changeListWidth + 'px'" ? "{width: changeListWidth + 'px'}" : text);
  }

  document.addEventListener("alpine:init", () => {
    Alpine.data("theme", theme);
    Alpine.data("searchForm", searchForm);
    Alpine.data("searchDropdown", dropdown);
    Alpine.data("searchCommand", command);
    rewrite();
  });
})();
