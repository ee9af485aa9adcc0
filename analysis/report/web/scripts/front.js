/* The front: configurations by two metrics, the front of their means, and what few, most or all seeds attain. */

const FRONT_MARGINS = { left: 40, right: 14, top: 46, bottom: 42 };
const LABELS = 8;
const MOST_LETTERS = 40;
const RADIUS = MANY ? 2.8 : COUNT > 60 ? 4 : 5; // of a mark
const PALE = 0.35; // opacity of a configuration that can be on no front
const OUTLYING = 0.04; // share of a search's points that may lie outside the view

const frontPanels = new Map();

/** Draw a panel for each setting, on shared axes. */
function drawFronts() {
  const box = find("#front");
  const panels = listPanels();
  holdStages(box, panels);
  frontPanels.clear();
  const shown = listShown();
  const own = shown.length ? shown : ALL;
  const hasMean = (i) => (metric) => isNumber(estimateOf(i, metric, state.checkpoint).mean); // a bound is none
  const marked = own.filter((i) => [state.x, state.y].every(hasMean(i)));
  const [xDomain, yDomain] = [state.x, state.y].map((metric) => {
    return findView(
      metric,
      (marked.length ? marked : own).map((i) => estimateOf(i, metric, state.checkpoint)),
    );
  });
  for (const setting of panels) frontPanels.set(setting, drawFront(box, setting, xDomain, yDomain));
  find("#pale").toggleAttribute("hidden", !shown.length || !marked.some(isPale));
  find("#hollow")?.toggleAttribute("hidden", !areMarksHollow()); // absent where no epoch is selected
}

/** Tell whether the mark of a configuration is pale: it can be on no front. */
function isPale(i) {
  return !isCandidate(i);
}

/** Tell whether marks are hollow: at the last epoch, where another one was selected. */
function areMarksHollow() {
  return state.checkpoint !== DATA.checkpoint;
}

/** Choose the height of a panel: a single row has that of the screen on paper too, as it heads the first sheet. */
function chooseFrontHeight(width) {
  const tall = Math.max(290, Math.min(370, width * 0.72));
  return DATA.settings.length > 2 ? fitHeight(tall) : tall;
}

/** Draw the panel of one setting. */
function drawFront(box, setting, xDomain, yDomain) {
  const name = nameSetting(setting);
  const label = `${name ? `${name}: ` : ""}${titleOf(state.y)} against ${titleOf(state.x)}.`;
  const help = `${label} Arrow keys walk along the configurations, Enter keeps one.`;
  const stage = openStage(box, setting, chooseFrontHeight, help, { keys: true });
  const { width, height } = stage;
  const margins = DATA.settings.length > 1 ? FRONT_MARGINS : { ...FRONT_MARGINS, top: 30 };
  const x = d3.scaleLinear(xDomain, [margins.left, width - margins.right]);
  const y = d3.scaleLinear(yDomain, [height - margins.bottom, margins.top]);
  const shownHere = listPanel(setting);
  const boundaries = findBoundaries(shownHere.filter(isCandidate), x, y);
  const marks = placeMarks(shownHere, x, y);
  const inside = marks.filter((mark) => liesInside(mark, width, height, margins));
  const options = { title: DATA.settings.length > 1 ? name : "", ...titleAxes() };
  const clip = `clip-front-${DATA.settings.indexOf(setting)}`;
  fillStage(
    stage,
    drawFrame(width, height, margins, x, y, options) +
      `<g class="attained">${drawBoundaries(boundaries)}</g>` +
      drawOutside(marks.length - inside.length, marks.length, height, margins) +
      drawClip(clip, width, height, margins) +
      (MANY ? "" : `<g class="marks" clip-path="url(#${clip})">${inside.map(drawMark).join("")}</g>`),
  );
  if (MANY) paintWithin(stage, margins, () => inside.forEach((mark) => paintMark(stage.context, mark)));
  attachMarks(stage, inside);
  const candidates = marks.filter((mark) => isCandidate(mark.i));
  const members = listFrontOfMeans(candidates.map((mark) => orient(mark.mean, mark.i)));
  const strokes = listStrokes(boundaries);
  return { stage, margins, marks: inside, members: members.map((member) => member[2]), strokes, labelled: null };
}

