// Pictures and videos: ordered as tasks, asked for until they end, then shown.
import { booked, call, taskLink, usageLink } from "./api.js";
import { costOf } from "./answer.js";
import { announce, at, element, facts, say, tell } from "./dom.js";
import { Files } from "./files.js";

const FIRST_POLL_MS = 700;
const LONGEST_POLL_MS = 5000;
const SIZES = {
  image: ["1024x1024", "1536x1024", "1024x1536", "512x512"],
  video: ["1280x720", "720x1280", "1792x1024", "1024x1792"],
};

const pause = (ms) => new Promise((resolve) => window.setTimeout(resolve, ms));

export class Media {
  #choice;
  #files;
  #kind = "image";

  constructor(choice, changed) {
    this.#choice = choice;
    const form = at("pg-media");
    const options = { most: facts.max_media, onlyPictures: true, changed };
    this.#files = new Files("media", at("pg-reference"), form, options);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.order();
    });
  }

  // image or video.
  set kind(kind) {
    this.#kind = kind;
    at("pg-sizes").replaceChildren(...SIZES[kind].map((value) => element("option", { value })));
  }

  get path() {
    if (this.#kind === "video") {
      return `/${this.#choice.platform}/v1/videos`;
    }
    const end = this.#files.all.length ? "edits" : "generations";
    return `/${this.#choice.platform}/v1/images/${end}?async=true`;
  }

  // What would be sent now.
  body() {
    const pictures = this.#files.all.map(({ url }) => url);
    const size = at("pg-size").value.trim();
    const common = {
      model: this.#choice.model,
      prompt: at("pg-prompt").value,
      ...(size ? { size } : {}),
    };
    if (this.#kind === "image") {
      return {
        ...common,
        n: at("pg-n").valueAsNumber || 1,
        response_format: "url",
        ...(pictures.length ? { image: pictures } : {}),
      };
    }
    const seconds = at("pg-seconds").value;
    return {
      ...common,
      ...(seconds ? { seconds } : {}),
      ...(pictures.length ? { input_reference: pictures } : {}),
    };
  }

  async order() {
    const body = this.body();
    if (!body.model || !this.#choice.platform) {
      return tell(at("pg-media-error"), say(body.model ? "no_platform" : "no_model"));
    }
    tell(at("pg-media-error"), "");
    const task = new Task(this.#choice.licence, this.#choice.platform, this.#kind, body.prompt);
    at("pg-tasks").prepend(task.node);
    await task.run(this.path, body);
  }
}

class Task {
  #licence;
  #platform;
  #kind;
  #prompt;
  #badge = element("span", { className: "tk-badge" }, say("ordering"));
  #bar = element("progress", { className: "tk-progress", max: 100 });
  #share = element("span", {});
  #facts = element("div", { className: "pg-facts" }, this.#badge, this.#share);
  #made = element("div", { className: "pg-made" });

  constructor(licence, platform, kind, prompt) {
    this.#licence = licence;
    this.#platform = platform;
    this.#kind = kind;
    this.#prompt = prompt;
    const short = prompt.length > 80 ? `${prompt.slice(0, 80)}…` : prompt;
    this.#bar.setAttribute("aria-label", short);
    this.node = element(
      "article",
      { className: "tk-card pg-task" },
      element("h3", {}, short),
      this.#bar,
      this.#made,
      this.#facts,
    );
  }

  async run(path, body) {
    try {
      const { response } = await call(this.#licence, path, { body });
      const requestId = response.headers.get("x-request-id") ?? "";
      const task = await this.#end(await response.json());
      this.#isOver();
      if (task.status === "failed") {
        this.#fail(task.error, requestId, task.id);
      } else {
        await this.#finish(requestId, task.id);
      }
    } catch (error) {
      this.#isOver();
      this.#fail(error, error.requestId ?? "", "");
    }
  }

  #isOver() {
    this.#bar.hidden = true;
    this.#share.remove();
  }

  // The task when it has ended. A line that is down for a while does not end the waiting for it.
  async #end(task) {
    const list = this.#kind === "video" ? "videos" : "images";
    const path = `/${this.#platform}/v1/${list}/${encodeURIComponent(task.id)}`;
    let waitMs = FIRST_POLL_MS;
    let standing = task;
    while (standing.status !== "completed" && standing.status !== "failed") {
      this.#badge.textContent = say(standing.status === "queued" ? "queued" : "in_progress");
      this.#bar.value = standing.progress ?? 0;
      this.#share.textContent = standing.progress ? `${standing.progress} %` : "";
      await pause(waitMs);
      waitMs = Math.min(waitMs * 1.2, LONGEST_POLL_MS);
      try {
        standing = await (await call(this.#licence, path)).response.json();
      } catch (error) {
        if (error.status && error.status < 500 && error.status !== 429) {
          throw error;
        }
        this.#badge.textContent = say("gone");
      }
    }
    return standing;
  }

  async #finish(requestId, taskId) {
    this.#badge.textContent = say("completed");
    this.#badge.className = "tk-badge tk-badge-good";
    const answer = await booked(requestId, taskId);
    this.#made.replaceChildren(...answer.files.map((file, index) => this.#shown(file, index + 1)));
    if (!answer.files.length) {
      this.#made.append(element("p", { className: "tk-quiet" }, say("no_files")));
    }
    this.#links(requestId, taskId, costOf(answer.booked));
    announce(`${say("completed")}: ${this.#prompt}`);
  }

  #shown({ url, type }, number) {
    const label = say(this.#kind === "video" ? "made_video" : "made_picture", {
      number,
      prompt: this.#prompt,
    });
    const isFilm = type.startsWith("video/");
    const shown = isFilm
      ? element("video", { src: url, controls: true, preload: "metadata", playsInline: true })
      : element("img", { src: url, alt: label });
    if (isFilm) {
      shown.setAttribute("aria-label", label);
    }
    const open = element("a", { className: "tk-link", href: url, target: "_blank", rel: "noopener" }, say("open"));
    return element("figure", {}, shown, element("figcaption", {}, open));
  }

  #fail(error, requestId, taskId) {
    this.#badge.textContent = say("task_failed");
    this.#badge.className = "tk-badge tk-badge-bad";
    const code = [error.status ? say("status", { status: error.status }) : "", error.code];
    const fault = element("div", { className: "pg-fault" }, element("p", {}, error.message));
    if (code.some(Boolean)) {
      fault.append(element("code", {}, code.filter(Boolean).join(" · ")));
    }
    this.#made.replaceWith(fault);
    this.#links(requestId, taskId, "");
    announce(`${say("task_failed")}: ${error.message}`);
  }

  #links(requestId, taskId, cost) {
    if (cost) {
      this.#facts.append(element("span", {}, cost));
    }
    const links = [
      [taskId && taskLink(taskId), say("task")],
      [usageLink(requestId), say("record")],
    ];
    for (const [href, label] of links.filter(([address]) => address)) {
      this.#facts.append(element("a", { className: "tk-link", href }, label));
    }
  }
}
