// Elements, and numbers and times in words. What comes from traffic only ever becomes text.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  return fill(element, attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return fill(element, attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false).map(
    (child) => (child instanceof Node ? child : String(child))));
  return element;
}

export function table(heads, rows, caption) {
  const titles = heads.map((head) => (typeof head === "string" ? { text: head } : head));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {},
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, titles.map((head) => h("th", { scope: "col", class: head.class }, head.text)))),
      h("tbody", {}, rows.map((row) => h("tr", { class: row.class },
        row.cells.map((cell, n) => h("td", { class: titles[n].class }, cell)))))));
}

export const count = (number) =>
  number === null || number === undefined ? "–"
    : number >= 1e6 ? `${(number / 1e6).toFixed(2)} M`
      : number >= 1e4 ? `${(number / 1e3).toFixed(1)} k` : String(number);

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 120) return `${Number.isInteger(value) ? value : value.toFixed(value < 10 ? 2 : 1)} s`;
  const minutes = Math.floor(value / 60);
  return minutes < 120 ? `${minutes} min ${Math.round(value % 60)} s` : `${(value / 3600).toFixed(1)} h`;
}

// A text that goes on with the time: `words` of `value` and of the seconds since.
export function ticking(value, words, attributes = {}) {
  const began = performance.now();
  const element = h("span", attributes, words(value, 0));
  const timer = setInterval(() => {
    if (!element.isConnected) clearInterval(timer);
    else element.textContent = words(value, (performance.now() - began) / 1000);
  }, 1000);
  return element;
}

export const ago = (age) => ticking(age, (value, since) => `${seconds(Math.round(value + since))} ago`);
export const ahead = (left, behind, over) =>
  ticking(left, (value, since) => (value > since ? ` ${seconds(Math.ceil(value - since))}${behind}` : over), { "data-left": left });

export const money = (value) =>
  value === null || value === undefined ? "–" : value >= 0.01 || value === 0 ? `$${value.toFixed(2)}` : `$${value.toFixed(5)}`;
export const percent = (part, all) => (all ? `${Math.round((100 * part) / all)} %` : "–");
export const bytes = (size) => (size < 10_000 ? `${size} B` : size < 1e6 ? `${(size / 1e3).toFixed(0)} kB` : `${(size / 1e6).toFixed(1)} MB`);

export function clock(epoch) {
  const date = new Date(epoch * 1000);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return date.toDateString() === new Date().toDateString() ? time : `${date.toLocaleDateString()} ${time}`;
}

const NAMES = { anthropic_messages: "Messages", openai_chat: "Chat", openai_responses: "Responses" };
export const protocol = (name) => NAMES[name] ?? name ?? "";

export const GOOD = ["ok", "pending"];
export function outcome(call) {
  const failed = !GOOD.includes(call.outcome);
  const words = call.outcome === "error" && call.status ? `${call.status} error` : call.outcome || "–";
  return h("span", { class: failed ? "pill bad" : "pill good" }, words);
}

export function panel(title, ...children) {
  return h("section", { class: "panel" }, h("h2", {}, title), children);
}
