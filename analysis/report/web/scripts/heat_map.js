/* Heat map: the mean of a metric over two knobs, of grids as of searches. */

const HEAT_HEIGHT = 250;
const HEAT_MARGINS = { left: 66, right: 62, top: 30, bottom: 42 };
const BINS = 8; // along a knob with many values
const MANY_CELLS = 16; // from as many on, the worst tenth has one colour, so that a bad cell does not hide the others

const heat = { x: find("#heat-x"), y: find("#heat-y"), value: find("#heat-value") };
let heatPanels = []; // what was drawn last, for each setting: the stage, its cells and where they lie

/** Cut an axis into cells: one a choice or a value where there are few, else bins of equal width on its own scale. */
function cutAxis(axis) {
  const own = listFewValues(axis);
  const before = axis.hasUnset ? 1 : 0;
  if (axis.choices || own.length) {
    const values = axis.choices ? axis.choices.map((_, place) => place) : own;
    const name = (cell) => formatOnAxis(axis, cell < before ? null : values[cell - before]);
    const locate = (i) => (axis.coordinates[i] === null ? 0 : before + values.indexOf(axis.coordinates[i]));
    return { ...axis, count: before + values.length, before, few: true, name, locate };
  }
  const scale = (axis.log ? d3.scaleLog() : d3.scaleLinear()).domain(axis.domain).range([0, BINS]);
  const write = (edge) => formatKnob(Number(scale.invert(edge).toPrecision(2)));
  const name = (cell) => (cell < before ? NOT_SET : `${write(cell - before)} to ${write(cell - before + 1)}`);
  const bin = (value) => Math.max(0, Math.min(BINS - 1, Math.floor(scale(value))));
  const locate = (i) => (axis.coordinates[i] === null ? 0 : before + bin(axis.coordinates[i]));
  return { ...axis, count: before + BINS, before, few: false, name, locate };
}

/** Collect the configurations of a setting in each cell, those that filters let through; constant ones have none. */
function fillCells(setting, across, up, metric) {
  const cells = new Map();
  for (const i of listPanel(setting)) {
    const { mean } = estimateOf(i, metric, state.checkpoint);
    if (!isNumber(mean) || isConstant(i)) continue;
    const [column, row] = [across.locate(i), up.locate(i)];
    const key = `${column} ${row}`;
    if (!cells.has(key)) cells.set(key, { column, row, members: [], values: [] });
    cells.get(key).members.push(i);
    cells.get(key).values.push(mean);
  }
  return [...cells.values()].map((cell) => ({ ...cell, mean: estimate(cell.values).mean }));
}

/** Find the least and the greatest mean that the colours tell apart. */
function findShades(cells, metric) {
  const means = cells.map(({ mean }) => mean);
  const [low, high] = extentOf(means);
  if (cells.length < MANY_CELLS) return [low, high];
  return directionOf(metric) > 0 ? [quantileOf(means, 0.1), high] : [low, quantileOf(means, 0.9)];
}

/** Draw the heat map of the chosen knobs and metric for each setting, with the same colours. */
function drawHeatMaps() {
  const box = find("#heat-map");
  const panels = listPanels();
  const metric = heat.value.value;
  const [across, up] = [heat.x.value, heat.y.value].map((path) => cutAxis(describeAxis(path)));
  const cells = panels.map((setting) => fillCells(setting, across, up, metric));
  const shades = findShades(cells.flat(), metric);
  holdStages(box, panels);
  heatPanels = panels.map((setting, k) => drawHeatMap(box, setting, { across, up, metric, shades, cells: cells[k] }));
}

