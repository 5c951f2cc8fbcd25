// The box one types into: grows, sends on Enter, completes @names and commands. Knows no channel and no server.

import { h, icon } from "./dom.js";

export class Composer {
  // `submit(text)` gives true once the text may go; `words()` gives [{ insert, title, note }] for completion.
  constructor(parent, id, submit, words) {
    Object.assign(this, { submit, words, choice: 0, offers: [] });
    this.list = h("ul", { class: "offers", role: "listbox", id: `${id}-offers`, hidden: true });
    this.box = h("textarea", { id, rows: "1", autocomplete: "off", spellcheck: "true", "aria-autocomplete": "list", "aria-controls": `${id}-offers` });
    this.button = h("button", { type: "submit", class: "send", "aria-label": "Send", title: "Send (Enter)" }, icon("send"));
    this.form = h("form", { class: "composer", onsubmit: (event) => this.send(event) }, this.list, this.box, this.button);
    this.box.addEventListener("input", () => this.changed());
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("blur", () => setTimeout(() => this.offer([]), 150));
    parent.append(this.form);
    this.changed();
  }

  describe(placeholder, label) {
    this.box.placeholder = placeholder;
    this.box.setAttribute("aria-label", label);
    this.resize();
  }

  set(text) {
    this.box.value = text;
    this.changed();
    this.offer([]);
  }

  get text() {
    return this.box.value;
  }

  insert(text) {
    this.set(text);
    this.box.focus();
    this.box.setSelectionRange(text.length, text.length);
  }

  // A box that is not shown measures 0; it is measured again by `describe` once it is.
  resize() {
    this.box.style.height = "auto";
    if (this.box.scrollHeight) this.box.style.height = `${Math.min(this.box.scrollHeight, 220)}px`;
  }

  changed() {
    this.resize();
    this.button.disabled = !this.box.value.trim();
    const word = this.box.value.slice(0, this.box.selectionStart).match(/(?:^|\s)(@\w*)$|^(\/[\w ]*)$/);
    const start = word?.[1] ?? word?.[2];
    this.offer(start ? this.words().filter(({ insert }) => insert.startsWith(start.toLowerCase()) && insert.trim() !== start) : [], start);
  }

  offer(offers, start = "") {
    this.offers = offers;
    this.start = start;
    this.choice = 0;
    this.list.hidden = !offers.length;
    this.list.replaceChildren(...offers.map((offer, i) => {
      const pick = (event) => { event.preventDefault(); this.choice = i; this.take(); };
      return h("li", { role: "option", id: `${this.list.id}-${i}`, onmousedown: pick }, h("strong", {}, offer.title), h("span", { class: "quiet" }, offer.note));
    }));
    this.mark();
  }

  mark() {
    [...this.list.children].forEach((node, i) => node.setAttribute("aria-selected", String(i === this.choice)));
    if (this.offers.length) this.box.setAttribute("aria-activedescendant", `${this.list.id}-${this.choice}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  take() {
    const { insert } = this.offers[this.choice];
    const at = this.box.selectionStart;
    const before = this.box.value.slice(0, at - this.start.length) + insert;
    this.box.value = before + this.box.value.slice(at);
    this.box.setSelectionRange(before.length, before.length);
    this.changed();
  }

  key(event) {
    if (event.isComposing) return;
    if (this.offers.length && this.chose(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    } else if (event.key === "Enter" && !event.shiftKey) {
      this.send(event);
    }
  }

  chose(key) {
    if (key === "ArrowDown" || key === "ArrowUp") {
      this.choice = (this.choice + (key === "ArrowDown" ? 1 : this.offers.length - 1)) % this.offers.length;
      this.mark();
    } else if (key === "Enter" || key === "Tab") this.take();
    else if (key === "Escape") this.offer([]);
    else return false;
    return true;
  }

  async send(event) {
    event.preventDefault();
    const text = this.box.value.trim();
    if (!text || this.form.classList.contains("busy")) return;
    this.form.classList.add("busy");
    const sent = await this.submit(text);
    this.form.classList.remove("busy");
    if (sent && this.box.value.trim() === text) this.set("");
    this.box.focus();
  }
}
