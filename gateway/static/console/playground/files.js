// Files that go along with a call: chosen, dropped or pasted; shown with a picture of them, removable.
import { announce, at, bytes, element, say, tell } from "./dom.js";

const PICTURES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const GROWTH = 4 / 3; // base64
const MOST = 16;
const THUMBNAIL = 80; // pixels, shown at half of it

const dataUrl = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });

// Drawn, not linked: the page needs no address for what lies in memory.
const thumbnail = async (file) => {
  const canvas = element("canvas", { width: THUMBNAIL, height: THUMBNAIL });
  canvas.setAttribute("aria-hidden", "true");
  try {
    const picture = await createImageBitmap(file);
    const side = Math.min(picture.width, picture.height);
    const x = (picture.width - side) / 2;
    const y = (picture.height - side) / 2;
    canvas.getContext("2d").drawImage(picture, x, y, side, side, 0, 0, THUMBNAIL, THUMBNAIL);
    picture.close();
    return canvas;
  } catch {
    return null; // no picture, whatever its name says; the gateway or the platform will tell
  }
};

const icon = (name) =>
  element("span", { className: "material-symbols-outlined pg-icon", ariaHidden: "true" }, name);

export class Files {
  #kept = [];
  #list;
  #error;
  #most;
  #onlyPictures;
  #changed;

  // `name`: of the lists in the page; `most`: bytes that a whole request may have.
  constructor(name, input, form, { most, onlyPictures = false, changed }) {
    this.#list = document.querySelector(`[data-files="${name}"]`);
    this.#error = document.querySelector(`[data-files-error="${name}"]`);
    this.#most = most;
    this.#onlyPictures = onlyPictures;
    this.#changed = changed;
    const chosen = async (event) => {
      if (event.target === input) {
        event.stopPropagation(); // django-unfold's own listener would look for a field beside it
        await this.add([...input.files]);
        input.value = "";
      }
    };
    form.addEventListener("change", chosen, { capture: true });
    form.addEventListener("paste", (event) => {
      if (event.clipboardData.files.length) {
        event.preventDefault();
        this.add([...event.clipboardData.files]);
      }
    });
    form.addEventListener("dragover", (event) => {
      event.preventDefault();
      form.classList.add("pg-over");
    });
    form.addEventListener("dragleave", () => form.classList.remove("pg-over"));
    form.addEventListener("drop", (event) => {
      event.preventDefault();
      form.classList.remove("pg-over");
      this.add([...event.dataTransfer.files]);
    });
  }

  // What is attached: {name, type, size, url}.
  get all() {
    return this.#kept.map(({ name, type, size, url }) => ({ name, type, size, url }));
  }

  // As parts of a chat's message: pictures as pictures, everything else as files.
  get parts() {
    return this.#kept.map(({ name, type, url }) =>
      PICTURES.includes(type)
        ? { type: "image_url", image_url: { url } }
        : { type: "file", file: { filename: name, file_data: url } },
    );
  }

  async add(files) {
    const sentences = [];
    for (const file of files) {
      const refused = this.#refused(file);
      if (refused) {
        sentences.push(refused);
        continue;
      }
      const one = { name: file.name, type: file.type, size: file.size, url: "" };
      this.#kept.push(one); // before it is read, so that sizes add up
      try {
        one.url = await dataUrl(file);
      } catch {
        this.#kept.splice(this.#kept.indexOf(one), 1);
        sentences.push(say("unreadable", { name: file.name }));
        continue;
      }
      one.shown = PICTURES.includes(file.type) ? await thumbnail(file) : null;
      announce(say("attached", { name: file.name }));
    }
    tell(this.#error, sentences.join(" "));
    this.#show();
  }

  clear() {
    this.#kept = [];
    tell(this.#error, "");
    this.#show();
  }

  // Back what was taken: a call that came to nothing keeps its files.
  restore(kept) {
    this.#kept = kept;
    this.#show();
  }

  // All of it, for `restore`; what is attached afterwards is another list.
  take() {
    const taken = this.#kept;
    this.clear();
    return taken;
  }

  #refused(file) {
    const { name } = file;
    const size = this.#kept.reduce((sum, one) => sum + one.size, file.size);
    if (this.#kept.length >= MOST) {
      return say("too_many", { most: MOST });
    }
    if (this.#onlyPictures && !PICTURES.includes(file.type)) {
      return say("not_picture", { name });
    }
    return size * GROWTH > this.#most ? say("too_large", { name, most: bytes(this.#most) }) : "";
  }

  #show() {
    this.#list.replaceChildren(...this.#kept.map((one) => this.#row(one)));
    this.#changed();
  }

  #row(one) {
    const remove = element("button", { type: "button" }, icon("close"));
    remove.setAttribute("aria-label", say("remove", { name: one.name }));
    remove.addEventListener("click", () => {
      const place = this.#kept.indexOf(one);
      this.#kept.splice(place, 1);
      this.#show();
      const buttons = this.#list.querySelectorAll("button");
      const next = buttons[Math.min(place, buttons.length - 1)];
      (next ?? this.#list.closest("form").querySelector("textarea")).focus();
    });
    return element(
      "li",
      { className: "pg-file" },
      one.shown ?? icon("draft"),
      element("span", { className: "pg-file-name", title: one.name }, one.name),
      element("span", { className: "tk-quiet" }, bytes(one.size)),
      remove,
    );
  }
}
