"use strict";
/* The picture of where a feature comes from and what is made of it: boxes in columns, and lines. */

const BOX = { width: 140, height: 50, apart: 20, down: 60 };
// The picture shrinks to its column, but not below this share of its size.
const SMALLEST = 0.85;
const MOST_MODELS = 6;
// So many letters of a name fit into a box.
const MOST_LETTERS = 19;

/* Return a picture of boxes {id, layer, name, note, href, here, after: [ids]}, each to the right of
   those it is made from; one with `joint` is a point where lines meet. */
function lineagePicture(boxes, alt) {
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const before = (box) => box.after.map((id) => byId.get(id)).filter(Boolean);
  const level = (box) => {
    box.level ??= Math.max(-1, ...before(box).map(level)) + 1;
    return box.level;
  };
  const columns = [];
  for (const box of boxes) (columns[level(box)] ??= []).push(box);
  const tallest = Math.max(...columns.map((column) => column.length));
  let right = 2;
  for (const column of columns) {
    column.forEach((box, down) => {
      box.x = right;
      box.y = 2 + (down + (tallest - column.length) / 2) * BOX.down;
      box.width = box.joint ? 0 : BOX.width;
    });
    right += Math.max(...column.map((box) => box.width)) + BOX.apart;
  }
  const width = right - BOX.apart + 2;
  const height = (tallest - 1) * BOX.down + BOX.height + 4;
  const joined = boxes.flatMap((box) => before(box).map((each) => curve(each, box)));
  const view = { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": alt };
  const style = `width: 100%; max-width: ${width}px; min-width: ${SMALLEST * width}px`;
  const image = draw("svg", { ...view, style }, joined, boxes.map(drawnBox));
  const held = { class: "scroll lineage", tabindex: "0", role: "region" };
  return make("div", { ...held, "aria-label": "Picture of the lineage" }, image);
}

function curve(from, to) {
  const [x1, y1] = [from.x + from.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x, to.y + BOX.height / 2];
  const middle = (x1 + x2) / 2;
  return draw("path", { d: `M${x1},${y1}C${middle},${y1} ${middle},${y2} ${x2},${y2}` });
}

function drawnBox(box) {
  const { x, y } = box;
  if (box.joint) return draw("circle", { cx: x, cy: y + BOX.height / 2, r: 4 });
  const line = (text, down) =>
    text ? draw("text", { x: x + 9, y: y + down }, cut(text, MOST_LETTERS + 2)) : null;
  const parts = [
    draw("title", null, [box.layer, box.name, box.note].filter(Boolean).join(": ")),
    draw("rect", { x, y, width: BOX.width, height: BOX.height, rx: 5 }),
    line(box.layer, 14),
    boxName(box),
    line(box.note, 43),
  ];
  if (box.href && !box.here) return draw("a", { href: box.href }, parts);
  return draw("g", { class: box.here ? "here" : null }, parts);
}

/* Return the name of a box, its middle left out where it is long, as wide as the box at most. */
function boxName({ x, y, name }) {
  const half = (MOST_LETTERS - 1) / 2;
  const isLong = name.length > MOST_LETTERS;
  const shown = isLong ? `${name.slice(0, half)}…${name.slice(-half)}` : name;
  const fit = shown.length > MOST_LETTERS - 3 ? BOX.width - 18 : null;
  const place = { class: "name", x: x + 9, y: y + 29, textLength: fit };
  return draw("text", { ...place, lengthAdjust: fit && "spacingAndGlyphs" }, shown);
}

function cut(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/* Return the boxes of a feature: landed columns, what is made of them, models, marts. */
function featureBoxes(item, facts, shared, route) {
  const models = modelBoxes(facts.uses, shared.relation);
  const marts = models.length ? catalogue.scored.marts : [];
  const scores = { id: "scores", joint: true, after: models.map((each) => each.id) };
  return [
    ...route.map((step) => stepBox(item, shared, step)),
    ...models,
    ...(marts.length ? [scores] : []),
    ...marts.map((name) => ({
      id: name,
      layer: "mart",
      name: bare(name),
      note: "from scores",
      href: address("mart", name),
      after: [scores.id],
    })),
  ];
}

function stepBox(item, shared, step) {
  const columns = step.columns.join(", ") || "rows";
  const box = {
    id: step.relation,
    layer: step.files.length ? `raw ${step.files[0]}` : step.layer,
    name: bare(step.relation),
    note: columns,
    href: catalogue.byId.has(`table/${step.relation}`) ? address("table", step.relation) : null,
    after: step.reads,
  };
  if (step.relation !== shared.relation) return box;
  const layer = `feature view ${shared.family}`;
  return { ...box, here: true, layer, name: item.name, note: box.name };
}

function modelBoxes(uses, relation) {
  const boxes = uses.slice(0, MOST_MODELS).map((use) => ({
    id: `model/${use.model}`,
    layer: "champion",
    name: use.target,
    note: use.importance === null ? "" : `importance ${share(use.importance)}`,
    href: address("model", use.model),
    after: [relation],
  }));
  const left = uses.length - boxes.length;
  const more = { id: "more", layer: "champions", name: `${left} more`, after: [relation] };
  if (left) boxes.push(more);
  return boxes;
}

function bare(relation) {
  return relation.slice(relation.indexOf(".") + 1);
}
