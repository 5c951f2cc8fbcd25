// Builds DOM nodes. Text only ever becomes text nodes: nothing here, or anywhere on the page, parses HTML.

export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  menu: "M3 6h18M3 12h18M3 18h18",
  close: "M6 6l12 12M18 6L6 18",
  send: "M4 12h15M13 6l6 6-6 6",
  reply: "M4 5h16v11H9l-5 4z",
  copy: "M9 9h10v11H9zM15 5H5v11",
  done: "M5 13l4 4L19 7",
  up: "M7 11v9H4v-9zM7 11l4-8c1.6 0 2.5 1 2.5 2.4L13 9h5.5c1.2 0 2 1 1.7 2.2l-1.6 7c-.2 1-1 1.8-2 1.8H7",
  down: "M17 13V4h3v9zM17 13l-4 8c-1.6 0-2.5-1-2.5-2.4L11 15H5.5c-1.2 0-2-1-1.7-2.2l1.6-7c.2-1 1-1.8 2-1.8H17",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  bolt: "M13 2.5L5 13.5h6l-1 8 8-11h-6z",
  below: "M12 5v14M6 13l6 6 6-6",
};

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

export const icon = (name) => svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: PATHS[name] }));

// A link leaves the page only by a click, only to http(s), and tells the other side nothing about us.
export function link(url, ...children) {
  let parsed;
  try {
    parsed = new URL(url);
  } catch {
    return h("span", {}, ...children);
  }
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") return h("span", {}, ...children);
  return h("a", { href: parsed.href, target: "_blank", rel: "noopener noreferrer", title: parsed.href }, ...children);
}

// Shows `items` in `parent`, in order. A node is kept as long as its `key` and everything in `parts` stay the same.
export function keyed(parent, items, build) {
  const before = parent.keyedNodes ?? new Map();
  const after = new Map();
  let place = parent.firstChild;
  for (const { key, parts } of items) {
    const old = before.get(key);
    const same = old && old.parts.length === parts.length && old.parts.every((part, i) => part === parts[i]);
    const node = same ? old.node : build(...parts);
    after.set(key, { node, parts });
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  const shown = new Set([...after.values()].map(({ node }) => node));
  for (const node of [...parent.childNodes]) if (!shown.has(node)) node.remove();
  parent.keyedNodes = after;
}
