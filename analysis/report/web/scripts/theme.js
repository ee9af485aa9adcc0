/* Light or dark: as the reader chose before, else as the system is. */

const THEME = "theme";

/** Read the theme that the reader chose before. */
function readTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  try {
    const chosen = localStorage.getItem(THEME);
    return chosen === "dark" || chosen === "light" ? chosen : system;
  } catch {
    return system; // storage may be forbidden
  }
}

/** Set the theme of the page, and what the button offers. */
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const button = find("#theme");
  if (!button) return;
  button.setAttribute("aria-pressed", String(theme === "dark"));
  button.textContent = theme === "dark" ? "Light" : "Dark";
}

/** Turn to the other theme and remember it. */
function turnTheme() {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  setTheme(theme);
  try {
    localStorage.setItem(THEME, theme);
  } catch {
    // the next page then starts as the system is
  }
  drawAll();
}

setTheme(readTheme());
if (find("#theme")) find("#theme").onclick = turnTheme;
