// Which page is shown, and what is asked for it. The address behind # says which; pages that change
// by themselves are made anew when the bridge says that something has.
import { clock, h } from "./dom.js";
import { dashboard } from "./dashboard.js";
import { calls, conversation, conversations } from "./conversations.js";
import { call } from "./call.js";
import { doctor } from "./doctor.js";

const main = document.getElementById("main");
const live = document.getElementById("live");
const did = document.getElementById("did");

export async function get(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  if (answer.status === 403) throw new Error("mitmweb wants its password: open its first page");
  const told = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(told.error ?? answer.statusText), { status: answer.status });
  return told;
}

// What a button did: what changed, else what it did all the same.
const DID = {
  "api/use": (changes) => changes || "nothing changed",
  "api/reset": (changes) => changes || "forgotten",
  "api/check": (names) => `checking ${names}`,
};

// `what` is told where it is not there.
export async function kept(path, what) {
  return get(path).catch((error) => {
    throw error.status === 404 ? new Error(`This ${what} is not kept here: it is older than what is.`) : error;
  });
}

export async function act(path, upstream = null) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-bridge": "1" },
    body: JSON.stringify({ upstream }),
  });
  const told = await answer.json();
  did.textContent = `${clock(Date.now() / 1000)} ${answer.ok ? DID[path](told.done.join(", ")) : told.error}`;
  await show();
}

const PAGES = [
  [/^$/, dashboard],
  [/^calls(?:\/(\w+))?$/, calls],
  [/^conversations$/, conversations],
  [/^conversation\/(.+)$/, conversation],
  [/^call\/([^/]+)(?:\/(\w+))?$/, call],
  [/^doctor$/, doctor],
];

let shown = "";
let turn = 0;
// Of the page to come: the id of what has the keyboard, and whether it changes by itself.
export const next = { focus: "", live: true };

async function show() {
  const path = location.hash.replace(/^#\/?/, "");
  const [, page, args] = PAGES.map(([pattern, made]) => [pattern, made, pattern.exec(path)])
    .find(([, , found]) => found) ?? [null, missing, [path]];
  const mine = ++turn;
  let made;
  next.live = true;
  try {
    made = await page(...args.slice(1).map((arg) => arg && decodeURIComponent(arg)));
  } catch (error) {
    made = h("p", { class: "panel", role: "alert" }, error.message);
  }
  if (mine !== turn) return;
  const open = openDetails();
  main.replaceChildren(made);
  reopen(open);
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.getAttribute("href").replace(/^#\/?/, "");
    const below = link.closest("header") && here && [`${here}/`, here.replace(/s$/, "/")].some((start) => path.startsWith(start));
    if (here === path || below) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (shown !== path) {
    did.textContent = "";
    (document.getElementById(next.focus) ?? main).focus({ preventScroll: true });
    if (whole(shown) !== whole(path)) scrollTo(0, 0);
  }
  next.focus = "";
  shown = path;
}

// The page without its tab.
const whole = (path) => path.split("/").slice(0, 2).join("/");

// A page that is made anew keeps what a person has opened, and where the keyboard is.
function openDetails() {
  const active = document.activeElement;
  return {
    details: [...main.querySelectorAll("details")].map((each) => each.open),
    focus: main.contains(active) ? [...main.querySelectorAll("a,button,summary,select,input,[tabindex]")].indexOf(active) : -1,
    scrolls: [...main.querySelectorAll(".scroll")].map((each) => each.scrollLeft),
    path: shown,
  };
}

function reopen(before) {
  if (before.path !== location.hash.replace(/^#\/?/, "")) return;
  main.querySelectorAll("details").forEach((each, n) => { each.open = before.details[n] ?? each.open; });
  main.querySelectorAll(".scroll").forEach((each, n) => { each.scrollLeft = before.scrolls[n] ?? 0; });
  if (before.focus >= 0) main.querySelectorAll("a,button,summary,select,input,[tabindex]")[before.focus]?.focus({ preventScroll: true });
}

async function missing(path) {
  return h("p", { class: "panel" }, `There is no page “${path}”.`);
}

// Ask what is new; the answer waits until there is something.
async function follow() {
  let version = -1;
  for (;;) {
    try {
      const told = await get(`api/news?version=${version}`);
      if (told.version !== version) {
        version = told.version;
        live.textContent = "live";
        if (next.live) await show();
        await new Promise((done) => setTimeout(done, 1000));
      }
    } catch (error) {
      live.textContent = `not connected: ${error.message}`;
      await new Promise((done) => setTimeout(done, 2000));
    }
    if (document.hidden) await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
  }
}

function theme(choice) {
  if (choice) document.documentElement.dataset.theme = choice;
  else delete document.documentElement.dataset.theme;
}

const remembered = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
theme(remembered);
document.getElementById("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.body).backgroundColor === "rgb(18, 22, 28)";
  const chosen = dark ? "light" : "dark";
  theme(chosen);
  try { localStorage.setItem("theme", chosen); } catch { /* it holds for this page */ }
});

document.querySelector(".jump").addEventListener("click", (event) => {
  event.preventDefault(); // the address says which page it is
  main.focus();
});

addEventListener("hashchange", show);
await show();
follow();
