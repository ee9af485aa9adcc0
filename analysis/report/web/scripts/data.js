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

/** Average the curve of a configuration over its seeds, in percent; NaN where no seed was evaluated. */
function meanCurveOf(i, column) {
  const key = `${column} ${i}`;
  if (!curveMeans.has(key)) {
    const codes = decodeCurves(column);
    const evaluations = DATA.curves.epoch.length;
    const means = new Float64Array(evaluations);
    for (let t = 0; t < evaluations; t += 1) {
      let [sum, n] = [0, 0];
      for (const row of rowsOf[i]) {
        const code = codes[row * evaluations + t];
        if (code === MISSING_SHARE || code === undefined) continue;
        sum += code;
        n += 1;
      }
      means[t] = n ? sum / n / SHARE_SCALE : NaN;
    }
    curveMeans.set(key, means);
  }
  return curveMeans.get(key);
}

/** Estimate the curve of a configuration: mean and standard error at each evaluation, in percent. */
function curveOf(i, column) {
  const codes = decodeCurves(column);
  const evaluations = DATA.curves.epoch.length;
  const read = (row, t) => {
    const code = codes[row * evaluations + t];
    return code === MISSING_SHARE || code === undefined ? null : code / SHARE_SCALE;
  };
  return DATA.curves.epoch.map((_, t) => estimate(rowsOf[i].map((row) => read(row, t))));
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

/** List the names of the sweeps that hold a configuration, where several are compared. */
function listSweeps(i) {
  return DATA.sweeps.length > 1 ? CONFIGURATIONS.holders[i].map((place) => DATA.sweeps[place]) : [];
}

/** Title a metric, or the column of a curve. */
function titleOf(metric) {
  if (DATA.metrics[metric]) return DATA.metrics[metric].title;
  return (DATA.curves && DATA.curves.titles && DATA.curves.titles[metric]) || nameColumn(metric);
}

/** Name a metric in short. */
function shortOf(metric) {
  return DATA.metrics[metric] ? DATA.metrics[metric].short : nameColumn(metric);
}

/** Write the name of a column in words. */
function nameColumn(column) {
  return column.replace(/_acc$/, "_accuracy").replace(/_/g, " ");
}

/** Tell whether more of a metric is better: 1, or −1 if less is. */
function directionOf(metric) {
  return DATA.metrics[metric] && DATA.metrics[metric].better < 0 ? -1 : 1;
}

/** Tell whether every training of a configuration ran to its end. */
function isFinished(i) {
  return CONFIGURATIONS.status[i] === "completed";
}

/** Tell whether the network of some seed of a configuration names one class for all images: its mean is no result. */
function isConstant(i) {
  return CONFIGURATIONS.constant[i] > 0;
}

/** Tell whether a configuration may be on a front: some seed completed, none stopped, diverged or names one class. */
function isCandidate(i) {
  const { n, diverged, status } = CONFIGURATIONS;
  return n[i] > 0 && !diverged[i] && !isConstant(i) && status[i] !== "stopped";
}
