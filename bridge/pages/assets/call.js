// One call: the transcript, its attempts, the timeline, both wires next to each other, the stream's events.
import { kept, next } from "./app.js";
import { bytes, clock, count, GOOD, h, money, outcome, panel, percent, protocol, seconds, svg, table } from "./dom.js";

const TABS = [["transcript", "Transcript", transcript], ["attempts", "Attempts", attempts], ["timeline", "Timeline", timeline], ["wire", "Both wires", wires], ["events", "Events", events]];
const PARTS = { transcript: "transcript", attempts: "tries", wire: "wire", events: "events", replays: "transcript" };

// Only what the tab shows: it may be much.
const read = (id, tab) => kept(`api/call/${encodeURIComponent(id)}?part=${PARTS[tab] ?? "none"}`, "call");

export async function call(id, tab = "transcript") {
  const told = await read(id, tab);
  next.live = Boolean(told.under_way);
  const others = [told.replay_of, ...(told.replays ?? [])].filter(Boolean);
  const tabs = others.length ? [...TABS, ["replays", "Side by side", () => sideBySide(told, others)]] : TABS;
  const [, , show] = tabs.find(([name]) => name === tab) ?? tabs[0];
  return h("div", {}, about(told),
    h("div", { class: "tabs", role: "tablist" }, tabs.map(([name, title]) => h("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-selected": String(name === tab), "aria-controls": "tab",
      tabindex: name === tab ? "0" : "-1", onclick: () => go(id, name), onkeydown: (event) => move(event, id, name, tabs),
    }, title))),
    h("div", { id: "tab", role: "tabpanel", "aria-labelledby": `tab-${tab}` }, await show(told)));
}

function go(id, name) {
  next.focus = `tab-${name}`;
  location.hash = `#/call/${encodeURIComponent(id)}/${name}`;
}

function move(event, id, name, tabs) {
  const names = tabs.map(([each]) => each);
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  go(id, names[(names.indexOf(name) + step + names.length) % names.length]);
}

function about(told) {
  const last = told.attempts?.at(-1) ?? {};
  const rows = [
    ["app", protocol(told.client)],
    ["sent to", last.upstream ? `${last.upstream} (${protocol(told.upstream)})${told.route ? `, by route ${told.route}` : ""}` : "nobody"],
    ["model", told.model ? (told.model.asked === told.model.used ? told.model.asked : `${told.model.asked} → ${told.model.used}`) : "–"],
    ["answer", [outcome({ outcome: last.outcome ?? "the bridge's own", status: last.status }), ` ${told.stop ?? ""}`, last.reason && !GOOD.includes(last.outcome) ? h("span", { class: "small" }, ` ${last.reason}`) : null]],
    ["tokens", told.usage?.input_tokens === undefined ? "–" : `${count(told.usage.input_tokens)} in, ${count(told.usage.cache_read_tokens ?? 0)} of them cached, ${count(told.usage.output_tokens)} out${told.cost === null ? "" : `, ${money(told.cost)}`}`],
    ["time", `${clock(told.started)}${told.timing?.first_content === undefined ? "" : `, first content after ${seconds(told.timing.first_content)}`}, all after ${seconds(told.timing?.last)}`],
    ["conversation", told.conversation ? h("a", { href: `#/conversation/${told.conversation}` }, told.conversation) : "–"],
    ["replay of", told.replay_of ? h("a", { href: `#/call/${encodeURIComponent(told.replay_of)}` }, told.replay_of) : null],
    ["replays", told.replays?.length ? told.replays.map((id) => h("a", { href: `#/call/${encodeURIComponent(id)}` }, id, " ")) : null],
    ["injected", told.injected ? `${told.injected.fault} (${told.injected.effect || "not reached"})` : null],
    ["shadow", told.shadow ? shadow(told.shadow) : null],
  ].filter(([, value]) => value !== null);
  return panel("Call", h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])), notes(told.notes ?? []), commands(told));
}

