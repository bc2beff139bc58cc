// What is wrong, and what to do about it.
import { get } from "./app.js";
import { clock, h, panel } from "./dom.js";

const AGE = 60; // seconds that the answers of upstreams may be old
const TONES = { ok: "good", warning: "warn", problem: "bad" };
const TITLES = [["problem", "Broken"], ["warning", "To look at"], ["ok", "In order"]];

export async function doctor() {
  const told = await get(`api/doctor?age=${AGE}&wait=1`);
  const of = (severity) => told.findings.filter((finding) => finding.severity === severity);
  const made = h("div", {},
    panel("Doctor",
      h("p", {}, of("problem").length ? `${of("problem").length} broken, ` : "Nothing is broken, ", `${of("warning").length} to look at, ${of("ok").length} in order.`,
        h("span", { class: "dim small" }, ` As of ${clock(told.now)}.`)),
      h("p", { class: "dim small" }, "./scripts/doctor says the same in a terminal, and looks at that terminal too: the proxy and the certificates that its apps are told of."),
      h("div", { class: "buttons" }, h("button", { type: "button", onclick: again }, "ask all upstreams again"))),
    TITLES.map(([severity, title]) => (of(severity).length ? panel(title, h("div", { class: "findings" }, of(severity).map(card))) : null)));
  // Times go on although nothing happens.
  setTimeout(() => made.isConnected && dispatchEvent(new Event("hashchange")), 20_000);
  return made;
}

async function again(event) {
  event.target.disabled = true;
  await get("api/doctor");
  dispatchEvent(new Event("hashchange"));
}

function card(finding) {
  const tone = TONES[finding.severity];
  return h("article", { class: `card ${tone}`, "aria-label": finding.code },
    h("p", {}, h("span", { class: `pill ${tone}` }, finding.severity), " ", h("code", { class: "dim small" }, finding.code)),
    h("p", {}, finding.seen),
    finding.advice === "Nothing to do." ? null : h("p", { class: "small" }, h("b", {}, "To do: "), finding.advice));
}
