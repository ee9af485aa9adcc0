/* Brushing parallel coordinates: a drag along an axis keeps a range everywhere on the page, a click on its title
   releases it. On the tick of what is not set both keep the configurations where the knob is not set. */

const BRUSH = 14; // px on each side of an axis that answers a drag
const DRAG = 4; // px that make a drag
const BRUSH_DIGITS = 4; // of the ends of a range, which the address and the controls show

let brushing = null; // the path of the axis and the place where the drag began
let brushTimer = 0;

/** Draw what answers a drag along an axis, and the range that is kept. */
function drawBrush(axis) {
  const { across, from, to, k, lying, path } = axis;
  const [low, high] = [Math.min(from, to) - 8, Math.max(from, to) + 8];
  const reach = drawAlong(lying, across, low, high, BRUSH, `class="brush" data-k="${k}" fill="transparent"`);
  const range = state.ranges[path];
  if (!range) return reach;
  const [first, last] = placeRange(axis, range);
  const paint = 'class="kept" fill="var(--focus)" fill-opacity=".2" stroke="var(--focus)" pointer-events="none"';
  return drawAlong(lying, across, first, last, 8, paint) + reach;
}

/** Place a range of an axis in pixels, from the least up; choices reach halfway to their neighbours. */
function placeRange(axis, [low, high]) {
  if (low === null) return [axis.from - 9, axis.from + 9];
  const half = axis.choices ? 0.5 : 0;
  const [start, end] = [axis.scale(low - half), axis.scale(high + half)];
  return [Math.min(start, end), Math.max(start, end, Math.min(start, end) + 2)];
}

/** Draw a box along an axis, from pixel to pixel. */
function drawAlong(lying, across, low, high, reach, attributes) {
  const [x, y, width, height] = lying
    ? [low, across - reach, high - low, 2 * reach]
    : [across - reach, low, 2 * reach, high - low];
  return drawBox(x, y, width, height, attributes);
}

/** Let drags brush; the pointer hovers and keeps nothing meanwhile. */
function attachBrush() {
  const { svg } = parallel.stage;
  const [hoverOn, keepOn] = [svg.onpointermove, svg.onclick];
  svg.onpointerdown = beginBrush;
  svg.onpointermove = (event) => (brushing && brushing.held ? moveBrush(event) : hoverOn(event));
  svg.onpointerup = endBrush;
  svg.onpointercancel = endBrush;
  svg.onclick = (event) => {
    const title = event.target.closest(".axis-title");
    if (title) releaseRange(parallel.axes[title.dataset.k].path);
    else if (!finishBrush()) keepOn(event);
  };
}

/** Find the place of the pointer along the axes. */
function placeAlong(event) {
  const [x, y] = locatePointer(parallel.stage, event);
  return parallel.lying ? x : y;
}

/** Begin a brush where the pointer goes down on an axis. */
function beginBrush(event) {
  const target = event.target.closest(".brush");
  brushing = null;
  if (!target) return;
  event.preventDefault();
  parallel.stage.svg.setPointerCapture(event.pointerId);
  brushing = { k: Number(target.dataset.k), start: placeAlong(event), held: true, moved: false };
}

/** Follow the pointer: the range from where the drag began. */
function moveBrush(event) {
  const end = placeAlong(event);
  if (!brushing.moved && Math.abs(end - brushing.start) < DRAG) return;
  brushing.moved = true;
  leaveStage();
  const axis = parallel.axes[brushing.k];
  const range = readBrush(axis, brushing.start, end);
  cancelAnimationFrame(brushTimer);
  brushTimer = requestAnimationFrame(() => change({ ranges: { ...state.ranges, [axis.path]: range } }));
}

/** Let a brush go. */
function endBrush() {
  if (brushing) brushing.held = false;
}

/** Finish a brush at the click that follows it; false if there was none, so that the click means a line. */
function finishBrush() {
  const done = brushing;
  brushing = null;
  if (!done || done.moved) return Boolean(done);
  const axis = parallel.axes[done.k];
  if (!liesBeside(axis, done.start)) return false;
  change({ ranges: { ...state.ranges, [axis.path]: [null, null] } });
  return true;
}

/** Tell whether a pixel lies beside the scale of an axis, where the knob is not set. */
function liesBeside(axis, pixel) {
  return axis.hasUnset && (pixel - axis.start) * Math.sign(axis.to - axis.start) < -8;
}

/** Read the range between two pixels of an axis. */
function readBrush(axis, start, end) {
  if (liesBeside(axis, start) && liesBeside(axis, end)) return [null, null];
  const [low, high] = [start, end].map((pixel) => invertOn(axis, pixel)).sort((a, b) => a - b);
  if (!axis.choices) return [low, high];
  const [first, last] = [Math.ceil(low), Math.floor(high)];
  return first <= last ? [first, last] : [Math.round(low), Math.round(low)];
}

/** Turn a pixel to a value of an axis, rounded within the axis and exact at its ends. */
function invertOn(axis, pixel) {
  const [first, last] = [Math.min(axis.start, axis.to), Math.max(axis.start, axis.to)];
  const value = axis.scale.invert(Math.max(first, Math.min(last, pixel)));
  if (pixel > first && pixel < last) return Number(value.toPrecision(BRUSH_DIGITS));
  return (pixel <= first) === (axis.start < axis.to) ? axis.domain[0] : axis.domain[1];
}

/** Release the range of an axis. */
function releaseRange(path) {
  const ranges = { ...state.ranges };
  delete ranges[path];
  change({ ranges });
}
