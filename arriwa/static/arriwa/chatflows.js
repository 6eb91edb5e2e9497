// The editor warns before unsaved changes go; the trial chat works in place. Both pages work without it.

let sending = false;
for (const form of document.querySelectorAll("form[data-unsaved]")) {
  const state = () => new URLSearchParams(new FormData(form)).toString();
  const before = state();
  form.addEventListener("submit", () => { sending = true; });
  window.addEventListener("beforeunload", (event) => {
    if (!sending && state() !== before) event.preventDefault();
  });
}
window.addEventListener("pageshow", () => { sending = false; });

function down(box) {
  for (const chat of box.querySelectorAll(".chat")) chat.scrollTop = chat.scrollHeight;
}

// The page that follows a message holds the chat, and what there is to say about it.
function show(box, html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const chat = page.querySelector("[data-trial]");
  if (!chat) return false;
  const said = page.querySelector(".messages");
  box.replaceChildren(...(said ? [said] : []), ...chat.childNodes);
  down(box);
  return true;
}

async function load(box) {
  const answer = await fetch(box.dataset.url, { credentials: "same-origin" });
  if (answer.ok) show(box, await answer.text());
}

async function say(box, form, pressed) {
  const body = new FormData(form);
  if (pressed?.name) body.set(pressed.name, pressed.value);
  for (const button of box.querySelectorAll("button")) button.disabled = true;
  box.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" });
    if (!answer.ok || !show(box, await answer.text())) window.location.assign(box.dataset.url);
  } catch {
    window.location.assign(box.dataset.url);
  }
  box.removeAttribute("aria-busy");
  box.querySelector("#trial-text")?.focus();
}

for (const box of document.querySelectorAll("[data-trial]")) {
  box.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    say(box, event.target, event.submitter);
  });
  if (!box.querySelector("form")) load(box).catch(() => {});
}
