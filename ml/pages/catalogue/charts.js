"use strict";
/* Small pictures of numbers: lines over months, and a histogram beside that of the reference. */

const WIDTH = 280;
const HEIGHT = 150;
const LEFT = 42;
const TOP = 8;
const RIGHT = WIDTH - 8;
const BOTTOM = HEIGHT - 20;

/* Return a figure of values over months; `options`: format, low (the axis' lower end), band (two
   lists), limits ([value, word]). A value of null is a gap. */
function lines(title, caption, months, values, options = {}) {
  const format = options.format || short;
  const band = options.band || [];
  const limits = (options.limits || []).filter(([value]) => isNumber(value));
  const known = [...values, ...band.flat()].filter(isNumber);
  if (!known.length) return null;
  const seen = Math.max(...known);
  // A limit far above all that was seen would flatten the line.
  const drawn = limits.filter(([value]) => value <= Math.max(4 * seen, limits[0][0]));
  const ends = [...known, ...drawn.map(([value]) => value)];
  const ticks = roundTicks(options.low ?? Math.min(...ends), Math.max(...ends));
  const [low, high] = [ticks[0], ticks.at(-1)];
  const apart = (RIGHT - LEFT - 16) / Math.max(months.length - 1, 1);
  const x = (place) => LEFT + 8 + apart * place;
  const y = (value) => BOTTOM - ((BOTTOM - TOP) * (value - low)) / (high - low || 1);
  const parts = [...grid(ticks, y, format), ...monthLabels(months, x).filter(Boolean)];
  if (band.length) parts.push(area(band, x, y));
  for (const [value, word] of drawn) {
    const at = y(value);
    const place = { class: "limit-word", x: RIGHT, y: at - 3, "text-anchor": "end" };
    parts.push(draw("line", { class: "limit", x1: LEFT, x2: RIGHT, y1: at, y2: at }));
    parts.push(draw("text", place, word));
  }
  parts.push(draw("path", { class: "line", d: path(values, x, y) }));
  values.forEach((value, place) => {
    if (!isNumber(value)) return;
    const told = draw("title", null, `${months[place]}: ${format(value)}`);
    parts.push(draw("circle", { class: "dot", cx: x(place), cy: y(value), r: 2.4 }, told));
  });
  const [first, last] = [values.find(isNumber), values.findLast(isNumber)];
  const when = `${months[0]} to ${months.at(-1)}`;
  const alt = `${title}, ${when}: from ${format(first)} to ${format(last)}.`;
  return picture(title, caption, alt, parts);
}

/* Return a figure of the shares by bin in the newest month, dark, on those of the reference. */
function histogram(title, caption, now, before, edges) {
  const [dark, pale] = [shares(now), shares(before)];
  const ticks = roundTicks(0, Math.max(...dark, ...pale));
  const y = (value) => BOTTOM - ((BOTTOM - TOP) * value) / ticks.at(-1);
  const wide = (RIGHT - LEFT) / dark.length;
  const parts = [...grid(ticks, y, share)];
  const bar = (name, from, width, value, ...told) => {
    const top = y(value);
    return draw("rect", { class: name, x: from, y: top, width, height: BOTTOM - top }, told);
  };
  dark.forEach((value, place) => {
    // What has no value stands a little apart.
    const from = LEFT + place * wide + (place === dark.length - 1 ? 4 : 0);
    const name = binName(place, edges, dark.length);
    const told = draw("title", null, `${name}: ${share(value)}, reference ${share(pale[place])}`);
    parts.push(
      bar("before", from + 1, wide - 2, pale[place]),
      bar("now", from + wide * 0.3, wide * 0.4, value),
      bar("over", from, wide, ticks.at(-1), told),
    );
  });
  const label = (x, text, anchor) =>
    draw("text", { x, y: HEIGHT - 6, "text-anchor": anchor }, text);
  const labelled = edges ? [0, 2, 5, 8] : [];
  const end = (place) => LEFT + (place + 1) * wide;
  parts.push(...labelled.map((place) => label(end(place), short(edges[place]), "middle")));
  parts.push(label(RIGHT + 4, "none", "end"));
  const alt = `${title}: ${share(dark.at(-1))} without a value; the table of bins has all shares.`;
  return picture(title, caption, alt, parts);
}

function shares(bins) {
  const all = bins.reduce((sum, each) => sum + each, 0) || 1;
  return bins.map((each) => each / all);
}

function binName(place, edges, bins) {
  if (place === bins - 1) return "without a value";
  if (!edges) return "any value";
  if (place === 0) return `up to ${short(edges[0])}`;
  if (place === bins - 2) return `above ${short(edges[place - 1])}`;
  return `above ${short(edges[place - 1])}, up to ${short(edges[place])}`;
}

function picture(title, caption, alt, parts) {
  const box = { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": alt };
  const words = make("figcaption", null, caption);
  return make("figure", null, make("h3", null, title), draw("svg", box, parts), words);
}

function isNumber(value) {
  return value !== null && value !== undefined;
}

function grid(ticks, y, format) {
  return ticks.flatMap((tick) => [
    draw("line", { class: "grid", x1: LEFT, x2: RIGHT, y1: y(tick), y2: y(tick) }),
    draw("text", { x: LEFT - 5, y: y(tick) + 3.5, "text-anchor": "end" }, format(tick)),
  ]);
}

function monthLabels(months, x) {
  const step = Math.ceil(months.length / 4);
  const label = (month, place) =>
    draw("text", { x: x(place), y: HEIGHT - 5, "text-anchor": "middle" }, month);
  return months.map((month, place) => (place % step ? null : label(month, place)));
}

function area([low, high], x, y) {
  const there = low.map((_, place) => place).filter((place) => isNumber(low[place]));
  const upper = there.map((place) => `${x(place)},${y(high[place])}`);
  const lower = there.reverse().map((place) => `${x(place)},${y(low[place])}`);
  return draw("polygon", { class: "band", points: [...upper, ...lower].join(" ") });
}

function path(values, x, y) {
  let pen = "M";
  const moves = [];
  values.forEach((value, place) => {
    if (!isNumber(value)) {
      pen = "M";
      return;
    }
    moves.push(`${pen}${x(place).toFixed(1)},${y(value).toFixed(1)}`);
    pen = "L";
  });
  return moves.join("");
}

/* Return three to six even round ticks from at most `low` to at least `high`. */
function roundTicks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((each) => each * power >= rough * 0.999);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, place) => (first + place) * step);
}
