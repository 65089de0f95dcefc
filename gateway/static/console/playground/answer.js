// One answer as it comes: text, reasoning, tool calls; in the end what it took, used and cost.
import { booked, CallError, usageLink } from "./api.js";
import { at, counted, element, say } from "./dom.js";
import { rendered } from "./text.js";

const REASONS = { length: "length", content_filter: "filtered", tool_calls: "called" };
const BADGES = { complete: "good", called: "good", length: "warn", filtered: "warn", cut: "bad", failed: "bad" };
const NEAR = 60; // pixels from its end, within which the log follows what is written
const MEASURABLE_MS = 20;

let answers = 0;

export class Answer {
  text = "";
  requestId = "";
  done = false; // [DONE] has come: only then a stream is whole
  #calls = [];
  #reason = "";
  #usage = null;
  #pending = { text: "", thought: "" };
  #frame = 0;
  #askedAt = 0;
  #firstAt = 0;
  #lastAt = 0;
  #log = at("pg-log");

  constructor(model) {
    this.id = `pg-answer-${++answers}`;
    this.#words = element("div", { className: "pg-text", id: this.id });
    this.#thoughts = element("div", {});
    this.#thought = element(
      "details",
      { className: "pg-thought", hidden: true },
      element("summary", {}, say("reasoning")),
      this.#thoughts,
    );
    this.#called = element("div", { className: "tk-stack pg-tight", hidden: true });
    this.#faults = element("div", {});
    this.#told = element("div", { className: "pg-facts" }, say("waiting"));
    this.node = element(
      "article",
      { className: "pg-turn pg-busy" },
      element("h3", {}, say("answer_of", { model })),
      this.#thought,
      this.#words,
      this.#called,
      this.#faults,
      this.#told,
    );
    this.node.setAttribute("aria-busy", "true");
  }

  #words;
  #thoughts;
  #thought;
  #called;
  #faults;
  #told;

  // The gateway has answered with a stream.
  begin(requestId, askedAt) {
    this.requestId = requestId;
    this.#askedAt = askedAt;
  }

  // The data of one event. Throws CallError for one that says why there will be no more.
  take(data) {
    if (data === "[DONE]") {
      this.done = true;
      return;
    }
    const chunk = JSON.parse(data);
    if (chunk.error) {
      const { code, type, message } = chunk.error;
      throw new CallError(200, code ?? type, message, this.requestId);
    }
    this.#usage = chunk.usage ?? this.#usage;
    const choice = chunk.choices?.[0];
    this.#reason = choice?.finish_reason ?? this.#reason;
    const delta = choice?.delta ?? {};
    this.#write("thought", delta.reasoning_content ?? delta.reasoning);
    this.#write("text", delta.content);
    this.#write("text", delta.refusal);
    for (const call of delta.tool_calls ?? []) {
      this.#noteToken();
      this.#merge(call);
    }
  }

  // What the conversation keeps of it; null where nothing came that could be kept.
  message(isWhole) {
    const calls = isWhole ? this.#calls.filter(Boolean) : [];
    if (!this.text && !calls.length) {
      return null;
    }
    const message = { role: "assistant", content: this.text || null };
    return calls.length ? { ...message, tool_calls: calls } : message;
  }

  // The end, whichever it was: complete, stopped, cut or failed. Returns its name for people.
  end(how, error = null) {
    this.#flush();
    this.node.classList.remove("pg-busy");
    this.node.removeAttribute("aria-busy");
    this.#words.replaceChildren(...rendered(this.text));
    const state = how === "complete" ? (REASONS[this.#reason] ?? how) : how;
    this.#fault(how, error);
    this.#showFacts(state);
    this.#showBooked();
    this.#follow();
    return say(state);
  }

  #write(where, piece) {
    if (typeof piece !== "string" || !piece) {
      return;
    }
    this.#noteToken();
    this.text += where === "text" ? piece : "";
    this.#pending[where] += piece;
    this.#frame ||= requestAnimationFrame(() => this.#flush());
  }

  #noteToken() {
    this.#lastAt = performance.now();
    this.#firstAt ||= this.#lastAt;
  }

  #flush() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const follows = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < NEAR;
    const { text, thought } = this.#pending;
    this.#pending = { text: "", thought: "" };
    if (text || thought) {
      this.#told.replaceChildren();
    }
    if (thought) {
      this.#thought.hidden = false;
      this.#thoughts.append(thought);
    }
    if (text) {
      this.#words.append(text);
    }
    if (follows) {
      this.#follow();
    }
  }

  #follow() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #merge(piece) {
    const call = (this.#calls[piece.index ?? 0] ??= {
      id: "",
      type: "function",
      function: { name: "", arguments: "" },
    });
    call.id = piece.id ?? call.id;
    call.function.name += piece.function?.name ?? "";
    call.function.arguments += piece.function?.arguments ?? "";
    this.#told.replaceChildren();
    this.#called.hidden = false;
    const shown = this.#calls.filter(Boolean).map((one) =>
      element("pre", { className: "tk-code pg-command", tabIndex: 0 }, JSON.stringify(one, null, 2)),
    );
    this.#called.replaceChildren(element("p", { className: "tk-small tk-quiet" }, say("calls")), ...shown);
  }

  #fault(how, error) {
    const sentence = how === "stopped" ? "" : how === "cut" ? say("cut_told") : (error?.message ?? "");
    if (!sentence) {
      return;
    }
    const fault = element("div", { className: "pg-fault" }, element("p", {}, sentence));
    if (how === "cut" && error?.message && error.message !== sentence) {
      fault.append(element("p", {}, error.message));
    }
    const code = [error?.status > 200 ? say("status", { status: error.status }) : "", error?.code];
    if (code.some(Boolean)) {
      fault.append(element("code", {}, code.filter(Boolean).join(" · ")));
    }
    this.#faults.append(fault);
    this.requestId ||= error?.requestId ?? "";
  }

  #showFacts(state) {
    const kind = BADGES[state] ? `tk-badge tk-badge-${BADGES[state]}` : "tk-badge";
    const place = this.#told;
    place.replaceChildren(element("span", { className: kind }, say(state)));
    const add = (sentence, title = "") => place.append(element("span", { title }, sentence));
    if (state === "stopped") {
      add(say("stopped_told"));
    }
    if (this.#usage) {
      this.#addUsage(add);
    }
    if (this.#firstAt) {
      add(say("first", { seconds: ((this.#firstAt - this.#askedAt) / 1000).toFixed(2) }));
      const spanMs = this.#lastAt - this.#firstAt;
      if (this.#usage && spanMs > MEASURABLE_MS) {
        const speed = (this.#usage.completion_tokens / spanMs) * 1000;
        add(say("speed", { speed: counted(Math.round(speed * 10) / 10) }));
      }
      add(say("took", { seconds: ((this.#lastAt - this.#askedAt) / 1000).toFixed(2) }));
    }
    if (this.text) {
      const button = element("button", { type: "button", className: "tk-button pg-small" }, say("copy"));
      button.dataset.copy = `#${this.id}`;
      button.dataset.copied = say("copied");
      place.append(button);
    }
  }

  #addUsage(add) {
    const usage = this.#usage;
    const tokens = { prompt: counted(usage.prompt_tokens), completion: counted(usage.completion_tokens) };
    add(say("tokens", tokens), say("tokens_told"));
    const cached = usage.prompt_tokens_details?.cached_tokens;
    const thought = usage.completion_tokens_details?.reasoning_tokens;
    if (cached) {
      add(say("cached", { count: counted(cached) }));
    }
    if (thought) {
      add(say("thought", { count: counted(thought) }));
    }
  }

  async #showBooked() {
    if (!this.requestId) {
      return;
    }
    const cost = element("span", {});
    this.#told.append(cost);
    const address = usageLink(this.requestId);
    if (address) {
      this.#told.append(element("a", { className: "tk-link", href: address }, say("record")));
    }
    const answer = await booked(this.requestId);
    cost.textContent = costOf(answer.booked);
    this.node.dataset.outcome = answer.booked?.outcome ?? "";
  }
}

// What a call has cost, in words.
export const costOf = (record) => {
  if (!record) {
    return say("not_booked");
  }
  return record.is_priced ? say("cost", { cost: record.cost }) : say("unpriced");
};
