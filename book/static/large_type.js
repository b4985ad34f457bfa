// Large type for a projector: one button, remembered. early.js has said it before the first paint, so nothing jumps.
(() => {
  "use strict";
  const KEY = "large-type";
  const root = document.documentElement;
  const button = () => document.querySelector(".large-type-button");

  const show = (large) => {
    root.classList.toggle("large-type", large);
    button()?.setAttribute("aria-pressed", String(large));
  };
  const remember = (large) => {
    if (large) localStorage.setItem(KEY, "on");
    else localStorage.removeItem(KEY);
  };

  show(localStorage.getItem(KEY) === "on");
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.(".large-type-button")) return;
    const large = !root.classList.contains("large-type");
    show(large);
    remember(large);
  });
  addEventListener("storage", (event) => {
    if (event.key === KEY) show(event.newValue === "on"); // another tab has changed it
  });
})();
