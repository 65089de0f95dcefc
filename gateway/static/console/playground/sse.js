// Server-sent events, read as they come: any split, LF, CR and CRLF, comments, data on several lines.
export class EventParser {
  #rest = "";
  #data = null;
  #afterReturn = false;

  // The data of the events that this piece of text ends.
  feed(piece) {
    const found = [];
    let text = piece;
    if (this.#afterReturn && text) {
      // A CRLF that was split between two pieces is one end of a line.
      text = text.startsWith("\n") ? text.slice(1) : text;
      this.#afterReturn = false;
    }
    const whole = this.#rest + text;
    const ends = /\r\n|\n|\r/g;
    ends.lastIndex = this.#rest.length; // there is none in what was left over
    let from = 0;
    for (let end = ends.exec(whole); end; end = ends.exec(whole)) {
      this.#line(whole.slice(from, end.index), found);
      from = ends.lastIndex;
      this.#afterReturn = end[0] === "\r" && from === whole.length;
    }
    this.#rest = whole.slice(from);
    return found;
  }

  #line(line, found) {
    if (line === "") {
      if (this.#data !== null) {
        found.push(this.#data);
      }
      this.#data = null;
      return;
    }
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    if (field !== "data") {
      return; // a comment begins with a colon, so its field is empty
    }
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
  }
}

// The data of each event of a response, as it comes. What is not ended when the response ends is
// no event.
export async function* eventsOf(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      yield* parser.feed(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
