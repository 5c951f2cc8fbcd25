// The two lists of messages: a channel (or direct message) and a thread. Knows no server.

import { h, keyed } from "./dom.js";
import { clockOf, date, dayOf, message } from "./message.js";

const COMPACT_MS = 5 * 60 * 1000;
const NEAR_PX = 120;
const STEP = 150;
const GAP_PX = 12;

// Draws `list` and follows its end if the reader does, but no further than the beginning of the newest message: an answer
// is read from its first line. `fromTop` is for what is read from its beginning.
export function draw(list, items, place, fromTop = false) {
  const moved = list.dataset.place !== place;
  const fromEnd = list.scrollHeight - list.scrollTop;
  const grewAbove = !moved && list.keyedNodes?.has("older") && list.scrollTop < NEAR_PX;
  const atEnd = moved || list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_PX;
  const untouched = list.dataset.left === String(Math.round(list.scrollTop));
  if (moved) list.keyedNodes = undefined;
  keyed(list, items, (kind, ...parts) => BUILD[kind](...parts));
  list.dataset.place = place;
  if (moved && fromTop) list.scrollTop = 0;
  else if (fromTop) return;
  else if (atEnd || untouched) follow(list);
  else if (grewAbove) list.scrollTop = list.scrollHeight - fromEnd;
}

// Who says something wants to see what comes of it: from here on the list follows its end again.
export function attend(list) {
  list.dataset.left = String(Math.round(list.scrollTop));
}

function follow(list) {
  const newest = list.lastElementChild;
  const top = newest ? newest.getBoundingClientRect().top - list.getBoundingClientRect().top + list.scrollTop - GAP_PX : 0;
  list.scrollTop = Math.min(list.scrollHeight, top);
  list.dataset.left = String(Math.round(list.scrollTop));
}

const BUILD = {
  older: (store, channel, most) => h("button", { type: "button", class: "older", onclick: () => store.showMore(channel, most + STEP) }, "Show older messages"),
  day: (name) => h("div", { class: "day", role: "separator" }, h("span", {}, name)),
  node: (make) => make(),
  message: (shown, compact, context) => message(shown, compact, context),
  root: (shown, compact, context, replies, last, open) => {
    const node = message(shown, compact, context);
    if (shown.is_ephemeral) return node;
    const words = replies ? `${replies} ${replies === 1 ? "reply" : "replies"}` : "Reply in thread";
    const more = replies ? h("span", { class: "quiet" }, `last at ${clockOf(last)}`) : null;
    node.querySelector(".body").append(h("button", { type: "button", class: replies ? "replies" : "replies none", onclick: () => open(shown.ts) }, words, more));
    return node;
  },
  status: (text) => h("div", { class: "status", role: "status" }, h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")), text),
};

// A channel: roots only, with their threads summed up.
export function channelItems(store, channel, context, open, welcome) {
  const { threads, items } = newest(store, channel);
  let before = null;
  for (const { root, replies } of threads) {
    pushDay(items, before, root);
    const compact = follows(before, root) && !items.at(-1).threaded;
    items.push({ key: root.ts, parts: ["root", root, compact, context, replies.length, replies.at(-1)?.ts ?? "", open], threaded: replies.length > 0 });
    pushStatus(items, store, channel, root.ts);
    before = root;
  }
  return items.length ? items : [{ key: "welcome", parts: ["node", welcome] }];
}

// A direct message: every question with its answers below it.
export function directItems(store, channel, context, welcome) {
  const { threads, items } = newest(store, channel);
  let before = null;
  for (const { root, replies } of threads) {
    for (const each of [root, ...replies]) {
      pushDay(items, before, each);
      items.push({ key: each.ts, parts: ["message", each, follows(before, each), context] });
      before = each;
    }
    pushStatus(items, store, channel, root.ts);
  }
  return items.length ? items : [{ key: "welcome", parts: ["node", welcome] }];
}

// A thread: its root, a line, its replies.
export function threadItems(store, channel, thread, context) {
  const found = store.threads(channel).find(({ root }) => root.ts === thread);
  if (!found) return [];
  const items = [{ key: found.root.ts, parts: ["message", found.root, false, context] }];
  const count = found.replies.length;
  if (count) items.push({ key: "count", parts: ["day", `${count} ${count === 1 ? "reply" : "replies"}`] });
  let before = null;
  for (const each of found.replies) {
    items.push({ key: each.ts, parts: ["message", each, follows(before, each), context] });
    before = each;
  }
  pushStatus(items, store, channel, thread);
  return items;
}

// The threads to show, and what stands above them: a way to the older ones.
function newest(store, channel) {
  const all = store.threads(channel);
  const most = store.shown.get(channel) ?? STEP;
  const items = all.length > most ? [{ key: "older", parts: ["older", store, channel, most] }] : [];
  return { threads: all.slice(-most), items };
}

function pushDay(items, before, each) {
  const day = dayOf(each.ts);
  if (!before || dayOf(before.ts) !== day) items.push({ key: `day ${each.ts}`, parts: ["day", day] });
}

function pushStatus(items, store, channel, thread) {
  const text = store.status(channel, thread);
  if (text) items.push({ key: `status ${thread}`, parts: ["status", text] });
}

function follows(before, each) {
  const same = before && before.user === each.user && !before.is_ephemeral === !each.is_ephemeral;
  return Boolean(same) && date(each.ts) - date(before.ts) < COMPACT_MS && dayOf(before.ts) === dayOf(each.ts);
}
