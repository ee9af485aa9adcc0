/* Axes of knobs and of metrics, as parallel coordinates, slices and the heat map draw them. A knob may not be set in
   some configurations, since it belongs to a method that they do not use: its axis has a tick for these beside the
   scale. */

const FEW_VALUES = 12; // a knob with so few values is drawn value by value

/** Describe the axis of a knob or of a metric: where each configuration lies, null where the knob is not set. */
function describeAxis(path) {
  const knob = knobOf.get(path);
  const coordinates = ALL.map((i) => valueOn(i, path, state.checkpoint));
  if (!knob) {
    const alive = coordinates.filter((_, i) => !isConstant(i));
    const domain = padDomain(...extentOf(alive), 0.02);
    return { path, title: shortOf(path), log: false, domain, choices: null, coordinates, hasUnset: false };
  }
  const choices = knob.scale === "category" ? knob.choices : null;
  const domain = choices ? [-0.5, choices.length - 0.5] : scaleOf(knob).domain();
  const log = knob.scale === "log";
  const hasUnset = coordinates.includes(null);
  return { path, title: knob.short, log, domain, choices, coordinates, hasUnset, drawn: knob.drawn };
}

/** Lay an axis from one pixel to another; the tick of what is not set takes `room` at its first end, if it has one. */
function layAxis(axis, from, to, room) {
  const start = axis.hasUnset ? from + Math.sign(to - from) * room : from;
  const scale = (axis.log ? d3.scaleLog() : d3.scaleLinear()).domain(axis.domain).range([start, to]);
  return { ...axis, scale, start, from, to, place: (value) => (value === null ? from : scale(value)) };
}

/** List the values of an axis, from the least up. */
function listAxisValues(axis) {
  return [...new Set(axis.coordinates.filter(isNumber))].sort((a, b) => a - b);
}

/** List the values of an axis that shows each; none where they are many, or drawn from a range and all different. */
function listFewValues(axis) {
  const values = listAxisValues(axis);
  const isRepeated = values.length < axis.coordinates.filter(isNumber).length;
  return values.length <= FEW_VALUES && (isRepeated || !axis.drawn) ? values : [];
}

/**
 * List the ticks of an axis that was laid: all choices; the values of a knob where they are few, else round numbers,
 * those that have room. null is the tick of what is not set.
 */
function listAxisTicks(axis, gap, room) {
  const unset = axis.hasUnset ? [null] : [];
  if (axis.choices) return [...unset, ...axis.choices.map((_, place) => place)];
  const values = knobOf.has(axis.path) ? listFewValues(axis) : [];
  const count = Math.max(2, Math.floor(Math.abs(axis.to - axis.start) / gap));
  if (!values.length) return [...unset, ...listTicks(axis.scale, count, room)];
  const kept = [];
  for (const value of values) {
    const last = kept[kept.length - 1];
    if (last === undefined || Math.abs(axis.scale(value) - axis.scale(last)) >= room(value)) kept.push(value);
  }
  return [...unset, ...kept];
}

/** Write a tick of an axis. */
function formatOnAxis(axis, value) {
  if (value === null) return NOT_SET;
  return formatKnob(axis.choices ? axis.choices[value] : value);
}

/** Draw a box; `attributes` are its paint. */
function drawBox(x, y, width, height, attributes) {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" ${attributes}/>`;
}

/** Draw a marker at a place; `attributes` are its paint. */
function drawSymbol(kind, radius, x, y, attributes) {
  return `<path transform="translate(${round(x)} ${round(y)})" d="${symbolPath(kind, radius)}" ${attributes}/>`;
}

/** Draw a line in ink, such as a median or the best so far; `attributes` may clip it. */
function drawInkLine(path, attributes = "") {
  return `<path d="${path}" fill="none" stroke="var(--ink)" stroke-width="1.6" ${attributes}/>`;
}

/** Spread what lies at one value over a width, each configuration always at the same place. */
function spreadOver(i, width) {
  return (((i * 0.618034) % 1) - 0.5) * width;
}

/** Find the part of a metric to show: all estimates with their errors; of a search without the worst few means. */
function findView(metric, estimates) {
  const means = estimates.map(({ mean }) => mean);
  const ends = estimates.flatMap(({ mean, se }) => [mean - (se || 0), mean + (se || 0)]);
  let [low, high] = extentOf(ends);
  if (DATA.kind === "search" && directionOf(metric) > 0) low = quantileOf(means, OUTLYING);
  if (DATA.kind === "search" && directionOf(metric) < 0) high = quantileOf(means, 1 - OUTLYING);
  return isNumber(low) && isNumber(high) ? padDomain(low, high) : [0, 100];
}