// For mitmproxy's command line: in mitmweb, what is selected is nothing that a command could name.
function commands(told) {
  const lines = [`bridge.replay @${told.id} UPSTREAM`, `bridge.export @${told.id} FOLDER`];
  return h("details", {}, h("summary", {}, "Commands"), lines.map((line) => h("p", { class: "note" }, h("code", {}, line))));
}

function shadow(told) {
  const codes = [...new Set((told.notes ?? []).map((each) => each.code))].join(", ");
  const sent = told.replay ? [", ", h("a", { href: `#/call/${encodeURIComponent(told.replay)}` }, "really sent")] : told.skipped ? `, not sent: ${told.skipped}` : null;
  return [`${told.upstream} (${protocol(told.protocol)}): ${told.refused || codes || "nothing would be lost"}`, sent];
}

const TONES = { lost: "bad", degraded: "warn", cosmetic: "" };

function note(each) {
  return h("p", { class: "note" }, h("span", { class: `pill ${TONES[each.severity] ?? ""}` }, each.code), " ", each.where ? h("code", {}, each.where) : null, " ", each.detail);
}

function notes(list) {
  return list.length ? [h("h3", {}, "What translation changed"), list.map(note)] : null;
}

const coming = (told) => (told.under_way ? h("p", { class: "dim" }, "Still coming.") : null);
const gone = () => h("p", { class: "panel empty" }, "The bodies of this call are not kept any more.");

// --- what was said

function transcript(told) {
  if (!told.transcript) return gone();
  const { request, answer } = told.transcript;
  const settings = Object.entries(request.settings);
  return panel("Transcript",
    h("details", {}, h("summary", {}, `${settings.length} settings, ${request.tools.length} tools`),
      h("dl", {}, settings.map(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))])),
      request.tools.map((tool) => h("p", { class: "small" }, tool))),
    request.turns.map(turn), answer ? [h("h3", {}, "The answer"), answer.turns.map(turn), answer.error ? h("p", { class: "pill bad" }, answer.error) : null, answer.stop ? h("p", { class: "dim" }, `stopped: ${answer.stop}`) : null] : null,
    coming(told),
    [...request.faults, ...(answer?.faults ?? [])].map((fault) => h("p", { class: "small dim" }, `not readable: ${fault}`)));
}

function turn(each) {
  const fresh = each.new ? h("span", { class: "pill good" }, "new") : null;
  return h("article", { class: `turn ${each.role}` }, h("h3", {}, each.role, each.name ? ` ${each.name}` : "", fresh), each.blocks.map(block));
}

const LONG = 1500;

function block(each) {
  const title = [each.kind === "text" ? "" : each.kind, each.title, each.detail].filter(Boolean).join(" · ");
  const text = each.text ?? "";
  const said = text.length > LONG
    ? h("details", {}, h("summary", {}, `${text.slice(0, 200)}… (${count(text.length)} characters)`), h("pre", {}, text))
    : text ? h("pre", {}, text) : null;
  return h("div", { class: `block ${each.kind}` }, title ? h("h4", {}, title) : null, said);
}

// --- a call that was sent again

async function sideBySide(told, others) {
  const found = await Promise.all(others.map((id) => read(id, "replays").catch(() => null)));
  const known = [told, ...found.filter(Boolean)];
  const original = (each) => known.find(({ id }) => id === each.replay_of);
  const first = original(told) ?? told;
  const shown = [first, ...known.filter((each) => each !== first)];
  return h("div", {},
    shown.filter((each) => each.compare).map((each) => compared(original(each), each)),
    h("div", { class: "grid2" }, shown.map((each) => panel(version(each),
      h("p", { class: "dim small" }, `${each.model?.used ?? ""}, ${seconds(each.timing?.last)}, ${count(each.usage?.output_tokens)} tokens out `,
        each === told ? "(this call)" : h("a", { href: `#/call/${encodeURIComponent(each.id)}` }, "open")),
      each.transcript?.answer ? [each.transcript.answer.turns.map(turn), each.transcript.answer.error || null] : gone()))));
}

