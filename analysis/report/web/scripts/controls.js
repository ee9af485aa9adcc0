/* The controls above the front: axes, checkpoint, query, colour, sliders of numeric knobs, and the count they leave. */

const SLIDERS = 6; // more would push the front off the first screen; parallel coordinates take the rest

/** Fill a select with values and what names them. */
function fillSelect(select, values, name, chosen) {
  if (!select) return;
  const options = values.map((value) => {
    return `<option value="${escapeText(value)}">${escapeText(name(value))}</option>`;
  });
  select.innerHTML = options.join("");
  select.value = chosen;
}

/** Follow a select by a change of the state. */
function followSelect(selector, key) {
  const select = find(selector);
  if (select) select.onchange = () => change({ [key]: select.value });
}

/** Show in the controls what the state is, since reset, address and brush change it too. */
function showState() {
  for (const [selector, key] of [
    ["#axis-x", "x"],
    ["#axis-y", "y"],
    ["#colour", "colour"],
    ["#setting", "setting"],
    ["#query", "query"],
  ]) {
    const control = find(selector);
    if (control && control.value !== state[key] && control !== document.activeElement) control.value = state[key];
  }
  for (const button of findAll("button[data-checkpoint]")) {
    button.setAttribute("aria-pressed", String(button.dataset.checkpoint === state.checkpoint));
  }
  const count = listShown().length;
  const text = count === COUNT ? formatCount(COUNT, "configuration") : `${count} of ${COUNT}`;
  if (find("#count")) find("#count").textContent = text;
  for (const slider of findAll("#sliders [data-path]")) showSlider(slider);
}

/** Add a select of settings where they are too many for panels. */
function addSettingSelect() {
  const controls = find("#controls");
  if (!controls || DATA.settings.length <= PANELS) return;
  const label = document.createElement("label");
  label.innerHTML = 'setting <select id="setting"></select>';
  controls.prepend(label);
  fillSelect(find("#setting"), DATA.settings, nameSetting, state.setting);
  followSelect("#setting", "setting");
}

/** List the knobs that take a slider: numbers with at least three different values. */
function listSliders() {
  const numeric = DATA.knobs.filter((knob) => knob.scale !== "category" && listStops(knob).length > 2);
  return numeric.slice(0, SLIDERS);
}

/** List the different values of a knob, from the least up: the stops of its slider. */
function listStops(knob) {
  return [...new Set(knob.values.filter(isNumber))].sort((a, b) => a - b);
}

/** Add a slider with two ends for each numeric knob. */
function addSliders() {
  const box = find("#sliders");
  if (!box) return;
  box.innerHTML = listSliders()
    .map((knob) => {
      const last = listStops(knob).length - 1;
      const end = (which, value) =>
        `<input type="range" data-end="${which}" min="0" max="${last}" value="${value}" ` +
        `aria-label="${escapeText(knob.short)}, ${which}">`;
      const ends = `${end("from", 0)}${end("to", last)}`;
      const name = escapeText(knob.short);
      return (
        `<span class="slider" role="group" aria-label="${name}" data-path="${escapeText(knob.path)}">` +
        `<span class="cap">${name}</span><span class="ends">${ends}</span><output class="count"></output></span>`
      );
    })
    .join("");
  box.hidden = !box.children.length;
  box.oninput = moveSlider;
}

/** Take over the ends of a slider that moved; neither passes the other. */
function moveSlider(event) {
  const slider = event.target.closest("[data-path]");
  const knob = knobOf.get(slider.dataset.path);
  const stops = listStops(knob);
  const [from, to] = findAll("input", slider);
  if (Number(from.value) > Number(to.value)) (event.target === from ? to : from).value = event.target.value;
  const ranges = { ...state.ranges };
  const [low, high] = [Number(from.value), Number(to.value)];
  if (low === 0 && high === stops.length - 1) delete ranges[knob.path];
  else ranges[knob.path] = [stops[low], stops[high]];
  change({ ranges });
}

/** Show the range of a knob in its slider. */
function showSlider(slider) {
  const knob = knobOf.get(slider.dataset.path);
  const stops = listStops(knob);
  const [low, high] = state.ranges[knob.path] || [stops[0], stops[stops.length - 1]];
  const inside = stops.map((stop, place) => (stop >= low && stop <= high ? place : -1)).filter((place) => place >= 0);
  const places = low === null || !inside.length ? [0, 0] : [inside[0], inside[inside.length - 1]];
  const texts = places.map((place) => formatKnob(stops[place]));
  findAll("input", slider).forEach((input, end) => {
    input.value = places[end];
    input.setAttribute("aria-valuetext", texts[end]);
  });
  find("output", slider).textContent = low === null ? NOT_SET : texts.join(" to ");
}

/** List what colours can show: methods or kinds of subsets, sweeps, and each knob but one that is methods by name. */
function listColourings() {
  const knobs = DATA.knobs.filter((knob) => knob.short !== "method" || areKindsHued || !namesMethods(knob));
  return ["", ...(DATA.sweeps.length > 1 ? [SWEEP] : []), ...knobs.map((knob) => knob.path)];
}

/** Tell whether a knob has one value a method, and each of its own. */
function namesMethods({ values }) {
  const pairs = new Set(ALL.map((i) => `${familyOf[i]} ${values[i]}`)).size;
  return pairs === new Set(familyOf).size && pairs === new Set(values).size;
}

/** Name a colouring; an axis that is called method lacks what else tells methods apart. */
function nameColouring(path) {
  if (path === SWEEP) return "sweep";
  if (!path) return areKindsHued ? "kind of subset" : "method";
  const { short } = knobOf.get(path);
  return short === "method" ? "method alone" : short;
}

/** Make the controls work. */
function addControls() {
  const metrics = Object.keys(DATA.metrics);
  fillSelect(find("#axis-x"), metrics, shortOf, state.x);
  fillSelect(find("#axis-y"), metrics, shortOf, state.y);
  followSelect("#axis-x", "x");
  followSelect("#axis-y", "y");
  fillSelect(find("#colour"), listColourings(), nameColouring, state.colour);
  followSelect("#colour", "colour");
  addSettingSelect();
  addSliders();
  for (const button of findAll("button[data-checkpoint]")) {
    button.onclick = () => change({ checkpoint: button.dataset.checkpoint });
    button.hidden = DATA.checkpoint === "last"; // nothing selected an epoch
  }
  const query = find("#query");
  if (query) query.oninput = () => change({ query: query.value.trim() });
  if (find("#reset")) find("#reset").onclick = reset;
}

addControls();
addView({ element: find("#controls"), first: true, draw: showState });
