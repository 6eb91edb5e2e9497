// What pages share: sent once, asked twice, copied, polled. Every page works without it too.

document.addEventListener("submit", (event) => {
  const form = event.target;
  const asked = event.submitter?.dataset.confirm;
  if (asked && !window.confirm(asked)) {
    event.preventDefault();
    return;
  }
  if (!form.matches("form[data-once]") || event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  // After this turn, so that the pressed button's own value is still sent.
  setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  });
});

// A page from the back button's memory is as it was left: let its forms be sent again.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    const said = button.dataset.copied || "✓";
    const before = button.textContent;
    button.textContent = said;
    setTimeout(() => { button.textContent = before; }, 2000);
  } catch {
    // Without leave to use the clipboard the text itself is selected.
    const shown = document.getElementById(button.dataset.shown || "");
    if (shown) window.getSelection().selectAllChildren(shown);
  }
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (form) form.requestSubmit();
});

async function poll(box) {
  const every = Number(box.dataset.every || 2) * 1000;
  try {
    const answer = await fetch(box.dataset.poll, { headers: { "X-Fragment": "1" }, credentials: "same-origin" });
    if (answer.redirected || answer.status === 401 || answer.status === 403) {
      window.location.reload();
      return;
    }
    if (answer.ok) {
      const text = await answer.text();
      // Focus and an opened detail stay where they are when nothing has changed.
      if (box.dataset.last !== text) {
        box.innerHTML = text;
        box.dataset.last = text;
      }
      box.classList.remove("stale");
      const location = answer.headers.get("X-Location");
      if (location && location.startsWith("/") && !location.startsWith("//")) {
        window.location.assign(location);
        return;
      }
      if (answer.headers.get("X-Done")) return;
    }
  } catch {
    box.classList.add("stale");
  }
  setTimeout(() => poll(box), document.hidden ? every * 5 : every);
}

for (const box of document.querySelectorAll("[data-poll]")) {
  setTimeout(() => poll(box), Number(box.dataset.every || 2) * 1000);
}

for (const chat of document.querySelectorAll(".chat")) chat.scrollTop = chat.scrollHeight;

// On a phone the menu is closed until it is wanted.
const menu = document.querySelector("details[data-menu]");
const narrow = window.matchMedia("(max-width: 55.99rem)");
const fit = () => { if (menu) menu.open = !narrow.matches; };
narrow.addEventListener("change", fit);
fit();
