// When the page is there and rests: what stands below the screen is laid out, a cell at a time, and the theme's two
// scripts come (search, sidebars, the switch for light and dark, menus, which section one reads). They come at once when
// a reader reaches for them, and a press that was earlier than they is kept.
(() => {
  "use strict";
  const page = document.documentElement;
  const sources = document.currentScript.dataset.late.split(" ").map((each) => new URL(each, document.baseURI).href);
  const whenIdle = () => new Promise((done) => {
    if (globalThis.requestIdleCallback) requestIdleCallback(done, { timeout: 1000 });
    else setTimeout(done, 50, { timeRemaining: () => 0 });
  });

  // The theme's scripts

  const THEIRS = `.search-button__button, .theme-switch-button, .primary-toggle, .secondary-toggle,
    #pst-collapse-sidebar-button, [data-bs-toggle]:not([data-bs-toggle="tooltip"])`;
  let coming;
  let here = false;
  const load = (src) => new Promise((done) => {
    const script = document.createElement("script");
    script.src = src;
    script.onload = script.onerror = done;
    document.head.append(script);
  });
  const come = () => coming ??= (async () => {
    for (const src of sources) await load(src); // the second needs the first
    here = true;
  })();
  addEventListener("click", (event) => {
    const button = here ? null : event.target.closest?.(THEIRS);
    if (!button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    come().then(() => button.click());
  }, true);
  addEventListener("keydown", (event) => {
    const { key, ctrlKey, metaKey, shiftKey, altKey } = event;
    if (here || !/^k$/i.test(key) || !(ctrlKey || metaKey) || shiftKey || altKey) return;
    event.preventDefault();
    come().then(() => dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey, metaKey, cancelable: true })));
  }, true);
  for (const kind of ["pointerover", "focusin"]) {
    addEventListener(kind, ({ target }) => { if (!here && target.closest?.(THEIRS)) come(); }, true);
  }

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
  };

  // Sections and cells below the screen

  const WAIT = ".bd-article > section > section, .bd-article > section > section > .cell";
  const arrive = () => {
    if (!page.classList.contains("arriving")) return;
    page.classList.remove("arriving");
    for (const each of document.querySelectorAll(WAIT)) each.classList.remove("arrived");
  };
  const rest = async () => {
    let pause = await whenIdle();
    for (const each of document.querySelectorAll(WAIT)) {
      if (pause.timeRemaining() < 8) pause = await whenIdle(); // ms
      if (page.classList.contains("arriving")) each.classList.add("arrived");
      look([...each.querySelectorAll(BOXES)].filter((box) => box.closest(WAIT) === each));
    }
    arrive();
    look([...document.querySelectorAll(BOXES)].filter((box) => !box.closest(WAIT)));
    watch();
    await whenIdle();
    if (page.isConnected) await come(); // not into another document that was written in this one's place
    page.classList.add("rested");
  };
  // Who leaves the top of the page by a link, or prints, needs all heights at once.
  addEventListener("click", ({ target }) => { if (target.closest?.('a[href*="#"]')) arrive(); }, true);
  addEventListener("hashchange", arrive);
  addEventListener("beforeprint", arrive);

  if (document.readyState === "complete") rest();
  else addEventListener("load", () => setTimeout(rest), { once: true });
})();
