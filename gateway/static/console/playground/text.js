// A model's words as text: fences become blocks of code, everything else stays as it was written.
import { element } from "./dom.js";

const FENCE = /^( {0,3})(`{3,}|~{3,})([^`\n]*)$/;

// The nodes for a text. Nothing in it is ever read as HTML.
export const rendered = (text) => {
  const nodes = [];
  let plain = [];
  let block = null;
  const flush = () => {
    const joined = plain.join("\n").replace(/^\n+|\n+$/g, "");
    if (joined) {
      nodes.push(element("div", {}, `${joined}\n`)); // so that copying keeps the lines apart
    }
    plain = [];
  };
  const close = () => {
    const code = element("pre", { className: "tk-code", tabIndex: 0 });
    if (block.language) {
      code.dataset.language = block.language;
    }
    code.append(`${block.lines.join("\n")}\n`);
    nodes.push(code);
    block = null;
  };
  for (const line of text.split("\n")) {
    const fence = FENCE.exec(line);
    if (block && fence && fence[2].startsWith(block.fence) && !fence[3].trim()) {
      close();
    } else if (block) {
      block.lines.push(line);
    } else if (fence) {
      flush();
      block = { fence: fence[2], language: fence[3].trim(), lines: [] };
    } else {
      plain.push(line);
    }
  }
  if (block) {
    close(); // a fence that was never closed, such as of an answer that was cut
  }
  flush();
  return nodes;
};
