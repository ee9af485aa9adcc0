/* Colours: methods by hue and subsets by marker, or the values of one knob: names by hue, numbers on a ramp.

Kinds of subsets, such as friendly, have hues where there is one method, and more subsets than markers. Of several
sweeps each may have a hue instead; where none varies its subset, methods have markers. */

const HUES = 6; // which a second round repeats, with pierced marks and dashed lines; what comes after it is grey
const PIERCED = "pierced "; // begins the name of a marker of the second round
const DASHES = [6, 3]; // px of line and of gap
const SWEEP = "sweep"; // the colouring that gives each sweep a hue
const WHOLE = "circle"; // training on all examples
const MARKERS = [WHOLE, "up", "square", "diamond", "down", "star", "cross"];
// plasma from .02 to .63 on white and from .36 to .97 on black, so that both ends stand out from the ground
const RAMPS = {
  light: ["#1b068d", "#4b03a1", "#7401a8", "#99159f", "#b83289", "#d24f71", "#e76e5b"],
  dark: ["#a51f99", "#c23c81", "#da5a6a", "#ed7953", "#fa9b3d", "#fdc229", "#f4ed27"],
};
const printing = matchMedia("print");
const readColours = new Map();
const kinds = [...new Set(DATA.subsets.filter((subset) => subset !== "all").map(kindOf))];
const markers = DATA.shapes.filter((shape) => shape !== WHOLE);
const areMany = new Set(markers).size < markers.length; // subsets, for a marker each
const methodNames = [...new Set(DATA.families.map(nameMethod))]; // of several sweeps
const areMethodsMarked = DATA.sweeps.length > 1 && DATA.subsets.length < 2;
const areKindsHued = areMany && DATA.families.length < 2 && DATA.sweeps.length < 2;

/** Name the kind of a subset: its name without the size. */
function kindOf(subset) {
  return subset.replace(/[-_ ]?[\d.]+ ?%?$/, "");
}

/** Read a colour of the style sheet, such as --ink, as it is in the present theme. */
function readColour(name) {
  if (!readColours.has(name)) {
    readColours.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  }
  return readColours.get(name);
}

/** Forget the colours read, since the theme has changed. */
function forgetColours() {
  readColours.clear();
}

/** Tell whether the page goes to paper, now or as soon as its sheets are counted. */
function isOnPaper() {
  return printing.matches || "paper" in document.documentElement.dataset;
}

/** Tell whether the page is drawn on a dark ground. */
function isDark() {
  return document.documentElement.dataset.theme === "dark" && !isOnPaper();
}

/** Name the colour of a place among the hues in the style sheet; -1 is none, and grey. */
function hueOf(place) {
  return `--c${place >= 0 && place < 2 * HUES ? place % HUES : HUES}`;
}

/** Tell whether a place is in the second round through the hues. */
function isRepeated(place) {
  return place >= HUES && place < 2 * HUES;
}

/** Name a marker as it is at a place among the hues. */
function pierceMarker(marker, place) {
  return isRepeated(place) ? PIERCED + marker : marker;
}

/** Choose the dashes of the line of a configuration: none in the first round through the hues. */
function dashesOf(i) {
  return isRepeated(hueIndexOf(i)) ? DASHES : [];
}

/** Name the marker of a subset. */
function shapeOf(subset) {
  return DATA.shapes[subset] || WHOLE;
}

/** Name a method without the sweep that its name begins with where several are compared. */
function nameMethod(family) {
  return family.split(" · ").slice(1).join(" · ");
}

/** Name the marker of a configuration: its subset's, or its method's where several sweeps vary no subset. */
function markerOf(i) {
  return pierceMarker(areMethodsMarked ? markerOfMethod(familyOf[i]) : shapeOf(subsetOf[i]), hueIndexOf(i));
}

/** Name the marker of a method, the same in all sweeps; there may be more methods than markers. */
function markerOfMethod(family) {
  return MARKERS[methodNames.indexOf(nameMethod(DATA.families[family]))] || WHOLE;
}

/** Find the knob whose names or numbers have colours, if it is such; the names have hues, the numbers a ramp. */
function findColoured(isNamed) {
  const knob = knobOf.get(state.colour);
  return knob && (knob.scale === "category") === isNamed ? knob : null;
}

/** Place a configuration among the hues: its sweep's, a name's, its subset's or its method's; -1 is none. */
function hueIndexOf(i) {
  if (state.colour === SWEEP) return CONFIGURATIONS.sweep[i];
  if (knobOf.has(state.colour)) return findColoured(true) ? (valueOn(i, state.colour, state.checkpoint) ?? -1) : -1;
  return areKindsHued ? hueIndexOfSubset(subsetOf[i]) : familyOf[i];
}

/** Place a subset among the hues by its kind; training on all examples is grey. */
function hueIndexOfSubset(subset) {
  return kinds.indexOf(kindOf(DATA.subsets[subset] || "all"));
}

/** Paint a configuration within SVG: its hue as a variable of the style sheet, or its colour on the ramp. */
function paintOf(i) {
  return findColoured(false) ? colourOf(i) : `var(${hueOf(hueIndexOf(i))})`;
}

/** Colour a configuration for a canvas. */
function colourOf(i) {
  const knob = findColoured(false);
  if (!knob) return readColour(hueOf(hueIndexOf(i)));
  const value = valueOn(i, knob.path, state.checkpoint);
  return value === null ? readColour("--faint") : rampColour(scaleOf(knob).range([0, 1])(value));
}

/** Scale the numbers of a knob: by powers of ten, or linearly. */
function scaleOf(knob) {
  const scale = knob.scale === "log" ? d3.scaleLog() : d3.scaleLinear();
  return scale.domain(knob.low === knob.high ? padDomain(knob.low, knob.high) : [knob.low, knob.high]);
}

/** Colour a share from 0 to 1 on the ramp of the present theme. */
function rampColour(share) {
  const ramp = RAMPS[isDark() ? "dark" : "light"];
  const place = Math.max(0, Math.min(0.9999, share || 0)) * (ramp.length - 1);
  const step = Math.floor(place);
  const [from, to] = [ramp[step], ramp[step + 1]].map(parseColour);
  return `rgb(${from.map((part, k) => Math.round(part + (place - step) * (to[k] - part))).join()})`;
}

/** Parse a colour, written as #rgb, #rrggbb, rgb(…) or the name of a variable, to its three parts. */
function parseColour(colour) {
  const text = colour.startsWith("--") ? readColour(colour) : colour;
  if (!text.startsWith("#"))
    return text
      .match(/[\d.]+/g)
      .slice(0, 3)
      .map(Number);
  const digits = text.length === 4 ? [...text.slice(1)].map((digit) => digit + digit).join("") : text.slice(1);
  return [0, 2, 4].map((place) => parseInt(digits.slice(place, place + 2), 16));
}

/** Blend a colour with the ground, as a fill of that opacity does. */
function blendColour(colour, opacity) {
  const ground = parseColour("--bg");
  return parseColour(colour).map((part, k) => part * opacity + ground[k] * (1 - opacity));
}

/** Measure the relative luminance of a colour in three parts. */
function luminanceOf(parts) {
  const [red, green, blue] = parts.map((part) => {
    const share = part / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Choose black or white for text on a colour, whichever contrasts more. */
function textOn(colour) {
  const luminance = luminanceOf(Array.isArray(colour) ? colour : parseColour(colour));
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#fff" : "#000";
}
