// Turns Block Kit blocks into nodes. Clicks go to `act(block, element, value, button)`; knows no message and no server.

import { chart } from "./chart.js";
import { h, icon, link } from "./dom.js";
import { codeBlock, emoji, markdown, mrkdwn, mrkdwnInline } from "./text.js";

export function blocks(list, context) {
  return (list ?? []).map((block) => (KINDS[block.type] ?? unknown)(block, context)).filter(Boolean);
}

const unknown = (block) => h("p", { class: "quiet" }, `A block of type ${block.type} is not shown in the local workspace.`);

const KINDS = {
  header: (block) => h("h3", { class: "block-header" }, emojis(block.text)),
  section,
  markdown: (block, { names }) => h("div", { class: "markdown" }, markdown(block.text, names)),
  divider: () => h("hr"),
  context: (block, context) => h("div", { class: "block-context" }, block.elements.map((part) => small(part, context))),
  actions: (block, context) => h("div", { class: "block-actions" }, block.elements.map((part) => element(block, part, context))),
  context_actions: (block, context) => h("div", { class: "block-actions quiet-actions" }, block.elements.map((part) => element(block, part, context))),
  rich_text: (block, context) => h("div", { class: "markdown" }, block.elements.map((part) => rich(part, context))),
  table,
  input,
  image: (block) => h("p", { class: "quiet" }, "Image: ", link(block.image_url, block.alt_text)),
  data_visualization: chart,
};

const emojis = ({ text, emoji: wanted }) => (wanted === false ? text : text.replace(/:([a-z0-9_+-]+):/g, (_, name) => emoji(name)));
const lines = (text) => text.split("\n").flatMap((line, i) => (i ? [h("br"), line] : [line]));
const textOf = (object, { names }) => (object.type === "mrkdwn" ? mrkdwn(object.text, names) : lines(emojis(object)));

function section(block, context) {
  const fields = block.fields && h("div", { class: "fields" }, block.fields.map((field) => h("div", {}, textOf(field, context))));
  const body = h("div", { class: "section-text" }, block.text && h("div", {}, textOf(block.text, context)), fields);
  return h("div", { class: "block-section" }, body, block.accessory && element(block, block.accessory, context));
}

function small(part, { names }) {
  if (part.type === "image") return h("span", {}, part.alt_text);
  return h("span", {}, part.type === "mrkdwn" ? mrkdwnInline(part.text, names) : emojis(part));
}

// Elements

function element(block, part, context) {
  if (part.type === "button") return button(block, part, context);
  if (part.type === "feedback_buttons") return thumbs(block, part, context);
  if (part.type === "icon_button") return button(block, part, context);
  if (part.type === "overflow" || part.type === "static_select") return select(block, part, context);
  return h("span", { class: "quiet" }, part.alt_text ?? part.type);
}

function button(block, part, { act }) {
  const style = part.style ? ` ${part.style}` : "";
  const node = h("button", { type: "button", class: `button${style}`, "data-action": part.action_id }, emojis(part.text));
  node.addEventListener("click", async () => {
    if (!(await sure(part.confirm))) return;
    if (part.url) link(part.url).click();
    act(block, part, part.value ?? "", node);
  });
  return node;
}