/** Draw the heat map of one setting. */
function drawHeatMap(box, setting, { across, up, metric, shades, cells }) {
  const name = nameSetting(setting);
  const several = DATA.settings.length > 1;
  const label = `${name ? `${name}: ` : ""}mean ${titleOf(metric)} over ${across.title} and ${up.title}`;
  const stage = openStage(box, setting, fitHeight(HEAT_HEIGHT), label);
  const { width, height } = stage;
  const margins = several ? { ...HEAT_MARGINS, top: 48 } : HEAT_MARGINS;
  const x = d3.scaleLinear([0, across.count], [margins.left, width - margins.right]);
  const y = d3.scaleLinear([0, up.count], [height - margins.bottom, margins.top]);
  fillStage(
    stage,
    (several ? drawShortText(name, width, margins.left, 14, "start", "ttl") : "") +
      cells.map((cell) => drawHeatCell(cell, x, y, metric, shades)).join("") +
      drawCellAxes(across, up, x, y, width, height, margins) +
      drawShadeKey(shades, cells, metric, width, height, margins),
  );
  const panel = { stage, across, up, metric, cells, x, y };
  attachPointer(stage, (px, py) => findCell(panel, px, py));
  return panel;
}

/** Find the share of a mean between the ends of the colours; the better end is the bright one. */
function shadeOf(mean, [low, high], metric) {
  const share = high > low ? (mean - low) / (high - low) : 1;
  return directionOf(metric) > 0 ? share : 1 - share;
}

/** Draw a cell with its mean where it fits. */
function drawHeatCell({ column, row, mean }, x, y, metric, shades) {
  const fill = rampColour(shadeOf(mean, shades, metric));
  const [wide, high] = [x(1) - x(0), y(0) - y(1)];
  const cell = drawBox(x(column) + 0.5, y(row + 1) + 0.5, wide - 1, high - 1, `rx="2" fill="${fill}"`);
  if (wide < 30 || high < 16) return cell;
  const text = `x="${round(x(column + 0.5))}" y="${round(y(row + 0.5) + 4)}" text-anchor="middle"`;
  return `${cell}<text ${text} style="fill:${textOn(fill)}">${formatNumber(mean, wide < 38 ? 0 : 1)}</text>`;
}

/** Draw the axes: values and choices at the middle of their cells, the ends of bins between them. */
function drawCellAxes(across, up, x, y, width, height, { left, right, top, bottom }) {
  const wide = x(1) - x(0);
  const columns = listCellTicks(across, (text) => widthOf(text) + 8, wide);
  const rows = listCellTicks(up, () => 16, y(0) - y(1));
  const below = (text, place) =>
    drawShortText(text, across.choices ? wide - 4 : 80, x(place), height - bottom + 17, "middle");
  const beside = (text, place) => drawShortText(text, left - 10, left - 7, y(place) + 4, "end");
  return (
    columns.map(({ text, place }) => below(text, place)).join("") +
    rows.map(({ text, place }) => beside(text, place)).join("") +
    drawText(
      across.title + (across.log && !across.few ? " (log)" : ""),
      (left + width - right) / 2,
      height - 4,
      "middle",
    ) +
    drawText(`↑ ${up.title}${up.log && !up.few ? " (log)" : ""}`, left, top - 10)
  );
}

/** List the texts along an axis of cells, with their places in cells; those without room are left out. */
function listCellTicks(axis, room, size) {
  const ticks = [];
  let free = -Infinity;
  const add = (text, place) => {
    const half = room(text) / 2;
    if (!axis.choices && place * size - half < free) return;
    ticks.push({ text, place });
    free = place * size + half;
  };
  if (axis.few) for (let cell = 0; cell < axis.count; cell += 1) add(axis.name(cell), cell + 0.5);
  if (axis.few) return ticks;
  if (axis.before) add(NOT_SET, 0.5);
  const scale = (axis.log ? d3.scaleLog() : d3.scaleLinear()).domain(axis.domain).range([axis.before, axis.count]);
  for (const tick of listTicks(scale, 5, () => 0.5)) add(formatKnob(tick), scale(tick));
  return ticks;
}

