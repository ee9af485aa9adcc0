/* Drawing kit: frames, symbols and labels as text of SVG, at the width at hand. Every name passes escapeText. */

const LETTER = 6.6; // px, mean width of a letter in a figure, for limits alone: texts are measured
const LEAST_LETTERS = 3; // of a text, however little room it has
const SANS = "Inter, system-ui, sans-serif";
const FONTS = { plain: `400 12px ${SANS}`, strong: `650 12px ${SANS}`, ttl: `650 13.5px ${SANS}` }; // by class

/** Round a coordinate to a tenth of a pixel. */
function round(value) {
  return Math.round(value * 10) / 10;
}

/** Find an element. */
function find(selector, root = document) {
  return root.querySelector(selector);
}

/** Find all elements. */
function findAll(selector, root = document) {
  return [...root.querySelectorAll(selector)];
}

const ruler = document.createElement("canvas").getContext("2d");
const widths = new Map();

/** Measure the width of a text in a figure, whose digits are all as wide; `kind` is its class of the style sheet. */
function widthOf(text, kind = "") {
  const font = FONTS[["ttl", "strong"].find((name) => kind.includes(name)) || "plain"];
  const key = `${font} ${text}`;
  if (!widths.has(key)) {
    ruler.font = font;
    widths.set(key, ruler.measureText(String(text).replace(/\d/g, "0")).width);
  }
  return widths.get(key);
}

/** Shorten a text to a width in pixels. */
function shortenText(text, width, kind = "") {
  const whole = showControls(text);
  if (widthOf(whole, kind) <= width) return whole;
  const letters = [...whole];
  const cut = (count) => `${letters.slice(0, count).join("").trimEnd()}…`;
  let [kept, over] = [LEAST_LETTERS - 1, letters.length];
  while (over - kept > 1) {
    const middle = Math.floor((kept + over) / 2);
    if (widthOf(cut(middle), kind) <= width) kept = middle;
    else over = middle;
  }
  return cut(kept);
}

/** Widen a domain by a share of its length on both sides. */
function padDomain(low, high, share = 0.06) {
  const [from, to] = low === high ? [low - 0.5, high + 0.5] : [low, high];
  return [from - (to - from) * share, to + (to - from) * share];
}

/** Find the least and the greatest of the finite values; [0, 1] without any. */
function extentOf(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!isNumber(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low > high ? [0, 1] : [low, high];
}

/** Find a quantile of the finite values. */
function quantileOf(values, share) {
  const sorted = values.filter(isNumber).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.round(share * (sorted.length - 1))] : NaN;
}

/** Draw a marker around the origin; a pierced one has a hole, whose edge runs the other way round. */
function symbolPath(kind, radius = 5) {
  const r = radius;
  if (kind.startsWith(PIERCED)) {
    const hole = round(0.55 * r);
    const edge = `M${hole} 0A${hole} ${hole} 0 1 0 ${-hole} 0A${hole} ${hole} 0 1 0 ${hole} 0Z`;
    return symbolPath(kind.slice(PIERCED.length), r) + edge;
  }
  if (kind === "up") return `M0 ${-r * 1.15}L${r * 1.05} ${r * 0.75}H${-r * 1.05}Z`;
  if (kind === "down") return `M0 ${r * 1.15}L${-r * 1.05} ${-r * 0.75}H${r * 1.05}Z`;
  const types = { square: d3.symbolSquare, diamond: d3.symbolDiamond, star: d3.symbolStar, cross: d3.symbolCross };
  return d3.symbol(types[kind] || d3.symbolCircle, r * r * (kind in types ? 3.2 : 3.1))();
}

/** Draw a marker as a picture within text. */
function drawGlyph(paint, kind, hollow = false) {
  const fill = hollow ? "none" : paint;
  return (
    `<svg viewBox="-8 -8 16 16" aria-hidden="true"><path d="${symbolPath(kind)}" fill="${fill}" ` +
    `stroke="${paint}" stroke-width="1.5"/></svg>`
  );
}

