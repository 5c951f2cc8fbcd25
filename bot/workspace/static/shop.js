// The demo's shop: a button that breaks something in it, and a strip that says what is broken. Knows no server.

import { h, icon, keyed } from "./dom.js";
import { clockOf } from "./message.js";

const MENDED_MS = 3 * 60 * 1000;
const DAY_S = 24 * 3600;

export class Shop {
  // `breaks(name)` gives true once it is broken; `again()` is called when something is to be drawn anew.
  constructor({ root, button, menu, strip }, breaks, again) {
    Object.assign(this, { root, button, menu, strip, breaks, again, waiting: false });
    button.addEventListener("click", () => this.toggle(menu.hidden));
  }

  get open() {
    return !this.menu.hidden;
  }

  toggle(open) {
    this.menu.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (open) this.menu.querySelector("button")?.focus();
  }

  // Closes the menu unless `within` is part of it; true if it was open.
  close(within) {
    if (!this.open || this.root.contains(within)) return false;
    this.toggle(false);
    return true;
  }

  // `shop` is what the server says of it, null where there is none; `where` the channel of its stories, if it has one.
  draw(shop, where, shown) {
    this.root.hidden = !shop || !shown;
    const words = shop && shown ? told(shop, where) : null;
    this.strip.hidden = !words;
    this.strip.className = `strip ${words?.kind ?? ""}`;
    if (this.strip.textContent !== (words?.text ?? "")) this.strip.textContent = words?.text ?? "";
    if (!shop) return;
    const closed = shop.opening !== null || Boolean(shop.broken);
    this.button.disabled = closed || this.waiting;
    if (closed) this.toggle(false);
    keyed(this.button, [{ key: "label", parts: [label(shop)] }], (text) => h("span", { class: "label" }, icon("bolt"), h("span", {}, text)));
    const entries = shop.faults.map(({ name, title, told, before }) => ({ key: name, parts: [name, title, told, before] }));
    keyed(this.menu, [...entries, { key: "note", parts: ["note"] }], (...fault) => this.entry(...fault));
    if (shop.mended) this.later(shop.mended);
  }

  entry(name, title, what, before) {
    if (name === "note") return h("p", { class: "quiet" }, "It mends itself within five minutes. Something else breaks by itself every ten minutes or so.");
    const note = before ? `${what} Broken before at ${clockOf(before)}.` : what;
    return h("button", { type: "button", "data-fault": name, onclick: () => this.press(name) }, h("strong", {}, title), h("span", { class: "quiet" }, note));
  }

  async press(name) {
    this.toggle(false);
    this.waiting = this.button.disabled = true;
    await this.breaks(name);
    this.waiting = false;
    this.again();
  }

  later(mended) {
    clearTimeout(this.timer);
    const left = mended.until * 1000 + MENDED_MS - Date.now();
    if (left > 0) this.timer = setTimeout(this.again, left + 50);
  }
}

function label(shop) {
  if (shop.opening !== null) return "The shop opens…";
  return shop.broken ? `Broken until ${clockOf(shop.broken.until)}` : "Break something";
}

// What the strip says, as { kind, text }; null if nothing.
function told({ opening, trouble, broken, mended }, where) {
  if (trouble) return { kind: "trouble", text: `The demo's shop cannot write its logs (${trouble}): make room on the disk of the data folder.` };
  if (opening !== null) return { kind: "", text: `The demo's shop opens: two days of its logs are written, ${Math.round(opening * 100)} %.` };
  const there = where ? ` in #${where}` : "";
  if (broken) {
    const again = broken.before && broken.since - broken.before < DAY_S;
    const follows = again ? `It broke at ${clockOf(broken.before)} before: one matter has one message, look at that of then${there}.` : `A story should follow${there} within two minutes.`;
    return { kind: "broken", text: `Broken at ${clockOf(broken.since)}: ${broken.told} ${follows} It mends itself at ${clockOf(broken.until)}.` };
  }
  const fresh = mended && Date.now() - mended.until * 1000 < MENDED_MS;
  return fresh ? { kind: "mended", text: `Mended at ${clockOf(mended.until)}. The story ends when all has been as usual for half an hour.` } : null;
}
