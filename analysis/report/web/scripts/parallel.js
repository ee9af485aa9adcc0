/* Parallel coordinates: a line a configuration over its knobs and the two metrics of the front. Constant networks have
   none: their accuracies are no results. Axes stand side by side; where they would stand too close they lie, one below
   the other. brush.js keeps ranges of them. */

const LEAST_GAP = 62; // px between axes that stand
const ABREAST = 9; // axes at most that stand beside the front
const LYING_GAP = 54; // px between axes that lie
const STANDING_HEIGHT = 370;
const STANDING_MARGINS = { left: 30, right: 40, top: 50, bottom: 18 };
const LYING_MARGINS = { left: 14, right: 14, top: 34, bottom: 24 };
const UNSET_ROOM = { standing: 26, lying: 56 }; // px between the scale and what is not set
const LINE_REACH = 14; // px around the pointer within which a line is found

let parallel = null; // what was drawn last: the stage, its axes and the line of each configuration

/** Tell whether the front or the lines need the whole width. */
function isWide() {
  return DATA.settings.length > 1 || DATA.knobs.length + 2 > ABREAST;
}

/** Draw the lines of all configurations, and their axes above. */
function drawParallel() {
  const box = find("#parallel");
  const described = [...new Set([...DATA.knobs.map((knob) => knob.path), state.x, state.y])].map(describeAxis);
  holdStages(box, ["parallel"]);
  const label = `Parallel coordinates over ${described.map(({ title }) => title).join(", ")}`;
  const lies = (width) => (width - 70) / (described.length - 1) < LEAST_GAP;
  const tall = (width) => (lies(width) ? 58 + (described.length - 1) * LYING_GAP : fitHeight(STANDING_HEIGHT));
  const stage = openStage(box, "parallel", tall, label, { keys: true });
  stage.svg.setAttribute("aria-roledescription", "parallel coordinates");
  const lying = lies(stage.width);
  const axes = layAxes(described, stage, lying);
  parallel = { stage, lying, axes, lines: ALL.map((i) => traceLine(axes, lying, i)) };
  paintLines();
  fillStage(stage, axes.map((axis) => drawAxis(axis) + drawBrush(axis) + drawAxisTitle(axis)).join(""));
  attachLines();
  attachBrush();
}

/** Lay axes side by side, or one below the other: `across` is where each stands. */
function layAxes(described, { width, height }, lying) {
  const { left, right, top, bottom } = lying ? LYING_MARGINS : STANDING_MARGINS;
  const [first, last] = lying ? [top, height - bottom] : [left, width - right];
  const [from, to] = lying ? [left, width - right] : [height - bottom, top];
  const room = lying ? UNSET_ROOM.lying : UNSET_ROOM.standing;
  const gap = (last - first) / (described.length - 1);
  return described.map((axis, k) => {
    const end = axis.hasUnset && lying ? from + 12 : from;
    return { ...layAxis(axis, end, to, room), k, lying, gap, width, count: described.length, across: first + k * gap };
  });
}

/** Trace the line of a configuration from axis to axis; null if a metric is missing, or no result. */
function traceLine(axes, lying, i) {
  if (isConstant(i)) return null;
  const line = axes.map((axis) => {
    const value = axis.coordinates[i];
    const place = axis.place(value) + (value === null || axis.choices ? spreadOver(i, 10) : 0);
    return lying ? [place, axis.across] : [axis.across, place];
  });
  return line.flat().every(isNumber) ? line : null;
}

/** Paint the lines of all configurations: hidden ones as a shade, the front's above the others. */
function paintLines() {
  const { context } = parallel.stage;
  const faint = readColour("--faint");
  const shownHere = listShown();
  if (!MANY) for (const i of ALL) if (!isShown(i)) paintLine(context, i, faint, 0.12, 1);
  for (const i of shownHere) paintLine(context, i, colourOf(i), MANY ? 0.25 : 0.5, 1.1);
  for (const i of shownHere) if (CONFIGURATIONS.on_front[i]) paintLine(context, i, colourOf(i), 1, 2);
}

/** Paint the line of a configuration. */
function paintLine(context, i, colour, opacity, wide) {
  const line = parallel.lines[i];
  if (!line) return;
  context.save();
  context.strokeStyle = colour;
  context.globalAlpha = opacity;
  context.lineWidth = wide;
  context.setLineDash(dashesOf(i));
  context.beginPath();
  for (const [x, y] of line) context.lineTo(x, y);
  context.stroke();
  context.restore();
}

