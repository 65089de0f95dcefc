// What every page of the console has: copy buttons, and the operator's time zone for the server.
"use strict";
(() => {
  // The server shows times in this zone (tokens_site.middleware.operators_zone).
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.split("; ").includes(`tokens_zone=${zone}`)) {
    const secure = window.location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `tokens_zone=${zone}; Path=/admin/; Max-Age=31536000; SameSite=Lax${secure}`;
  }

  // <button data-copy="#id"> copies that element's text or value, and says so for a moment. Where
  // the clipboard is closed (pages without TLS, or refused) the text is selected, to be copied by hand.
  const select = (source) => {
    if (source.select) {
      source.select();
    } else {
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
    }
    return document.execCommand("copy");
  };
  const copied = (source) => {
    const text = source.value ?? source.textContent;
    const written = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("closed"));
    return written.then(() => true, () => select(source));
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button || !(await copied(document.querySelector(button.dataset.copy)))) {
      return;
    }
    if (button.textContent === button.dataset.copied) {
      return; // copied twice within the moment: it is said already
    }
    const before = button.textContent;
    button.textContent = button.dataset.copied;
    window.setTimeout(() => {
      button.textContent = before;
    }, 1500);
  });

  // <select data-submits> sends its form when another choice is made.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) {
      event.target.form.requestSubmit();
    }
  });
})();
