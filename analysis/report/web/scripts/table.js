/* Tables: Python wrote the rows; the script sorts and hides them, and marks the hovered and the kept. */

const table = find("#configurations table.data");
const tableRows = table ? findAll("tbody tr[data-i]", table) : [];
const rowOf = new Map(tableRows.map((row) => [Number(row.dataset.i), row]));
let markedRows = [];

/** Hide the rows that filters hold back, and give each row its marker. */
function drawTable() {
  for (const [i, row] of rowOf) {
    row.classList.toggle("off", !isShown(i));
    drawRowGlyph(i, row);
  }
}

/** Draw the marker of a configuration before its name. */
function drawRowGlyph(i, row) {
  const key = `${paintOf(i)} ${markerOf(i)}`;
  if (row.dataset.glyph === key) return;
  row.dataset.glyph = key;
  const name = find("button", row) || row.cells[0];
  const glyph = find("svg", name);
  if (glyph) glyph.remove();
  name.insertAdjacentHTML("afterbegin", drawGlyph(paintOf(i), markerOf(i)));
}

/** Mark the rows of the hovered and the kept; only those that were or are marked are touched. */
function markTable() {
  for (const row of markedRows) row.classList.remove("hot", "pin");
  markedRows = listMarked()
    .map((i) => rowOf.get(i))
    .filter(Boolean);
  for (const i of state.kept) if (rowOf.has(i)) rowOf.get(i).classList.add("pin");
  if (rowOf.has(state.hovered)) rowOf.get(state.hovered).classList.add("hot");
}

/** Find the configuration of the row of an event; -1 outside rows. */
function findRow(event) {
  const row = event.target.closest("tr[data-i]");
  return row ? Number(row.dataset.i) : -1;
}

/** Keep or release the row pressed, unless the reader selects text in it. */
function pressRow(event) {
  const i = findRow(event);
  if (i >= 0 && !String(getSelection()) && !event.target.closest("a")) toggleKept(i);
}

/** Sort a table by the column of a header: numbers from the greatest down, texts from A; again, the other way. */
function sortTable(header) {
  const owner = header.closest("table");
  const column = [...header.parentNode.children].indexOf(header);
  const rows = findAll("tbody tr", owner);
  const numeric = rows.every((row) => isNumeric(valueIn(row, column)));
  const sorted = header.getAttribute("aria-sort");
  const first = numeric ? "descending" : "ascending";
  const other = numeric ? "ascending" : "descending";
  const order = sorted === first ? other : first;
  for (const each of findAll("th", owner)) each.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", order);
  const sign = order === "descending" ? -1 : 1;
  rows.sort((a, b) => compareCells(valueIn(a, column), valueIn(b, column), numeric, sign));
  rows[0]?.parentNode.append(...rows);
}

/** Read the full value of a cell. */
function valueIn(row, column) {
  const cell = row.cells[column];
  return cell ? (cell.dataset.v ?? cell.textContent.trim()) : "";
}

/** Tell whether a cell holds a number, or nothing. */
function isNumeric(value) {
  return value === "" || value === MISSING || value.toLowerCase() === "nan" || Number.isFinite(Number(value));
}

/** Compare two cells; what is missing comes last in either direction. */
function compareCells(a, b, numeric, sign) {
  if (!numeric) return sign * a.localeCompare(b, "en", { numeric: true });
  const [left, right] = [a, b].map((value) => (value === "" ? NaN : Number(value)));
  if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
  return sign * (left - right);
}

/** Let the headers of every table sort it. */
function addSorting() {
  for (const header of findAll("table.data thead th")) {
    const button = find("button", header);
    if (button) button.onclick = () => sortTable(header);
  }
}

/** Let the rows of the configurations hover and keep. */
function addRows() {
  const body = find("tbody", table);
  body.onclick = pressRow;
  body.onpointerover = (event) => hover(findRow(event));
  body.onpointerleave = () => hover(-1);
  body.addEventListener("focusin", (event) => hover(findRow(event)));
}

addSorting();
if (tableRows.length) {
  addRows();
  addView({ element: table, draw: drawTable, mark: markTable });
}