/** Title the axes of the front; the arrow points to the better end. */
function titleAxes() {
  const forward = directionOf(state.x) > 0;
  const title = titleOf(state.x);
  return {
    xTitle: forward ? `${title} →` : `← ${title}`,
    yTitle: titleOf(state.y),
    yArrow: directionOf(state.y) > 0 ? "↑" : "↓",
  };
}

/** Turn a point so that more is better on both axes; `rest` follows the coordinates. */
function orient([x, y], ...rest) {
  return [x * directionOf(state.x), y * directionOf(state.y), ...rest];
}

/** List where configurations lie, in pixels, from the lowest up; those without both metrics are left out. */
function placeMarks(configurations, x, y) {
  const marks = [];
  for (const i of configurations) {
    const [across, up] = [state.x, state.y].map((metric) => estimateOf(i, metric, state.checkpoint));
    if (!isNumber(across.mean) || !isNumber(up.mean)) continue;
    const xError = isNumber(across.se) ? Math.abs(x(across.mean + across.se) - x(across.mean)) : 0;
    const yError = isNumber(up.se) ? Math.abs(y(up.mean + up.se) - y(up.mean)) : 0;
    marks.push({ i, x: x(across.mean), y: y(up.mean), xError, yError, mean: [across.mean, up.mean] });
  }
  return marks.sort((a, b) => b.y - a.y);
}

/** Tell whether a mark lies within the axes. */
function liesInside(mark, width, height, margins) {
  const across = mark.x >= margins.left - 1 && mark.x <= width - margins.right + 1;
  return across && mark.y >= margins.top - 1 && mark.y <= height - margins.bottom + 1;
}

/** Say how many marks are not in view, in the corner that no axis uses, or that there are none at all. */
function drawOutside(count, total, height, margins) {
  if (!total) return drawText("no result to show", margins.left + 6, margins.top + 18);
  return count ? drawText(`${count} not in view`, 0, height - 4) : "";
}

/** Draw a mark with its errors. */
function drawMark({ i, x, y, xError, yError }) {
  const paint = paintOf(i);
  const fill = areMarksHollow() ? "var(--bg)" : paint;
  const errors =
    `M${round(x - xError)} ${round(y)}h${round(2 * xError)}` + `M${round(x)} ${round(y - yError)}v${round(2 * yError)}`;
  const opacity = isPale(i) ? ` opacity="${PALE}"` : "";
  return (
    `<g data-i="${i}" stroke="${paint}"${opacity}><path d="${errors}" opacity=".5"/><path class="pt" fill="${fill}" ` +
    `transform="translate(${round(x)} ${round(y)})" d="${symbolPath(markerOf(i), RADIUS)}"/></g>`
  );
}

/** Paint a mark with its errors on the canvas. */
function paintMark(context, { i, x, y, xError, yError }) {
  const colour = colourOf(i);
  const opacity = isPale(i) ? PALE : 1;
  context.strokeStyle = colour;
  context.globalAlpha = 0.3 * opacity;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x - xError, y);
  context.lineTo(x + xError, y);
  context.moveTo(x, y - yError);
  context.lineTo(x, y + yError);
  context.stroke();
  context.globalAlpha = 0.95 * opacity;
  const symbol = new Path2D();
  symbol.addPath(smallSymbol(markerOf(i)), new DOMMatrix([1, 0, 0, 1, x, y]));
  context.fillStyle = areMarksHollow() ? readColour("--bg") : colour;
  context.lineWidth = 1.2;
  context.fill(symbol);
  context.stroke(symbol);
  context.globalAlpha = 1;
}

const smallSymbols = new Map();

/** Make the path of a small marker once. */
function smallSymbol(kind) {
  if (!smallSymbols.has(kind)) smallSymbols.set(kind, new Path2D(symbolPath(kind, RADIUS)));
  return smallSymbols.get(kind);
}

/** Find the corners of the front of the means, and of what few, most and all seeds attain, in pixels. */
function findBoundaries(candidates, x, y) {
  const { clamp, end, foot } = placeCorners(x, y);
  const seeds = listSeedPoints(candidates);
  const counts = seeds.length < 2 ? [] : countAttaining(seeds.length);
  const attained = counts.map((count) => clamp(listAttained(seeds, count)));
  return { front: clamp(listCorners(candidates)), attained, end, foot };
}

