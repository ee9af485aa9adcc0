/* Importance of the knobs: a panel a problem and objective, a row a knob, a bar a method with its interval. */

const BAR = 10; // px, the height of a bar
const BAR_PITCH = 13;
const KNOB_GAP = 12; // px between two knobs
const IMPORTANCE_MARGINS = { right: 46, top: 32, bottom: 28 };
const TITLE_PITCH = 18; // px from one line of the title to the next
const KNOB_NAME = [60, 150]; // px, the least and the greatest width of their names

/** List the panels: objectives by problems. */
function listImportancePanels() {
  return Object.entries(DATA.importance).flatMap(([metric, rows]) => {
    const settings = [...new Set(rows.map((row) => row.setting))];
    return settings.map((setting) => ({ metric, setting, rows: rows.filter((row) => row.setting === setting) }));
  });
}

/** List the knobs from the most important over all panels down. */
function rankKnobs(panels) {
  const totals = new Map();
  for (const { knob, mean } of panels.flatMap(({ rows }) => rows))
    totals.set(knob, (totals.get(knob) || 0) + (mean || 0));
  return [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a));
}

/** Draw the importances, all panels on one scale and in one order of knobs. */
function drawImportances() {
  const box = find("#importance");
  const panels = listImportancePanels();
  const rows = panels.flatMap((panel) => panel.rows);
  const methods = [...new Set(rows.map((row) => row.method))];
  const longest = Math.max(0.05, extentOf(rows.flatMap(({ mean, hi }) => [mean, hi]))[1]);
  holdStages(
    box,
    panels.map(({ metric, setting }) => `${metric} ${setting}`),
  );
  for (const panel of panels) drawImportancePanel(box, panel, rankKnobs(panels), methods, longest);
}

/** Name a knob as its axis does. */
function nameKnob(path) {
  return knobOf.has(path) ? knobOf.get(path).short : path;
}

/** Draw the importances for one objective. */
function drawImportancePanel(box, { metric, setting, rows }, knobs, methods, longest) {
  const [least, most] = KNOB_NAME;
  const widest = Math.max(...knobs.map((knob) => widthOf(nameKnob(knob))));
  const name = Math.max(least, Math.min(most, widest + 12));
  const titles = DATA.settings.length > 1 ? [nameSetting(setting), shortOf(metric)] : [shortOf(metric)];
  const margins = { ...IMPORTANCE_MARGINS, left: name, top: IMPORTANCE_MARGINS.top + TITLE_PITCH * titles.length };
  const pitch = methods.length * BAR_PITCH + KNOB_GAP;
  const tall = margins.top + knobs.length * pitch + margins.bottom;
  const stage = openStage(box, `${metric} ${setting}`, tall, describeImportance(titles.join(": "), rows));
  const { width, height } = stage;
  const x = d3.scaleLinear([0, longest], [margins.left, width - margins.right]);
  const bars = knobs.map((knob, place) => {
    const top = margins.top + place * pitch;
    const own = methods.map((method) => rows.find((row) => row.knob === knob && row.method === method));
    const label = drawShortText(nameKnob(knob), name - 8, 0, top + pitch / 2 + 4, "start", "ink");
    return label + own.map((row, k) => drawImportanceBar(row, x, top + KNOB_GAP / 2 + k * BAR_PITCH, k === 0)).join("");
  });
  const lines = titles.map((title, k) => drawShortText(title, width, 0, 14 + k * TITLE_PITCH, "start", "ttl"));
  const key = drawMethodKey(methods, 8 + titles.length * TITLE_PITCH);
  fillStage(stage, lines.join("") + key + drawShares(x, margins.top, height - margins.bottom) + bars.join(""));
}

/** Say the importances of a panel in words. */
function describeImportance(title, rows) {
  const texts = rows.map(({ knob, method, mean }) => `${nameKnob(knob)} ${formatNumber(100 * mean, 0)} % by ${method}`);
  return `Importance for ${title}: ${texts.join(", ")}`;
}

/** Draw a grid of shares with their numbers below. */
function drawShares(x, top, bottom) {
  const ticks = listTicks(x, 5, () => 44);
  const lines = ticks.map((tick) => `M${round(x(tick))} ${top}V${bottom}`).join("");
  const texts = ticks.map((tick) => drawText(formatShare(tick), x(tick), bottom + 17, "middle"));
  return `<path class="grid" d="${lines}"/>${texts.join("")}`;
}

/** Write a share in percent. */
function formatShare(share) {
  return `${formatNumber(100 * share, 0)}\u00a0%`;
}

/** Draw which bar is which method, in a line that begins at `top`. */
function drawMethodKey(methods, top) {
  const keys = methods.map((method, k) => {
    const x = methods.slice(0, k).reduce((sum, other) => sum + widthOf(other) + 36, 0);
    return drawBar(x, top, 14, k === 0) + drawText(method, x + 20, top + 9);
  });
  return keys.join("");
}

/** Draw a bar: filled for the first method, hollow for others. */
function drawBar(x, y, width, filled) {
  const fill = filled ? 'fill="var(--soft)" fill-opacity=".5"' : 'fill="var(--bg)"';
  return drawBox(x, y, Math.max(1, width), BAR, `${fill} stroke="var(--soft)"`);
}

/** Draw the bar of a knob with its interval and its number. */
function drawImportanceBar(row, x, top, filled) {
  if (!row || !isNumber(row.mean)) return "";
  const middle = round(top + BAR / 2);
  const hasInterval = isNumber(row.lo) && isNumber(row.hi);
  const [low, high] = hasInterval ? [Math.max(0, row.lo), row.hi] : [row.mean, row.mean];
  const interval = `<path d="M${round(x(low))} ${middle}H${round(x(high))}" stroke="var(--ink)" stroke-width="1.6"/>`;
  return (
    drawBar(x(0), top, x(row.mean) - x(0), filled) +
    (hasInterval ? interval : "") +
    drawText(formatShare(row.mean), x(Math.max(high, row.mean)) + 6, middle + 4, "start", "ink")
  );
}

if (DATA.importance) addView({ element: find("#importance"), still: true, draw: drawImportances });
