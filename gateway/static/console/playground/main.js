// The playground's page: what is chosen, what is made, and the curl command for it.
import { Chat } from "./chat.js";
import { Choice } from "./choice.js";
import { showCurl } from "./curl.js";
import { at } from "./dom.js";
import { Media } from "./media.js";

const MODES = ["chat", "image", "video"];
let mode = "chat";
let parts = null; // once all of them are there
let waiting = 0;

const show = () => {
  waiting = 0;
  if (!parts) {
    return;
  }
  const part = mode === "chat" ? parts.chat : parts.media;
  try {
    const body = part.body();
    showCurl(part.path, body, body.stream === true);
  } catch {
    // Said beside the field that is wrong; the last right command stays.
  }
};

// Many changes come together, such as of a file and of its list.
const changed = () => {
  waiting ||= window.setTimeout(show, 30);
};

const enter = (chosen) => {
  mode = MODES.includes(chosen) ? chosen : "chat";
  for (const button of document.querySelectorAll("[data-mode]")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  }
  for (const place of document.querySelectorAll("[data-for]")) {
    place.hidden = !place.dataset.for.split(" ").includes(mode);
  }
  if (mode !== "chat") {
    parts.media.kind = mode;
  }
  parts.choice.mode = mode;
  changed();
};

const choice = new Choice(changed);
parts = { choice, chat: new Chat(choice, changed), media: new Media(choice, changed) };
for (const folded of ["pg-how", "pg-curl-card"]) {
  at(folded).open = window.matchMedia("(min-width: 64rem)").matches;
}

for (const button of document.querySelectorAll("[data-mode]")) {
  button.addEventListener("click", () => {
    window.history.replaceState(null, "", `#${button.dataset.mode}`);
    enter(button.dataset.mode);
  });
}
for (const button of document.querySelectorAll("[data-attach]")) {
  button.addEventListener("click", () => document.querySelector(button.dataset.attach).click());
}
document.getElementById("pg").addEventListener("input", changed);
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("#pg-chat, #pg-media");
  if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
  }
});
window.addEventListener("hashchange", () => enter(window.location.hash.slice(1)));
enter(window.location.hash.slice(1));
