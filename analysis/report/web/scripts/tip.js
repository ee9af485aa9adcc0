/* The tip beside the pointer, what is read aloud, and what both say of a configuration. */

const tip = find("#tip");
const live = find("#live");

/** Show a tip beside a point of the window. */
function showTip(html, x, y) {
  if (!tip) return;
  tip.innerHTML = html;
  tip.hidden = false;
  const [width, height] = [tip.offsetWidth, tip.offsetHeight];
  const left = x + 16 + width > innerWidth - 6 ? x - 16 - width : x + 16;
  tip.style.left = `${Math.max(6, left)}px`;
  tip.style.top = `${Math.max(6, Math.min(innerHeight - height - 6, y - height / 2))}px`;
}

/** Hide the tip. */
function hideTip() {
  if (tip) tip.hidden = true;
}

/** Say a text through a screen reader. */
function say(text) {
  if (live) live.textContent = showControls(text);
}

/** Write a table of two columns within a tip. */
function tipTable(rows) {
  const cells = rows.map(([name, value]) => `<tr><td>${escapeText(name)}</td><td>${escapeText(value)}</td></tr>`);
  return `<table>${cells.join("")}</table>`;
}

/** Describe a configuration in a tip: where it stands, its metrics at the axes, and the knobs of a search. */
function describeTip(i) {
  const other = state.checkpoint === "best" ? "last" : "best";
  const write = (metric) => formatEstimate(estimateOf(i, metric, state.checkpoint));
  const rows = [state.x, state.y].map((metric) => [shortOf(metric), write(metric)]);
  const turned = estimateOf(i, state.y, other);
  if (isNumber(turned.mean) && DATA.checkpoint === "best") {
    rows.push([`${shortOf(state.y)}, ${nameCheckpoint(other)}`, formatEstimate(turned)]);
  }
  if (DATA.kind === "search") rows.unshift(...DATA.knobs.map((knob) => [knob.short, formatKnob(knob.values[i])]));
  const text = escapeText(describePlace(i));
  return `<b>${escapeText(CONFIGURATIONS.choice[i])}</b><small>${text}</small>${tipTable(rows)}`;
}

/** Say which sweeps hold a configuration, in which setting, with how many seeds, and what else is to be said of it. */
function describePlace(i) {
  const facts = [listSweeps(i).join(" and "), nameSetting(CONFIGURATIONS.setting[i]), `n = ${CONFIGURATIONS.n[i]}`];
  return [...facts, ...listMarks(i)].filter(Boolean).join(", ");
}

/** List what else is to be said of a configuration. */
function listMarks(i) {
  const marks = [];
  if (CONFIGURATIONS.on_front[i]) marks.push("on the front");
  if (!isFinished(i)) marks.push(CONFIGURATIONS.status[i]);
  if (CONFIGURATIONS.diverged[i]) marks.push(`${CONFIGURATIONS.diverged[i]} diverged`);
  if (CONFIGURATIONS.constant[i]) marks.push(`${CONFIGURATIONS.constant[i]} names one class for all`);
  return marks;
}

/** Name a checkpoint. */
function nameCheckpoint(checkpoint) {
  return checkpoint === "best" ? "selected epoch" : "last epoch";
}

/** Say a configuration and its metrics through a screen reader. */
function sayConfiguration(i) {
  const metrics = [state.x, state.y].map(
    (metric) => `${shortOf(metric)} ${formatEstimate(estimateOf(i, metric, state.checkpoint))}`,
  );
  say(`${CONFIGURATIONS.choice[i]}: ${metrics.join(", ")}`);
}

addEventListener("scroll", hideTip, { passive: true });
addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideTip();
});
