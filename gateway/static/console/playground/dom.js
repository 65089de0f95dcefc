// Small things that every part of the playground needs: elements without HTML, and the page's words.
const read = (id) => JSON.parse(document.getElementById(id).textContent);

export const facts = read("pg-facts");
const words = read("pg-words");

export const at = (id) => document.getElementById(id);

// The words of this name, with {name} replaced by what `values` has under it.
export const say = (name, values = {}) =>
  words[name].replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));

// An element with these properties and children; texts become text, never HTML.
export const element = (tag, properties = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) {
      made[name] = value;
    } else {
      made.setAttribute(name, value);
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};

// Show a sentence, or hide its place where there is none.
export const tell = (place, sentence) => {
  place.textContent = sentence || "";
  place.hidden = !sentence;
};

const language = document.documentElement.lang || "en";
const number = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
export const counted = (value) => number.format(value);

export const bytes = (size) => {
  if (size < 1024) {
    return `${size} B`;
  }
  return size < 1024 ** 2 ? `${counted(Math.round(size / 1024))} KB` : `${counted(size / 1024 ** 2)} MB`;
};

// Said aloud by screen readers, once and when it is whole.
export const announce = (sentence) => {
  at("pg-told").textContent = sentence;
};
