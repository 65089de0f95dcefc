// What every page of the console has: copy buttons, and the operator's time zone for the server.
"use strict";
(() => {
  // The server shows times in this zone (tokens_site.middleware.operators_zone).
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.split("; ").includes(`tokens_zone=${zone}`)) {
    const secure = window.location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `tokens_zone=${zone}; Path=/admin/; Max-Age=31536000; SameSite=Lax${secure}`;
  }

  // <button data-copy="#id"> copies that element's text or value, and says so for a moment.
  const copy = (text, source) => {
    if (navigator.clipboard) {
      return navigator.clipboard.writeText(text);
    }
    // The clipboard is closed to pages that came without TLS; selecting works everywhere.
    const range = document.createRange();
    range.selectNodeContents(source);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy") ? Promise.resolve() : Promise.reject(new Error("closed"));
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) {
      return;
    }
    const source = document.querySelector(button.dataset.copy);
    copy(source.value ?? source.textContent, source).then(() => {
      const before = button.textContent;
      button.textContent = button.dataset.copied;
      window.setTimeout(() => {
        button.textContent = before;
      }, 1500);
    });
  });

  // <select data-submits> sends its form when another choice is made.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) {
      event.target.form.requestSubmit();
    }
  });
})();
