// Draws a data_visualization block: lines, areas and bars as SVG. Knows no message; colours are the style sheet's.

import { h, svg } from "./dom.js";

const NARROW = 520;
const WIDE = 676;
const HIGH = 200;
const EDGE = { top: 36, right: 14, bottom: 40, left: 46 };
const MARK = /^((?:\d{1,2} \w{3} )?\d{1,2}:\d{2}) (.+)$/;

// A label such as "14:02 checkout 1.42" marks what happened at that time.
const marked = (label) => label.match(MARK);
const tidy = (value) => Number(value.toPrecision(3)).toLocaleString("en");

export function chart(block) {
  const { type, series = [], axis_config: axis = {}, segments = [] } = block.chart;
  const legend = h("ul", { class: "legend" }, (type === "pie" ? segments : series).map((each, i) => h("li", { class: `series-${i}` }, each.name ?? `${each.label}: ${tidy(each.value)}`)));
  const figure = h("figure", { class: "chart" }, h("figcaption", {}, h("span", { class: "chart-title" }, block.title), legend));
  if (type === "pie") return figure;
  figure.drawAt = (width) => figure.querySelector("svg")?.replaceWith(plot(type, series, axis, block.title, width));
  figure.append(plot(type, series, axis, block.title, WIDE));
  sizes.observe(figure);
  return figure;
}

// A drawing is made for the width that there is, so that its words keep their size.
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const width = Math.round(Math.min(Math.max(contentRect.width, 240), WIDE));
    if (contentRect.width && target.drawnAt !== width) target.drawAt((target.drawnAt = width));
  }
});

function plot(type, series, axis, title, width) {
  const labels = axis.categories ?? [];
  const values = series.map((each) => each.data.map((point) => point.value));
  const [low, high, step] = range(values.flat());
  const inner = { width: width - EDGE.left - EDGE.right, height: HIGH - EDGE.top - EDGE.bottom };
  const slot = inner.width / Math.max(type === "bar" ? labels.length : labels.length - 1, 1);
  const x = (i) => EDGE.left + slot * (type === "bar" ? i + 0.5 : i);
  const y = (value) => EDGE.top + inner.height * (1 - (value - low) / (high - low));
  const area = { width, x, y, slot, low, labels, left: EDGE.left, right: width - EDGE.right, bottom: HIGH - EDGE.bottom };
  const told = series.map((each, i) => `${each.name}: ${tidy(Math.min(...values[i]))} to ${tidy(Math.max(...values[i]))}`).join("; ");
  return svg("svg", { viewBox: `0 0 ${width} ${HIGH}`, role: "img", "aria-label": `${title}. ${told}` },
    grid(low, high, step, area),
    axes(axis, area),
    marks(area),
    series.map((each, i) => drawn(type, values[i], i, series.length, area)).reverse(),
    labels.map((label, i) => spot(label, i, series, area)));
}

// Whole steps of 1, 2 or 5 that hold all values and zero.
function range(values) {
  const top = Math.max(...values, 0) || 1;
  const rough = (top - Math.min(...values, 0)) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((each) => each * power >= rough) * power;
  return [Math.floor(Math.min(...values, 0) / step) * step, Math.ceil(top / step) * step, step];
}

function grid(low, high, step, { left, right, y }) {
  const lines = [];
  for (let value = low; value <= high + step / 2; value += step) {
    lines.push(svg("line", { class: value === 0 ? "base" : "rule", x1: left, x2: right, y1: y(value), y2: y(value) }));
    lines.push(svg("text", { class: "tick", x: left - 8, y: y(value) + 4, "text-anchor": "end" }, tidy(value)));
  }
  return lines;
}

function axes(axis, { labels, x, left, right, bottom, width }) {
  const room = width < NARROW ? 70 : 64;
  const every = Math.ceil((labels.length * room) / (right - left));
  const ticks = labels.map((label, i) => {
    if (i % every) return null;
    const anchor = i === labels.length - 1 && labels.length > 1 ? "end" : "middle";
    return svg("text", { class: "tick", x: x(i), y: bottom + 17, "text-anchor": anchor }, marked(label)?.[1] ?? label);
  });
  const names = [axis.y_label && svg("text", { class: "axis", x: left - 38, y: 13 }, axis.y_label)];
  if (axis.x_label) names.push(svg("text", { class: "axis", x: right, y: bottom + 34, "text-anchor": "end" }, axis.x_label));
  return [...ticks, ...names];
}

function marks({ labels, x, left, right, bottom }) {
  return labels.flatMap((label, i) => {
    const mark = marked(label);
    if (!mark) return [];
    const late = x(i) > (left + right) / 2;
    return [
      svg("line", { class: "mark", x1: x(i), x2: x(i), y1: EDGE.top - 14, y2: bottom }),
      svg("text", { class: "mark-words", x: x(i) + (late ? -5 : 5), y: EDGE.top - 7, "text-anchor": late ? "end" : "start" }, `${mark[1]} ${mark[2]}`),
    ];
  });
}

function drawn(type, values, i, count, { x, y, slot, low }) {
  if (type === "bar") {
    const wide = Math.max((slot * 0.7) / count, 1);
    return values.map((value, at) => svg("rect", { class: `bar series-${i}`, x: x(at) - (wide * count) / 2 + wide * i, y: y(Math.max(value, 0)), width: wide, height: Math.max(y(Math.min(value, 0)) - y(Math.max(value, 0)), 0.5), rx: 1.5 }));
  }
  const points = values.map((value, at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
  const line = svg("polyline", { class: `line series-${i}`, points: points.join(" ") });
  // The first series is what the chart is about: its area helps the eye.
  if (i > 0 && type !== "area") return [line];
  const foot = y(Math.max(low, 0)).toFixed(1);
  return [svg("polygon", { class: `area series-${i}`, points: `${x(0).toFixed(1)},${foot} ${points.join(" ")} ${x(values.length - 1).toFixed(1)},${foot}` }), line];
}

// What the browser shows when the pointer rests on a time.
function spot(label, i, series, { x, slot, bottom }) {
  const words = series.map((each) => `${each.name} ${tidy(each.data[i].value)}`).join(", ");
  return svg("rect", { class: "spot", x: x(i) - slot / 2, y: EDGE.top, width: slot, height: bottom - EDGE.top }, svg("title", {}, `${label}: ${words}`));
}