// Asks before what cannot be undone at once, in a dialog of its own; true once the person agrees, or nothing is asked.
function sure(confirm) {
  if (!confirm) return Promise.resolve(true);
  return new Promise((decided) => {
    const button = (text, kind, value) => h("button", { type: "button", class: `button ${kind}`, onclick: () => dialog.close(value) }, text);
    const yes = button(confirm.confirm.text, confirm.style === "danger" ? "danger" : "primary", "yes");
    const foot = h("footer", {}, button(confirm.deny.text, "", ""), yes);
    const dialog = h("dialog", { class: "modal confirm", "aria-label": confirm.title.text }, h("h2", {}, confirm.title.text), h("p", {}, confirm.text.text), foot);
    dialog.addEventListener("close", () => {
      dialog.remove();
      decided(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    yes.focus();
  });
}

function thumbs(block, part, { act, felt }) {
  const nodes = [["up", part.positive_button], ["down", part.negative_button]].map(([name, choice]) => {
    const pressed = felt?.(block, part) === choice.value;
    const node = h("button", { type: "button", class: "thumb", "data-action": part.action_id, "data-value": choice.value, "aria-pressed": String(pressed), "aria-label": choice.text.text, title: choice.text.text }, icon(name));
    node.addEventListener("click", async () => {
      if (!(await act(block, part, choice.value, node))) return;
      for (const other of nodes) other.setAttribute("aria-pressed", String(other === node));
    });
    return node;
  });
  return h("span", { class: "thumbs", role: "group", "aria-label": "Was this answer useful?" }, nodes);
}

function select(block, part, { act }) {
  const options = part.options.map((option) => h("option", { value: option.value }, option.text.text));
  const label = part.placeholder?.text ?? "More";
  const chosen = h("option", { value: "", hidden: true }, part.initial_option?.text.text ?? label);
  const node = h("select", { class: "button menu-button", "aria-label": label, "data-action": part.action_id }, chosen, options);
  node.value = "";
  node.addEventListener("change", async () => {
    const option = part.options.find(({ value }) => value === node.value);
    const agreed = option && (await sure(part.confirm)) && (await act(block, part, option.value, node));
    // An overflow is a menu of things to do and keeps nothing; a select keeps what was chosen, as in Slack.
    if (!agreed || part.type === "overflow") node.value = "";
  });
  return node;
}

// Rich text and tables

function rich(part, context) {
  const inside = () => part.elements.map((child) => (child.elements ? rich(child, context) : richInline(child, context)));
  if (part.type === "rich_text_preformatted") return codeBlock(part.elements.map((child) => child.text ?? child.url ?? "").join(""));
  if (part.type === "rich_text_quote") return h("blockquote", {}, inside());
  if (part.type === "rich_text_list") {
    const items = part.elements.map((child) => h("li", {}, child.elements.map((leaf) => richInline(leaf, context))));
    return h(part.style === "ordered" ? "ol" : "ul", { start: part.offset ? part.offset + 1 : undefined, class: part.indent ? `indent-${Math.min(part.indent, 4)}` : undefined }, items);
  }
  return h("div", {}, inside());
}

const STYLES = { bold: "strong", italic: "em", strike: "del", code: "code" };

function richInline(leaf, { names }) {
  const nodes = {
    link: () => link(leaf.url, leaf.text ?? leaf.url),
    user: () => h("span", { class: "mention" }, `@${names.user(leaf.user_id) ?? leaf.user_id}`),
    channel: () => h("span", { class: "mention" }, `#${names.channel(leaf.channel_id) ?? leaf.channel_id}`),
    broadcast: () => h("span", { class: "mention" }, `@${leaf.range}`),
    emoji: () => emoji(leaf.name),
  };
  const node = nodes[leaf.type] ? [nodes[leaf.type]()] : lines(leaf.text ?? "");
  return Object.entries(STYLES).reduce((inner, [style, tag]) => (leaf.style?.[style] ? [h(tag, {}, inner)] : inner), node);
}

function table(block, context) {
  const cell = (part, tag) => h(tag, {}, part.type === "rich_text" ? part.elements.map((child) => rich(child, context)) : part.text);
  const [first, ...rest] = block.rows;
  const head = h("thead", {}, h("tr", {}, first.map((part) => cell(part, "th"))));
  const body = h("tbody", {}, rest.map((row) => h("tr", {}, row.map((part) => cell(part, "td")))));
  return h("div", { class: "wide", tabindex: "0" }, h("table", {}, head, body));
}

// Inputs of modals

function input(block) {
  const part = block.element;
  const id = `input-${block.block_id}`;
  const shared = { id, name: block.block_id, "data-action": part.action_id, "data-type": part.type, "aria-describedby": `${id}-hint` };
  const field = part.type === "static_select"
    ? h("select", shared, part.options.map((option) => h("option", { value: option.value }, option.text.text)))
    : h(part.multiline ? "textarea" : "input", { ...shared, placeholder: part.placeholder?.text, maxlength: part.max_length, rows: part.multiline ? "5" : undefined });
  if (part.initial_value) field.value = part.initial_value;
  if (part.initial_option) field.value = part.initial_option.value;
  if (!block.optional) field.required = true;
  const label = h("label", { for: id }, block.label.text, block.optional && h("span", { class: "quiet" }, " (optional)"));
  return h("div", { class: "field" }, label, field, h("p", { class: "hint", id: `${id}-hint` }, block.hint?.text ?? ""));
}
