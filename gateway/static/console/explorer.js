// The usage explorer's form: dates appear when they are asked for, and licences and models are
// looked up while one types. Without this script the form still works: by its button.
"use strict";
(() => {
  const form = document.getElementById("explorer-form");
  const period = form.querySelector("[data-period]");
  const dates = form.querySelectorAll("[data-dates]");

  period.addEventListener("change", () => {
    const asked = period.value === "dates";
    dates.forEach((label) => {
      label.classList.toggle("tk-hidden", !asked);
      label.querySelector("input").disabled = !asked;
    });
    if (!asked) {
      form.requestSubmit();
    }
  });

  // Empty fields would only make the address longer.
  form.addEventListener("submit", () => {
    form.querySelectorAll("input, select").forEach((field) => {
      if (!field.value) {
        field.disabled = true;
      }
    });
  });
  window.addEventListener("pageshow", () => {
    form.querySelectorAll("input:not([type=date]), select").forEach((field) => {
      field.disabled = false;
    });
  });

  const offer = async (input, list) => {
    const asked = new URLSearchParams({ field: input.dataset.choose, q: input.value });
    const answer = await fetch(`${form.dataset.choices}?${asked}`);
    if (!answer.ok) {
      return;
    }
    const { choices } = await answer.json();
    list.replaceChildren(
      ...choices.map((choice) => {
        const option = document.createElement("option");
        option.value = choice.value;
        option.label = choice.label ? `${choice.value} · ${choice.label}` : choice.value;
        return option;
      }),
    );
  };

  form.querySelectorAll("[data-choose]").forEach((input) => {
    const list = document.getElementById(`${input.dataset.choose}-choices`);
    let timer = 0;
    const later = () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(() => offer(input, list), 200);
    };
    input.addEventListener("focus", later, { once: true });
    input.addEventListener("input", (event) => {
      // Chosen from the list, not typed.
      const chosen = [...list.options].some((option) => option.value === input.value);
      if (chosen && !(event.inputType || "").startsWith("insertText")) {
        form.requestSubmit();
        return;
      }
      later();
    });
  });
})();