/** Draw the key of the colours, with the ends that they tell apart. */
function drawShadeKey(shades, cells, metric, width, height, { right, top, bottom }) {
  if (!cells.length) return drawText("no result to show", width / 2, height / 2, "middle");
  const [left, tall, steps] = [width - right + 14, height - top - bottom, 40];
  const bars = Array.from({ length: steps }, (_, k) => {
    const share = (k + 0.5) / steps;
    const fill = rampColour(directionOf(metric) > 0 ? share : 1 - share);
    const y = top + tall * (1 - (k + 1) / steps);
    return drawBox(left, y, 10, tall / steps + 0.6, `fill="${fill}"`);
  });
  const [low, high] = extentOf(cells.map(({ mean }) => mean));
  const ends = [
    (low < shades[0] ? "≤ " : "") + formatNumber(shades[0]),
    (high > shades[1] ? "≥ " : "") + formatNumber(shades[1]),
  ];
  return (
    bars.join("") + drawText(ends[1], width, top - 6, "end") + drawText(ends[0], width, height - bottom + 17, "end")
  );
}

/** Find the cell at a place; a click on it keeps its best configuration. */
function findCell({ x, y, cells, across, up, metric }, px, py) {
  const [column, row] = [Math.floor(x.invert(px)), Math.floor(y.invert(py))];
  const cell = cells.find((other) => other.column === column && other.row === row);
  if (!cell) return null;
  const values = cell.values.map((value) => directionOf(metric) * value);
  const best = cell.members[values.indexOf(Math.max(...values))];
  const rows = [
    [across.title, across.name(column)],
    [up.title, up.name(row)],
    [`mean ${shortOf(metric)}`, formatNumber(cell.mean)],
    ["best", formatEstimate(estimateOf(best, metric, state.checkpoint))],
  ];
  const small = `<small>best: ${escapeText(CONFIGURATIONS.choice[best])}</small>`;
  return { i: best, html: `<b>${formatCount(cell.members.length, "configuration")}</b>${small}${tipTable(rows)}` };
}

/** Outline the cells of the hovered and the kept. */
function markHeatMaps() {
  for (const { stage, x, y, cells } of heatPanels) {
    const marked = listMarked().map((i) => cells.find((cell) => cell.members.includes(i)));
    const [wide, high] = [x(1) - x(0), y(0) - y(1)];
    const paint = 'rx="2" fill="none" stroke="var(--ink)" stroke-width="2"';
    const outlines = marked.filter(Boolean).map(({ column, row }) => drawBox(x(column), y(row + 1), wide, high, paint));
    stage.over.innerHTML = outlines.join("");
  }
}

/** Order knobs for the selects: numbers before choices, the most important first. */
function orderHeatKnobs() {
  const ranks = DATA.importance ? rankKnobs(listImportancePanels()) : [];
  const rank = (knob) => (ranks.includes(knob.path) ? ranks.indexOf(knob.path) : ranks.length);
  const isChoice = (knob) => Number(knob.scale === "category");
  return [...DATA.knobs].sort((a, b) => isChoice(a) - isChoice(b) || rank(a) - rank(b)).map((knob) => knob.path);
}

/** Fill the selects of the heat map; a change of one draws it alone. */
function addHeatSelects() {
  const paths = orderHeatKnobs();
  const named = (path) => knobOf.get(path).short;
  fillSelect(heat.x, paths, named, paths[0]);
  fillSelect(heat.y, paths, named, paths[1]);
  fillSelect(heat.value, Object.keys(DATA.metrics), shortOf, DATA.y);
  for (const select of Object.values(heat)) {
    select.onchange = () => {
      drawHeatMaps();
      markHeatMaps();
    };
  }
}

if (DATA.knobs.length > 1 && Object.values(heat).every(Boolean)) {
  addHeatSelects();
  addView({ element: find("#heat-map"), draw: drawHeatMaps, mark: markHeatMaps });
}
