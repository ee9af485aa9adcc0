/* What seeds prove of the front: computed for one, whose axes, epoch and configurations a reader may leave. */

/** Tell whether the front in view is the one that was judged; a reader may have chosen another. */
function isFrontJudged() {
  const same = ["x", "y", "checkpoint"].every((key) => state[key] === DATA[key]);
  return same && listShown().length === COUNT;
}

/** Say which front the verdicts are about. */
function describeJudged() {
  const [x, y] = [DATA.x, DATA.y].map(shortOf);
  const epoch = DATA.checkpoint === "best" ? "selected" : "last";
  return `Verdicts on the front are for ${y} against ${x} at the ${epoch} epoch, over all configurations.`;
}

/** Show the verdicts below the front that they are about, and below any other what they are about. */
function showVerdicts() {
  const judged = isFrontJudged();
  find("#verdicts").hidden = !judged;
  find("#no-verdicts").hidden = judged;
  find("#no-verdicts").textContent = judged ? "" : describeJudged();
}

addView({ element: find("#verdicts"), first: true, draw: showVerdicts });
