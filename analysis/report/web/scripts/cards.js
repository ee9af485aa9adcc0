/* Cards of the kept configurations: both checkpoints, accuracy by class against training on all, and the command. */

const CARD_METRICS = 5;
const ARGUMENT = /(?:'[^']*'|"[^"]*"|[^ ])+/g; // of a command; lines are broken between arguments
const CARD_WIDTH = 264; // drawn at this width in every card, so that its text has its size
let drawnCards = "";

/** Draw a card for each kept configuration. */
function drawCards() {
  const key = `${state.kept.join()} ${isDark()} ${state.colour} ${state.x} ${state.y}`;
  if (key === drawnCards) return;
  drawnCards = key;
  find("#cards").innerHTML = state.kept.map(drawCard).join("");
}

/** Draw one card. */
function drawCard(i) {
  const name = CONFIGURATIONS.choice[i];
  const label = `Release ${escapeText(CONFIGURATIONS.name[i])}`;
  const release = `<button type="button" data-release="${i}" aria-label="${label}">×</button>`;
  const reason = CONFIGURATIONS.reason[i];
  return (
    `<div class="card" data-i="${i}"><h4>${drawGlyph(paintOf(i), markerOf(i))}` +
    `<span>${escapeText(name)}</span>${release}</h4>` +
    `<span class="count">${escapeText(describePlace(i))}</span>` +
    (reason ? `<p class="note">${escapeText(reason)}</p>` : "") +
    drawMetrics(i) +
    drawKnobs(i) +
    drawClassBars(i) +
    drawCommand(i) +
    "</div>"
  );
}

/** List the metrics of a card: those at the axes, then others on test. */
function listCardMetrics() {
  const test = Object.keys(DATA.metrics).filter((metric) => metric.startsWith("test_"));
  return [...new Set([state.x, state.y, ...test])].slice(0, CARD_METRICS);
}

/** Write the metrics at both checkpoints; without validation there is only the last. */
function drawMetrics(i) {
  const checkpoints = DATA.checkpoint === "best" ? ["best", "last"] : ["last"];
  const heads = checkpoints.map((checkpoint) => `<td>${checkpoint === "best" ? "selected" : "last"}</td>`);
  const rows = listCardMetrics().map((metric) => {
    const cells = checkpoints.map((checkpoint) => `<td>${formatEstimate(estimateOf(i, metric, checkpoint))}</td>`);
    return `<tr><td>${escapeText(shortOf(metric))}</td>${cells.join("")}</tr>`;
  });
  return `<table class="mini"><tr><td></td>${heads.join("")}</tr>${rows.join("")}</table>`;
}

/** Write the knobs of a configuration of a search. */
function drawKnobs(i) {
  if (DATA.kind !== "search") return "";
  const texts = DATA.knobs.map((knob) => `${knob.short} ${formatKnob(knob.values[i])}`);
  return `<p class="note">${escapeText(texts.join(", "))}</p>`;
}

/** Find the configuration that a subset is compared with: the same setting and method, trained on all examples. */
function findBaseline(i) {
  const same = (j) => CONFIGURATIONS.setting[j] === CONFIGURATIONS.setting[i] && familyOf[j] === familyOf[i];
  return ALL.findIndex((j) => same(j) && CONFIGURATIONS.subset_label[j] === "all");
}

/** List the metrics that are known by class. */
function listClassMetrics() {
  return Object.keys(DATA.classes || {}).filter((metric) => metric !== "names");
}

/** Choose the metric by class that a page opens with: that of the front's y axis, else the last. */
function startClassMetric() {
  const metrics = listClassMetrics();
  const plain = (state.y || "").replace(/^(test|val)_/, "").replace(/_acc$/, "");
  return metrics.find((metric) => metric === state.y || metric === plain) || metrics[metrics.length - 1];
}

/** Draw accuracy by class as bars, with a tick for training on all. */
function drawClassBars(i) {
  const metric = startClassMetric();
  const values = metric && DATA.classes[metric][i];
  if (!values) return "";
  const baseline = findBaseline(i);
  const all = baseline >= 0 && baseline !== i ? DATA.classes[metric][baseline] : null;
  const step = (CARD_WIDTH - 8) / values.length;
  const y = (value) => 60 - value * 0.52;
  const every = Math.ceil(18 / step); // of the classes' numbers, so many as have room
  const bars = values.map((value, k) => {
    const x = 4 + k * step;
    const bar = isNumber(value)
      ? `<rect x="${round(x + step * 0.15)}" y="${round(y(value))}" width="${round(step * 0.7)}" ` +
        `height="${round(60 - y(value))}" fill="${paintOf(i)}" opacity=".85"/>`
      : "";
    const tick =
      all && isNumber(all[k]) ? `<path d="M${round(x)} ${round(y(all[k]))}h${round(step)}" stroke="var(--ink)"/>` : "";
    return bar + tick + (k % every === 0 ? drawText(k, x + step / 2, 74, "middle") : "");
  });
  const words = `${shortOf(metric)} by class${all ? "; ticks: training on all" : ""}`;
  const size = `width="${CARD_WIDTH}" height="78" viewBox="0 0 ${CARD_WIDTH} 78"`;
  return (
    `<svg class="bars" ${size} role="img" aria-label="${escapeText(words)}">` +
    `<path class="axis" d="M2 60H${CARD_WIDTH - 2}"/>${bars.join("")}</svg>` +
    `<span class="count">${escapeText(words)}</span>`
  );
}

/** Write the command that trains the configuration again, with a button that copies it. */
function drawCommand(i) {
  const command = CONFIGURATIONS.command[i];
  if (!command) return "";
  const text = escapeText(command);
  const button = `<button type="button" class="btn" data-copy="${text}">Copy the command</button>`;
  const words = command.match(ARGUMENT).map((word) => `<span class="word">${escapeText(word)}</span>`);
  return `<pre class="cmd">${words.join(" ")}</pre>${button}`;
}

if (find("#cards")) {
  find("#cards").onclick = (event) => {
    const button = event.target.closest("[data-release]");
    if (button) toggleKept(Number(button.dataset.release));
  };
  addView({ element: find("#cards"), first: true, draw: drawCards, mark: drawCards });
}
