/* Evidence: the forest of one family of contrasts, each with its interval and ± 1 s.e. */

const ROW = 25;
const NARROW_ROW = 38;
const forestSelect = find("#forest-family");

/** Draw the forest of the chosen family, and what its marks mean. */
function drawForest() {
  const effect = DATA.effects[Number(forestSelect.value)];
  const box = find("#forest");
  const width = Math.max(280, box.clientWidth);
  const layout = layOutForest(effect, width);
  const x = d3.scaleLinear(findForestDomain(effect.rows), [layout.left, layout.right]);
  const rows = layout.rows.map(({ row, y }) => drawContrast(row, y, x, layout));
  const heads = layout.heads.map(({ text, y }) => drawShortText(text, width, 0, y, "start", "ttl"));
  box.innerHTML =
    `<svg class="fig" viewBox="0 0 ${width} ${layout.height}" role="img" aria-label="${escapeText(effect.title)}">` +
    `${drawForestFrame(effect, x, layout)}${heads.join("")}${rows.join("")}</svg>`;
  find("#forest-caption").innerHTML = captionForest(effect);
}

/** Find the domain of the contrasts, symmetric around zero: it holds every mark and bar. */
function findForestDomain(rows) {
  const bars = rows.flatMap(({ mean, se }) => (isNumber(se) ? [mean - se, mean + se] : []));
  const ends = [...rows.flatMap((row) => [row.lo, row.hi, row.mean]), ...bars].filter(isNumber);
  const most = 1.04 * Math.max(0.5, ...ends.map(Math.abs));
  return [-most, most];
}

/** Place the rows below the names of their settings, each setting from the greatest mean down. */
function layOutForest(effect, width) {
  const names = effect.rows.map(nameContrast);
  const widest = Math.max(...names.map((name) => widthOf(name))) + 28;
  const narrow = width < 640 || widest > width / 2;
  const fits = effect.rows.every(
    (row) => widthOf(nameContrast(row)) + widthOf(writeContrast(row), "strong") + 16 < width,
  );
  const nameLift = fits ? 13 : 29; // px above the mark: on the line of the numbers, or one above it
  const step = narrow ? NARROW_ROW + nameLift - 13 : ROW;
  const [heads, rows] = [[], []];
  let y = 30;
  for (const setting of [...new Set(effect.rows.map((row) => row.setting))]) {
    if (nameSetting(setting)) {
      heads.push({ text: nameSetting(setting), y: y + 14 });
      y += 26;
    }
    const group = effect.rows.filter((row) => row.setting === setting).sort((a, b) => b.mean - a.mean);
    for (const row of group) {
      rows.push({ row, y: narrow ? y + step - 10 : y + step / 2 });
      y += step;
    }
    y += 8;
  }
  const left = narrow ? 8 : widest;
  return { heads, rows, narrow, nameLift, width, left, right: width - (narrow ? 8 : 132), height: y + 36 };
}

/** Draw grid, zero and axis of a forest. */
function drawForestFrame(effect, x, { narrow, left, right, height }) {
  const [top, bottom] = [30, height - 44];
  const ticks = x.ticks(narrow ? 5 : 9);
  const format = x.tickFormat(ticks.length);
  const grid = ticks.map((tick) => `M${round(x(tick))} ${top}V${bottom}`).join("");
  const texts = ticks.map((tick) =>
    drawText(tick > 0 ? `+${format(tick)}` : format(tick), x(tick), bottom + 17, "middle"),
  );
  const metric = titleOf(effect.metric || DATA.y).replace(/, %/, "");
  return (
    `<path class="grid" d="${grid}"/><path class="zero" d="M${round(x(0))} ${top - 6}V${bottom}"/>${texts.join("")}` +
    drawText(shortenText(`points of ${metric}`, right - left), (left + right) / 2, height - 6, "middle")
  );
}

/** Name a contrast: the method, and what is compared unless the family says it. */
function nameContrast(row) {
  const parts = [row.minuend, row.subtrahend].every(Boolean) ? `${row.minuend} ${MINUS} ${row.subtrahend}` : "";
  return [row.family, parts].filter(Boolean).map(showControls).join(" · ");
}

