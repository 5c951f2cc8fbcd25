// Puts the page together: where we are (the address's #), what to draw, what a person does.

import { Composer } from "./composer.js";
import { blocks } from "./blocks.js";
import { h, icon, keyed } from "./dom.js";
import { attend, channelItems, directItems, draw, threadItems } from "./lists.js";
import { edit, isStreaming, typed } from "./message.js";
import { Modal } from "./modal.js";
import { listen, send } from "./server.js";
import { Shop } from "./shop.js";
import { Store } from "./store.js";

const $ = (id) => document.getElementById(id);
const store = new Store(() => redraw());
const drafts = new Map();
const narrow = window.matchMedia("(max-width: 760px)");
let place = { channel: "", thread: "", tab: "messages" };
let drawing = 0;

// Going places

let focusOn = null;

// `focus` is the box to type into next; on small screens it would only raise the keyboard.
function go(channel, thread = "", tab = "messages", focus = thread ? answers : asks) {
  focusOn = focus;
  const hash = ["", channel, thread || (tab === "home" ? "home" : "")].filter((part, i) => !i || part).join("/").slice(1);
  if (location.hash.slice(1) === hash) arrive();
  else location.hash = hash;
}

function arrive() {
  if (!store.ready) return;
  const [wanted, rest = ""] = location.hash.slice(1).split("/");
  const channel = store.channel(wanted) ?? store.channels[0];
  keepDrafts();
  const came = channel.id !== place.channel;
  const opened = rest && rest !== "home" && rest !== place.thread;
  place = { channel: channel.id, thread: rest === "home" ? "" : rest, tab: rest === "home" ? "home" : "messages" };
  store.unread.delete(channel.id);
  if (came || opened) restoreDrafts();
  toggleSide(false);
  if (came) visitDirect();
  redraw();
  if (!narrow.matches) requestAnimationFrame(() => (focusOn ?? asks).box.focus());
}

// The app is told when its direct message is opened, so that it can suggest questions.
function visitDirect() {
  if (store.channel(place.channel)?.direct && store.app.connected) send("home", { tab: place.tab });
}

function keepDrafts() {
  if (!place.channel) return;
  drafts.set(place.channel, asks.text);
  if (place.thread) drafts.set(`${place.channel}/${place.thread}`, answers.text);
}

function restoreDrafts() {
  asks.set(drafts.get(place.channel) ?? "");
  answers.set(drafts.get(`${place.channel}/${place.thread}`) ?? "");
}

function closeMenus(but) {
  for (const menu of document.querySelectorAll("details.tools[open]")) if (!menu.contains(but)) menu.open = false;
}

function toggleSide(open) {
  $("frame").classList.toggle("side-open", open);
  $("shade").hidden = !open;
  $("menu").setAttribute("aria-expanded", String(open));
}

// Saying things

async function say(text, thread) {
  attend($(thread ? "thread-list" : "list"));
  const answer = text.startsWith("/") ? await command(text, thread) : await send("message", { channel: place.channel, text, ...(thread && { thread_ts: thread }) });
  if (!answer.ok) {
    toast(answer.error);
    return false;
  }
  const asked = new RegExp(`(^|[^\\w@])@${store.person(store.bot).name}\\b`).test(text);
  if (answer.ts && asked && !thread && !store.channel(place.channel).direct) {
    asks.set("");
    drafts.delete(place.channel);
    go(place.channel, answer.ts, "messages", asks);
  }
  return true;
}

async function command(text, thread) {
  const [, name, rest] = text.match(/^(\/\S*)\s*([\s\S]*)$/);
  if (name !== "/copilot") return { ok: false, error: `There is no command ${name} here. Try /copilot help.` };
  if (thread) return { ok: false, error: "Commands do not work in threads, as in Slack. Mention @copilot instead." };
  return send("command", { channel: place.channel, command: name, text: rest });
}

function words() {
  const people = Object.values(store.users).filter((user) => user.is_bot).map((user) => ({ insert: `@${user.name} `, title: `@${user.name}`, note: "answers from your runbooks" }));
  const commands = store.commands.map(({ insert, note }) => ({ insert, title: insert.endsWith(" ") ? `${insert}…` : insert, note }));
  return [...people, ...commands];
}

async function act(message, block, element, value, button) {
  button.disabled = true;
  const body = { channel: place.channel, ts: message.ts, block_id: block.block_id, action_id: element.action_id, type: element.type, value };
  const answer = await send("action", body);
  button.disabled = false;
  if (!answer.ok) toast(answer.error);
  else if (element.type === "feedback_buttons") localStorage.setItem(thumbKey(message, element), value);
  return answer.ok;
}

