/* The data block of the page: trials, configurations and curves, and the estimates made of them. */

const DATA = JSON.parse(document.getElementById("data").textContent);
const CONFIGURATIONS = DATA.configurations;
const COUNT = CONFIGURATIONS.name.length;
const ALL = Array.from({ length: COUNT }, (_, i) => i);
const MANY = COUNT > 300; // too many to draw as elements and to redraw at every movement of the hand
const MISSING_SHARE = 65535;
const SHARE_SCALE = 100; // the curves hold hundredths of a percent

/** For each configuration, the rows of its trials. */
const rowsOf = groupRows(DATA.trials.configuration);
const familyOf = CONFIGURATIONS.family.map((family) => DATA.families.indexOf(family));
const subsetOf = CONFIGURATIONS.subset_label.map((subset) => DATA.subsets.indexOf(subset));
const knobOf = new Map(DATA.knobs.map((knob) => [knob.path, knob]));

const estimates = new Map();
const curveCodes = new Map();
const curveMeans = new Map();

/** Group the rows of trials by configuration. */
function groupRows(configurations) {
  const rows = ALL.map(() => []);
  configurations.forEach((configuration, row) => rows[configuration].push(row));
  return rows;
}

/** Estimate mean and standard error of values; what is missing does not count. */
function estimate(values) {
  const present = values.filter(isNumber);
  const n = present.length;
  if (!n) return { mean: NaN, se: NaN, n };
  const mean = present.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { mean, se: NaN, n };
  const squares = present.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, se: Math.sqrt(squares / (n - 1) / n), n };
}

/** Find the column of the trials that holds a metric at a checkpoint; some metrics have one for both. */
function columnOf(metric, checkpoint) {
  return DATA.trials[`${checkpoint}_${metric}`] || DATA.trials[metric] || [];
}

/** Estimate a metric of a configuration over its seeds, in percent. */
function estimateOf(i, metric, checkpoint) {
  const key = `${checkpoint} ${metric}`;
  if (!estimates.has(key)) {
    const column = columnOf(metric, checkpoint);
    const percent = (row) => (isNumber(column[row]) ? 100 * column[row] : null);
    estimates.set(
      key,
      rowsOf.map((rows) => estimate(rows.map(percent))),
    );
  }
  return estimates.get(key)[i];
}

/** Read a metric of one trial, in percent; NaN where it is missing. */
function valueOfTrial(row, metric, checkpoint) {
  const value = columnOf(metric, checkpoint)[row];
  return isNumber(value) ? 100 * value : NaN;
}

/** Name the columns that have curves. */
function listCurves() {
  return Object.keys(DATA.curves || {}).filter((column) => typeof DATA.curves[column] === "string");
}

/** Decode the curves of a column once: little-endian whole numbers, trials × evaluations. */
function decodeCurves(column) {
  if (!curveCodes.has(column)) {
    const bytes = Uint8Array.from(atob(DATA.curves[column]), (character) => character.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const codes = new Uint16Array(bytes.length / 2);
    for (let place = 0; place < codes.length; place += 1) codes[place] = view.getUint16(2 * place, true);
    curveCodes.set(column, codes);
  }
  return curveCodes.get(column);
}

/** Estimate the curve of a configuration: mean and standard error at each evaluation, in percent. */
function curveOf(i, column) {
  const key = `${column} ${i}`;
  if (!curveMeans.has(key)) {
    const codes = decodeCurves(column);
    const evaluations = DATA.curves.epoch.length;
    const read = (row, t) => {
      const code = codes[row * evaluations + t];
      return code === MISSING_SHARE || code === undefined ? null : code / SHARE_SCALE;
    };
    const curve = DATA.curves.epoch.map((_, t) => estimate(rowsOf[i].map((row) => read(row, t))));
    curveMeans.set(key, curve);
  }
  return curveMeans.get(key);
}

/** Place a configuration on an axis: the value of a knob, the place of a choice, or the mean of a metric. */
function valueOn(i, path, checkpoint) {
  const knob = knobOf.get(path);
  if (!knob) return estimateOf(i, path, checkpoint).mean;
  const value = knob.values[i];
  if (value === null || value === undefined) return null;
  return knob.choices && knob.scale === "category" ? knob.choices.indexOf(value) : value;
}

/** Name a setting as the page does. */
function nameSetting(setting) {
  return DATA.setting_names[setting] || setting;
}

/** Tell whether a configuration has the outcomes of a whole training. */
function isFinished(i) {
  const status = (CONFIGURATIONS.status || [])[i];
  return status === undefined || status === "completed";
}