const version = (each) => `${each?.attempts?.at(-1)?.upstream ?? "?"} (${each?.replay_of ? "replay" : "original"})`;

function compared(first, other) {
  const { usage, stop, tools, ...both } = other.compare;
  const words = (value) => (Array.isArray(value) ? value.join(", ") : value) || "–";
  const same = "same_text" in both && `${both.same_text ? "The same text" : `Another text, ${percent(both.ratio, 1)} of the words in common`}, ${both.same_calls ? "the same calls" : "other calls"}.`;
  const rows = [["stop", stop], ["tools called", tools]].map(([title, each]) => ({ cells: [title, ...each.map(words)] }));
  const counts = [...new Set(usage.flatMap(Object.keys))].filter((key) => usage.some((each) => each[key]));
  const used = counts.map((key) => ({ cells: [key.replaceAll("_", " "), ...usage.map((each) => count(each[key]))] }));
  return panel("Compared", h("p", {}, same), table(["", version(first), version(other)], [...rows, ...used], "two answers to one request"));
}

// --- attempts

function attempts(told) {
  const list = told.attempts ?? [];
  const sent = (sections) => h("details", {}, h("summary", {}, "What was sent, and what came"), sections.map((section) => [h("h3", {}, section.title), wire(section)]));
  const tree = (rest, n) => rest.length === 0 ? null : h("ul", { class: "tree" }, h("li", {},
    h("b", {}, rest[0].upstream), " ", outcome(rest[0]), ` at ${seconds(rest[0].started)}, for ${seconds(rest[0].duration)}`,
    rest[0].reason ? h("p", { class: "small dim" }, rest[0].reason) : null,
    told.tries?.[n]?.length ? sent(told.tries[n]) : null,
    rest.length === 1 && told.kept ? h("p", {}, h("a", { href: `#/call/${encodeURIComponent(told.id)}/wire` }, "both wires")) : null, tree(rest.slice(1), n + 1)));
  return panel("Attempts", list.length ? tree(list, 0) : h("p", { class: "empty" }, "None."));
}

// --- time

function timeline(told) {
  const list = told.attempts ?? [], moments = told.timeline ?? [];
  const end = Math.max(told.timing?.last ?? 0, ...list.map((each) => each.started + each.duration), ...moments.map(([at]) => at), 0.001);
  const width = 900, left = 150, row = 34, x = (at) => left + ((width - left - 20) * at) / end;
  const rows = list.map((each, n) => {
    const good = GOOD.includes(each.outcome);
    return [svg("text", { class: "tick", x: left - 8, y: 30 + n * row, "text-anchor": "end" }, each.upstream),
      svg("rect", { class: good ? "c2" : "c4", x: x(each.started), y: 14 + n * row, width: Math.max(2, x(each.duration) - left), height: 20, rx: 3 },
        svg("title", {}, `${each.upstream}: ${each.outcome} ${each.status || ""} from ${seconds(each.started)} for ${seconds(each.duration)}`))];
  });
  const streamed = list.length * row + 24;
  const most = Math.max(...moments.map(([, up]) => up), 1);
  let path = "";
  moments.forEach(([at, up], n) => { path += `${n ? "L" : "M"}${x(at).toFixed(1)} ${(streamed + 70 - (66 * up) / most).toFixed(1)}`; });
  const marks = [["first byte", told.timing?.first_byte], ["first content", told.timing?.first_content], ["end", told.timing?.last]]
    .filter(([, at]) => at !== undefined && at !== null);
  const height = streamed + 112;
  return panel("Timeline",
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "timeline" },
      svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "attempts and the stream in time", class: "wide" },
        rows,
        moments.length ? [svg("text", { class: "tick", x: left - 8, y: streamed + 40, "text-anchor": "end" }, "bytes received"), svg("path", { class: "line s0", d: path })] : null,
        marks.map(([name, at], n) => [svg("line", { class: "grid", x1: x(at), x2: x(at), y1: 6, y2: streamed + 76 }),
          svg("text", { class: "tick", x: Math.min(x(at), width - 90), y: streamed + 86 + n * 12 }, `${name} ${seconds(at)}`)]))),
    table(["", { text: "after", class: "number" }], marks.map(([name, at]) => ({ cells: [name, seconds(at)] })), "moments"));
}

