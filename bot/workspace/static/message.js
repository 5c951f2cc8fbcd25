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

// `context` has names, person(id), act(message, block, element, value, button), felt(message, block, element).
export function message(shown, compact, context) {
  const who = context.person(shown.user);
  const streaming = isStreaming(shown);
  const own = { names: context.names, act: (...click) => context.act(shown, ...click), felt: (...place) => context.felt(shown, ...place) };
  const body = h("div", { class: "body" },
    !compact && h("div", { class: "by" }, h("span", { class: "author" }, who.name), who.is_bot && h("span", { class: "badge" }, "app"), time(shown.ts)),
    shown.is_ephemeral && h("p", { class: "whisper" }, icon("eye"), "Only visible to you"),
    h("div", { class: "text" }, contents(shown, own)),
    shown.edited && !shown.bot_id && h("span", { class: "quiet" }, "(edited)"),
    reactions(shown, context),
  );
  if (streaming) caret(body.querySelector(".text"));
  const classes = ["message", compact && "compact", shown.is_ephemeral && "ephemeral"].filter(Boolean).join(" ");
  return h("article", { class: classes, "data-ts": shown.ts, "aria-label": `${who.name}, ${clockOf(shown.ts)}`, "aria-busy": String(streaming) },
    compact ? h("div", { class: "gutter" }, time(shown.ts)) : avatar(who), body);
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
