/* Start: read the address, draw, and draw again when the width changes or the page goes to paper. */

/** Draw again when the width changes; the height alone does not matter. */
function followWidth() {
  let width = document.body.clientWidth;
  new ResizeObserver(() => {
    if (Math.abs(document.body.clientWidth - width) < 3) return;
    width = document.body.clientWidth;
    drawAll();
  }).observe(document.body);
}

/** Draw as on paper before the sheets are counted: figures that grow afterwards would push the end off the last one. */
function beginPaper() {
  const { dataset } = document.documentElement;
  dataset.screen = dataset.theme;
  dataset.theme = "light";
  dataset.paper = "true";
  drawAll();
}

/** Return from paper to the screen, in the theme that it had. */
function endPaper() {
  const { dataset } = document.documentElement;
  if (!("paper" in dataset)) return;
  dataset.theme = dataset.screen;
  delete dataset.paper;
  delete dataset.screen;
  drawAll();
}

/** Load the page again after a while, as long as it is written again. */
function reloadLater() {
  if (!DATA.reload_seconds) return;
  setTimeout(() => location.reload(), 1000 * DATA.reload_seconds);
}

/** Say that all is drawn. */
function markReady() {
  document.documentElement.dataset.ready = "true";
}

/** Draw what the address says, after the reader changed it. */
function followAddress() {
  if (!location.hash.startsWith(PREFIX)) return;
  readAddress();
  change({});
}

/** Draw all once the fonts are read, since texts are measured; without them with those of the browser. */
async function begin() {
  try {
    await Promise.all(Object.values(FONTS).map((font) => document.fonts.load(font)));
  } catch {
    // an old browser draws with what it has
  }
  drawAll(markReady);
  followWidth();
}

state.colour = startColour();
rememberStart();
readAddress();
begin();
addEventListener("beforeprint", beginPaper);
addEventListener("afterprint", endPaper);
printing.addEventListener("change", () => drawAll());
addEventListener("hashchange", followAddress);
reloadLater();
