// Turns Slack's two kinds of text into nodes: standard Markdown and mrkdwn. Knows no block and no message.

import { h, icon, link } from "./dom.js";

const EMOJI = {
  eyes: "👀", white_check_mark: "✅", heavy_check_mark: "✔️", warning: "⚠️", x: "❌", thumbsup: "👍", "+1": "👍",
  thumbsdown: "👎", "-1": "👎", rotating_light: "🚨", information_source: "ℹ️", hourglass_flowing_sand: "⏳",
  mag: "🔍", memo: "📝", book: "📖", bell: "🔔", no_entry: "⛔", question: "❓", repeat: "🔁", tada: "🎉",
};

export const emoji = (name) => EMOJI[name] ?? `:${name}:`;
const entities = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

// Inline text

// Each rule: a sticky pattern, and what its match becomes. `inner` reads the text inside with the same rules.
const angle = [/<([^<>\s][^<>]*)>/y, (m, _inner, names) => angled(m[1], names)];
const code = [/(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/y, (m) => h("code", {}, entities(m[2].replace(/^ (.*) $/, "$1")))];
const bare = [/https?:\/\/[^\s<>()[\]"'`]*[^\s<>()[\]"'`.,;:!?*_~]/y, (m) => link(entities(m[0]), entities(m[0]))];
const named = [/:([a-z0-9_+-]+):/y, (m) => (EMOJI[m[1]] ? EMOJI[m[1]] : m[0])];

const MARKDOWN = [
  [/\\([!-/:-@[-`{-~])/y, (m) => m[1]],
  code,
  angle,
  [/!?\[((?:[^[\]]|\[[^[\]]*\])*)\]\(<?([^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+"[^"]*")?\)/y,
    (m, inner) => link(entities(m[2]), inner(m[1] || m[2]))],
  [/\*\*(?=\S)([\s\S]*?\S)\*\*(?!\*)/y, (m, inner) => h("strong", {}, inner(m[1]))],
  [/__(?=\S)([\s\S]*?\S)__(?!\w)/y, (m, inner) => h("strong", {}, inner(m[1])), "word"],
  [/~~(?=\S)([\s\S]*?\S)~~/y, (m, inner) => h("del", {}, inner(m[1]))],
  [/\*(?=[^\s*])([^*]*[^\s*])\*(?!\*)/y, (m, inner) => h("em", {}, inner(m[1]))],
  [/_(?=[^\s_])([^_]*[^\s_])_(?!\w)/y, (m, inner) => h("em", {}, inner(m[1])), "word"],
  bare,
  named,
  [/(?: {2,}|\\)?\n/y, () => h("br")],
];

const MRKDWN = [
  code,
  angle,
  [/\*(?=[^\s*])([^*\n]*[^\s*])\*(?!\w)/y, (m, inner) => h("strong", {}, inner(m[1])), "word"],
  [/_(?=[^\s_])([^_\n]*[^\s_])_(?!\w)/y, (m, inner) => h("em", {}, inner(m[1])), "word"],
  [/~(?=[^\s~])([^~\n]*[^\s~])~(?!\w)/y, (m, inner) => h("del", {}, inner(m[1])), "word"],
  bare,
  named,
  [/\n/y, () => h("br")],
];

function inline(text, rules, names) {
  const inner = (part) => inline(part, rules, names);
  const nodes = [];
  let plain = "";
  for (let at = 0; at < text.length; ) {
    const found = match(text, at, rules);
    if (!found) {
      plain += text[at++];
      continue;
    }
    if (plain) nodes.push(entities(plain));
    plain = "";
    nodes.push(found.make(found.match, inner, names));
    at += found.match[0].length;
  }
  if (plain) nodes.push(entities(plain));
  return nodes;
}

function match(text, at, rules) {
  const inWord = at > 0 && /\w/.test(text[at - 1]);
  for (const [pattern, make, where] of rules) {
    if (where === "word" && inWord) continue;
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) return { match: found, make };
  }
  return null;
}

// What stands in <...>: a person, a channel, a mass mention, a link. Anything else is shown as it is.
function angled(content, names) {
  const [target, label] = content.split("|", 2).map(entities);
  if (/^@[UW]\w+$/.test(target)) return h("span", { class: "mention" }, `@${names.user(target.slice(1)) ?? label ?? target.slice(1)}`);
  if (/^#C\w+$/.test(target)) return h("span", { class: "mention" }, `#${names.channel(target.slice(1)) ?? label ?? target.slice(1)}`);
  if (/^!(here|channel|everyone)$/.test(target)) return h("span", { class: "mention" }, `@${target.slice(1)}`);
  if (target.startsWith("!date^")) return label ?? target;
  if (/^https?:\/\//.test(target)) return link(target, label ?? target);
  if (target.startsWith("mailto:")) return label ?? target.slice(7);
  return `<${entities(content)}>`;
}

export function codeBlock(text) {
  const button = h("button", { type: "button", class: "copy", "aria-label": "Copy the code" }, icon("copy"), h("span", {}, "Copy"));
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.replaceChildren(icon("done"), h("span", {}, "Copied"));
    setTimeout(() => button.replaceChildren(icon("copy"), h("span", {}, "Copy")), 1600);
  });
  return h("div", { class: "code" }, h("pre", { tabindex: "0", "aria-label": "Code" }, h("code", {}, text)), button);
}

// mrkdwn: what people type and sections carry

export function mrkdwn(text, names) {
  const parts = text.split(/```\n?([\s\S]*?)\n?```/);
  return parts.flatMap((part, i) => (i % 2 ? codeBlock(entities(part)) : quoted(part.replace(/^\n|\n$/g, ""), names)));
}

export const mrkdwnInline = (text, names) => inline(text, MRKDWN, names);

function quoted(text, names) {
  const nodes = [];
  for (const block of text.split(/((?:^(?:&gt;|>) ?.*(?:\n|$))+)/m)) {
    if (/^(&gt;|>)/.test(block)) nodes.push(h("blockquote", {}, mrkdwnInline(block.replace(/^(&gt;|>) ?/gm, "").trimEnd(), names)));
    else if (block) nodes.push(...mrkdwnInline(block, names));
  }
  return nodes;
}

// Standard Markdown: what answers carry

const FENCE = /^(\s*)(`{3,}|~{3,})[^`]*$/;
const HEADING = /^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const RULE = /^\s{0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ITEM = /^(\s*)([-*+•]|\d{1,9}[.)])(\s+|$)(.*)$/;
const QUOTE = /^\s{0,3}> ?/;
const DELIMITERS = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const indentOf = (line) => line.match(/^\s*/)[0].length;

export function markdown(text, names) {
  return blocksOf(text.replace(/\r\n?/g, "\n").replace(/\t/g, "    ").split("\n"), names);
}

function blocksOf(lines, names) {
  const nodes = [];
  for (let at = 0; at < lines.length; ) {
    const [node, next] = blockAt(lines, at, names);
    if (node) nodes.push(node);
    at = next;
  }
  return nodes;
}

function blockAt(lines, at, names) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  if (FENCE.test(line)) return fenceAt(lines, at);
  const heading = line.match(HEADING);
  if (heading) return [h(`h${Math.min(heading[1].length + 2, 6)}`, {}, inline(heading[2], MARKDOWN, names)), at + 1];
  if (RULE.test(line)) return [h("hr"), at + 1];
  if (QUOTE.test(line)) return quoteAt(lines, at, names);
  if (line.includes("|") && at + 1 < lines.length && lines[at + 1].includes("-") && DELIMITERS.test(lines[at + 1])) return tableAt(lines, at, names);
  if (ITEM.test(line)) return listAt(lines, at, names);
  return paragraphAt(lines, at, names);
}

function fenceAt(lines, at) {
  const [, space, mark] = lines[at].match(FENCE);
  const body = [];
  let next = at + 1;
  const closes = (line) => line.trim().startsWith(mark) && !line.trim().replaceAll(mark[0], "");
  for (; next < lines.length && !closes(lines[next]); next++) body.push(lines[next].slice(Math.min(space.length, indentOf(lines[next]))));
  return [codeBlock(body.join("\n")), next + 1];
}

function quoteAt(lines, at, names) {
  const inside = [];
  let next = at;
  for (; next < lines.length && QUOTE.test(lines[next]); next++) inside.push(lines[next].replace(QUOTE, ""));
  return [h("blockquote", {}, blocksOf(inside, names)), next];
}

function cells(line) {
  const row = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return row.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function tableAt(lines, at, names) {
  const row = (line, tag) => h("tr", {}, cells(line).map((cell) => h(tag, {}, inline(cell, MARKDOWN, names))));
  const body = [];
  let next = at + 2;
  for (; next < lines.length && lines[next].includes("|") && lines[next].trim(); next++) body.push(row(lines[next], "td"));
  return [h("div", { class: "wide", tabindex: "0" }, h("table", {}, h("thead", {}, row(lines[at], "th")), h("tbody", {}, body))), next];
}

function startsBlock(line) {
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line);
}

function paragraphAt(lines, at, names) {
  let next = at + 1;
  while (next < lines.length && lines[next].trim() && !startsBlock(lines[next])) next++;
  const text = lines.slice(at, next).map((line) => line.trimStart()).join("\n");
  return [h("p", {}, inline(text, MARKDOWN, names)), next];
}

// A list goes on over blank lines and over anything that is indented below its items. A code block at the margin ends
// it; the next list then starts with its own number, so steps keep theirs.
function listAt(lines, at, names) {
  const [, space, mark] = lines[at].match(ITEM);
  const ordered = /\d/.test(mark);
  const list = h(ordered ? "ol" : "ul", ordered ? { start: parseInt(mark, 10) } : {});
  let next = at;
  while (next < lines.length) {
    const item = lines[next].match(ITEM);
    if (!item || item[1].length > space.length + 1 || item[1].length < space.length || /\d/.test(item[2]) !== ordered) break;
    const [body, after] = itemBody(lines, next, item);
    const parts = blocksOf(body, names);
    const tight = parts.length && parts[0].tagName === "P";
    list.append(h("li", ordered ? { value: parseInt(item[2], 10) } : {}, tight ? [...parts[0].childNodes] : [], tight ? parts.slice(1) : parts));
    next = after;
  }
  return [list, next];
}

function itemBody(lines, at, [, space, mark, gap, first]) {
  const inset = space.length + mark.length + Math.min(gap.length || 1, 4);
  const body = [first];
  let next = at + 1;
  for (; next < lines.length; next++) {
    const line = lines[next];
    const below = indentOf(line) >= Math.min(inset, space.length + 2);
    if (!line.trim()) {
      const rest = lines.slice(next).find((later) => later.trim());
      if (rest === undefined || indentOf(rest) < Math.min(inset, space.length + 2)) {
        if (rest !== undefined && ITEM.test(rest) && indentOf(rest) === space.length) next++;
        break;
      }
      body.push("");
      continue;
    }
    if (!below && (startsBlock(line) || !lines[next - 1].trim())) break;
    body.push(line.slice(Math.min(inset, indentOf(line))));
  }
  while (next < lines.length && !lines[next].trim() && lines[next + 1] && ITEM.test(lines[next + 1])) next++;
  return [body, next];
}
