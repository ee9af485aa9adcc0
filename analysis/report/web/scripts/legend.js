/* The legend: sweeps, methods and subsets, which a press hides and shows, or the ramp of a knob. */

const RAMP_WIDTH = 180;
const KEYS = 12; // of one kind; more would hide the front below them

/** Draw the legend. */
function drawLegend() {
  const knob = knobOf.get(state.colour);
  const swatch = (k) => drawSwatch(`var(${hueOf(k)})`);
  const several = DATA.sweeps.length > 1;
  const hues = several ? drawKeys("sweep", DATA.sweeps, swatch) : drawKeys("method", DATA.families, swatch);
  const methods = several ? drawKeys("method", DATA.families, drawMethod) : "";
  const subsets = drawKeys("subset", DATA.subsets, (k) => drawGlyph(paintOfSubset(k), shapeOf(k)));
  const parts = [knob ? drawRamp(knob) : hues, methods, subsets].filter(Boolean);
  find("#legend").innerHTML = parts.join('<span class="gap"></span>');
}

/** Draw the key of a method where several sweeps are compared: the hue of its sweep, with its marker if it has one. */
function drawMethod(k) {
  const paint = `var(${hueOf(findSweep(k))})`;
  return areMethodsMarked ? drawGlyph(paint, markerOfMethod(k)) : drawSwatch(paint);
}

/** Paint the key of a subset: its hue where subsets have hues. */
function paintOfSubset(k) {
  return areKindsHued && !knobOf.has(state.colour) ? `var(${hueOf(hueIndexOfSubset(k))})` : "var(--soft)";
}

/** Find the sweep of a method, whose hue it has where several are compared: its name begins with that of its sweep. */
function findSweep(family) {
  return CONFIGURATIONS.sweep[familyOf.indexOf(family)];
}

/** Draw the keys of one kind; a single one tells nothing, and of very many the query finds the rest. */
function drawKeys(kind, names, picture) {
  if (names.length < 2) return "";
  const keys = names.slice(0, KEYS).map((name, k) => {
    const pressed = !state.hidden.has(`${kind} ${name}`);
    const key = `data-kind="${kind}" data-name="${escapeText(name)}" data-place="${k}"`;
    const content = picture(k) + escapeText(name);
    return `<button type="button" class="key" ${key} aria-pressed="${pressed}">${content}</button>`;
  });
  const rest = names.length - keys.length;
  const more = rest > 0 ? `<span class="cap">and ${rest} more, which the filter finds</span>` : "";
  return `<span class="cap">${kind}</span>${keys.join("")}${more}`;
}

/** Draw a swatch of a colour. */
function drawSwatch(paint) {
  const bar = `<rect x="-6" y="-2" width="12" height="4" rx="2" fill="${paint}"/>`;
  return `<svg viewBox="-8 -8 16 16" aria-hidden="true">${bar}</svg>`;
}

/** Draw the ramp of a knob with its ticks. */
function drawRamp(knob) {
  const scale = scaleOf(knob).range([0, RAMP_WIDTH]);
  const steps = Array.from({ length: 60 }, (_, k) => {
    return `<rect x="${k * 3}" y="2" width="3.4" height="9" fill="${rampColour(k / 59)}"/>`;
  });
  const choices = knob.scale === "category" ? knob.choices : null;
  const write = (tick) => formatKnob(choices ? choices[tick] : tick);
  const ticks = listTicks(scale, choices ? choices.length - 1 : 4, (tick) => widthOf(write(tick)) + 8);
  const texts = ticks
    .filter((tick) => !choices || Number.isInteger(tick))
    .map(
      (tick) =>
        `<path class="zero" d="M${round(scale(tick))} 11v3"/>${drawText(write(tick), scale(tick), 26, "middle")}`,
    );
  return (
    `<span class="cap">${escapeText(knob.short)}</span><svg class="ramp" width="${RAMP_WIDTH + 40}" height="32" ` +
    `viewBox="-20 0 ${RAMP_WIDTH + 40} 32" role="img" aria-label="colours of ${escapeText(knob.short)}">` +
    `${steps.join("")}${texts.join("")}</svg><span class="cap">grey: ${NOT_SET}</span>`
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
