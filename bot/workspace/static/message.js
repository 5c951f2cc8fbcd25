// One message as a node: author, time, text, blocks, tasks, reactions. Knows no list and no server.

import { blocks } from "./blocks.js";
import { h, icon } from "./dom.js";
import { emoji, markdown, mrkdwn } from "./text.js";

export const STREAM_LIFE_MS = 5 * 60 * 1000;
export const date = (ts) => new Date(Number(ts) * 1000);
export const isStreaming = (message) => message.streaming_state === "in_progress" && Date.now() - date(message.ts) < STREAM_LIFE_MS;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export const clockOf = (ts) => CLOCK.format(date(ts));
const days = new Map();

// Formatting a date is slow, and every drawing asks for the day of every message.
export function dayOf(ts) {
  if (!days.has(ts)) days.set(ts, DAY.format(date(ts)));
  return days.get(ts);
}

export function time(ts) {
  return h("time", { datetime: date(ts).toISOString(), title: FULL.format(date(ts)) }, clockOf(ts));
}

// `context` has names, person(id), act(message, block, element, value, button), felt(message, block, element), and
// entries(message, article): [{ title, run }] of the message's menu.
export function message(shown, compact, context) {
  if (shown.subtype === "tombstone") return tombstone(shown);
  const who = context.person(shown.user);
  const streaming = isStreaming(shown);
  const own = { names: context.names, act: (...click) => context.act(shown, ...click), felt: (...place) => context.felt(shown, ...place) };
  const body = h("div", { class: "body" },
    !compact && h("div", { class: "by" }, h("span", { class: "author" }, who.name), who.is_bot && h("span", { class: "badge" }, "app"), time(shown.ts)),
    shown.is_ephemeral && h("p", { class: "whisper" }, icon("eye"), "Only visible to you"),
    h("div", { class: "text" }, contents(shown, own)),
    shown.edited && !shown.bot_id && h("span", { class: "edited" }, "(edited)"),
    reactions(shown, context),
  );
  if (streaming) caret(body.querySelector(".text"));
  const classes = ["message", compact && "compact", shown.is_ephemeral && "ephemeral"].filter(Boolean).join(" ");
  const article = h("article", { class: classes, "data-ts": shown.ts, "aria-label": `${who.name}, ${clockOf(shown.ts)}`, "aria-busy": String(streaming) },
    compact ? h("div", { class: "gutter" }, time(shown.ts)) : avatar(who), body);
  article.append(...tools(context.entries(shown, article)));
  return article;
}

// What stays of a deleted message that others answered.
function tombstone(shown) {
  return h("article", { class: "message gone", "data-ts": shown.ts }, h("div", { class: "avatar" }), h("div", { class: "body" }, h("div", { class: "text quiet" }, shown.text)));
}

function tools(entries) {
  if (!entries.length) return [];
  const menu = h("details", { class: "tools" }, h("summary", { "aria-label": "More actions", title: "More actions" }, icon("more")));
  const choose = (run) => () => { menu.open = false; run(); };
  const list = h("div", { class: "tools-menu", role: "group" }, entries.map(({ title, run, danger }) => h("button", { type: "button", class: danger && "danger", onclick: choose(run) }, title)));
  menu.append(list);
  // Upwards where there is no room below: the list of messages would cut it off.
  menu.addEventListener("toggle", () => list.classList.toggle("up", menu.getBoundingClientRect().bottom + 260 > window.innerHeight));
  return [menu];
}

// Puts a box with the message's text in the place of the text; `save(text)` gives true once it is stored.
export function edit(article, text, save) {
  const before = article.querySelector(".text");
  const box = h("textarea", { rows: "2", "aria-label": "Edit message" });
  box.value = text;
  const cancel = () => form.replaceWith(before);
  const send = async (event) => {
    event.preventDefault();
    if (box.value.trim() && (box.value.trim() === text.trim() || (await save(box.value.trim())))) cancel();
  };
  const buttons = h("div", { class: "block-actions" }, h("button", { type: "button", class: "button", onclick: cancel }, "Cancel"), h("button", { type: "submit", class: "button primary" }, "Save"));
  const form = h("form", { class: "edit", onsubmit: send }, box, buttons);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); cancel(); }
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  });
  before.replaceWith(form);
  box.focus();
}

// A stored text as it was typed: mentions by name, Slack's three escapes undone.
export function typed(text, names) {
  const named = text.replace(/<@(\w+)>/g, (_, id) => `@${names.user(id) ?? id}`);
  return named.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

export function avatar(who) {
  return h("div", { class: who.is_bot ? "avatar bot" : "avatar", "aria-hidden": "true" }, who.is_bot ? icon("done") : who.name.slice(0, 1).toUpperCase());
}

// A stream's own text is Markdown and comes above its blocks; else blocks stand for the text, as in Slack.
function contents(shown, context) {
  if (shown.streaming_state) {
    return [tasks(shown), h("div", { class: "markdown" }, markdown(shown.text, context.names)), blocks(shown.blocks, context)];
  }
  const written = shown.bot_id && shown.blocks?.length ? blocks(shown.blocks, context) : [];
  return written.length ? written : h("div", { class: "mrkdwn" }, mrkdwn(shown.text, context.names));
}

function tasks(shown) {
  const list = Object.values(shown.tasks ?? {});
  if (!list.length) return null;
  return h("ul", { class: "tasks" }, list.map((task) => h("li", { "data-status": task.status ?? "pending" }, task.title)));
}

function reactions(shown, { person }) {
  const list = (shown.reactions ?? []).map(({ name, users }) => {
    const who = users.map((user) => person(user).name).join(", ");
    return h("span", { class: "reaction", title: `${who}: ${name}`, role: "img", "aria-label": `${name} by ${who}` }, emoji(name), h("span", {}, users.length));
  });
  return list.length ? h("div", { class: "reactions" }, list) : null;
}

// The caret stands behind the last word, wherever in lists and code that is.
function caret(text) {
  const last = [...text.querySelectorAll("p, li, td, h3, h4, h5, h6, pre code, .mrkdwn")].pop() ?? text;
  last.append(h("span", { class: "caret", "aria-hidden": "true" }));
}
