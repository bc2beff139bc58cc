// Plots as SVG: bars that stand on each other, and lines. Each has a legend and a table of its numbers.
import { h, svg, table } from "./dom.js";

const WIDTH = 640, HEIGHT = 200, LEFT = 64, RIGHT = 8, TOP = 8, BOTTOM = 24;
const INNER = { width: WIDTH - LEFT - RIGHT, height: HEIGHT - TOP - BOTTOM };

function nice(most) {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= most);
}

function frame(top, ticks, words) {
  const y = (value) => TOP + INNER.height * (1 - value / top);
  const lines = [0, 0.5, 1].map((part) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(part * top), y2: y(part * top) }),
    svg("text", { class: "tick", x: LEFT - 6, y: y(part * top) + 4, "text-anchor": "end" }, words(part * top)),
  ]);
  const steps = Math.max(1, Math.ceil(ticks.length / 5)); // not at the edge, where the other axis is
  const labels = ticks.map((tick, n) => n % steps === Math.floor(steps / 2) &&
    svg("text", { class: "tick", x: LEFT + (INNER.width * (n + 0.5)) / ticks.length, y: HEIGHT - 6, "text-anchor": "middle" }, tick));
  return { y, marks: [lines, labels] };
}

function figure(title, names, ticks, columns, words, drawing) {
  const all = Object.keys(columns);
  const rows = ticks.map((tick, n) => ({ cells: [tick, ...all.map((name) => words(columns[name][n]))] }));
  const shown = rows.filter((row, n) => all.some((name) => columns[name][n]));
  return h("figure", { class: "chart" },
    h("figcaption", {}, title,
      h("ul", { class: "legend" }, names.map((name, n) => h("li", {}, h("span", { class: `key c${n % 8}` }), name)))),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title }, drawing),
    h("details", {}, h("summary", {}, "numbers"),
      table(["", ...all.map((text) => ({ text, class: "number" }))], shown, title)));
}

// columns: name -> numbers, one for each tick
export function bars(title, ticks, columns, words = String) {
  const names = Object.keys(columns);
  const sums = ticks.map((_, n) => names.reduce((sum, name) => sum + (columns[name][n] || 0), 0));
  const top = nice(Math.max(...sums, 0));
  const { y, marks } = frame(top, ticks, words);
  const step = INNER.width / ticks.length;
  const shapes = ticks.map((tick, n) => {
    let below = 0;
    return names.map((name, place) => {
      const value = columns[name][n] || 0;
      if (!value) return null;
      const from = y(below + value), height = y(below) - from;
      below += value;
      return svg("rect", { class: `c${place % 8}`, x: LEFT + n * step + step * 0.1, width: Math.max(1, step * 0.8), y: from, height },
        svg("title", {}, `${tick} ${name}: ${words(value)}`));
    });
  });
  return figure(title, names, ticks, columns, words, [marks, shapes]);
}

// thin: the same, drawn as thin lines of the same colours
export function lines(title, ticks, columns, words = String, thin = {}) {
  const names = Object.keys(columns);
  const all = [columns, thin].flatMap((each) => Object.values(each).flat()).filter((value) => value !== null);
  const top = nice(Math.max(...all, 0));
  const { y, marks } = frame(top, ticks, words);
  const x = (n) => LEFT + (INNER.width * (n + 0.5)) / ticks.length;
  const drawn = (values, name, place, radius) => {
    let path = "", pen = false;
    const dots = values.map((value, n) => {
      if (value === null) { pen = false; return null; }
      path += `${pen ? "L" : "M"}${x(n).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = true;
      return svg("circle", { class: `dot c${place % 8}`, cx: x(n), cy: y(value), r: radius }, svg("title", {}, `${ticks[n]} ${name}: ${words(value)}`));
    });
    return [svg("path", { class: `line ${radius < 3 ? "thin " : ""}s${place % 8}`, d: path }), dots];
  };
  const shapes = names.map((name, place) => [
    drawn(columns[name], name, place, 3), thin[name] ? drawn(thin[name], `${name} p90`, place, 2) : null]);
  const all90 = Object.entries(thin).map(([name, values]) => [`${name} p90`, values]);
  return figure(title, names, ticks, { ...columns, ...Object.fromEntries(all90) }, words, [marks, shapes]);
}
