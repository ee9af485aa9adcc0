/* What stopping cut: the learning curves of all configurations in one panel, and when each rule stopped how many. */

const STOPPING_MARGINS = { left: 40, right: 14, top: 30, bottom: 42 };
const STOPPING_HEIGHT = 265;
const RULE_HEIGHT = 84; // px of a rule: its name, its numbers, its configurations
const REASON = 160; // letters of a reason in a tip; the table has it whole
const STOP_RADIUS = 2.8;
const STOP_PITCH = 6.8; // px between two stops of a pile
const PILE_LEVELS = 6;
const PILE_WIDTH = 34; // px of a pile at most; in a broader one stops overlap
const RULE_SHAPES = ["cross", "diamond", "up", "square", "star", "down"];

let stoppingPanels = null; // what was drawn last: curves with their ends, and the marks of the rules

/** Group the stops by rule, the most frequent first. */
function groupStops() {
  const groups = new Map();
  for (const stop of DATA.stopping) groups.set(stop.rule, [...(groups.get(stop.rule) || []), stop]);
  const rules = [...groups].map(([rule, stops]) => ({ rule, stops })).sort((a, b) => b.stops.length - a.stops.length);
  return rules.map((group, k) => ({ ...group, shape: RULE_SHAPES[k % RULE_SHAPES.length] }));
}

/** Find the curve that rules look at: robust accuracy in validation, else the curve of the vertical axis. */
function findStoppingColumn() {
  const columns = listCurves();
  const shownAlong = (DATA.metrics[DATA.y] || {}).curve;
  return ["val_pgd_acc", shownAlong, columns[0]].find((column) => columns.includes(column));
}

/** Draw the curves, and below or beside them the rules. */
function drawStopping() {
  const box = find("#stopping-chart");
  const column = findStoppingColumn();
  const groups = groupStops();
  holdStages(box, [...(column ? ["curves"] : []), "rules"]);
  stoppingPanels = { curves: column ? drawAllCurves(box, column, groups) : null, rules: drawRules(box, groups) };
}

/** Scale epochs across a panel. */
function scaleEpochs(width, margins) {
  const epochs = (DATA.curves || {}).epoch || [];
  const last = Math.max(...epochs, ...DATA.stopping.map(({ epoch }) => epoch));
  return d3.scaleLinear([0, last], [margins.left, width - margins.right]);
}

/** Draw the learning curves of all configurations: the front's in ink, a mark at the end of those that were stopped. */
function drawAllCurves(box, column, groups) {
  const label = `${titleOf(column)} along training of all configurations, with where each was stopped`;
  const stage = openStage(box, "curves", fitHeight(STOPPING_HEIGHT), label);
  const { width, height } = stage;
  const margins = STOPPING_MARGINS;
  const x = scaleEpochs(width, margins);
  const stopped = new Map(
    groups.flatMap(({ stops, shape }) => stops.map((stop) => [stop.configuration, { ...stop, shape }])),
  );
  const ends = findEnds(listShown(), column, stopped);
  const [least, most] = findCurveDomain(column);
  const low = Math.min(least, ...ends.map(({ accuracy }) => accuracy - 1)); // where a curve was cut is always in view
  const y = d3.scaleLinear([low, most], [height - margins.bottom, margins.top]);
  const panel = { stage, x, y, column, configurations: listShown() };
  paintAllCurves(panel, margins, stopped);
  fillStage(
    stage,
    drawFrame(width, height, margins, x, y, { xTitle: "epoch", yTitle: titleOf(column) }) +
      drawDrops(x, margins.top, height - margins.bottom) +
      drawClip("clip-stopping", width, height, margins) +
      ends.map((end) => drawEnd(end, x, y)).join(""),
  );
  stage.over.setAttribute("clip-path", "url(#clip-stopping)");
  attachPointer(stage, (px, py) => findCurve(panel, px, py));
  return panel;
}

/** Paint the curves: those that were not stopped in grey, those that were in the colour of a loss. */
function paintAllCurves(panel, margins, stopped) {
  const [soft, cut, ink] = ["--soft", "--neg", "--ink"].map(readColour);
  const [plain, strong] = MANY ? [0.1, 0.16] : [0.3, 0.55];
  const paint = (test, ...look) => {
    for (const i of panel.configurations) if (test(i)) paintCurve(panel, i, ...look);
  };
  paintWithin(panel.stage, margins, () => {
    paint((i) => !stopped.has(i), soft, plain, 1);
    paint((i) => stopped.has(i), cut, strong, 1.1);
    paint((i) => CONFIGURATIONS.on_front[i], ink, 0.95, 1.6);
  });
}

/** Find where the curves of the stopped end: epoch and accuracy. */
function findEnds(configurations, column, stopped) {
  const ends = [];
  for (const i of configurations) {
    if (!stopped.has(i)) continue;
    const means = meanCurveOf(i, column);
    const last = means.findLastIndex(isNumber);
    if (last >= 0) ends.push({ i, shape: stopped.get(i).shape, epoch: DATA.curves.epoch[last], accuracy: means[last] });
  }
  return ends;
}

