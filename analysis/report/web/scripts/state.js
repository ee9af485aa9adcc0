/* What the reader chose, and which views follow it. Hovering touches overlays only; everything else draws again. */

const REST = 140; // ms without a change after which the lower figures of a large page follow
const KEPT_AT_MOST = 3;
const PANELS = 3; // settings beside each other on shared axes; more are chosen one at a time

const state = {
  x: DATA.x,
  y: DATA.y,
  checkpoint: DATA.checkpoint,
  hidden: new Set(), // "method NAME", "subset NAME" and "sweep NAME"
  query: "",
  ranges: {}, // path of a knob, or a metric: [low, high]; [null, null] keeps those where the knob is not set
  kept: [],
  hovered: -1,
  setting: DATA.settings[0], // the one in view where there are too many for panels
  colour: "", // path of a knob, or SWEEP; empty for methods by hue
};

const views = [];
const listeners = [];
let shown = ALL.map(() => true);
let generation = 0;
let restTimer = 0;
let frameTimer = 0;

/**
 * Add a view: `draw` draws it whole, `mark` its overlays for the hovered and the kept. `first` views follow the hand,
 * others the rest of a large page; a `still` view does not depend on filters or axes. Without element it is no view.
 */
function addView({ element, first = false, still = false, draw = () => {}, mark = () => {} }) {
  if (element) views.push({ element, first, still, draw, mark });
}

/** Call a function after every change of the state, such as the one that writes the address. */
function onChange(listener) {
  listeners.push(listener);
}

/** Tell whether filters let a configuration through. */
function isShown(i) {
  return shown[i];
}

/** List the configurations that filters let through. */
function listShown() {
  return ALL.filter(isShown);
}

/** Test a configuration against legend, query and ranges. */
function passesFilters(i) {
  if (listSweeps(i).length && listSweeps(i).every((name) => state.hidden.has(`sweep ${name}`))) return false;
  if (state.hidden.has(`method ${CONFIGURATIONS.family[i]}`)) return false;
  if (state.hidden.has(`subset ${CONFIGURATIONS.subset_label[i]}`)) return false;
  return matchesQuery(i) && Object.entries(state.ranges).every(([path, range]) => liesWithin(i, path, range));
}

/** Test whether every word of the query is part of what names a configuration. */
function matchesQuery(i) {
  const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const status = CONFIGURATIONS.status[i];
  const text = [CONFIGURATIONS.name[i], nameSetting(CONFIGURATIONS.setting[i]), ...listSweeps(i), status]
    .join(" ")
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Test whether a configuration lies within a range of a knob or a metric. */
function liesWithin(i, path, [low, high]) {
  const value = valueOn(i, path, state.checkpoint);
  if (low === null) return value === null;
  return value !== null && value >= low && value <= high;
}

/** Change the state and let every view follow. */
function change(patch) {
  Object.assign(state, patch);
  shown = ALL.map(passesFilters);
  for (const listener of listeners) listener();
  if (!MANY) {
    drawViews(views.filter((view) => !view.still));
    return;
  }
  cancelAnimationFrame(frameTimer);
  frameTimer = requestAnimationFrame(() => drawViews(views.filter((view) => view.first && !view.still)));
  clearTimeout(restTimer);
  generation += 1;
  restTimer = setTimeout(() => drawInTurn(views.filter((view) => !view.first && !view.still)), REST);
}

/** Draw views at once, with their overlays. */
function drawViews(list) {
  for (const view of list) {
    view.draw();
    view.mark();
  }
}

/** Draw views one a task, so that the page answers between them; a later change stops it. */
function drawInTurn(list, done = () => {}) {
  const mine = (generation += 1);
  const step = () => {
    if (mine !== generation) return;
    const view = list.shift();
    if (!view) {
      done();
      return;
    }
    drawViews([view]);
    setTimeout(step, 0);
  };
  step();
}

/** Draw every view: those of the first screen at once, the others in turn; on paper all at once. */
function drawAll(done = () => {}) {
  forgetColours();
  shown = ALL.map(passesFilters);
  if (isOnPaper()) {
    generation += 1;
    drawViews(views);
    done();
    return;
  }
  drawViews(views.filter((view) => view.first));
  drawInTurn(
    views.filter((view) => !view.first),
    done,
  );
}

/** Mark overlays again. */
function markAll() {
  for (const view of views) view.mark();
}

/** Hover a configuration; -1 for none. */
function hover(i) {
  if (i === state.hovered) return;
  state.hovered = i;
  markAll();
}

/** Keep a configuration, or release it; the first kept goes when a fourth comes. */
function toggleKept(i) {
  const kept = state.kept.includes(i);
  state.kept = kept ? state.kept.filter((other) => other !== i) : [...state.kept, i].slice(-KEPT_AT_MOST);
  say(`${kept ? "Released" : "Kept"} ${CONFIGURATIONS.name[i]}`);
  for (const listener of listeners) listener();
  markAll();
}

/** List the settings that have a panel: all, or the chosen one where they are too many. */
function listPanels() {
  return DATA.settings.length <= PANELS ? DATA.settings : [state.setting];
}

/** List the configurations of a setting that filters let through. */
function listPanel(setting) {
  return ALL.filter((i) => shown[i] && CONFIGURATIONS.setting[i] === setting);
}

/** List the configurations to emphasise: the kept, then the hovered, each once. */
function listMarked() {
  return [...new Set([...state.kept, state.hovered])].filter((i) => i >= 0);
}

/** Return to the state in which the page opened. */
function reset() {
  const start = { x: DATA.x, y: DATA.y, checkpoint: DATA.checkpoint, setting: DATA.settings[0], colour: startColour() };
  change({ ...start, query: "", hidden: new Set(), ranges: {}, kept: [], hovered: -1 });
}

/**
 * Choose the colour in which a page opens: a search by its first knob, a study by methods, and several sweeps by sweep
 * where markers tell their methods apart.
 */
function startColour() {
  if (areMethodsMarked) return SWEEP;
  const knobs = DATA.knobs.filter((knob) => knob.scale !== "category");
  return DATA.kind === "search" && DATA.families.length < 2 && knobs.length ? knobs[0].path : "";
}