/** List the segments that labels avoid: of the front of the means, and of what most seeds attain. */
function listStrokes({ front, attained, end, foot }) {
  return [front, ...attained.slice(1, 2)].flatMap((corners) => listSteps(corners, end, foot));
}

/** List the corners of the front of the means of configurations, more being better on both axes. */
function listCorners(candidates) {
  const means = candidates.map((i) => orient([state.x, state.y].map((m) => estimateOf(i, m, state.checkpoint).mean)));
  return listFrontOfMeans(means.filter((point) => point.every(isNumber)));
}

/** Tell how corners are placed in pixels, within the axes, and where the boundaries of fronts begin and end. */
function placeCorners(x, y) {
  const end = x.range()[directionOf(state.x) > 0 ? 0 : 1];
  const foot = y.range()[directionOf(state.y) > 0 ? 0 : 1];
  const place = (corners) => corners.map((corner) => orient(corner)).map(([across, up]) => [x(across), y(up)]);
  return { clamp: (corners) => clampCorners(place(corners), x.range(), y.range()), end, foot };
}

/** Draw the front of the means, and the bands of attainment over the seeds. */
function drawBoundaries({ front, attained, end, foot }) {
  const course = drawSteps(front, end, foot);
  const line = `<path class="front" d="${course}" fill="none" stroke="var(--ink)" stroke-width="1.4"/>`;
  if (!attained.length) return line;
  const [outer, middle, inner] = attained;
  const between = drawBetween(outer, inner, end, foot);
  const steps = drawSteps(middle, end, foot);
  const dotted = `<path d="${steps}" fill="none" stroke="var(--soft)" stroke-dasharray="1.5 3"/>`;
  return `<path class="band" d="${between}" fill="var(--band)" fill-opacity=".07"/>${dotted}${line}`;
}

/** Keep corners within the axes, so that a front whose end lies outside the view still runs to its edge. */
function clampCorners(corners, [left, right], [bottom, top]) {
  return corners.map(([x, y]) => [Math.max(left, Math.min(right, x)), Math.max(top, Math.min(bottom, y))]);
}

/** List the points of each seed, over the configurations that the same seeds completed. */
function listSeedPoints(configurations) {
  const points = configurations.map((i) => {
    const pairs = rowsOf[i].map((row) => {
      const point = orient([state.x, state.y].map((metric) => valueOfTrial(row, metric, state.checkpoint)));
      return [DATA.trials.replicate[row], point];
    });
    return new Map(pairs.filter(([, point]) => point.every(isNumber)));
  });
  const { seeds, members } = balanceSeeds(points.map((known) => [...known.keys()]));
  return seeds.map((seed) => members.map((place) => points[place].get(seed)));
}

/** Mark the hovered and the kept with rings, and name the kept and the front. */
function markFronts() {
  for (const panel of frontPanels.values()) {
    const { stage, marks } = panel;
    const key = state.kept.join();
    if (!panel.labelled || panel.labelled.key !== key) panel.labelled = { key, html: labelFront(panel) };
    stage.over.innerHTML = drawRings(marks, MANY ? 7 : 10) + panel.labelled.html;
  }
}

/** Label the kept and the members of the front; of a long front its ends and its knee. */
function labelFront({ stage, marks, members, margins, strokes }) {
  const [ends, knees] = [[members[0], members[members.length - 1]], members.filter((i) => CONFIGURATIONS.knee[i])];
  const chosen = members.length > LABELS ? [...ends, ...knees] : members;
  const named = [...new Set([...state.kept, ...chosen])].map((i) => marks.find((mark) => mark.i === i));
  const room = Math.min(MOST_LETTERS * LETTER, stage.width * 0.6);
  const labels = named.filter(Boolean).map(({ i, x, y }) => {
    return { x, y, text: shortenText(CONFIGURATIONS.choice[i], room), must: state.kept.includes(i) };
  });
  return placeLabels(labels, marks, stage.width, stage.height, margins, strokes);
}

addView({ element: find("#front"), first: true, draw: drawFronts, mark: markFronts });
