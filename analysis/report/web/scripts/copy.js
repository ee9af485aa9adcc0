/* Buttons that copy a text. A page opened from a file may lack the clipboard's interface. */

const COPIED = "Copied";
const NOT_COPIED = "Not copied: select the text";

/** Copy a text, by the older way where the newer is absent or refused. Return whether it was copied. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}

/** Copy the text of the button pressed, and say on it for a moment whether that went well. */
async function pressCopy(event) {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const told = (await copyText(button.dataset.copy)) ? COPIED : NOT_COPIED;
  const text = button.textContent;
  if (text === COPIED || text === NOT_COPIED) return;
  button.textContent = told;
  say(told);
  setTimeout(() => {
    button.textContent = text;
  }, 1200);
}

document.addEventListener("click", pressCopy);