/** Draw an axis with its ticks. */
function drawAxis(axis) {
  const { across, start, to, lying } = axis;
  const room = (tick) => (lying ? widthOf(formatOnAxis(axis, tick)) + 14 : 34);
  const ticks = listAxisTicks(axis, lying ? 70 : 60, room);
  const rule = lying
    ? `M${round(start)} ${round(across)}H${round(to)}`
    : `M${round(across)} ${round(start)}V${round(to)}`;
  return `<path d="${rule}" stroke="var(--faint)"/>${ticks.map((tick) => drawAxisTick(axis, tick)).join("")}`;
}

/** Draw a tick of an axis, its text beside one that stands and below one that lies. */
function drawAxisTick(axis, tick) {
  const place = axis.place(tick);
  const text = formatOnAxis(axis, tick);
  const mark = axis.lying
    ? `M${round(place)} ${round(axis.across - 3)}v6`
    : `M${round(axis.across - 3)} ${round(place)}h6`;
  const slot = axis.choices ? Math.abs(axis.to - axis.start) / axis.choices.length : Infinity;
  const label = axis.lying
    ? drawShortText(text, slot, clampMiddle(place, text, axis), axis.across + 16, "middle", "lab small")
    : drawShortText(text, axis.gap - 8, axis.across + 6, place + 4, "start", "lab small");
  return `<path d="${mark}" stroke="var(--faint)"/>${label}`;
}

/** Move the middle of a text so that it stays within the figure. */
function clampMiddle(place, text, axis) {
  const half = widthOf(text) / 2;
  return Math.max(half, Math.min(axis.to + LYING_MARGINS.right - half, place));
}

/** Draw the title of an axis, with a cross if a range is kept; above axes that stand they alternate in two lines. */
function drawAxisTitle(axis) {
  const { across, lying, k, path, title } = axis;
  const text = path in state.ranges ? `${title} ×` : title;
  const label = lying
    ? drawShortText(text, axis.width - 20, LYING_MARGINS.left, across - 9, "start", "strong lab")
    : drawStandingTitle(axis, text, k % 2 ? 14 : 32);
  return `<g class="axis-title" data-k="${k}">${label}</g>`;
}

/** Draw the title above an axis; the first begins at the edge of the figure, and the last ends there. */
function drawStandingTitle({ across, k, count, gap, width }, text, y) {
  const room = 2 * gap - 10;
  if (k === 0) return drawShortText(text, room, 0, y, "start", "strong");
  if (k === count - 1) return drawShortText(text, room, width, y, "end", "strong");
  return drawShortText(text, room, across, y, "middle", "strong");
}

/** Let pointer and keyboard hover and keep lines. */
function attachLines() {
  const { stage, lines } = parallel;
  const ends = listShown().filter((i) => lines[i]);
  attachMarks(
    stage,
    ends.map((i) => ({ i, x: lines[i][lines[i].length - 1][0], y: lines[i][lines[i].length - 1][1] })),
  );
  attachPointer(stage, findLine);
}

/** Find the line nearest to a place, between the axes at its sides. */
function findLine(px, py) {
  const { lying, axes, lines } = parallel;
  const [along, place] = lying ? [py, px] : [px, py];
  const beyond = axes.findIndex(({ across }) => across > along);
  const k = beyond < 0 ? axes.length - 2 : Math.max(0, beyond - 1);
  const share = (along - axes[k].across) / (axes[k + 1].across - axes[k].across);
  const part = lying ? 0 : 1;
  let least = LINE_REACH;
  let nearest = -1;
  for (const i of listShown()) {
    if (!lines[i]) continue;
    const [here, next] = [lines[i][k][part], lines[i][k + 1][part]];
    const distance = Math.abs(here + share * (next - here) - place);
    if (distance < least) {
      least = distance;
      nearest = i;
    }
  }
  return nearest < 0 ? null : { i: nearest, html: describeTip(nearest) };
}

/** Draw the lines of the kept and of the hovered above all others. */
function markParallel() {
  const lines = listMarked().map((i) => {
    const line = parallel.lines[i];
    const wide = state.kept.includes(i) ? 2.6 : 2;
    return line ? `<path d="${d3.line()(line)}" fill="none" stroke="var(--ink)" stroke-width="${wide}"/>` : "";
  });
  parallel.stage.over.innerHTML = lines.join("");
}

if (DATA.knobs.length && find("#parallel")) {
  find("#parallel").parentElement.classList.toggle("single", isWide());
  addView({ element: find("#parallel"), first: true, draw: drawParallel, mark: markParallel });
}
