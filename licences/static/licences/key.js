// The page that shows a key once: a copy button, and an address that is safe to reload.
"use strict";
{
  const field = document.getElementById("licence-key");
  const button = document.getElementById("licence-key-copy");

  // A reload would send the form again and issue another licence; now it opens the licence instead.
  window.history.replaceState(null, "", field.dataset.changeUrl);

  button.addEventListener("click", () => {
    field.select();
    // The clipboard is closed to pages that came without TLS; selecting works everywhere.
    if (navigator.clipboard) {
      navigator.clipboard.writeText(field.value).then(() => {
        button.value = button.dataset.copied;
      });
    }
  });
}
