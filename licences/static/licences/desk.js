// The pages of a licence: snippets in tabs and for the platform that is chosen, the chart's switch,
// and an address that is safe to reload after a key was shown. Without it all snippets stand below
// each other, for the first platform.
"use strict";
(() => {
  // A reload would send the form again and issue another licence; now it opens the licence instead.
  const key = document.getElementById("licence-key");
  if (key) {
    window.history.replaceState(null, "", key.dataset.changeUrl);
  }

  // Texts come with {root}, {openai}, {model} and {key}; each platform has its own of these.
  const follow = (box) => {
    const data = JSON.parse(document.getElementById(box.dataset.snippets).textContent);
    const label = box.querySelector(".licence-target");
    const fill = (place) => {
      for (const [id, text] of Object.entries(data.texts)) {
        const shown = text.replace(/\{(root|openai|model|key)\}/g, (_all, name) => place[name]);
        document.getElementById(`snippet-${id}`).textContent = shown;
      }
    };
    const needsModel = box.querySelector(".licence-needs-model");
    label.classList.remove("tk-hidden");
    label.querySelector("select").addEventListener("change", (event) => {
      const place = data.places[event.target.value];
      fill(place);
      needsModel.classList.toggle("tk-hidden", !place.model.endsWith(data.no_model));
    });
  };

  const tabs = (box) => {
    const panels = [...box.querySelectorAll(".licence-program")];
    const list = document.createElement("div");
    list.className = "tk-row licence-tabs";
    list.setAttribute("role", "tablist");
    const buttons = panels.map((panel) => {
      const heading = panel.querySelector("h3");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "tk-button";
      button.id = `${panel.id}-tab`;
      button.textContent = heading.textContent;
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      heading.classList.add("tk-only-read");
      list.append(button);
      return button;
    });
    const choose = (chosen) => {
      buttons.forEach((button, index) => {
        button.setAttribute("aria-selected", String(index === chosen));
        button.tabIndex = index === chosen ? 0 : -1;
        panels[index].hidden = index !== chosen;
      });
    };
    list.addEventListener("click", (event) => {
      const index = buttons.indexOf(event.target);
      if (index >= 0) {
        choose(index);
      }
    });
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const index = buttons.indexOf(document.activeElement);
      if (step && index >= 0) {
        const next = (index + step + buttons.length) % buttons.length;
        choose(next);
        buttons[next].focus();
      }
    });
    panels[0].before(list);
    choose(0);
  };

  document.querySelectorAll("[data-snippets]").forEach((box) => {
    follow(box);
    tabs(box);
  });

  // <button data-draws="ID of the numbers" data-draws-in="ID of the canvas">
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-draws]");
    const canvas = button && document.getElementById(button.dataset.drawsIn);
    if (!canvas) {
      return;
    }
    canvas.dataset.chart = button.dataset.draws;
    window.TokensCharts.draw(canvas);
    document.querySelectorAll("[data-draws]").forEach((other) => {
      other.setAttribute("aria-pressed", String(other === button));
    });
  });

  // Who chooses a day means "until a day".
  const day = document.getElementById("id_until_day");
  day?.addEventListener("change", () => {
    const until = document.querySelector("[name=by_days][value=until]");
    if (day.value && until) {
      until.checked = true;
    }
  });
})();
