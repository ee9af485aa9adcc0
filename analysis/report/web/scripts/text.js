/* Text of the page: names made safe for HTML, and numbers as the tables write them. */

const MINUS = "−";
const MISSING = "–";
const NOT_SET = "not set";
const NOT_VARIED = "not varied"; // the subset of a sweep without such an axis, beside sweeps with one
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
// control characters, separators, and characters that change the direction of writing, as the tables show them
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

// words of scripts that are written from right to left, with the spaces between them
const TURNED = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+(?: +[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]+)*/g;
const LEFT_TO_RIGHT = "\u200e"; // a mark without width, after which numbers keep their place

/** Escape a text for HTML and SVG; control characters become visible escapes, and words keep their order. */
function escapeText(text) {
  return keepOrder(showControls(text)).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** End words that are written from right to left by a mark: numbers and names behind them would change places. */
function keepOrder(text) {
  return text.replace(TURNED, `$&${LEFT_TO_RIGHT}`);
}

/** Write control characters as escapes, such as \x1b; the result is not HTML yet. */
function showControls(text) {
  return String(text).replace(CONTROLS, (character) => {
    const code = character.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Tell whether a value is a finite number; null and undefined are not. */
function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** Write a number with a fixed count of decimals and a true minus sign. */
function formatNumber(value, digits = 1) {
  if (!isNumber(value)) return MISSING;
  const text = Math.abs(value).toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? MINUS : "") + text;
}

/** Write a number with its sign, plus included. */
function formatSigned(value, digits = 1) {
  const text = formatNumber(value, digits);
  return isNumber(value) && value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** Write a mean with its standard error, which a single seed does not have. */
function formatEstimate({ mean, se }, digits = 1) {
  const text = formatNumber(mean, digits);
  return isNumber(mean) && isNumber(se) ? `${text} ± ${formatNumber(se, digits)}` : text;
}

/** Write the value of a knob: three digits, very small and very large numbers as powers of ten, texts as they are. */
function formatKnob(value) {
  if (value === null || value === undefined) return NOT_SET;
  if (typeof value !== "number") return showControls(value);
  if (!Number.isFinite(value) || value === 0) return String(value);
  const rounded = Number(value.toPrecision(3));
  const exponent = Math.floor(Math.log10(Math.abs(rounded)) + 1e-9);
  if (exponent >= -3 && exponent <= 4) return String(rounded).replace("-", MINUS);
  const factor = Number((rounded / 10 ** exponent).toPrecision(3));
  const power = `10${raiseDigits(exponent)}`;
  if (Math.abs(factor) === 1) return factor < 0 ? MINUS + power : power;
  return `${String(factor).replace("-", MINUS)}·${power}`;
}

/** Write a whole number in superscript digits. */
function raiseDigits(number) {
  const digits = [...String(Math.abs(number))].map((digit) => SUPERSCRIPTS[Number(digit)]);
  return (number < 0 ? "⁻" : "") + digits.join("");
}

/** Write a count with its noun, in the plural unless it is one. */
function formatCount(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