/** Draw the end of a curve that was stopped, with the shape of its rule. */
function drawEnd({ epoch, accuracy, shape }, x, y) {
  const radius = MANY ? 2.4 : 3.4;
  return drawSymbol(shape, radius, x(epoch), y(accuracy), 'fill="var(--neg)" stroke="var(--bg)" stroke-width=".8"');
}

/** Draw a row for each rule: the configurations that it stopped, by epoch. */
function drawRules(box, groups) {
  const margins = { ...STOPPING_MARGINS, left: 6, top: 8 };
  const label = `When rules stopped: ${groups.map((group) => `${group.rule}, ${countStops(group)}`).join("; ")}`;
  const stage = openStage(box, "rules", margins.top + margins.bottom + groups.length * RULE_HEIGHT, label, {
    keys: true,
  });
  const { width, height } = stage;
  const x = scaleEpochs(width, margins);
  const rows = groups.map((group, k) => {
    const floor = margins.top + (k + 1) * RULE_HEIGHT - 8;
    return { ...group, floor, marks: pileStops(group.stops, x, floor) };
  });
  const ticks = listTicks(x, 6, () => 40);
  const grid = ticks.map((tick) => `M${round(x(tick))} ${margins.top}V${height - margins.bottom}`).join("");
  const marks = rows.flatMap((row) => row.marks);
  fillStage(
    stage,
    `<path class="grid" d="${grid}"/>` +
      rows.map((row) => drawRule(row, width, margins)).join("") +
      ticks.map((tick) => drawText(tick, x(tick), height - margins.bottom + 17, "middle")).join("") +
      drawText("epochs until it was stopped", (margins.left + width - margins.right) / 2, height - 4, "middle"),
  );
  attachMarks(stage, marks, describeStop);
  return { stage, marks };
}

/** Count what a rule stopped and saved, such as "18 stopped, half after 51 of 60 epochs, 486 saved". */
function countStops({ stops }) {
  const half = formatNumber(
    quantileOf(
      stops.map(({ epoch }) => epoch),
      0.5,
    ),
    0,
  );
  const [low, high] = extentOf(stops.map(({ planned }) => planned)); // they differ where the epochs are a knob
  const planned = stops.every((stop) => isNumber(stop.planned))
    ? ` of ${low === high ? low : `${low} to ${high}`}`
    : "";
  const saved = stops.reduce((sum, stop) => sum + stop.saved, 0);
  return `${stops.length} stopped, half after ${half}${planned} epochs, ${d3.format(",")(saved)} saved`;
}

/** Pile the stops of a rule above its floor, each epoch at its place and as broad as it needs, up to a limit. */
function pileStops(stops, x, floor) {
  const piles = new Map();
  for (const stop of stops) {
    const slot = Math.round(x(stop.epoch) / PILE_WIDTH);
    piles.set(slot, [...(piles.get(slot) || []), stop]);
  }
  return [...piles.values()].flatMap((pile) => {
    const columns = Math.ceil(pile.length / PILE_LEVELS);
    const pitch = Math.min(STOP_PITCH, PILE_WIDTH / columns);
    const middle = x(
      quantileOf(
        pile.map(({ epoch }) => epoch),
        0.5,
      ),
    );
    return pile.map(({ configuration }, place) => {
      const across = (place % columns) - (columns - 1) / 2;
      const level = Math.floor(place / columns);
      return { i: configuration, x: middle + across * pitch, y: floor - STOP_PITCH * (level + 0.6) };
    });
  });
}

/** Draw the row of a rule. */
function drawRule(row, width, margins) {
  const top = row.floor - RULE_HEIGHT + 8;
  const glyph = drawSymbol(row.shape, 4, margins.left + 5, top + 10, 'fill="var(--neg)"');
  const dots = row.marks.map(({ i, x, y }) => {
    return drawSymbol(row.shape, STOP_RADIUS, x, y, `fill="var(--neg)" opacity="${isShown(i) ? 0.9 : 0.2}"`);
  });
  return (
    glyph +
    drawShortText(row.rule, width - 30, margins.left + 16, top + 14, "start", "lab") +
    drawShortText(countStops(row), width - 24, margins.left + 16, top + 31, "start") +
    `<path class="axis" d="M${margins.left} ${row.floor}H${width - margins.right}"/>${dots.join("")}`
  );
}

/** Describe a stop in a tip. */
function describeStop(i) {
  const { epoch, rule, reason } = DATA.stopping.find((stop) => stop.configuration === i);
  const why = shortenText(`${rule}: ${reason}`, REASON * LETTER);
  const small = `<small>stopped after ${epoch} epochs. ${escapeText(why)}</small>`;
  return `<b>${escapeText(CONFIGURATIONS.choice[i])}</b>${small}`;
}

/** Draw the curves of the kept and the hovered above all others, and rings around their stops. */
function markStopping() {
  const { curves, rules } = stoppingPanels;
  rules.stage.over.innerHTML = drawRings(rules.marks, 7);
  if (!curves) return;
  const here = listMarked().filter((i) => curves.configurations.includes(i));
  curves.stage.over.innerHTML = here.map((i) => drawMarkedCurve(curves, i)).join("");
}

if (DATA.stopping && DATA.stopping.length) {
  addView({ element: find("#stopping-chart"), draw: drawStopping, mark: markStopping });
}
