/* Class by class: what each subset leaves out of training and what that costs or gains, or the accuracies alone. */

const CELL = 26;
const CLASS_ROWS = 8;
const classMethod = find("#class-method");
const classMetric = find("#class-metric");

/** Draw the matrices of the chosen method and metric. */
function drawClasses() {
  const box = find("#class-matrix");
  const parts = hasSubsets() ? [layOutShares(), layOutChanges()] : [layOutAccuracies()];
  holdStages(
    box,
    parts.map((part) => part.title),
  );
  for (const part of parts) drawMatrix(box, part);
}

/** Tell whether subsets are compared with training on all examples. */
function hasSubsets() {
  return (
    DATA.subsets.includes("all") && DATA.subsets.length > 1 && Array.isArray(DATA.counts) && DATA.counts.length > 0
  );
}

/** List the subsets that leave something out. */
function listParts() {
  return DATA.subsets.filter((subset) => subset !== "all");
}

/** Lay out the share of each class that a subset leaves out. */
function layOutShares() {
  const count = (setting, subset) => DATA.counts.find((row) => row.setting === setting && row.subset === subset);
  const share = (setting, subset) => {
    const [all, part] = [count(setting, "all"), count(setting, subset)];
    return all && part ? all.k.map((size, k) => (size ? Math.max(0, 100 * (1 - part.k[k] / size)) : NaN)) : null;
  };
  return {
    title: "Left out of training, %",
    groups: groupRowsBySetting(share),
    write: (value) => formatNumber(value, 0),
    fill: (value) => ["--band", Math.min(0.8, value / 75)],
  };
}

/** Lay out the accuracy by class minus that of training on all. */
function layOutChanges() {
  const change = (setting, subset) => {
    const [all, part] = ["all", subset].map((name) => findClasses(setting, name));
    return all && part ? part.map((value, k) => value - all[k]) : null;
  };
  return {
    title: `${shortOf(classMetric.value)} minus training on all, points`,
    groups: groupRowsBySetting(change),
    write: (value) => (Math.abs(value) < 0.5 ? "0" : formatSigned(value, 0)),
    fill: (value) => [value < 0 ? "--neg" : "--pos", Math.min(0.9, Math.abs(value) / 26)],
  };
}

/** Group a row for each subset by setting; subsets without numbers are left out. */
function groupRowsBySetting(valuesOf) {
  return DATA.settings.map((setting) => ({
    name: nameSetting(setting),
    rows: listParts()
      .map((subset) => ({ name: subset, values: valuesOf(setting, subset) }))
      .filter((row) => row.values),
  }));
}

/** Find the accuracies by class of a subset under the chosen method. */
function findClasses(setting, subset) {
  const i = ALL.find((j) => {
    const here = CONFIGURATIONS.setting[j] === setting && CONFIGURATIONS.family[j] === classMethod.value;
    return here && CONFIGURATIONS.subset_label[j] === subset;
  });
  return i === undefined ? null : DATA.classes[classMetric.value][i];
}

/** Lay out the accuracies by class of the method's configurations, those on the front first. */
function layOutAccuracies() {
  const accuracies = DATA.classes[classMetric.value];
  const groups = DATA.settings.map((setting) => {
    const here = ALL.filter((i) => {
      return accuracies[i] && CONFIGURATIONS.setting[i] === setting && CONFIGURATIONS.family[i] === classMethod.value;
    });
    here.sort((a, b) => Number(CONFIGURATIONS.on_front[b]) - Number(CONFIGURATIONS.on_front[a]) || a - b);
    const rows = here.slice(0, CLASS_ROWS).map((i) => ({ name: CONFIGURATIONS.choice[i], values: accuracies[i] }));
    return { name: nameSetting(setting), rows };
  });
  return {
    title: `${shortOf(classMetric.value)} by class, %`,
    groups,
    write: (value) => formatNumber(value, 0),
    fill: (value) => ["--pos", Math.max(0, Math.min(0.9, (value / 100) * 0.9))],
  };
}

/** Draw a matrix: a row for each subset or configuration, a column for each class. */
function drawMatrix(box, { title, groups, write, fill }) {
  const filled = groups.filter((group) => group.rows.length);
  const names = filled.flatMap((group) => group.rows.map((row) => row.name));
  const lines = filled.reduce((sum, group) => sum + (group.name ? CELL : 6) + 6 + group.rows.length * CELL, 0);
  const stage = openStage(box, title, 28 + lines + 20, title);
  const left = Math.min(stage.width * 0.4, Math.max(48, ...names.map((name) => widthOf(name))) + 8);
  const classes = DATA.classes.names.length;
  const wide = (stage.width - left) / classes;
  const parts = [drawShortText(title, stage.width, 0, 13, "start", "ttl")];
  let y = 20;
  for (const group of filled) {
    if (group.name) parts.push(drawShortText(group.name, stage.width, 0, y + 18, "start", "strong"));
    y += group.name ? CELL : 6;
    for (const row of group.rows) {
      parts.push(drawShortText(row.name, left - 8, 0, y + 17, "start", "ink"));
      row.values.forEach((value, k) => parts.push(drawCell(value, left + k * wide, y, wide, write, fill)));
      y += CELL;
    }
    y += 6;
  }
  parts.push(drawClassNames(left, wide, y + 12));
  fillStage(stage, parts.join(""));
}

/** Draw a cell with its number, where there is room for one. */
function drawCell(value, x, y, wide, write, fill) {
  if (!isNumber(value)) return "";
  const [colour, opacity] = fill(value);
  const text = write(value);
  const rect =
    `<rect x="${round(x + 0.5)}" y="${y + 0.5}" width="${round(Math.max(1, wide - 1))}" height="${CELL - 1}" rx="2" ` +
    `fill="var(${colour})" fill-opacity="${round2(opacity)}"><title>${escapeText(text)}</title></rect>`;
  if (wide < widthOf(text) + 2) return rect;
  const ink = textOn(blendColour(colour, opacity));
  const place = `x="${round(x + wide / 2)}" y="${y + 17}" text-anchor="middle"`;
  return `${rect}<text ${place} style="fill:${ink}">${escapeText(text)}</text>`;
}

/** Draw the names of the classes that have room, or their numbers. */
function drawClassNames(left, wide, y) {
  const names = DATA.classes.names.map(String);
  const short = names.every((name) => widthOf(name) <= wide - 2) ? names : names.map((_, k) => String(k));
  const every = Math.ceil((widthOf(short[short.length - 1]) + 4) / wide);
  const texts = short.map((name, k) => (k % every ? "" : drawText(name, left + (k + 0.5) * wide, y, "middle")));
  return `${drawText("class", 0, y)}${texts.join("")}`;
}

/** Round an opacity to two decimals. */
function round2(value) {
  return Math.round(value * 100) / 100;
}

if (classMethod && classMetric && listClassMetrics().length) {
  fillSelect(classMethod, DATA.families, (family) => family, DATA.families[0]);
  classMethod.closest("label").hidden = DATA.families.length < 2; // a single one tells nothing, and may have no name
  fillSelect(classMetric, listClassMetrics(), shortOf, startClassMetric());
  classMethod.onchange = drawClasses;
  classMetric.onchange = drawClasses;
  addView({ element: find("#class-matrix"), still: true, draw: drawClasses });
}