/** Write the mean of a contrast with its interval. */
function writeContrast({ mean, lo, hi }) {
  const interval = isNumber(lo) && isNumber(hi) ? ` [${formatSigned(lo)}, ${formatSigned(hi)}]` : "";
  return formatSigned(mean) + interval;
}

/** Draw one contrast: interval, ± 1 s.e., mark, name and numbers. */
function drawContrast(row, y, x, { narrow, nameLift, width, left, right }) {
  const paint = `var(${hueOf(findHue(row))})`;
  const interval = isNumber(row.lo) && isNumber(row.hi);
  const bar = (low, high, wide, opacity) => {
    const line = `M${round(x(low))} ${y}H${round(x(high))}`;
    return `<path d="${line}" stroke="${paint}" stroke-width="${wide}" opacity="${opacity}"/>`;
  };
  const mark = `translate(${round(x(row.mean))} ${y})`;
  const shape = symbolPath(pierceMarker(shapeOf(DATA.subsets.indexOf(row.minuend)), findHue(row)));
  const fill = row.told ? paint : "var(--bg)";
  const place = narrow ? [width - 4, y - 13, "end"] : [right + 12, y + 4, "start"];
  return (
    `<g class="contrast"><title>${escapeText(describeContrast(row))}</title>` +
    drawShortText(
      nameContrast(row),
      narrow ? width : left - 24,
      narrow ? 0 : 16,
      narrow ? y - nameLift : y + 4,
      "start",
      "ink",
    ) +
    (interval ? bar(row.lo, row.hi, row.told ? 2.2 : 1.2, row.told ? 1 : 0.75) : "") +
    (isNumber(row.se) ? bar(row.mean - row.se, row.mean + row.se, 5, 0.35) : "") +
    `<path transform="${mark}" d="${shape}" fill="${fill}" stroke="${paint}" stroke-width="1.5"/>` +
    `${drawText(writeContrast(row), ...place, row.told ? "strong" : "")}</g>`
  );
}

/** Find the hue of a contrast: that of its method, or of the method that it sets against another. */
function findHue(row) {
  const own = DATA.families.indexOf(row.family);
  return own >= 0 ? own : DATA.families.indexOf(row.minuend);
}

/** Describe a contrast in words. */
function describeContrast(row) {
  const facts = [nameContrast(row), nameSetting(row.setting), `n = ${row.n}`];
  if (row.told) facts.push("told from zero");
  else if (isNumber(row.more)) facts.push(`${formatCount(row.more, "seed")} more would tell it, if it is as estimated`);
  return facts.filter(Boolean).join(", ");
}

/** Say what the marks of a forest mean. */
function captionForest(effect) {
  const pooled = isNumber(effect.sd)
    ? ` Pooled s.d. of a difference: ${formatNumber(effect.sd, 2)} points, ${effect.df} degrees of freedom.`
    : "";
  return `<b>${escapeText(effect.title)}, paired by seed.</b> ${describeBars(effect)}${pooled}`;
}

/** Say what the bars of a forest mean; of too few seeds there are no intervals. */
function describeBars({ rows, m }) {
  if (!rows.some((row) => isNumber(row.lo))) return "Bars: ± 1 s.e.; too few seeds for an interval.";
  const told = rows.filter((row) => row.told).length;
  const intervals = m > 1 ? `95 % interval, simultaneous over ${m} comparisons` : "95 % interval";
  return `Thin: ${intervals}; thick: ± 1 s.e. Filled marks are told from zero: ${told} of ${m}.`;
}

if (forestSelect && DATA.effects && DATA.effects.length) {
  const places = DATA.effects.map((_, k) => String(k));
  fillSelect(forestSelect, places, (k) => DATA.effects[Number(k)].title, "0");
  forestSelect.onchange = drawForest;
  addView({ element: find("#forest"), still: true, draw: drawForest });
}
