// Starts a deck: reveal.js without its scaling (the type scale does that), and with keys that figures may keep.
(() => {
  "use strict";

  // The colours follow the pages' switch, and else the system.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const mode = localStorage.getItem("mode");
    document.documentElement.dataset.theme = ["light", "dark"].includes(mode) ? mode : dark.matches ? "dark" : "light";
  };
  paint();
  dark.addEventListener("change", paint);

  // A focused slider, button or table keeps the keys it understands; Escape gives them back to the deck.
  const isFigure = (element) => Boolean(element.closest?.(".mn"));
  const ownsKey = (event) =>
    isFigure(event.target) ? event.key === "Escape" || event.target.matches("input, button, [tabindex]")
      : event.target.matches?.("a, button, summary") && ["Enter", " "].includes(event.key);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isFigure(event.target)) event.target.blur();
  }, true);

  // A finger on a slider or on a picture to draw on moves that, and does not turn the slide.
  for (const figure of document.querySelectorAll(".mn-explorable")) figure.setAttribute("data-prevent-swipe", "");

  const deck = new Reveal({
    width: "100%",
    height: "100%",
    margin: 0,
    minScale: 1,
    maxScale: 1,
    center: false,
    navigationMode: "linear", // one key, or a clicker's, goes through all of it
    transition: "none",
    backgroundTransition: "none",
    scrollActivationWidth: null, // a phone gets slides, too
    controlsLayout: "edges",
    // Not "c/t": it would count every <section>, and a figure may have some of its own.
    slideNumber: () => [deck.getSlidePastCount() + 1, "/", document.querySelectorAll("section[data-cell]").length],
    hash: false, // the address belongs to the figures' settings; the slide stands in the query
    respondToHashChanges: false,
    keyboardCondition: (event) => !ownsKey(event),
    plugins: globalThis.RevealNotes ? [RevealNotes] : [], // it needs Safari 16.4; the slides do without
  });

  const slideOf = (element) => {
    const section = element?.closest("section");
    return section ? deck.getIndices(section) : null;
  };
  const go = (indices) => indices && deck.slide(indices.h, indices.v);

  // Where to begin: at the figure that the address sets up, or at the slide it names.
  const begin = () => {
    const figure = location.hash.slice(1).split("?")[0];
    const cell = new URLSearchParams(location.search).get("slide");
    if (/^[\w-]+$/.test(figure)) go(slideOf(document.querySelector(`[data-explorable="${figure}"]`)));
    else if (/^[\w-]+$/.test(cell ?? "")) go(slideOf(document.querySelector(`section[data-cell="${cell}"] > *`)));
  };
  // Keep the slide in the address, so that a reload stays and a link can be given away.
  const keep = ({ currentSlide }) => {
    const query = new URLSearchParams(location.search);
    if (query.has("receiver") || !currentSlide.dataset.cell) return; // the speaker's little copies
    query.set("slide", currentSlide.dataset.cell);
    history.replaceState(history.state, "", `?${query}${location.hash}`);
  };

  deck.on("ready", () => {
    begin();
    deck.on("slidechanged", (event) => {
      document.activeElement?.blur?.(); // or a slider that is gone would keep the keys
      keep(event);
    });
  });
  addEventListener("hashchange", begin);
  deck.initialize();
  globalThis.deck = deck;
})();
