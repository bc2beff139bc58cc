// Lists of calls and conversations, and one conversation: how its context grows, and where its cache breaks.
import { get, kept } from "./app.js";
import { bars } from "./charts.js";
import { bytes, clock, count, h, money, outcome, panel, percent, protocol, seconds, table } from "./dom.js";

const number = (text) => ({ text, class: "number" });

// What it is besides a call of an app's, and how often it was tried.
function marks(call, attempts) {
  return [
    ["replay", "shadow"].includes(call.route) ? [" ", h("span", { class: "pill" }, call.route)] : null,
    call.injected ? [" ", h("span", { class: "pill" }, "injected")] : null,
    attempts > 1 ? [" ", h("span", { class: "pill warn" }, `${attempts} attempts`)] : null,
  ];
}

export function callTable(list, caption) {
  return table(["time", "app", "to", "model", "answer", number("in"), number("out"), number("first content"), number("cost"), "notes"],
    list.map((call) => ({ cells: [
      h("a", { href: `#/call/${encodeURIComponent(call.id)}` }, clock(call.started)),
      protocol(call.client),
      [call.upstream, marks(call, call.attempts)],
      call.model.used === call.model.asked ? call.model.asked : `${call.model.asked} → ${call.model.used}`,
      [outcome(call), " ", h("span", { class: "dim small" }, call.stop)],
      count(call.usage.input_tokens), count(call.usage.output_tokens), seconds(call.timing.first_content ?? call.timing.last), money(call.cost),
      call.codes.map((code) => [h("span", { class: call.lost.includes(code) ? "pill bad" : "pill" }, code), " "]),
    ] })), caption);
}

const FEW = 200, MOST = 1000; // rows of a list: at first, and when more are asked for
let rows = FEW;

const WHICH = [["", "all"], ["failed", "failed"], ["failed_over", "failed over"], ["lost", "lost content"]];

export async function calls(kind = "") {
  const [list, { totals }] = await Promise.all([get(`api/calls?limit=${rows}&kind=${kind}`), get("status")]);
  return panel("Calls",
    h("nav", { "aria-label": "Which calls" }, WHICH.map(([name, words]) => h("a", { href: name ? `#/calls/${name}` : "#/calls" }, words))),
    extent(list, totals.kept.calls, "calls"),
    list.length ? callTable(list, "calls, the newest first") : h("p", { class: "empty" }, totals.calls ? "None." : "No call yet."));
}

// How much of what is kept is listed, and a way to more.
function extent(list, all, what) {
  const more = () => { rows = MOST; dispatchEvent(new Event("hashchange")); };
  return h("p", { class: "dim small" }, `${list.length.toLocaleString("en")} of ${all.toLocaleString("en")} ${what} that are kept, the newest first. `,
    list.length === FEW && all > FEW ? h("button", { type: "button", onclick: more }, "more") : null);
}

export async function conversations() {
  const [list, { totals }] = await Promise.all([get(`api/conversations?limit=${rows}`), get("status")]);
  if (!list.length) return panel("Conversations", h("p", { class: "empty" }, "No conversation yet."));
  return panel("Conversations", extent(list, totals.kept.conversations, "conversations"), table(
    [{ text: "conversation", class: "title" }, "app", number("calls"), number("tokens in"), number("cached"), number("out"), number("cost"), "last"],
    list.map((each) => ({ cells: [
      h("a", { href: `#/conversation/${encodeURIComponent(each.key)}` }, each.title || each.key),
      protocol(each.client), count(each.calls), count(each.tokens.input), percent(each.tokens.cached, each.tokens.input),
      count(each.tokens.output), money(each.cost), clock(each.last),
    ] })), "the last ones first"));
}

const KINDS = ["system", "tools", "history", "results", "images"];

export async function conversation(key) {
  const told = await kept(`api/conversation/${encodeURIComponent(key)}`, "conversation");
  if (told.unread) setTimeout(() => location.hash.endsWith(key) && dispatchEvent(new Event("hashchange")), 300); // read piece by piece
  const ticks = told.turns.map((_, n) => String(n + 1));
  const growth = Object.fromEntries(KINDS.map((kind) => [kind, told.turns.map((turn) => turn.growth?.[kind] ?? 0)]));
  return h("div", {},
    panel(told.title || "A conversation", h("dl", {},
      h("dt", {}, "app"), h("dd", {}, protocol(told.client)),
      h("dt", {}, "from, to"), h("dd", {}, `${clock(told.started)} – ${clock(told.last)}`),
      h("dt", {}, "tokens"), h("dd", {}, `${count(told.tokens.input)} in (${percent(told.tokens.cached, told.tokens.input)} from the cache), ${count(told.tokens.output)} out`),
      h("dt", {}, "cost"), h("dd", {}, money(told.cost), told.unpriced ? h("span", { class: "dim" }, ` and ${told.unpriced} calls without a price`) : null))),
    panel("What fills the context", h("p", { class: "dim small" }, "Estimated tokens of each request, by what they are."), bars("Tokens of each turn's request", ticks, growth, (value) => count(Math.round(value)))),
    panel("Turns", table(["", "time", "to", "answer", number("context"), number("in"), number("cached"), number("out"), number("first content"), number("cost"), "prompt cache"],
      told.turns.map((turn, n) => ({ cells: [
        h("a", { href: `#/call/${encodeURIComponent(turn.id)}` }, `turn ${n + 1}`), clock(turn.started),
        [turn.upstream, marks(turn, turn.attempts.length)], outcome(turn),
        context(turn),
        count(turn.usage.input_tokens), count(turn.usage.cache_read_tokens), count(turn.usage.output_tokens), seconds(turn.timing.first_content ?? turn.timing.last), money(turn.cost), broken(turn, n),
      ] })), "each turn is a call; a broken prompt cache names the first place that differs from an earlier request")));
}

function context(turn) {
  if (!turn.growth) return "–";
  const tokens = count(Object.values(turn.growth).reduce((sum, each) => sum + each, 0));
  return turn.missing ? h("span", { title: `${bytes(turn.missing)} of the request were not kept` }, `> ${tokens}`) : tokens;
}

const placeOf = (turn) => turn.cache_break.before_path || "its end";

function broken(turn, n) {
  if (!turn.growth) return h("span", { class: "dim" }, "not kept");
  if (!turn.cache_break) return n === 0 || !turn.compared_with ? "–" : h("span", { class: "pill good" }, "whole");
  const { path, offset, before, after } = turn.cache_break;
  return h("details", {}, h("summary", {}, h("span", { class: "pill warn" }, "broken"), ` at ${path || placeOf(turn)}, byte ${offset}`),
    h("dl", { class: "small" }, h("dt", {}, "before"), h("dd", {}, h("code", {}, before || "(nothing)")), h("dt", {}, "now"), h("dd", {}, h("code", {}, after || "(nothing)"))));
}