// --- wires

function wire(section) {
  if (!section.rows.length) return h("p", { class: "empty" }, "The same on both sides, but for spaces.");
  return section.left ? sides(section) : section.rows.map((row) => h("p", {}, h("b", {}, row.path), " ", row.right));
}

function wires(told) {
  if (!told.kept) return gone();
  return h("div", {}, told.wire.map((section) => panel(section.title, wire(section))),
    h("p", { class: "dim small" }, "Sizes: ", Object.entries(told.sizes).map(([name, size]) => `${name.replace("_", " ")} ${bytes(size)}; `)));
}

// It may be cut behind its steps and the words of a key.
const place = (path) => path.split(/(?<=[._])/).flatMap((piece) => [piece, h("wbr")]);

const SIGNS = { changed: "~ ", gone: "− ", added: "+ " };
const WORDS = { changed: "changed", gone: "left out on the way", added: "put in on the way" };
// Of a request, and of an answer: that goes from the right to the left.
const THERE = { left: "gone", right: "added" }, BACK = { left: "added", right: "gone" };

function sides(section) {
  const ways = section.back ? BACK : THERE;
  const way = (row) => ways[row.kind] ?? row.kind;
  return table(
    [{ text: "place", class: "place" }, { text: section.left, class: "code" }, { text: section.right, class: "code" }],
    section.rows.map((row) => row.kind === "skip"
      ? { class: "skip", cells: ["", row.left || `${row.count} fields are the same`, row.right] }
      : { class: `${row.kind} ${way(row)}`, cells: [
        [SIGNS[way(row)] ? h("b", { title: WORDS[way(row)] }, SIGNS[way(row)]) : null, place(row.path), row.other ? h("span", { class: "dim" }, " ↔ ", place(row.other)) : null, row.count ? h("span", { class: "dim" }, ` and ${row.count} more`) : null, row.notes.map(note)],
        h("code", {}, row.left), h("code", {}, row.right)] }),
    section.title);
}

// --- events

function happened(each) {
  return h("p", { class: "note" }, h("b", {}, each.name), " ", h("code", {}, each.excerpt));
}

function events(told) {
  if (!told.kept) return gone();
  if (!told.events.length) return h("p", { class: "panel empty" }, told.under_way ? "Nothing came yet." : "No stream.");
  const rows = folded(told.events);
  const shown = h("div", {}, eventTable(rows));
  const all = rows.length === told.events.length ? null
    : h("button", { type: "button", onclick: (event) => { shown.replaceChildren(eventTable(told.events)); event.target.remove(); } }, `show all ${count(told.events.length)}`);
  return panel("Events", all, shown, coming(told));
}

const FIRST = 300, LAST = 100; // of a long stream, besides all that stands out

function folded(rows) {
  const kept = [];
  rows.forEach((row, n) => {
    if (n < FIRST || n >= rows.length - LAST || row.mark) kept.push(row);
    else if (kept.at(-1).folded) kept.at(-1).folded += 1;
    else kept.push({ folded: 1 });
  });
  return kept;
}

function eventTable(rows) {
  return table([{ text: "after", class: "number" }, { text: "gap", class: "number" }, "upstream", "to the app", ""], rows.map((row) => row.folded
    ? { class: "skip", cells: ["", "", `${count(row.folded)} more`, "", ""] }
    : { class: row.mark, cells: [seconds(row.seconds), seconds(row.gap), row.upstream ? happened(row.upstream) : "", row.client.map(happened), row.mark] }), "the stream");
}
