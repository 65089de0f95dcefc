// The pages of platforms: finds presets while one types, ticks all boxes, and shows that a test runs.
"use strict";
(() => {
  // <input data-filter="SELECTOR"> hides those whose data-words do not hold all words typed.
  const filter = (input) => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of document.querySelectorAll(input.dataset.filter)) {
      const text = one.dataset.words.toLowerCase();
      const fits = words.every((word) => text.includes(word));
      one.classList.toggle("tk-hidden", !fits);
      shown += fits ? 1 : 0;
    }
    for (const group of document.querySelectorAll("[data-filter-group]")) {
      const left = group.querySelector(`${input.dataset.filter}:not(.tk-hidden)`);
      group.classList.toggle("tk-hidden", !left);
    }
    document.querySelector("[data-filter-none]").classList.toggle("tk-hidden", shown > 0);
  };
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-filter]")) {
      filter(event.target);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("[data-filter]")) {
      return;
    }
    const found = document.querySelectorAll(`${event.target.dataset.filter}:not(.tk-hidden)`);
    if (found.length === 1) {
      found[0].click();
    }
  });

  // <button data-tick="SELECTOR"> ticks all of these, or none if all are.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-tick]");
    if (button) {
      const boxes = [...document.querySelectorAll(button.dataset.tick)];
      const all = boxes.every((box) => box.checked);
      boxes.forEach((box) => {
        box.checked = !all;
      });
    }
  });

  // <form data-busy="WORDS">: its button says so while the answer is awaited.
  document.addEventListener("submit", (event) => {
    const words = event.target.dataset.busy;
    if (words) {
      const button = event.target.querySelector("button");
      const before = button.textContent;
      button.textContent = words;
      button.disabled = true;
      window.addEventListener("pageshow", () => {
        button.textContent = before;
        button.disabled = false;
      }, { once: true });
    }
  });
})();
