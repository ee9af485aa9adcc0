/* Learning curves: one line a configuration, the kept and the hovered above them. */

const CURVE_MARGINS = { left: 38, right: 14, top: 46, bottom: 42 };
const CROWD = 60; // curves in a panel, above which they are painted on the canvas, so that hovering stays swift
const START = 0.12; // share of the evaluations that may leave the view, since a training starts low

const curvePanels = new Map();
const curveSelect = find("#curves-metric");

/** Draw the curves of each setting, on shared axes. */
function drawCurves() {
  const box = find("#curves");
  const panels = listPanels();
  holdStages(box, panels);
  curvePanels.clear();
  const domain = findCurveDomain(curveSelect.value);
  for (const setting of panels) curvePanels.set(setting, drawCurvePanel(box, setting, curveSelect.value, domain));
}

/** Find the domain of curves: what is shown, after its first evaluations; of a search without the worst few. */
function findCurveDomain(column) {
  const from = Math.floor(DATA.curves.epoch.length * START);
  const values = (listShown().length ? listShown() : ALL).flatMap((i) => [...meanCurveOf(i, column).slice(from)]);
  const [low, high] = extentOf(values);
  return padDomain(DATA.kind === "search" ? quantileOf(values, OUTLYING) : low, high, 0.06);
}

/** Draw the curves of one setting. */
function drawCurvePanel(box, setting, column, domain) {
  const name = nameSetting(setting);
  const several = DATA.settings.length > 1;
  const label = `${name ? `${name}: ` : ""}${titleOf(column)} along training`;
  const stage = openStage(box, setting, (width) => fitHeight(Math.max(270, Math.min(280, width * 0.8))), label);
  const { width, height } = stage;
  const margins = several ? CURVE_MARGINS : { ...CURVE_MARGINS, top: 30 };
  const epochs = DATA.curves.epoch;
  const x = d3.scaleLinear([0, epochs[epochs.length - 1]], [margins.left, width - margins.right]);
  const y = d3.scaleLinear(domain, [height - margins.bottom, margins.top]);
  const clip = `clip-curves-${DATA.settings.indexOf(setting)}`;
  const configurations = listPanel(setting);
  const panel = { stage, x, y, column, configurations };
  const crowded = configurations.length > CROWD;
  const lines = crowded ? "" : configurations.map((i) => drawCurve(panel, i)).join("");
  const options = { title: several ? name : "", xTitle: "epoch", yTitle: titleOf(column) };
  fillStage(
    stage,
    drawFrame(width, height, margins, x, y, options) +
      drawDrops(setting, x, margins.top, height - margins.bottom) +
      drawLeaving(panel, domain, height) +
      drawClip(clip, width, height, margins) +
      (configurations.some((i) => hasCurve(i, column))
        ? ""
        : drawText("no curve to show", x(0) + 6, margins.top + 18)) +
      `<g clip-path="url(#${clip})"><g class="all" fill="none" stroke-width="1.1">${lines}</g></g>`,
  );
  stage.over.setAttribute("clip-path", `url(#${clip})`);
  if (crowded) paintCurves(panel, margins);
  attachPointer(stage, (px, py) => findCurve(panel, px, py));
  return panel;
}

/** Tell whether a configuration was evaluated at all. */
function hasCurve(i, column) {
  return meanCurveOf(i, column).some(isNumber);
}

/** Say how many curves are not in view at every evaluation, in the corner that no axis uses. */
function drawLeaving({ column, configurations }, [low, high], height) {
  const leaves = (i) => meanCurveOf(i, column).some((mean) => mean < low || mean > high);
  const count = configurations.filter(leaves).length;
  return count ? drawText(`${count} partly not in view`, 0, height - 4) : "";
}

/** Draw dashed lines where the learning rate of a setting drops. */
function drawDrops(setting, x, top, bottom) {
  const drops = (DATA.curves.drops[setting] || []).map((epoch) => `M${round(x(epoch))} ${top}V${bottom}`);
  return `<path d="${drops.join("")}" stroke="var(--line)" stroke-dasharray="3 3"/>`;
}

/** Draw the clip of a frame. */
function drawClip(id, width, height, margins) {
  const [wide, high] = [width - margins.left - margins.right + 8, height - margins.top - margins.bottom + 4];
  const rect = `<rect x="${margins.left}" y="${margins.top - 4}" width="${wide}" height="${high}"/>`;
  return `<clipPath id="${id}">${rect}</clipPath>`;
}

/** Make the line of means over the evaluations that there are; a sweep evaluated seldom lacks those of another. */
function lineOver({ x, y }) {
  return d3
    .line()
    .x(({ at }) => round(x(DATA.curves.epoch[at])))
    .y(({ mean }) => round(y(mean)));
}

/** List the evaluations of a configuration that have a mean, each with its place among all. */
function listEvaluations(i, column) {
  return [...meanCurveOf(i, column)].map((mean, at) => ({ at, mean })).filter(({ mean }) => isNumber(mean));
}

/** Draw one curve. */
function drawCurve(panel, i) {
  const course = lineOver(panel)(listEvaluations(i, panel.column)) || "";
  return `<path data-i="${i}" d="${course}" stroke="${paintOf(i)}" stroke-dasharray="${dashesOf(i)}"/>`;
}

