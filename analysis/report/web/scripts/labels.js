/* Labels beside points: each where it covers least, with a line to its point where another is as near. */

const COSTS = {
  outside: 50, // of the frame
  overlap: 40, // with another label
  cover: MANY ? 3 : 30, // of a point; among very many no place is free of them
  cross: 30, // the way from a point to its label that of another, drawn or not, or a drawn one another label
  unclear: 2, // another point is as near as its own, so that a line to its own is needed
  strike: 1.6, // through a label, by the line of the front or of what most seeds attain
};
const GAP = 2; // px between a label and a line, within which the line runs through it
const TOO_DEAR = 30; // from here on a label is left out, unless it must be there
const POINT = 6; // px from the middle of a point to its edge
const LABEL_HEIGHT = 14;
const TABULAR = 1.05; // dots and hyphens among tabular digits are wider than they are measured
const ROUNDS = 3; // in which each label is moved to where the others leave most room
const LABEL_ROWS = [
  [-8, 0],
  [16, 0.3],
  [-22, 1.2],
  [30, 1.4],
  [-36, 2.2],
  [44, 2.4],
]; // px down from a point to the foot of its label, and what that costs

/**
 * Place labels beside their points so that they cover the least; one without a free place is left out, unless it must
 * be there. `labels` are {x, y, text, must}, `points` are {x, y} that should stay visible, `strokes` are segments
 * [from, to] of a line that should not run through a label.
 */
function placeLabels(labels, points, width, height, margins, strokes = []) {
  const places = labels.map((label) => listPlaces(label, points, width, height, margins, strokes));
  const starts = labels.map((_, first) => choosePlaces(places, first));
  const chosen = starts.reduce((least, other) => (totalOf(other) < totalOf(least) ? other : least), starts[0] || []);
  const kept = [];
  chosen.forEach((place, k) => {
    if (sumCosts(place, kept) < TOO_DEAR || labels[k].must) kept.push(place);
  });
  const drawn = kept.map(({ leader, text, x, y, anchor }) => drawLeader(leader) + drawText(text, x, y, anchor, "lab"));
  return drawn.join("");
}

/** Choose a place for each label in turn, from one of them on, and then for each again beside the others. */
function choosePlaces(places, first) {
  const order = places.map((_, k) => (k + first) % places.length);
  const chosen = new Map();
  for (let turn = 0; turn <= ROUNDS; turn += 1) {
    for (const k of order) {
      chosen.delete(k);
      const others = [...chosen.values()];
      const costs = places[k].map((place) => sumCosts(place, others));
      chosen.set(k, places[k][costs.indexOf(Math.min(...costs))]);
    }
  }
  return places.map((_, k) => chosen.get(k));
}

/** Sum what the places of all labels cost. */
function totalOf(chosen) {
  return chosen.reduce((sum, place, k) => sum + sumCosts(place, chosen.slice(0, k)), 0);
}

/** List the places of a label: on either side of its point, and above and below it where the frame has room. */
function listPlaces(label, points, width, height, margins, strokes) {
  const wide = TABULAR * widthOf(label.text) + 4;
  const middle = Math.max(margins.left, Math.min(label.x - wide / 2, width - wide));
  return LABEL_ROWS.flatMap(([dy, bias]) => {
    const far = Math.abs(dy) > 20;
    const dx = far ? 8 : 10;
    const sides = [
      { x: label.x + dx, anchor: "start", left: label.x + dx },
      { x: label.x - dx, anchor: "end", left: label.x - dx - wide },
    ];
    const across = far ? [...sides, { x: middle, anchor: "start", left: middle }] : sides;
    return across.map(({ x, anchor, left }) => {
      const box = { x: left, y: label.y + dy - 11, width: wide, height: LABEL_HEIGHT };
      const place = { text: label.text, x, y: label.y + dy, anchor, box };
      return ratePlace(place, label, bias, points, width, height, margins, strokes);
    });
  });
}

/** Rate a place of a label by what lies beneath it; without regard to other labels. */
function ratePlace(place, label, bias, points, width, height, margins, strokes) {
  const { box } = place;
  const own = distanceTo(box, label);
  const others = points.filter((point) => point.x !== label.x || point.y !== label.y);
  const unclear = others.some((point) => distanceTo(box, point) <= own);
  const way = [[label.x, label.y], nearestOf(box, label.x, label.y)];
  const leader = unclear ? way : null;
  let cost = bias + (unclear ? COSTS.unclear : 0);
  if (box.x < margins.left || box.x + box.width > width) cost += COSTS.outside;
  if (box.y < margins.top - LABEL_HEIGHT || box.y + LABEL_HEIGHT > height - margins.bottom) cost += COSTS.outside;
  cost += COSTS.cover * points.filter((point) => distanceTo(box, point) < POINT).length;
  if (strokes.some((stroke) => runsThrough(stroke, widenBox(box, GAP)))) cost += COSTS.strike;
  if (leader) cost += others.filter((point) => runsThrough(leader, boxAround(point, POINT - 2))).length;
  return { ...place, way, leader, cost };
}

/** Sum what a place of a label costs beside the places of others. */
function sumCosts(place, others) {
  let cost = place.cost;
  for (const other of others) {
    if (boxesTouch(place.box, other.box)) cost += COSTS.overlap;
    const struck = (one, two) => one.leader && runsThrough(one.leader, two.box);
    if (struck(place, other) || struck(other, place)) cost += COSTS.cross;
    if (segmentsCross(place.way, other.way)) cost += COSTS.cross;
  }
  return cost;
}

/** Draw the line from a mark to its label, for a label that lies nearer to another mark. */
function drawLeader(leader) {
  if (!leader) return "";
  const [[x, y], [toX, toY]] = leader;
  return `<path class="leader" d="M${round(x)} ${round(y)}L${round(toX)} ${round(toY)}" stroke="var(--soft)"/>`;
}

/** Find the point of a box that is nearest to a place. */
function nearestOf(box, x, y) {
  return [Math.min(Math.max(x, box.x), box.x + box.width), Math.min(Math.max(y, box.y), box.y + box.height)];
}

/** Measure how far a mark lies from a box. */
function distanceTo(box, { x, y }) {
  const [nearX, nearY] = nearestOf(box, x, y);
  return Math.hypot(nearX - x, nearY - y);
}

/** Widen a box to all sides. */
function widenBox({ x, y, width, height }, by) {
  return { x: x - by, y: y - by, width: width + 2 * by, height: height + 2 * by };
}

/** Make the box around a point. */
function boxAround({ x, y }, reach) {
  return { x: x - reach, y: y - reach, width: 2 * reach, height: 2 * reach };
}

/** Tell whether two boxes overlap. */
function boxesTouch(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** Tell whether a segment runs through a box, or ends within it; along an edge it does not. */
function runsThrough([from, to], box) {
  const [left, right] = [box.x + 0.5, box.x + box.width - 0.5];
  const [top, bottom] = [box.y + 0.5, box.y + box.height - 0.5];
  const within = ([x, y]) => x > left && x < right && y > top && y < bottom;
  const falling = [
    [left, top],
    [right, bottom],
  ];
  const rising = [
    [left, bottom],
    [right, top],
  ];
  return within(from) || within(to) || [falling, rising].some((diagonal) => segmentsCross([from, to], diagonal));
}

/** Tell whether two segments cross. */
function segmentsCross([a, b], [c, d]) {
  const turn = ([px, py], [qx, qy], [rx, ry]) => Math.sign((qx - px) * (ry - py) - (qy - py) * (rx - px));
  return turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0;
}
