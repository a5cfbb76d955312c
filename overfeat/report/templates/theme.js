// Light, dark, or as the system has it: chosen by a button, kept for the next visit where the browser allows that.
const THEMES = ["system", "light", "dark"];

function setTheme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  document.getElementById("theme-name").textContent = name;
}

function startTheme() {
  let chosen = "system";
  try { chosen = localStorage.getItem("overfeat-theme") || chosen; } catch { /* storage is off: as the system has it */ }
  if (!THEMES.includes(chosen)) chosen = "system";
  setTheme(chosen);
  document.getElementById("theme").addEventListener("click", () => {
    chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
    setTheme(chosen);
    try { localStorage.setItem("overfeat-theme", chosen); } catch { /* not kept */ }
  });
}
