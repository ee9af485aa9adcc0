/* Stages: figures in three layers (grid, canvas for the many, SVG for axes and marks), with pointer and keys. */

const HIDDEN = 'aria-hidden="true"';
const PAPER_SHARE = 0.75; // of the height of a figure of points or lines on a screen, so that sheets hold two rows
const REACH = 28; // px around the pointer within which a mark is found

/** Make the boxes of all stages before one is measured, else the first is drawn too wide; others go. */
function holdStages(box, keys) {
  const boxes = new Map([...box.children].map((child) => [child.dataset.key, child]));
  if (boxes.size === keys.length && keys.every((key) => boxes.has(key))) return;
  const children = keys.map((key) => {
    if (boxes.has(key)) return boxes.get(key);
    const child = document.createElement("div");
    child.className = "stack";
    child.dataset.key = key;
    return child;
  });
  box.replaceChildren(...children);
}

/** Choose the height of a figure of points or lines: `tall` on a screen, less on paper. */
function fitHeight(tall) {
  return isOnPaper() ? PAPER_SHARE * tall : tall;
}

/**
 * Open a stage for drawing: a cleared canvas at its present width, and the SVG above it. `height` is a number, or made
 * from the width. With `keys` the stage is one tab stop that walks along its marks.
 */
function openStage(box, key, height, label, { keys = false } = {}) {
  const stack = [...box.children].find((child) => child.dataset.key === key);
  if (!stack.firstChild) {
    const below = `<svg class="under" ${HIDDEN}></svg><canvas class="under" ${HIDDEN}></canvas>`;
    stack.innerHTML = `${below}<svg class="fig"></svg>`;
  }
  const [under, canvas, svg] = stack.children;
  const width = Math.max(200, stack.clientWidth);
  const tall = Math.round(typeof height === "function" ? height(width) : height);
  for (const layer of [under, svg]) layer.setAttribute("viewBox", `0 0 ${width} ${tall}`);
  svg.setAttribute("aria-label", showControls(label));
  svg.setAttribute("role", keys ? "application" : "img");
  if (keys) {
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("aria-roledescription", "scatter plot");
  }
  return { stack, under, canvas, svg, width, height: tall, context: openCanvas(canvas, width, tall) };
}

/** Clear a canvas and give it the pixels of the screen, twice as many at least for print. */
function openCanvas(canvas, width, height) {
  const density = Math.max(2, devicePixelRatio);
  canvas.width = width * density;
  canvas.height = height * density;
  const context = canvas.getContext("2d");
  context.scale(density, density);
  return context;
}

/** Set what the SVG of a stage shows; its grid moves below the canvas, its overlays come last. */
function fillStage(stage, html) {
  stage.svg.innerHTML = `${html}<g class="over" pointer-events="none"></g>`;
  stage.under.replaceChildren(...findAll(":scope > .grid", stage.svg));
  stage.over = find(".over", stage.svg);
}

/** Turn the place of the pointer to the coordinates of a stage. */
function locatePointer(stage, event) {
  const box = stage.svg.getBoundingClientRect();
  const factor = stage.width / box.width;
  return [(event.clientX - box.left) * factor, (event.clientY - box.top) * factor];
}

/** Turn coordinates of a stage to a place in the window. */
function locateOnScreen(stage, x, y) {
  const box = stage.svg.getBoundingClientRect();
  const factor = box.width / stage.width;
  return [box.left + x * factor, box.top + y * factor];
}

/** Find the mark nearest to a place, within reach; `marks` are {i, x, y}. */
function findNearest(marks, x, y, reach = REACH) {
  let least = reach * reach;
  let nearest = null;
  for (const mark of marks) {
    const distance = (mark.x - x) ** 2 + (mark.y - y) ** 2;
    if (distance < least) {
      least = distance;
      nearest = mark;
    }
  }
  return nearest;
}

/** Let pointer and keyboard hover and keep the marks of a stage. */
function attachMarks(stage, marks, describe = describeTip) {
  attachPointer(stage, (x, y) => {
    const mark = findNearest(marks, x, y);
    return mark && { i: mark.i, html: describe(mark.i) };
  });
  stage.svg.onkeydown = (event) => walkMarks(stage, marks, describe, event);
  stage.svg.onblur = leaveStage;
}

/** Let the pointer hover and keep; `locate(x, y)` finds {i, html} at a place, or null. */
function attachPointer(stage, locate) {
  stage.svg.onpointermove = (event) => {
    const found = locate(...locatePointer(stage, event));
    hover(found ? found.i : -1);
    if (found) showTip(found.html, event.clientX, event.clientY);
    else hideTip();
  };
  stage.svg.onpointerleave = leaveStage;
  stage.svg.onclick = (event) => {
    const found = locate(...locatePointer(stage, event));
    if (found) toggleKept(found.i);
  };
}

/** Leave a stage: nothing is hovered. */
function leaveStage() {
  hover(-1);
  hideTip();
}

/** Walk along marks by the keyboard: ← → by x, ↑ ↓ by y, Home, End; Enter keeps, Escape leaves. */
function walkMarks(stage, marks, describe, event) {
  if (event.key === "Escape") {
    leaveStage();
    return;
  }
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    if (state.hovered >= 0) toggleKept(state.hovered);
    return;
  }
  const mark = findNext(marks, event.key);
  if (!mark) return;
  event.preventDefault();
  hover(mark.i);
  showTip(describe(mark.i), ...locateOnScreen(stage, mark.x, mark.y));
  sayConfiguration(mark.i);
}

/** Find the mark to which a key leads from the hovered one. */
function findNext(marks, key) {
  const byX = [...marks].sort((a, b) => a.x - b.x);
  if (key === "Home") return byX[0];
  if (key === "End") return byX[byX.length - 1];
  const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[key];
  if (!step || !marks.length) return null;
  const along = key === "ArrowUp" || key === "ArrowDown" ? [...marks].sort((a, b) => b.y - a.y) : byX;
  const place = along.findIndex((mark) => mark.i === state.hovered);
  if (place < 0) return along[step > 0 ? 0 : along.length - 1];
  return along[(place + step + along.length) % along.length];
}

/** Draw rings around the marked configurations. */
function drawRings(marks, radius = 10) {
  const rings = listMarked().map((i) => {
    const mark = marks.find((other) => other.i === i);
    const width = state.kept.includes(i) ? 2.4 : 1.6;
    const ring = mark && `<circle class="ring" cx="${round(mark.x)}" cy="${round(mark.y)}" r="${radius}"`;
    return mark ? `${ring} fill="none" stroke="var(--ink)" stroke-width="${width}"/>` : "";
  });
  return rings.join("");
}

/** Paint a dot on a canvas. */
function paintDot(context, x, y, radius, colour, opacity = 1) {
  context.globalAlpha = opacity;
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  context.fill();
  context.globalAlpha = 1;
}
