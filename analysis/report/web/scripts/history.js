/* History of a search: the hypervolume so far, and each configuration with the best so far, in the order drawn. Those
   that ended without a value have a cross at the foot. */

const HISTORY_HEIGHT = 215;
const HISTORY_MARGINS = { left: 48, right: 18, top: 30, bottom: 42 };
const CROSS = MANY ? 2.4 : 3.4; // px, of what ended without a value
const WARM_UP = 0.03; // share of the first configurations whose hypervolume may lie below the view

const historyPanels = [];

/** Draw the hypervolume, if there is one, and a panel for each objective. */
function drawHistory() {
  const box = find("#history-chart");
  const { best, hypervolume } = DATA.history;
  holdStages(box, [...(hypervolume ? ["hypervolume"] : []), ...Object.keys(best)]);
  if (hypervolume) drawHypervolume(box, hypervolume);
  historyPanels.length = 0;
  for (const metric of Object.keys(best)) historyPanels.push(drawBest(box, metric));
}

/** Scale the places of configurations in the order drawn, the first at 1. */
function scaleHistory(width, margins) {
  return d3.scaleLinear([0.5, DATA.history.order.length + 0.5], [margins.left, width - margins.right]);
}

/** Draw the hypervolume of the front so far. */
function drawHypervolume(box, volumes) {
  const last = volumes[volumes.length - 1];
  const label = `Hypervolume so far, ${formatNumber(last, 3)} after ${formatCount(volumes.length, "configuration")}`;
  const stage = openStage(box, "hypervolume", fitHeight(HISTORY_HEIGHT), label);
  const { width, height } = stage;
  const margins = HISTORY_MARGINS;
  const x = scaleHistory(width, margins);
  const first = volumes[Math.floor(volumes.length * WARM_UP)];
  const y = d3.scaleLinear(padDomain(first, last, 0.08), [height - margins.bottom, margins.top]);
  const titles = { xTitle: "configurations", yTitle: "hypervolume" };
  fillStage(
    stage,
    drawFrame(width, height, margins, x, y, titles) +
      drawClip("clip-history", width, height, margins) +
      drawInkLine(drawRising(volumes, x, y), 'clip-path="url(#clip-history)"'),
  );
}

/** Draw steps from each value to the next. */
function drawRising(values, x, y) {
  const line = d3
    .line((_, place) => round(x(place + 1)))
    .y((value) => round(y(value)))
    .defined(isNumber)
    .curve(d3.curveStepAfter);
  return line(values) || "";
}

/** Find the best so far of the values of configurations in the order drawn. */
function accumulateBest(values, direction) {
  let best = NaN;
  return values.map((value) => {
    if (isNumber(value) && !(direction * value <= direction * best)) best = value;
    return best;
  });
}

/** Draw each configuration by one objective, and the best so far. */
function drawBest(box, metric) {
  const { order, lost, best: records } = DATA.history;
  const estimates = order.map((i) => (lost.includes(i) ? estimate([]) : estimateOf(i, metric, state.checkpoint)));
  const values = estimates.map(({ mean }) => mean);
  const best = accumulateBest(values, directionOf(metric));
  const end = formatNumber(best[best.length - 1]);
  const drawn = formatCount(order.length, "configuration");
  const label = `${titleOf(metric)}, in the order drawn; the best after ${drawn}: ${end}`;
  const stage = openStage(box, metric, fitHeight(HISTORY_HEIGHT), label, { keys: true });
  const { width, height } = stage;
  const margins = HISTORY_MARGINS;
  const x = scaleHistory(width, margins);
  const y = d3.scaleLinear(findView(metric, estimates), [height - margins.bottom, margins.top]);
  const places = order.map((i, place) => ({ i, x: x(place + 1), y: y(values[place]) }));
  const marks = places.filter((mark) => mark.y >= margins.top - 1 && mark.y <= height - margins.bottom + 1);
  const foot = height - margins.bottom - CROSS - 1;
  const crosses = places.filter(({ i }) => lost.includes(i)).map((mark) => ({ ...mark, y: foot }));
  const measured = values.filter(isNumber).length;
  const clip = `clip-history-${Object.keys(records).indexOf(metric)}`;
  const yArrow = directionOf(metric) > 0 ? "↑" : "↓";
  paintSlice(stage.context, marks);
  fillStage(
    stage,
    drawFrame(width, height, margins, x, y, { xTitle: "configurations", yTitle: titleOf(metric), yArrow }) +
      drawClip(clip, width, height, margins) +
      drawOutside(measured - marks.length, measured, height, margins) +
      crosses.map(drawCross).join("") +
      drawInkLine(drawRising(best, x, y), `clip-path="url(#${clip})"`),
  );
  const all = [...marks, ...crosses];
  attachMarks(
    stage,
    all.filter(({ i }) => isShown(i)),
  );
  return { stage, marks: all };
}

/** Draw the cross of a configuration that ended without a value. */
function drawCross({ i, x, y }) {
  const wide = 2 * CROSS;
  const path = `M${round(x - CROSS)} ${round(y - CROSS)}l${wide} ${wide}m0 ${-wide}l${-wide} ${wide}`;
  return `<path class="lost" d="${path}" stroke="var(--neg)" stroke-width="1.4" opacity="${isShown(i) ? 0.9 : 0.2}"/>`;
}

/** Mark the hovered and the kept. */
function markHistory() {
  for (const { stage, marks } of historyPanels) stage.over.innerHTML = drawRings(marks, MANY ? 6 : 8);
}

if (DATA.history) addView({ element: find("#history-chart"), draw: drawHistory, mark: markHistory });
