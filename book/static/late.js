// What comes late, so that nothing waits for it. When a figure lives: those scripts of the page's frame that bundles.py
// did not put in here (buttons that copy, solutions that open). When the page is there and rests: what stands below the
// screen is laid out, a part at a time, with the fields to write in (fields.py), and the theme's two scripts come (search,
// sidebars, the switch for light and dark, menus, which section one reads). They come at once when a reader reaches for
// them, and a press that was earlier is kept.
(() => {
  "use strict";
  const page = document.documentElement;
  const told = ["soon", "late"].map((when) => document.currentScript.dataset[when].split(" ").filter(Boolean));
  const sources = told.flat().map((each) => new URL(each, document.baseURI).href);
  const SOON = told[0].length;
  const whenIdle = () => new Promise((done) => {
    if (globalThis.requestIdleCallback) requestIdleCallback(done, { timeout: 1000 });
    else setTimeout(done, 50, { timeRemaining: () => 0 });
  });

  // The scripts

  const FRAMES = ".large-type-button, .admonition.dropdown > .admonition-title";
  const THEMES = `.search-button__button, .theme-switch-button, .primary-toggle, .secondary-toggle,
    #pst-collapse-sidebar-button, [data-bs-toggle]:not([data-bs-toggle="tooltip"])`;
  let asked = 0;
  let here = 0;
  let coming = Promise.resolve();
  const load = (src) => new Promise((done) => {
    const script = document.createElement("script");
    script.src = src;
    script.onload = script.onerror = () => { here += 1; done(); };
    document.head.append(script);
  });
  const come = (many = sources.length) => {
    for (; asked < many; asked += 1) {
      const src = sources[asked];
      coming = coming.then(() => load(src)); // each needs those before
    }
    return coming;
  };
  const tooEarly = ({ target }) =>
    (here < SOON && target.closest?.(FRAMES)) || (here < sources.length && target.closest?.(THEMES));
  addEventListener("click", (event) => {
    const button = tooEarly(event);
    if (!button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    come().then(() => button.click());
  }, true);
  addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, shiftKey, altKey } = event;
    if (here === sources.length || !/^k$/i.test(key) || !(ctrlKey || metaKey) || shiftKey || altKey) return;
    event.preventDefault();
    come().then(() => dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey, metaKey, cancelable: true })));
  }, true);
  for (const kind of ["pointerover", "focusin"]) addEventListener(kind, (event) => { if (tooEarly(event)) come(); }, true);
  addEventListener("explorable", () => come(SOON), { once: true });
  if (document.querySelector(".mn-live")) come(SOON);

  // A box that scrolls can be reached by key. The theme looks at all boxes of the page whenever a figure moves; here a
  // box is looked at when something in it has changed.

  const BOXES = "pre, .cell_output > .output, .pst-scrollable-table-container";
  const look = (boxes) => {
    const scroll = boxes.map((box) => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight);
    boxes.forEach((box, i) => {
      if (box.tabIndex !== scroll[i] - 1) box.tabIndex = scroll[i] - 1; // 0, or -1
    });
  };
  const changed = new Set();
  let timer;
  const lookSoon = (boxes) => {
    for (const box of boxes) if (box) changed.add(box);
    clearTimeout(timer);
    timer = setTimeout(() => { look([...changed]); changed.clear(); }, 300);
  };
  const watch = () => {
    new MutationObserver((records) => lookSoon(records.map(({ target }) => target.closest?.(BOXES))))
      .observe(document.getElementById("main-content") ?? document.body, { subtree: true, childList: true });
    addEventListener("resize", () => lookSoon(document.querySelectorAll(BOXES)));
    addEventListener("click", ({ target }) => { // it may have opened a solution
      lookSoon(target.closest?.(".admonition.toggle")?.querySelectorAll(BOXES) ?? []);
    });
  };

  // Sections, cells and formulas below the screen

  const WAIT = ".bd-article section section, .bd-article section section > :is(.cell, div.math)"; // as in book.css
  const fill = (part) => {
    for (const each of part.querySelectorAll("pr-field > template")) each.replaceWith(each.content);
  };
  const arrive = () => {
    if (!page.classList.contains("arriving")) return;
    page.classList.remove("arriving");
    for (const each of document.querySelectorAll(WAIT)) each.classList.remove("arrived");
    fill(document);
  };
  const SLICE = 12; // ms: a finger does not wait longer than for one section and this
  const rest = async () => {
    await come(SOON);
    let pause = await whenIdle();
    let begun = performance.now();
    for (const each of document.querySelectorAll(WAIT)) {
      if (pause.timeRemaining() < 8 || performance.now() - begun > SLICE) {
        pause = await whenIdle();
        begun = performance.now();
      }
      if (page.classList.contains("arriving")) each.classList.add("arrived");
      fill(each);
      look([...each.querySelectorAll(BOXES)].filter((box) => box.closest(WAIT) === each));
    }
    arrive();
    look([...document.querySelectorAll(BOXES)].filter((box) => !box.closest(WAIT)));
    watch();
    await whenIdle();
    if (page.isConnected) await come(); // not into another document that was written in this one's place
    page.classList.add("rested");
  };
  if (page.classList.contains("arriving")) { // a reader may come to a field before its turn
    const near = new IntersectionObserver((seen) => {
      for (const { isIntersecting, target } of seen) if (isIntersecting) fill(target);
    }, { rootMargin: "100%" });
    for (const each of document.querySelectorAll("pr-field")) near.observe(each);
  } else fill(document);
  // Who leaves the top of the page by a link, or prints, needs all heights at once.
  addEventListener("click", ({ target }) => { if (target.closest?.('a[href*="#"]')) arrive(); }, true);
  addEventListener("hashchange", arrive);
  addEventListener("beforeprint", arrive);

  if (document.readyState === "complete") rest();
  else addEventListener("load", () => setTimeout(rest), { once: true });
})();