/** List the ticks of a scale that have room: those of a log scale at 1, 2 and 5, powers of ten before others. */
function listTicks(scale, count, room) {
  if (!scale.ticks) return scale.domain();
  const ticks = scale.base ? scale.ticks(4).filter((tick) => /^[125]/.test(tick.toExponential())) : scale.ticks(count);
  const powers = scale.base ? ticks.filter((tick) => /^1e/.test(tick.toExponential())) : ticks;
  const kept = powers.length > 1 || !scale.base ? [] : [...ticks];
  const free = (tick) => kept.every((other) => Math.abs(scale(tick) - scale(other)) >= room(tick));
  for (const tick of powers) if (free(tick)) kept.push(tick);
  for (const tick of ticks) if (!kept.includes(tick) && free(tick)) kept.push(tick);
  return kept.sort((a, b) => a - b);
}

/** Choose how a scale writes its ticks. */
function tickFormat(scale, ticks) {
  if (scale.base || !scale.tickFormat) return formatKnob;
  const format = scale.tickFormat(Math.max(1, ticks.length));
  return (value) => format(value);
}

/**
 * Draw grid, axes and titles. `x` and `y` are scales in pixels; options are `title`, `xTitle`, `yTitle`, `yArrow`,
 * `xTicks` and `yTicks` (counts or lists), `xFormat` and `yFormat`.
 */
function drawFrame(width, height, margins, x, y, options = {}) {
  const [left, right] = [margins.left, width - margins.right];
  const [top, bottom] = [margins.top, height - margins.bottom];
  const xCount = options.xTicks || Math.max(3, Math.min(7, Math.floor((right - left) / 62)));
  const yCount = options.yTicks || Math.max(3, Math.floor((bottom - top) / 46));
  const xRoom = (tick) => widthOf((options.xFormat || formatKnob)(tick)) + 10;
  const xTicks = Array.isArray(xCount) ? xCount : listTicks(x, xCount, xRoom);
  const yTicks = Array.isArray(yCount) ? yCount : listTicks(y, yCount, () => 20);
  const xFormat = options.xFormat || tickFormat(x, xTicks);
  const yFormat = options.yFormat || tickFormat(y, yTicks);
  const grid = yTicks.map((tick) => `M${left} ${round(y(tick))}H${right}`).join("");
  const xMarks = xTicks.map((tick) => `M${round(x(tick))} ${bottom}v4`).join("");
  const xTexts = xTicks.map((tick) => drawText(xFormat(tick), x(tick), bottom + 17, "middle"));
  const yTexts = yTicks.map((tick) => drawText(yFormat(tick), left - 7, y(tick) + 4, "end"));
  return (
    `<path class="grid" d="${grid}"/><path class="axis" d="M${left} ${bottom}H${right}${xMarks}"/>` +
    xTexts.join("") +
    yTexts.join("") +
    drawTitles(width, height, margins, options)
  );
}

/** Draw the titles of a frame: its own, that of the y axis above the axis, that of the x axis below. */
function drawTitles(width, height, margins, { title, xTitle, yTitle, yArrow = "↑" }) {
  const left = margins.left;
  const middle = (left + width - margins.right) / 2;
  const fit = (text, kind) => shortenText(text, width - left, kind);
  return (
    (xTitle ? drawText(shortenText(xTitle, width - margins.right - left), middle, height - 4, "middle") : "") +
    (title ? drawText(fit(title, "ttl"), left, 14, "start", "ttl") : "") +
    (yTitle ? drawText(fit(`${yArrow} ${yTitle}`), left, title ? 32 : margins.top - 10) : "")
  );
}

/** Draw a text; `kind` is a class of the style sheet. */
function drawText(text, x, y, anchor = "start", kind = "") {
  const style = kind ? ` class="${kind}"` : "";
  return `<text${style} x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeText(text)}</text>`;
}

/** Draw a text shortened to a width; the whole of it shows under the pointer. */
function drawShortText(text, width, x, y, anchor, kind) {
  const short = shortenText(text, width, kind);
  const whole = short === showControls(text) ? "" : `<title>${escapeText(text)}</title>`;
  return drawText(short, x, y, anchor, kind).replace("</text>", `${whole}</text>`);
}
