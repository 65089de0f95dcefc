// The add form of platforms: shows what the chosen preset will fill in where a field is left empty.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const choice = document.getElementById("id_preset_choice");
  if (!choice) {
    return;
  }
  const presets = JSON.parse(choice.dataset.presets);
  const notes = document.createElement("div");
  // Below the field's own help, which the browser reads out with the field.
  document.getElementById("id_preset_choice_helptext").append(notes);
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
