// What is known before the first paint, so that nothing flashes or jumps: colours, and large type.
(() => {
  "use strict";
  const page = document.documentElement;
  const mode = localStorage.getItem("mode") || "auto";
  const dark = mode === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : mode === "dark";
  page.dataset.mode = mode;
  page.dataset.theme = dark ? "dark" : "light";
  page.classList.toggle("large-type", localStorage.getItem("large-type") === "on");
  page.classList.add("pr-answers");
  // Who begins at the top of a page does not wait for what stands below the screen: book.css. late.js ends that. Who
  // begins elsewhere, by a link or by going back, needs all heights.
  const visit = performance.getEntriesByType("navigation")[0];
  if (visit?.type === "navigate" && !visit.name.includes("#")) page.classList.add("arriving");
})();
