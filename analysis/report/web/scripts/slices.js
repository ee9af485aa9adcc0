/* Slices: each configuration along each knob, on the scale of the knob, against the metric of the vertical axis. */

const SLICE_HEIGHT = 205;
const SLICE_MARGINS = { left: 40, right: 12, bottom: 42 };
const SLICE_UNSET = 46; // px between the scale and what is not set
const NEIGHBOURS = 7; // configurations on each side of a running median at least
const NEAR = 0.03; // and this share of all
const MEDIAN_STEPS = 80; // points of a running median at most

let slicePanels = [];

/** Draw a slice for each knob of each setting, all on one vertical axis. */
function drawSlices() {
  const box = find("#slices-chart");
  const settings = listPanels();
  const slices = settings.flatMap((setting) => DATA.knobs.map(({ path }) => ({ setting, path })));
  holdStages(
    box,
    slices.map(({ setting, path }) => `${setting} ${path}`),
  );
  const alive = ALL.filter((i) => !isConstant(i));
  const estimates = alive.map((i) => estimateOf(i, state.y, state.checkpoint));
  const points = alive.map((i, place) => ({ i, value: estimates[place].mean })).filter(({ value }) => isNumber(value));
  const domain = findView(state.y, estimates);
  slicePanels = slices.map((slice) => drawSlice(box, slice, points, domain));
}

/** Draw the slice of a setting along one knob. */
function drawSlice(box, { setting, path }, points, domain) {
  const described = describeAxis(path);
  const own = points.filter(({ i }) => CONFIGURATIONS.setting[i] === setting);
  const title = DATA.settings.length > 1 ? nameSetting(setting) : "";
  const help = "Arrow keys walk along the configurations, Enter keeps one.";
  const label = `${title ? `${title}: ` : ""}${titleOf(state.y)} along ${described.title}. ${help}`;
  const stage = openStage(box, `${setting} ${path}`, fitHeight(SLICE_HEIGHT), label, { keys: true });
  const { width, height } = stage;
  const margins = { ...SLICE_MARGINS, top: title ? 42 : 26 };
  const inset = described.hasUnset ? 22 : 6;
  const axis = layAxis(described, margins.left + inset, width - margins.right - 6, SLICE_UNSET);
  const y = d3.scaleLinear(domain, [height - margins.bottom, margins.top]);
  const all = placeSlice(axis, own, y);
  const marks = all.filter((mark) => mark.y >= margins.top - 1 && mark.y <= height - margins.bottom + 1);
  const isFirst = path === DATA.knobs[0].path; // all slices of a setting leave out the same
  paintSlice(stage.context, marks);
  fillStage(
    stage,
    drawSliceFrame(axis, width, height, margins, y, title) +
      (isFirst ? drawOutside(own.length - marks.length, own.length, height, margins) : "") +
      drawInkLine(drawMedians(axis, all, y)),
  );
  attachMarks(
    stage,
    marks.filter(({ i }) => isShown(i)),
  );
  return { stage, marks };
}

/** Draw the frame of a slice. */
function drawSliceFrame(axis, width, height, margins, y, title) {
  const slot = axis.choices ? Math.abs(axis.to - axis.start) / axis.choices.length : Infinity;
  const write = (value) => shortenText(formatOnAxis(axis, value), value === null ? Infinity : slot - 4);
  return drawFrame(width, height, margins, axis.place, y, {
    title: shortenText(title, width - margins.left, "ttl"),
    xTicks: listAxisTicks(axis, 70, (tick) => widthOf(formatOnAxis(axis, tick)) + 10),
    xFormat: write,
    xTitle: axis.title + (axis.log ? " (log)" : ""),
    yTitle: shortOf(state.y),
    yArrow: directionOf(state.y) > 0 ? "↑" : "↓",
  });
}

/** Place configurations in a slice; those at one choice, or where the knob is not set, are spread. */
function placeSlice(axis, points, y) {
  const slot = axis.choices ? Math.abs(axis.to - axis.start) / axis.choices.length : 0;
  return points.map(({ i, value }) => {
    const along = axis.coordinates[i];
    const width = along === null ? 30 : Math.min(44, slot * 0.6);
    return { i, along, value, x: axis.place(along) + spreadOver(i, width), y: y(value) };
  });
}

/** Paint the configurations of a slice; those that filters hide stay as a shade. */
function paintSlice(context, marks) {
  const faint = readColour("--faint");
  const radius = MANY ? 2.2 : 3.4;
  for (const { i, x, y } of marks) if (!isShown(i)) paintDot(context, x, y, radius, faint, 0.15);
  for (const { i, x, y } of marks) if (isShown(i)) paintDot(context, x, y, radius, colourOf(i), MANY ? 0.7 : 0.85);
}

/** Draw the medians of what is shown in a slice: a bar at each value where there are few, else a running line. */
function drawMedians(axis, marks, y) {
  const [bottom, top] = y.range();
  const place = (values) => round(Math.max(top, Math.min(bottom, y(quantileOf(values, 0.5)))));
  const here = marks.filter(({ i }) => isShown(i));
  const groups = new Map();
  for (const { along, value } of here) groups.set(along, [...(groups.get(along) || []), value]);
  const bar = ([along, values]) => `M${round(axis.place(along) - 12)} ${place(values)}h24`;
  if (axis.choices || listFewValues(axis).length) return [...groups].map(bar).join("");
  const unset = groups.has(null) ? bar([null, groups.get(null)]) : "";
  return unset + drawRunningMedian(axis, here, place);
}

/** Draw a running median along an axis. */
function drawRunningMedian(axis, marks, place) {
  const sorted = marks.filter(({ along }) => along !== null).sort((a, b) => a.along - b.along);
  const side = Math.max(NEIGHBOURS, Math.round(NEAR * sorted.length));
  const step = Math.max(1, Math.floor(sorted.length / MEDIAN_STEPS));
  const points = [];
  for (let middle = side; middle < sorted.length - side; middle += step) {
    const near = sorted.slice(middle - side, middle + side + 1).map(({ value }) => value);
    points.push([round(axis.place(sorted[middle].along)), place(near)]);
  }
  return points.length > 1 ? d3.line()(points) : "";
}

/** Mark the hovered and the kept in every slice. */
function markSlices() {
  for (const { stage, marks } of slicePanels) stage.over.innerHTML = drawRings(marks, MANY ? 6 : 8);
}

if (DATA.knobs.length) addView({ element: find("#slices-chart"), draw: drawSlices, mark: markSlices });
