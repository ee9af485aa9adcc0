/* The address holds the state, so that a view can be sent, kept as a bookmark, and survives a reload. */

const PREFIX = "#?";
const PLAIN = { x: "x", y: "y", at: "checkpoint", q: "query", colour: "colour", setting: "setting" };
let startState = {};

/** Remember the state in which the page opened; the address holds what differs from it. */
function rememberStart() {
  startState = { ...state };
}

/** Write the state to the address. A page opened from a file may forbid it. */
function writeAddress() {
  const parameters = new URLSearchParams();
  for (const i of state.kept) parameters.append("keep", CONFIGURATIONS.name[i]);
  for (const [name, key] of Object.entries(PLAIN)) {
    if (state[key] !== startState[key]) parameters.set(name, state[key]);
  }
  for (const name of state.hidden) parameters.append("hide", name);
  for (const [path, [low, high]] of Object.entries(state.ranges))
    parameters.append("range", JSON.stringify([path, low, high]));
  const text = parameters.toString();
  if (!text && !location.hash.startsWith(PREFIX)) return; // an anchor of a section stays
  try {
    history.replaceState(null, "", text ? PREFIX + text : location.pathname + location.search);
  } catch {
    // the page works without
  }
}

/** Read the state from the address; what it lacks, or this page does not know, is as when the page opened. */
function readAddress() {
  if (!location.hash.startsWith(PREFIX)) return;
  const parameters = new URLSearchParams(location.hash.slice(PREFIX.length));
  const allowed = {
    x: Object.keys(DATA.metrics),
    y: Object.keys(DATA.metrics),
    checkpoint: DATA.checkpoint === "best" ? ["best", "last"] : ["last"],
    colour: listColourings(),
    setting: DATA.settings,
  };
  for (const [name, key] of Object.entries(PLAIN)) {
    const value = parameters.get(name);
    const isKnown = value !== null && (!allowed[key] || allowed[key].includes(value));
    state[key] = isKnown ? value : startState[key];
  }
  const names = parameters.getAll("keep").map((name) => CONFIGURATIONS.name.indexOf(name));
  state.kept = [...new Set(names)].filter((i) => i >= 0).slice(0, KEPT_AT_MOST);
  state.hidden = new Set(parameters.getAll("hide").filter((name) => listHideable().includes(name)));
  state.ranges = Object.fromEntries(parameters.getAll("range").map(readRange).filter(Boolean));
}

/** List what the legend can hide. */
function listHideable() {
  const kinds = { sweep: DATA.sweeps, method: DATA.families, subset: DATA.subsets };
  return Object.entries(kinds).flatMap(([kind, names]) => names.map((name) => `${kind} ${name}`));
}

/** Read one range of the address, whichever end comes first; null unless it is of an axis of this page. */
function readRange(text) {
  try {
    const [path, ...ends] = JSON.parse(text);
    const [low, high] = ends.sort((a, b) => a - b);
    const known = knobOf.has(path) || Object.hasOwn(DATA.metrics, path);
    const valid = [low, high].every(isNumber) || (low === null && high === null);
    return known && valid ? [path, [low, high]] : null;
  } catch {
    return null;
  }
}

onChange(writeAddress);
