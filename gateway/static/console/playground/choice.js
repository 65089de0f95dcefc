// Which licence, platform and model are called; the models are those that the gateway lists for it.
import { call } from "./api.js";
import { at, counted, element, facts, say, tell } from "./dom.js";

const OTHER = "\u0000other"; // no model has this name
const VIDEO = /video|veo|sora|seedance|kling|hailuo|vidu|cogvideo|wan\d|i2v|t2v/i;
const IMAGE = /image|imagen|dall-?e|flux|seedream|cogview|banana|picture|paint|diffusion/i;
const NEITHER = /embed|rerank|whisper|tts|moderation|transcribe|speech/i;

const guessed = (name) => {
  if (NEITHER.test(name)) {
    return "other";
  }
  return VIDEO.test(name) ? "video" : IMAGE.test(name) ? "image" : "chat";
};

export class Choice {
  #mode = "chat";
  #names = [];
  #round = 0; // only the last question's answer counts
  #chosen = { ...facts.chosen }; // what the page's address wants, until it is chosen
  #changed;

  // `changed` is called after every change of what would be called.
  constructor(changed) {
    this.#changed = changed;
    const wanted = facts.licences.find((one) => String(one.id) === this.#chosen.licence);
    at("pg-licence").value = String((wanted ?? facts.licences[0]).id);
    at("pg-licence").addEventListener("change", () => this.#showPlatforms());
    at("pg-platform").addEventListener("change", () => this.#loadModels());
    at("pg-model").addEventListener("change", () => this.#nameOrList(true));
    at("pg-name").addEventListener("input", () => this.#changed());
    this.#showPlatforms();
  }

  get licence() {
    return at("pg-licence").value;
  }

  get platform() {
    return at("pg-platform").value;
  }

  get model() {
    const chosen = at("pg-model").value;
    return chosen === OTHER ? at("pg-name").value.trim() : chosen;
  }

  // What is to be made: chat, image or video; models that are likely for it stand first.
  set mode(mode) {
    this.#mode = mode;
    this.#showModels();
  }

  #showPlatforms() {
    const licence = facts.licences.find((one) => String(one.id) === this.licence);
    const open = facts.platforms.filter(
      ({ slug }) => !licence.platforms.length || licence.platforms.includes(slug),
    );
    const before = this.platform || this.#chosen.platform;
    const place = at("pg-platform");
    place.replaceChildren(
      ...open.map(({ slug, name }) => element("option", { value: slug }, `${name} (${slug})`)),
    );
    if (open.some(({ slug }) => slug === before)) {
      place.value = before;
    }
    const { networks } = licence;
    const outside = licence.is_outside && say("outside", { networks, address: facts.address });
    tell(at("pg-outside"), outside);
    const page = at("pg-licence-page");
    if (page) {
      page.href = page.href.replace(/licence\/(\d+\/change\/)?$/, `licence/${licence.id}/change/`);
    }
    this.#loadModels();
  }

  async #loadModels() {
    const round = ++this.#round;
    const note = at("pg-models");
    this.#names = [];
    if (!this.platform) {
      note.textContent = say("no_platform");
      this.#showModels();
      return;
    }
    note.textContent = say("loading");
    let sentence = "";
    let names = [];
    try {
      const path = `/${encodeURIComponent(this.platform)}/v1/models`;
      const { response } = await call(this.licence, path);
      names = (await response.json()).data.map((model) => model.id);
      const count = counted(names.length);
      sentence = names.length ? say("models", { count }) : say("no_models");
    } catch (error) {
      sentence = error.message;
    }
    if (round === this.#round) {
      this.#names = names;
      note.textContent = sentence;
      this.#showModels();
      this.#chosen.model = "";
    }
  }

  #kind(name) {
    const platform = facts.platforms.find(({ slug }) => slug === this.platform);
    return platform?.kinds[name] ?? guessed(name);
  }

  #showModels() {
    const place = at("pg-model");
    const option = (name) => element("option", { value: name }, name);
    const fitting = this.#names.filter((name) => this.#kind(name) === this.#mode);
    const others = this.#names.filter((name) => this.#kind(name) !== this.#mode);
    const group = (label, names) =>
      names.length ? [element("optgroup", { label }, ...names.map(option))] : [];
    const before = this.model || this.#chosen.model;
    place.replaceChildren(
      ...group(say("fitting"), fitting),
      ...group(say("other_models"), others),
      element("option", { value: OTHER }, say("other_model")),
    );
    if (fitting.includes(before) || (before === this.#chosen.model && others.includes(before))) {
      place.value = before;
    } else if (before && before === this.#chosen.model) {
      place.value = OTHER;
      at("pg-name").value = before;
    } else {
      place.value = fitting[0] ?? OTHER;
    }
    this.#nameOrList(false);
  }

  #nameOrList(byHand) {
    const isOther = at("pg-model").value === OTHER;
    at("pg-name-line").hidden = !isOther;
    if (isOther && byHand) {
      at("pg-name").focus();
    }
    this.#changed();
  }
}
