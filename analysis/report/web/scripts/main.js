/* Start: read the address, draw, and draw again when width, theme, fonts or paper change. */

/** Draw again when the width changes; the height alone does not matter. */
function followWidth() {
  let width = innerWidth;
  new ResizeObserver(() => {
    if (Math.abs(innerWidth - width) < 3) return;
    width = innerWidth;
    drawAll();
  }).observe(document.body);
}

/** Load the page again after a while, as long as its sweep runs. */
function reloadLater() {
  if (!DATA.reload_seconds || !DATA.state.running) return;
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

state.colour = startColour();
rememberStart();
readAddress();
drawAll(markReady);
followWidth();
document.fonts.ready.then(() => drawAll(markReady));
printing.addEventListener("change", () => drawAll());
addEventListener("hashchange", followAddress);
reloadLater();
