"use strict";
/* Makers of elements and of numbers as text, which the other scripts use. */

const SVG = "http://www.w3.org/2000/svg";
const NOTHING = "–";

/* Return an element with attributes and children: elements, texts, or nothing. */
function make(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/* The same of SVG. */
function draw(tag, attributes, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(3).filter((each) => each !== null && each !== undefined));
  return element;
}

/* Return a link to an item, or its name where the catalogue does not list it. */
function link(kind, name, text) {
  const shown = make("code", null, text || name);
  const known = catalogue.byId.has(`${kind}/${name}`);
  return known ? make("a", { href: address(kind, name) }, shown) : shown;
}

function address(kind, name) {
  return `#${kind}/${encodeURIComponent(name)}`;
}

/* Return a link to a relation, whether it is a mart or another table. */
function relation(name) {
  return link(catalogue.byId.has(`mart/${name}`) ? "mart" : "table", name);
}

/* Return a whole number with narrow spaces between thousands. */
function count(number) {
  if (number === null || number === undefined) return NOTHING;
  return Math.round(number).toLocaleString("en").replaceAll(",", "\u202f");
}

/* Return a number of any size in few characters. */
function short(number) {
  if (number === null || number === undefined) return NOTHING;
  const size = Math.abs(number);
  for (const [least, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= least) return signed(`${trimmed(number / (unit === "k" ? 1e3 : least))}${unit}`);
  }
  return signed(size >= 1e-4 || size === 0 ? trimmed(number) : number.toExponential(1));
}

function trimmed(number) {
  return String(Number(number.toPrecision(3)));
}

function signed(text) {
  return text.replace("-", "−");
}

function share(number) {
  if (number === null || number === undefined) return NOTHING;
  const percent = 100 * number;
  const digits = percent === 0 || percent >= 9.95 ? 0 : percent >= 0.995 ? 1 : 2;
  return `${percent.toFixed(digits)}\u202f%`;
}

function size(bytes) {
  const [unit, name] = bytes >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
  return `${(bytes / unit).toFixed(1)}\u202f${name}`;
}

function badge(text, strong) {
  return make("span", { class: strong ? "badge strong" : "badge" }, text);
}

function small(text) {
  return make("small", null, text);
}

function code(text) {
  return make("code", null, text);
}

function block(text) {
  return make("pre", { class: "copy", tabindex: "0" }, code(text));
}

function note(text) {
  return make("p", { class: "note" }, text);
}

/* Return a text whose parts in backticks are code. */
function prose(text) {
  return text.split("`").map((part, place) => (place % 2 ? code(part) : part));
}

function heading(text) {
  return make("h3", null, text);
}

function folded(title, ...inside) {
  return make("details", null, make("summary", null, title), inside);
}

function chapter(title, ...inside) {
  return make("section", null, make("h2", null, title), inside);
}

function known(pairs) {
  const told = (values) => make("dd", null, values.map((each) => [each, " "]));
  const pair = ([name, ...values]) => make("div", null, make("dt", null, name), told(values));
  return make("dl", { class: "known" }, pairs.map(pair));
}

/* Return a table; `numbers` are the places of columns that are right-aligned. A row is named by its
   first cell, where that is no number. */
function table(title, heads, rows, numbers = []) {
  const right = (place) => (numbers.includes(place) ? "n" : null);
  const head = (text, place) => make("th", { scope: "col", class: right(place) }, text);
  const cell = (value, place) =>
    place === 0 && !right(0)
      ? make("th", { scope: "row" }, value)
      : make("td", { class: right(place) }, value);
  return make(
    "div",
    { class: "scroll plain", tabindex: "0", role: "region", "aria-label": title },
    make(
      "table",
      null,
      make("thead", null, make("tr", null, heads.map(head))),
      make("tbody", null, rows.map((row) => make("tr", null, row.map(cell)))),
    ),
  );
}
