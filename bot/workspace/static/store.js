// What the page knows: the last snapshot and everything that happened since. Draws nothing.

const STATUS_MS = 2 * 60 * 1000;

export class Store {
  // `changed()` is called when something is to be drawn that no change from the server brought.
  constructor(changed) {
    this.changed = changed;
    Object.assign(this, { ready: false, team: "", you: "", bot: "", users: {}, examples: [], shortcuts: [], commands: [], prompts: {}, views: [], home: null, shop: null });
    Object.assign(this, { app: { connected: true, waiting: 0 }, channels: [], messages: new Map(), statuses: new Map(), unread: new Map(), shown: new Map() });
    this.names = { user: (id) => this.users[id]?.name, channel: (id) => this.channels.find((each) => each.id === id)?.name };
  }

  person(id) {
    return this.users[id] ?? { name: id ?? "somebody", is_bot: false };
  }

  channel(id) {
    return this.channels.find((each) => each.id === id);
  }

  // Takes one change in; returns the message that is new to read, if there is one.
  take(change) {
    return this[`on_${change.kind}`]?.(change);
  }

  on_snapshot({ kind, messages, statuses, ...rest }) {
    Object.assign(this, rest, { ready: true, statuses: new Map() });
    this.messages = new Map(Object.entries(messages).map(([id, list]) => [id, new Map(list.map((each) => [each.ts, each]))]));
    statuses.forEach((status) => this.on_status(status));
  }

  on_message({ channel, message }) {
    if (message.ephemeral_to && message.ephemeral_to !== this.you) return null;
    this.messages.get(channel).set(message.ts, message);
    if (message.bot_id) this.statuses.delete(`${channel} ${message.thread_ts ?? message.ts}`);
    return message.user !== this.you ? { channel, message } : null;
  }

  on_changed({ channel, message }) {
    const before = this.messages.get(channel).get(message.ts);
    this.messages.get(channel).set(message.ts, message);
    return before?.streaming_state === "in_progress" && message.streaming_state !== "in_progress" ? { channel, message, ended: true } : null;
  }

  on_deleted({ channel, ts }) {
    this.messages.get(channel).delete(ts);
  }

  on_status({ channel, thread, text, loading }) {
    const key = `${channel} ${thread}`;
    if (text) this.statuses.set(key, { text, loading, until: Date.now() + STATUS_MS, since: Date.now() });
    else this.statuses.delete(key);
  }

  on_prompts({ channel, title, prompts }) {
    this.prompts[channel] = { title, prompts };
  }

  on_views({ views }) {
    this.views = views;
  }

  on_home({ user, view }) {
    if (user === this.you) this.home = view;
  }

  on_shop({ shop }) {
    this.shop = shop;
  }

  on_app({ connected, waiting }) {
    this.app = { connected, waiting };
  }

  // What the app says it is doing in a thread, as a sentence; empty if nothing.
  status(channel, thread) {
    const status = this.statuses.get(`${channel} ${thread}`);
    if (!status || status.until < Date.now()) return "";
    const turn = Math.floor((Date.now() - status.since) / 2500);
    const text = status.loading.length ? status.loading[turn % status.loading.length] : status.text;
    const name = this.person(this.bot).name;
    return /^(is|are|has) /.test(text) ? `${name} ${text}` : `${name}: ${text}`;
  }

  // Roots oldest first, each with its replies.
  threads(channel) {
    const all = [...(this.messages.get(channel)?.values() ?? [])].sort((a, b) => (a.ts < b.ts ? -1 : 1));
    const replies = new Map();
    const roots = [];
    for (const each of all) {
      const orphan = !this.messages.get(channel).has(each.thread_ts);
      if (!each.thread_ts || each.thread_ts === each.ts || orphan) roots.push(each);
      else replies.set(each.thread_ts, [...(replies.get(each.thread_ts) ?? []), each]);
    }
    return roots.map((root) => ({ root, replies: replies.get(root.ts) ?? [] }));
  }

  showMore(channel, most) {
    this.shown.set(channel, most);
    this.changed();
  }

  // The questions to try: what the app suggests in its direct message, else the workspace's own.
  suggestions() {
    const suggested = Object.values(this.prompts)[0]?.prompts.map((each) => each.message);
    return (suggested ?? this.examples).slice(0, 4);
  }
}
