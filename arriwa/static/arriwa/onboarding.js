// Counts down to the end of the signup page. Without it the time itself is shown.
const shown = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "always" });
const steps = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function tell(element) {
  const left = (Date.parse(element.dataset.until) - Date.now()) / 1000;
  if (left <= 0) {
    window.location.reload();
    return;
  }
  const [unit, length] = steps.find(([, size]) => left >= size) || steps[3];
  element.textContent = `${element.dataset.said} (${shown.format(Math.floor(left / length), unit)})`;
  setTimeout(() => tell(element), left > 3600 ? 60000 : 1000);
}

for (const element of document.querySelectorAll("[data-until]")) {
  element.dataset.said = element.textContent;
  // One that has ended already is left as it is: reloading would not change it.
  if (Date.parse(element.dataset.until) > Date.now()) tell(element);
}
