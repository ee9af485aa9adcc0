/* Buttons that copy a text. A page opened from a file may lack the clipboard's interface. */

/** Copy a text, by the older way where the newer is absent or refused. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** Copy the text of the button pressed, and say so on it for a moment. */
async function pressCopy(event) {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await copyText(button.dataset.copy);
  const text = button.textContent;
  if (text === "Copied") return;
  button.textContent = "Copied";
  say("Copied");
  setTimeout(() => {
    button.textContent = text;
  }, 1200);
}

document.addEventListener("click", pressCopy);
