// The modal on top of the stack, in the browser's own dialog: it traps the focus and closes on Escape by itself.

import { blocks } from "./blocks.js";
import { h, icon } from "./dom.js";

export class Modal {
  // `send(gesture, body)` gives the server's answer; `toast(text)` says what went wrong.
  constructor(dialog, names, send, toast) {
    Object.assign(this, { dialog, names, send, toast, view: null });
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
    dialog.addEventListener("click", (event) => event.target === dialog && this.close());
  }

  show(views) {
    const view = views.at(-1) ?? null;
    if (view?.hash === this.view?.hash) return;
    this.view = view;
    if (!view) {
      this.dialog.close();
      return;
    }
    this.dialog.replaceChildren(this.form(view));
    if (!this.dialog.open) this.dialog.showModal();
    (this.dialog.querySelector("textarea, input, select") ?? this.dialog.querySelector(".modal-body")).focus();
  }

  form(view) {
    const context = { names: this.names, act: (...click) => this.act(view, ...click) };
    const close = h("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => this.close() }, icon("close"));
    const buttons = [h("button", { type: "button", class: "button", onclick: () => this.close() }, view.close?.text ?? "Close")];
    if (view.submit) buttons.push(h("button", { type: "submit", class: "button primary" }, view.submit.text));
    return h("form", { novalidate: true, onsubmit: (event) => this.submit(event, view) },
      h("header", {}, h("h2", { id: "modal-title" }, view.title.text), close),
      h("div", { class: "modal-body", tabindex: "0" }, blocks(view.blocks, context)),
      h("footer", {}, buttons));
  }

  async act(view, block, element, value) {
    const body = { view_id: view.id, block_id: block.block_id, action_id: element.action_id, type: element.type, value };
    const answer = await this.send("action", body);
    if (!answer.ok) this.toast(answer.error);
    return answer.ok;
  }

  async submit(event, view) {
    event.preventDefault();
    const values = {};
    for (const field of this.dialog.querySelectorAll("[data-type]")) {
      const given = field.dataset.type === "static_select" ? { selected_option: { value: field.value } } : { value: field.value || null };
      values[field.name] = { [field.dataset.action]: { type: field.dataset.type, ...given } };
    }
    const missing = [...this.dialog.querySelectorAll("[required]")].filter((field) => !field.value.trim());
    this.complain(Object.fromEntries(missing.map((field) => [field.name, "Please fill this in."])));
    if (missing.length) return missing[0].focus();
    const answer = await this.send("submit", { view_id: view.id, values });
    if (!answer.ok) return this.toast(answer.error);
    this.complain(answer.errors ?? {});
  }

  complain(errors) {
    for (const field of this.dialog.querySelectorAll("[data-type]")) {
      const problem = errors[field.name];
      const hint = document.getElementById(`${field.id}-hint`);
      hint.dataset.usual ??= hint.textContent;
      hint.textContent = problem ?? hint.dataset.usual;
      hint.classList.toggle("problem", Boolean(problem));
      field.setAttribute("aria-invalid", String(Boolean(problem)));
    }
  }

  async close() {
    const view = this.view;
    if (!view) return;
    const answer = await this.send("close", { view_id: view.id });
    if (!answer.ok) this.show([]);
  }
}