// The menu of a message: the app's shortcuts, and what one may do with one's own.
function entries(shown, article) {
  if (shown.is_ephemeral) return [];
  const at = { channel: place.channel, ts: shown.ts };
  const shortcuts = store.shortcuts.map(({ name, callback_id }) => ({ title: name, run: () => shortcut(shown, { ...at, callback_id }) }));
  if (shown.user !== store.you || shown.bot_id) return shortcuts;
  const save = (text) => tell("edit", { ...at, text });
  return [...shortcuts, { title: "Edit", run: () => edit(article, typed(shown.text, store.names), save) }, { title: "Delete", danger: true, run: () => tell("delete", at) }];
}

async function shortcut(shown, body) {
  const direct = store.channel(place.channel).direct;
  if ((await tell("shortcut", body)) && !direct) go(place.channel, shown.thread_ts ?? shown.ts, "messages", asks);
}

async function tell(gesture, body) {
  const answer = await send(gesture, body);
  if (!answer.ok) toast(answer.error);
  return answer.ok;
}

const thumbKey = (message, element) => `felt ${message.ts} ${element.action_id}`;
const felt = (message, _block, element) => localStorage.getItem(thumbKey(message, element));

function suggest(text) {
  const direct = store.channel(place.channel).direct;
  toggleSide(false);
  if (narrow.matches && place.thread) go(place.channel);
  asks.insert(direct ? text : `@${store.person(store.bot).name} ${text}`);
}

// Drawing

const context = { names: store.names, person: (id) => store.person(id), act, felt, entries };
const open = (ts) => go(place.channel, ts);
const welcomes = new Map();

function redraw() {
  drawing ||= requestAnimationFrame(() => {
    drawing = 0;
    if (store.ready) drawAll();
  });
}

function drawAll() {
  const channel = store.channel(place.channel);
  document.title = `${channel.direct ? channel.name : `#${channel.name}`} – ${store.team}`;
  $("team").textContent = store.team;
  drawSide();
  drawHead(channel);
  drawMain(channel);
  drawThread(channel);
  shop.draw(store.shop, store.channel(store.shop?.channel)?.name, !channel.direct);
  modal.show(store.views);
}

function drawSide() {
  const entry = (channel) => ({ key: channel.id, parts: [channel, channel.id === place.channel, store.unread.get(channel.id) ?? 0, store.app.connected] });
  const build = (channel, here, unread, connected) => {
    const sign = channel.direct ? h("span", { class: connected ? "presence on" : "presence", title: connected ? "connected" : "not connected" }) : h("span", { class: "hash", "aria-hidden": "true" }, "#");
    const count = unread ? h("span", { class: "count", "aria-label": `${unread} unread` }, unread) : null;
    return h("li", {}, h("button", { type: "button", "aria-current": here ? "page" : undefined, class: unread ? "unread" : undefined, onclick: () => go(channel.id) }, sign, h("span", { class: "grow" }, channel.name), count));
  };
  keyed($("channels"), store.channels.filter((each) => !each.direct).map(entry), build);
  keyed($("directs"), store.channels.filter((each) => each.direct).map(entry), build);
  keyed($("examples"), store.suggestions().map((text) => ({ key: text, parts: [text] })), (text) => h("li", {}, h("button", { type: "button", onclick: () => suggest(text) }, text)));
}

function drawHead(channel) {
  $("title").textContent = channel.direct ? channel.name : `# ${channel.name}`;
  $("purpose").textContent = channel.direct ? "Only you and copilot" : channel.purpose;
  $("tabs").hidden = !channel.direct;
  const tab = (name, title) => h("button", { type: "button", "aria-pressed": String(place.tab === name), onclick: () => visitTab(channel, name) }, title);
  keyed($("tabs"), [{ key: "tabs", parts: [place.tab, channel.id] }], () => h("span", {}, tab("messages", "Messages"), tab("home", "Home")));
}

function visitTab(channel, tab) {
  if (store.app.connected) send("home", { tab });
  go(channel.id, "", tab);
}

function drawMain(channel) {
  const away = store.app.connected ? "" : "copilot is not connected. Messages wait until it is back; commands and buttons do not.";
  $("away").textContent = away;
  $("away").hidden = !away;
  asks.form.hidden = place.tab === "home" && channel.direct;
  asks.describe(channel.direct ? "Ask copilot…" : "Ask @copilot… or /copilot help", channel.direct ? "Message to copilot" : `Message to #${channel.name}`);
  if (place.tab === "home" && channel.direct && !store.home) {
    const words = store.app.connected ? "copilot is drawing this tab…" : "copilot draws this tab once it is connected.";
    draw($("list"), [{ key: words, parts: ["node", () => h("div", { class: "home quiet" }, words)] }], "home", true);
    return;
  }
  if (place.tab === "home" && channel.direct) {
    const own = { names: store.names, act: (...click) => actInView(store.home, ...click) };
    draw($("list"), [{ key: store.home.hash, parts: ["node", () => h("div", { class: "home" }, blocks(store.home.blocks, own))] }], "home", true);
    return;
  }
  const items = channel.direct ? directItems(store, channel.id, context, welcome(channel)) : channelItems(store, channel.id, context, open, welcome(channel));
  draw($("list"), items, channel.id);
}

