/* The legend: sweeps, methods and subsets, which a press hides and shows, or the names or the ramp of a knob. */

const RAMP_WIDTH = 180;
const KEYS = 12; // of one kind; more would hide the front below them

/** Draw the legend: what colours show, then what markers show. */
function drawLegend() {
  const parts = [...drawColours(), drawMarkers()].filter(Boolean);
  find("#legend").innerHTML = parts.join('<span class="gap"></span>');
}

/** Draw the keys of what colours show: sweeps, the names or the ramp of a knob, or methods with their markers. */
function drawColours() {
  if (state.colour === SWEEP) return [drawKeys("sweep", DATA.sweeps, drawSwatch)];
  if (findColoured(true)) return [drawNames(findColoured(true))];
  if (findColoured(false)) return [drawRamp(findColoured(false))];
  return areMethodsMarked ? [] : [drawKeys("method", DATA.families, drawSwatch)];
}

/** Draw the keys of what markers show: methods where several sweeps vary no subset, or subsets. */
function drawMarkers() {
  if (areMethodsMarked) return drawKeys("method", DATA.families, drawMethod);
  return drawKeys("subset", DATA.subsets, (k) => drawGlyph(paintOfSubset(k), shapeOf(k)));
}

/** Draw the mark of a method in the colour of its configurations, unless these have several. */
function drawMethod(k) {
  const paints = new Set(ALL.filter((i) => familyOf[i] === k).map(paintOf));
  const marker = markerOf(familyOf.indexOf(k));
  return paints.size === 1 ? drawGlyph([...paints][0], marker) : drawGlyph("var(--soft)", markerOfMethod(k));
}

/** Paint the key of a subset: its hue where subsets have hues. */
function paintOfSubset(k) {
  return areKindsHued && !state.colour ? `var(${hueOf(hueIndexOfSubset(k))})` : "var(--soft)";
}

/** Draw the keys of one kind; a single one tells nothing, and of very many the query finds the rest. */
function drawKeys(kind, names, picture) {
  if (names.length < 2) return "";
  const keys = names.slice(0, KEYS).map((name, k) => {
    const pressed = !state.hidden.has(`${kind} ${name}`);
    const key = `data-kind="${kind}" data-name="${escapeText(name)}" data-place="${k}"`;
    const content = picture(k) + escapeText(name || NOT_VARIED);
    return `<button type="button" class="key" ${key} aria-pressed="${pressed}">${content}</button>`;
  });
  const rest = names.length - keys.length;
  const more = rest > 0 ? `<span class="cap">and ${rest} more, which the filter finds</span>` : "";
  return `<span class="cap">${kind}</span>${keys.join("")}${more}`;
}

/** Draw the line of a place among the hues; of the second round, the pierced mark on a dashed line. */
function drawSwatch(place) {
  const paint = `var(${hueOf(place)})`;
  const [bars, wide] = isRepeated(place) ? [[-8, 5], 3] : [[-6], 12];
  const line = bars.map((x) => `<rect x="${x}" y="-2" width="${wide}" height="4" rx="1.5" fill="${paint}"/>`);
  const mark = isRepeated(place) ? `<path d="${symbolPath(pierceMarker("circle", place), 3.6)}" fill="${paint}"/>` : "";
  return `<svg viewBox="-8 -8 16 16" aria-hidden="true">${line.join("")}${mark}</svg>`;
}

/** Draw the names of a knob with their hues; those without it are grey. */
function drawNames(knob) {
  const names = knob.choices.slice(0, 2 * HUES).map((name, k) => [name, k]);
  const rest = [knob.choices.length > names.length && "others", knob.values.includes(null) && NOT_SET].filter(Boolean);
  const keys = [...names, ...(rest.length ? [[rest.join(" or "), -1]] : [])];
  const key = ([name, place]) => `<span class="key">${drawSwatch(place)}${escapeText(name)}</span>`;
  return `<span class="cap">${escapeText(knob.short)}</span>${keys.map(key).join("")}`;
}

/** Draw the ramp of a knob with its ticks, and say what is grey if anything is. */
function drawRamp(knob) {
  const scale = scaleOf(knob).range([0, RAMP_WIDTH]);
  const steps = Array.from({ length: 60 }, (_, k) => {
    return `<rect x="${k * 3}" y="2" width="3.4" height="9" fill="${rampColour(k / 59)}"/>`;
  });
  const ticks = listTicks(scale, 4, (tick) => widthOf(formatKnob(tick)) + 8);
  const texts = ticks.map((tick) => {
    const text = drawText(formatKnob(tick), scale(tick), 26, "middle");
    return `<path class="zero" d="M${round(scale(tick))} 11v3"/>${text}`;
  });
  const grey = knob.values.includes(null) ? `<span class="cap">grey: ${NOT_SET}</span>` : "";
  return (
    `<span class="cap">${escapeText(knob.short)}</span><svg class="ramp" width="${RAMP_WIDTH + 40}" height="32" ` +
    `viewBox="-20 0 ${RAMP_WIDTH + 40} 32" role="img" aria-label="colours of ${escapeText(knob.short)}">` +
    `${steps.join("")}${texts.join("")}</svg>${grey}`
  );
}

/** Hide or show a method or a subset. */
function pressKey(event) {
  const key = event.target.closest("button[data-kind]");
  if (!key) return;
  const names = { sweep: DATA.sweeps, method: DATA.families, subset: DATA.subsets }[key.dataset.kind];
  const name = `${key.dataset.kind} ${names[Number(key.dataset.place)]}`;
  const hidden = new Set(state.hidden);
  if (!hidden.delete(name)) hidden.add(name);
  change({ hidden });
  const { kind, place } = key.dataset;
  const again = find(`#legend button[data-kind="${kind}"][data-place="${place}"]`);
  if (again) again.focus(); // the legend was drawn anew
}

if (find("#legend")) find("#legend").onclick = pressKey;
addView({ element: find("#legend"), first: true, draw: drawLegend });