/** Paint many curves on the canvas, those on the front last and in ink. */
function paintCurves(panel, margins) {
  const opacity = Math.max(0.16, Math.min(0.5, 50 / panel.configurations.length));
  paintWithin(panel.stage, margins, () => {
    for (const i of panel.configurations) paintCurve(panel, i, colourOf(i), opacity, 1);
    for (const i of panel.configurations) {
      if (CONFIGURATIONS.on_front[i]) paintCurve(panel, i, readColour("--ink"), 0.9, 1.4);
    }
  });
}

/** Paint on the canvas what lies within the frame. */
function paintWithin({ context, width, height }, { left, right, top, bottom }, paint) {
  context.save();
  context.beginPath();
  context.rect(left, top - 4, width - left - right, height - top - bottom + 4);
  context.clip();
  paint();
  context.restore();
}

/** Paint one curve on the canvas. */
function paintCurve(panel, i, colour, opacity, wide) {
  const { context } = panel.stage;
  context.strokeStyle = colour;
  context.globalAlpha = opacity;
  context.lineWidth = wide;
  context.setLineDash(dashesOf(i));
  context.beginPath();
  lineOver(panel).context(context)(listEvaluations(i, panel.column));
  context.stroke();
}

/** Find the curve nearest to a place, at the evaluation nearest to it. */
function findCurve({ x, y, column, configurations }, px, py) {
  const t = findEvaluation(x, px);
  let least = 22;
  let nearest = -1;
  for (const i of configurations) {
    const distance = Math.abs(y(meanCurveOf(i, column)[t]) - py);
    if (distance < least) {
      least = distance;
      nearest = i;
    }
  }
  return nearest < 0 ? null : { i: nearest, html: describeCurve(nearest, column, t) };
}

/** Find the evaluation nearest to a place across. */
function findEvaluation(x, px) {
  const distances = DATA.curves.epoch.map((epoch) => Math.abs(x(epoch) - px));
  return distances.indexOf(Math.min(...distances));
}

/** Describe a curve at one evaluation. */
function describeCurve(i, column, t) {
  const facts = [nameSetting(CONFIGURATIONS.setting[i]), ...listMarks(i)].filter(Boolean).join(", ");
  const rows = [[`epoch ${DATA.curves.epoch[t]}`, formatEstimate(curveOf(i, column)[t])]];
  const small = facts ? `<small>${escapeText(facts)}</small>` : "";
  return `<b>${escapeText(CONFIGURATIONS.choice[i])}</b>${small}${tipTable(rows)}`;
}

/** Draw the kept with their errors and the hovered above the others, which fade. */
function markCurves() {
  for (const panel of curvePanels.values()) {
    const here = listMarked().filter((i) => panel.configurations.includes(i));
    panel.stage.over.innerHTML = here.map((i) => drawMarkedCurve(panel, i)).join("");
    const faded = here.length > 0 || state.kept.length > 0;
    find(".all", panel.stage.svg).setAttribute("opacity", faded ? 0.25 : 0.55);
    panel.stage.canvas.style.opacity = faded ? 0.45 : 1;
  }
}

/** Draw a curve in full colour, with ± 1 s.e. if it is kept and a mark at the selected epoch. */
function drawMarkedCurve(panel, i) {
  const { x, y, column } = panel;
  const paint = paintOf(i);
  const means = meanCurveOf(i, column);
  const course = lineOver(panel)(listEvaluations(i, column)) || "";
  const stroke = `stroke="${paint}" stroke-width="2.4" stroke-dasharray="${dashesOf(i)}"`;
  const line = `<path d="${course}" fill="none" ${stroke}/>`;
  const mark = drawSelected(i, x, y, means, paint);
  if (!state.kept.includes(i)) return line + mark;
  const area = d3.area(
    ({ at }) => round(x(DATA.curves.epoch[at])),
    ({ mean, se }) => round(y(mean - (se || 0))),
    ({ mean, se }) => round(y(mean + (se || 0))),
  );
  const estimates = curveOf(i, column).map((estimate, at) => ({ ...estimate, at }));
  const band = area(estimates.filter(({ mean }) => isNumber(mean))) || "";
  return `<path d="${band}" fill="${paint}" opacity=".18"/>${line}${mark}`;
}

/** Mark the epoch that validation selected, the median over the seeds; none without selection. */
function drawSelected(i, x, y, means, paint) {
  const epochs = rowsOf[i].map((row) => (DATA.trials.best_epoch || [])[row]).filter(isNumber);
  const t = DATA.curves.epoch.indexOf(quantileOf(epochs, 0.5));
  if (t < 0 || !isNumber(means[t]) || DATA.checkpoint === "last") return "";
  const place = `translate(${round(x(DATA.curves.epoch[t]))} ${round(y(means[t]))})`;
  const shape = symbolPath(markerOf(i));
  return `<path transform="${place}" d="${shape}" fill="${paint}" stroke="var(--bg)" stroke-width="1.2"/>`;
}

if (curveSelect && listCurves().length) {
  const start = (DATA.metrics[DATA.y] || {}).curve;
  const columns = listCurves();
  fillSelect(curveSelect, columns, titleOf, columns.includes(start) ? start : columns[0]);
  curveSelect.onchange = () => {
    drawCurves();
    markCurves();
  };
  addView({ element: find("#curves"), draw: drawCurves, mark: markCurves });
}
