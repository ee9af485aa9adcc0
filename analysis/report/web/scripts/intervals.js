/* The small intervals below the answers. */

/** Draw the interval of an answer on its own scale, with zero. */
function drawInterval(svg) {
  const [mean, low, high, range] = ["mean", "lo", "hi", "range"].map((name) => Number(svg.dataset[name] ?? NaN));
  const x = (value) => round(8 + ((value + range) / (2 * range)) * 284);
  const rest = Boolean(svg.dataset.rest);
  const dash = rest ? ' stroke-dasharray="3 3"' : "";
  svg.setAttribute("viewBox", "0 0 300 26");
  svg.setAttribute("preserveAspectRatio", "xMinYMid meet");
  svg.innerHTML =
    `<path class="axis" d="M8 12H292"/><path class="zero" d="M${x(0)} 5V19"/>` +
    `<path d="M${x(low)} 12H${x(high)}" stroke="var(--ink)" stroke-width="${rest ? 1.5 : 3}"${dash}/>` +
    (isNumber(mean) && !rest ? `<circle cx="${x(mean)}" cy="12" r="4.5" fill="var(--ink)"/>` : "") +
    `<text class="small" x="${x(0)}" y="26" text-anchor="middle">0</text>`;
}

findAll("svg.interval").forEach(drawInterval);
