// How the bridge is: upstreams and routes, what calls came to, over time, and the last of them.
import { act, get } from "./app.js";
import { bars, lines } from "./charts.js";
import { ago, ahead, clock, count, h, money, panel, percent, protocol, seconds } from "./dom.js";
import { callTable } from "./conversations.js";

const SPANS = [[600, "10 min"], [3600, "1 h"], [6 * 3600, "6 h"], [24 * 3600, "24 h"]];
let span = 3600;

export async function dashboard() {
  const [state, series] = await Promise.all([get("api/state"), get(`api/series?seconds=${span}&buckets=40`)]);
  return h("div", {},
    tiles(state.totals),
    panel("Upstreams", h("div", { class: "cards" }, state.upstreams.map((upstream) => card(upstream, state))),
      h("div", { class: "buttons" },
        h("button", { type: "button", onclick: () => act("api/use") }, "by health again"),
        h("button", { type: "button", onclick: () => act("api/reset") }, "reset all"),
        h("button", { type: "button", onclick: () => act("api/check") }, "check all now"))),
    panel("Routes", h("dl", {}, state.routes.map((route) => [
      h("dt", {}, route.name),
      h("dd", {}, h("b", {}, route.active || "the app's own host"), route.override ? " (chosen by hand)" : "",
        route.order.filter((name) => name !== route.active).map((name) => ` → ${name}`),
        route.shadow ? h("span", { class: "dim" }, ` shadow: ${route.shadow}`) : null)]))),
    state.under_way.length ? panel("Under way", callTable(state.under_way, "calls that are not over")) : null,
    plots(series),
    panel("Last calls", state.calls.length ? callTable(state.calls.slice(0, 15), "the last calls")
      : h("p", { class: "empty" }, "No call yet. Point an app at the proxy, or run ./scripts/demo --web.")));
}

function tiles(totals) {
  const tokens = totals.tokens ?? {};
  const shown = [
    [count(totals.calls), totals.no_apps ? `calls, ${count(totals.no_apps)} by replay or shadow` : "calls"],
    [count(totals.failovers), "failed over"], [count(totals.failed), "failed"], [count(totals.lost), "lost content"], [count(tokens.input), "tokens in"], [count(tokens.output), "tokens out"],
    [percent(tokens.cached, tokens.input), "from the cache"], [money(totals.cost), "cost"],
  ];
  return h("div", { class: "tiles" }, shown.map(([value, name]) => h("div", { class: "tile" }, h("b", {}, value), h("span", {}, name))));
}

const STATES = { healthy: "good", trial: "warn", cooling: "bad" };

function card(upstream, state) {
  const tone = STATES[upstream.state] ?? (upstream.healthy ? "good" : "bad");
  return h("article", { class: `card ${tone}`, "aria-label": upstream.name },
    h("h3", {}, upstream.name, h("span", { class: `pill ${tone}` }, upstream.state), upstream.cooldown_left ? ahead(upstream.cooldown_left, " left", "") : null),
    h("p", { class: "dim small" }, `${protocol(upstream.protocol)} · ${upstream.url}`),
    upstream.in_flight ? h("p", {}, `${upstream.in_flight} under way`) : null,
    upstream.last_error ? h("p", { class: "small" }, `last error: ${upstream.last_error}`) : null,
    upstream.last_check ? h("p", { class: "small dim" }, `last check: ${upstream.last_check}`) : null,
    upstream.next_probe === null ? null : h("p", { class: "small dim" }, "next check in", ahead(upstream.next_probe, "", " a moment")),
    upstream.last_success_age === null ? null : h("p", { class: "small dim" }, "last answer ", ago(upstream.last_success_age)),
    upstream.keys.length > 1 ? h("p", { class: "small" }, upstream.keys.map((key, n) => `key ${n + 1} ${key.state} `)) : null,
    h("div", { class: "buttons" },
      state.routes.some((route) => route.upstreams.includes(upstream.name))
        ? h("button", { type: "button", onclick: () => act("api/use", upstream.name), "aria-label": `use ${upstream.name}` }, "use") : null,
      h("button", { type: "button", onclick: () => act("api/reset", upstream.name), "aria-label": `reset ${upstream.name}` }, "reset"),
      state.routes.some((route) => route.active === upstream.name) ? h("span", { class: "pill good" }, "in use") : null));
}

function plots(series) {
  const ticks = Array.from({ length: series.buckets }, (_, n) => clock(series.start + n * series.width).replace(/:\d\d( [AP]M)?$/, "$1"));
  const names = Object.keys(series.upstreams);
  const of = (key) => Object.fromEntries(names.map((name) => [name, series.upstreams[name][key]]));
  const sums = (key) => ticks.map((_, n) => names.reduce((sum, name) => sum + series.upstreams[name][key][n], 0));
  const choose = h("label", { class: "small" }, "Over ", h("select", {
    onchange: (event) => { span = Number(event.target.value); dispatchEvent(new Event("hashchange")); },
  }, SPANS.map(([value, name]) => h("option", { value, selected: value === span }, name))));
  const whole = (value) => count(Math.round(value * 10) / 10);
  const share = (name) => of("input")[name].map((all, n) => (all ? of("cached")[name][n] / all : null));
  return panel("Over time", choose, names.length ? h("div", { class: "grid2" },
    bars("Requests per upstream", ticks, of("requests"), whole),
    lines("Time to the first content: median, and p90 as a thin line", ticks, of("median"), seconds, of("p90")),
    bars("Tokens", ticks, { "in, not cached": sums("input").map((all, n) => Math.max(0, all - sums("cached")[n])), "in, cached": sums("cached"), out: sums("output") }, whole),
    lines("Share of the input that came from a cache", ticks, Object.fromEntries(names.map((name) => [name, share(name)])), (part) => (part === null ? "–" : percent(part, 1))),
    bars("Failed attempts, failovers, lost content", ticks, { "failed attempts": sums("failures"), "failed over": sums("failovers"), "lost content": sums("losses") }, whole))
    : h("p", { class: "empty" }, "Nothing in this time."));
}
