// The conversation: what was said, what is sent next, and one answer at a time.
import { Answer } from "./answer.js";
import { call, isStopped } from "./api.js";
import { announce, at, element, facts, say, tell } from "./dom.js";
import { Files } from "./files.js";
import { eventsOf } from "./sse.js";

const READ_ALOUD = 2000; // characters of an answer

export class Chat {
  #choice;
  #changed;
  #files;
  #turns = []; // messages that the next call sends again
  #running = null;

  constructor(choice, changed) {
    this.#choice = choice;
    this.#changed = changed;
    const form = at("pg-chat");
    this.#files = new Files("chat", at("pg-attach"), form, { most: facts.max_chat, changed });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    at("pg-stop").addEventListener("click", () => this.stop());
    at("pg-clear").addEventListener("click", () => this.clear());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#running) {
        event.preventDefault();
        this.stop();
      }
    });
  }

  get path() {
    return `/${this.#choice.platform}/v1/chat/completions`;
  }

  // What would be sent now. Throws SyntaxError where the further fields are no JSON object.
  body() {
    const system = at("pg-system").value.trim();
    const temperature = at("pg-temperature").valueAsNumber;
    const most = at("pg-most").valueAsNumber;
    return {
      model: this.#choice.model,
      messages: [
        ...(system ? [{ role: "system", content: system }] : []),
        ...this.#turns,
        ...this.#next(),
      ],
      ...(Number.isNaN(temperature) ? {} : { temperature }),
      ...(Number.isNaN(most) ? {} : { max_tokens: most }),
      stream: true,
      stream_options: { include_usage: true },
      ...this.#further(),
    };
  }

  async send() {
    const text = at("pg-text").value;
    if (this.#running || !(text.trim() || this.#files.all.length)) {
      at("pg-text").focus();
      return;
    }
    let body;
    try {
      body = this.body();
    } catch (error) {
      at("pg-how").open = true;
      at("pg-further").focus();
      return tell(at("pg-chat-error"), error.message);
    }
    if (!body.model || !this.#choice.platform) {
      return tell(at("pg-chat-error"), say(body.model ? "no_platform" : "no_model"));
    }
    tell(at("pg-chat-error"), "");
    const said = this.#next();
    const shownFiles = this.#files.all;
    const files = this.#files.take();
    at("pg-text").value = "";
    const answer = new Answer(body.model);
    at("pg-log-empty").hidden = true;
    at("pg-log").append(this.#question(said, text, shownFiles), answer.node);
    at("pg-log").scrollTop = at("pg-log").scrollHeight;
    const { how, error } = await this.#ask(body, answer);
    const kept = answer.message(how === "complete");
    if (kept) {
      this.#turns.push(...said, kept);
    } else if (!at("pg-text").value && !this.#files.all.length) {
      at("pg-text").value = text; // nothing came of it, so that it can be sent again
      this.#files.restore(files);
    }
    const state = answer.end(how, error);
    announce(`${state}. ${error?.message ?? ""} ${answer.text.slice(0, READ_ALOUD)}`);
    this.#showStanding();
  }

  stop() {
    this.#running?.abort();
    at("pg-text").focus();
  }

  clear() {
    this.stop();
    this.#turns = [];
    for (const turn of at("pg-log").querySelectorAll(".pg-turn")) {
      turn.remove();
    }
    at("pg-log-empty").hidden = false;
    this.#showStanding();
    at("pg-text").focus();
  }

  // How the stream ended: complete, stopped, cut, failed; and the error, if there was one.
  async #ask(body, answer) {
    this.#running = new AbortController();
    const { signal } = this.#running;
    this.#showStanding();
    announce(say("writing"));
    try {
      const { response, askedAt } = await call(this.#choice.licence, this.path, { body, signal });
      answer.begin(response.headers.get("x-request-id") ?? "", askedAt);
      for await (const data of eventsOf(response)) {
        answer.take(data);
      }
      return { how: answer.done ? "complete" : "cut" };
    } catch (error) {
      if (isStopped(error)) {
        return { how: "stopped" };
      }
      return { how: answer.text ? "cut" : "failed", error };
    } finally {
      this.#running = null;
    }
  }

  #openCalls() {
    return this.#turns.at(-1)?.tool_calls ?? [];
  }

  // The messages that the operator's words become: his own, or the answers of called tools.
  #next() {
    const text = at("pg-text").value;
    const calls = this.#openCalls();
    if (calls.length) {
      return calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: text }));
    }
    const parts = this.#files.parts;
    if (!parts.length) {
      return [{ role: "user", content: text }];
    }
    const words = text.trim() ? [{ type: "text", text }] : [];
    return [{ role: "user", content: [...words, ...parts] }];
  }

  #further() {
    const text = at("pg-further").value.trim();
    const place = at("pg-further-error");
    tell(place, "");
    if (!text) {
      return {};
    }
    try {
      const fields = JSON.parse(text);
      if (fields === null || typeof fields !== "object" || Array.isArray(fields)) {
        throw new SyntaxError(typeof fields);
      }
      return fields;
    } catch (error) {
      const sentence = say("bad_json", { problem: error.message });
      tell(place, sentence);
      throw new SyntaxError(sentence);
    }
  }

  #question(said, text, files) {
    const title = said[0].role === "tool" ? say("tool") : say("you");
    const names = files.map(({ name }) => name).join(", ");
    return element(
      "article",
      { className: "pg-turn pg-mine" },
      element("h3", {}, title),
      text.trim() ? element("div", { className: "pg-said" }, text) : null,
      names ? element("p", { className: "tk-small tk-quiet tk-wrap" }, `⎘ ${names}`) : null,
    );
  }

  #showStanding() {
    const isRunning = this.#running !== null;
    at("pg-send").disabled = isRunning;
    at("pg-stop").hidden = !isRunning;
    at("pg-clear").disabled = !isRunning && !this.#turns.length && at("pg-log-empty").hidden === false;
    tell(at("pg-tool-hint"), this.#openCalls().length ? say("tool_hint") : "");
    this.#changed();
  }
}