async function actInView(view, block, element, value) {
  const answer = await send("action", { view_id: view.id, block_id: block.block_id, action_id: element.action_id, type: element.type, value });
  if (!answer.ok) toast(answer.error);
  return answer.ok;
}

function drawThread(channel) {
  const items = place.thread && !channel.direct ? threadItems(store, channel.id, place.thread, context) : [];
  $("thread").hidden = !items.length;
  $("frame").classList.toggle("with-thread", items.length > 0);
  if (!items.length) return;
  $("thread-place").textContent = `#${channel.name}`;
  answers.describe("Reply… mention @copilot to ask again", `Reply in the thread, #${channel.name}`);
  draw($("thread-list"), items, place.thread);
}

function welcome(channel) {
  const known = `${channel.id} ${store.suggestions().join()}`;
  if (!welcomes.has(known)) welcomes.set(known, () => welcomeCard(channel));
  return welcomes.get(known);
}

function welcomeCard(channel) {
  const what = channel.direct
    ? h("p", {}, "Ask in your own words. copilot answers from your runbooks and postmortems, with the lines it used, so that you can check.")
    : h("p", {}, "Mention ", h("strong", {}, "@copilot"), " with your question. It answers in a thread, from your runbooks and postmortems, with the lines it used. Type ", h("code", {}, "/copilot help"), " to see what else it does.");
  const tries = store.suggestions().map((text) => h("button", { type: "button", class: "try", onclick: () => suggest(text) }, text));
  return h("div", { class: "welcome" }, h("h2", {}, channel.direct ? "Ask copilot" : `This is #${channel.name}`), what, h("p", { class: "quiet" }, "For a start:"), h("div", { class: "tries" }, tries));
}

// Telling

function toast(text) {
  const node = h("div", { class: "toast" }, h("span", {}, text), h("button", { type: "button", class: "icon", "aria-label": "Dismiss", onclick: () => node.remove() }, icon("close")));
  $("toasts").append(node);
  setTimeout(() => node.remove(), 8000);
}

const LOST = {
  down: "Connection lost. Trying again… If you stopped copilot, start it with copilot run; your messages are kept.",
  closed: "copilot was restarted, and this page belongs to its earlier start. Open the new link that copilot run printed; your messages are kept.",
};

function lost(why) {
  $("banner").hidden = !why;
  if (why) $("banner").textContent = LOST[why];
}

function announce({ channel, message, ended }) {
  const here = channel === place.channel && !document.hidden;
  if (!here && !ended) store.unread.set(channel, (store.unread.get(channel) ?? 0) + 1);
  if (isStreaming(message)) return;
  const node = [...document.querySelectorAll("article")].find((each) => each.dataset.ts === message.ts);
  const text = node?.querySelector(".text")?.textContent ?? message.text;
  $("announce").textContent = `${store.person(message.user).name}: ${text.slice(0, 300)}`;
}

function hear(change) {
  const wasConnected = store.app.connected;
  const news = store.take(change);
  if (change.kind === "snapshot") arrive();
  if (change.kind === "app" && !wasConnected && store.app.connected) visitDirect();
  redraw();
  if (news) requestAnimationFrame(() => requestAnimationFrame(() => announce(news)));
}

// Starting

$("foot-main").append(h("p", { class: "away", id: "away", role: "status", hidden: true }));
const asks = new Composer($("foot-main"), "composer-main", (text) => say(text, ""), words);
const answers = new Composer($("foot-thread"), "composer-thread", (text) => say(text, place.thread), words);
const shop = new Shop({ root: $("breaker"), button: $("break"), menu: $("break-menu"), strip: $("strip") }, (fault) => tell("break", { fault }), redraw);
const modal = new Modal($("modal"), store.names, send, toast);

$("menu").append(icon("menu"));
$("thread-close").append(icon("close"));
$("menu").addEventListener("click", () => toggleSide(!$("frame").classList.contains("side-open")));
$("shade").addEventListener("click", () => toggleSide(false));
$("thread-close").addEventListener("click", () => go(place.channel));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if (shop.close(null)) return $("break").focus();
  if (document.querySelector("details.tools[open]")) return closeMenus(null);
  if ($("frame").classList.contains("side-open")) toggleSide(false);
  else if (place.thread) go(place.channel);
});
document.addEventListener("click", (event) => {
  closeMenus(event.target);
  shop.close(event.target);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && store.unread.delete(place.channel)) redraw();
});
window.addEventListener("hashchange", arrive);
// The token in the address was good for one use: it has no business in the history.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);
setInterval(() => store.statuses.size && redraw(), 1000);
listen(hear, lost);
