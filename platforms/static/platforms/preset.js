// The add form of platforms: shows what the chosen preset will fill in where a field is left empty.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const choice = document.getElementById("id_preset_choice");
  if (!choice) {
    return;
  }
  const presets = JSON.parse(choice.dataset.presets);
  const notes = document.createElement("div");
  notes.className = "help";
  choice.after(notes);
  const show = () => {
    const preset = presets[choice.value];
    for (const [name, value] of Object.entries(preset.fields)) {
      const field = document.getElementById(`id_${name}`);
      if (field) {
        field.placeholder = value;
      }
    }
    notes.textContent = preset.notes;
  };
  choice.addEventListener("change", show);
  show();
});
