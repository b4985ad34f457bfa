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

  // ---- What is too long for a slide goes on on the next one. It is measured on a screen of 1280x720, whatever the
  // screen is: so every window of a talk has the same slides, and their type grows and shrinks with it.
  const STAGE = { width: "1280px", height: "720px", fontSize: "25px" };
  const DRAWN = { letters: 17, most: 500 }; // pixels there: the least size of letters in a drawing, and how high it may get for them
  const stays = (node) => node.matches?.("h1, h2, h3, .headerlink, aside, thead, caption, colgroup");
  const tooTall = (box) => box.scrollHeight > box.clientHeight + 1;
  const movable = (box) => [...box.children].filter((child) => !stays(child));

  // Move the end of `box` to the empty `rest`, until the section is no longer too tall. Boxes are taken apart.
  const spill = (box, rest, section) => {
    let parts = movable(box);
    while (tooTall(section) && parts.length > 1) rest.prepend(parts.pop());
    const last = parts.at(-1);
    if (!tooTall(section) || !last) return;
    if (last.matches("pre")) return spillLines(last, rest, section);
    if (!last.matches("div, ul, ol, li, table, tbody, dl, blockquote, details, figure") || last.matches(".math, .mn")) return;
    const copy = last.cloneNode(false);
    copy.removeAttribute("id");
    for (const head of last.querySelectorAll(":scope > :is(thead, colgroup)")) copy.append(head.cloneNode(true));
    if (last.matches("ol")) copy.start = last.start + movable(last).length;
    rest.prepend(copy);
    const inner = document.createElement("div");
    spill(last, inner, section);
    copy.append(...inner.childNodes);
    if (last.matches("ol")) copy.start -= copy.children.length;
    if (!movable(copy).length) copy.remove();
    else if (!movable(last).length) last.remove();
  };
  const spillLines = (pre, rest, section) => {
    const copy = pre.cloneNode(false);
    for (const long of [...pre.childNodes].filter((part) => part.textContent.slice(0, -1).includes("\n"))) {
      const lines = long.textContent.split(/(?<=\n)/).map((line) => {
        const part = long.cloneNode(false);
        part.textContent = line;
        return part;
      });
      long.replaceWith(...lines);
    }
    const endsLine = (node) => !node || node.textContent.endsWith("\n");
    while (pre.childNodes.length > 1 && (tooTall(section) || !endsLine(pre.lastChild))) copy.prepend(pre.lastChild);
    if (/[^=\s]/.test(copy.textContent)) rest.prepend(copy); // a last line that only rules off is no slide
  };
  const isFigureSlide = (section) => section.querySelector(".mn-explorable");
  const nextOf = (section, count) => {
    const next = document.createElement("section");
    next.dataset.cell = `${section.dataset.cell}-${count}`;
    const heading = section.querySelector(":scope > :is(h1, h2)");
    if (heading?.matches("h2")) next.append(heading.cloneNode(true));
    section.after(next);
    return next;
  };
  const divide = (first) => {
    let section = first;
    for (let count = 2; count < 20 && tooTall(section); count += 1) {
      const figure = isFigureSlide(section);
      const rest = document.createElement("div");
      if (figure) {
        const whole = [...section.children].find((child) => child.contains(figure));
        const before = movable(section).indexOf(whole);
        if (before < 1) return; // it has the slide to itself: the style sheet makes it fit
        rest.append(...movable(section).slice(before));
      } else spill(section, rest, section);
      if (!rest.childNodes.length) return;
      const next = nextOf(first, count);
      section.after(next);
      next.append(...rest.childNodes);
      next.style.display = "block";
      section = next;
    }
  };
  // What went on on a slide of its own would leave that one empty until the next key.
  const begun = (section) => {
    const shown = [...section.children].filter((child) => !child.matches("h1, h2, aside"));
    if (shown.length && shown.every((child) => child.matches(".fragment"))) shown[0].classList.remove("fragment");
  };
  // A drawing has letters that can be read: where it does not fit beside its code then, it goes on the next slide. One that
  // is as wide as the slide gets no larger by it.
  const readable = (drawing) => {
    const sizes = [...drawing.querySelectorAll("text")].map((text) => {
      const { a, b } = text.getScreenCTM();
      return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
    });
    const { maxHeight } = getComputedStyle(drawing);
    const height = Math.min(parseFloat(maxHeight) * (DRAWN.letters / Math.min(...sizes)), DRAWN.most);
    if (height > parseFloat(maxHeight)) drawing.style.maxHeight = `${height / parseFloat(STAGE.fontSize)}rem`;
  };
  // And it takes the room that is left below it.
  const fill = (section) => {
    const drawings = section.querySelectorAll(".mn-figure svg");
    const shown = [...section.children].filter((child) => !child.matches("aside"));
    if (!drawings.length || tooTall(section)) return;
    const { bottom } = section.getBoundingClientRect();
    const marginOf = (child) => parseFloat(getComputedStyle(child).getPropertyValue("margin-bottom"));
    const end = Math.max(...shown.map((child) => child.getBoundingClientRect().bottom + marginOf(child)));
    const unit = parseFloat(STAGE.fontSize);
    // Margins of what is inside may stick out below, by half a line.
    const room = (bottom - parseFloat(getComputedStyle(section).paddingBottom) - end - 0.7 * unit) / drawings.length;
    for (const drawing of drawings) {
      if (room > 0) drawing.style.maxHeight = `${(drawing.getBoundingClientRect().height + room) / unit}rem`;
    }
  };
  const divideAll = () => {
    const [root, stage] = [document.documentElement, document.querySelector(".reveal .slides")];
    const sections = [...document.querySelectorAll("section[data-cell]")];
    root.classList.add("measuring");
    root.style.fontSize = STAGE.fontSize;
    Object.assign(stage.style, { width: STAGE.width, height: STAGE.height });
    for (const stack of stage.querySelectorAll(":scope > :has(> section)")) stack.classList.add("stack"); // as they will be
    for (const drawing of stage.querySelectorAll(".mn-figure svg")) readable(drawing);
    for (const section of sections) divide(section);
    for (const section of document.querySelectorAll("section[data-cell]")) {
      if (!sections.includes(section)) begun(section);
      fill(section);
    }
    root.classList.remove("measuring");
    root.style.fontSize = stage.style.width = stage.style.height = "";
    for (const section of document.querySelectorAll("section[data-cell]")) section.style.display = "";
  };

  // A figure has the height that its slide has left. Its controls and its picture are as large as it takes to be seen
  // whole, and the verdict with them. A picture lays itself out anew for another width, in its own time: so the next look
  // is two frames later. What a control changes may need more room: then the figure is fitted again, from where it is,
  // and it only gets smaller, or it would jump below the finger.
  const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const SIZES = { picture: { most: 1.2, least: 0.5 }, controls: { most: 1.2, least: 1 } }; // 1.2 is the slide's own type
  const partsOf = (figure) => {
    const [picture, controls, below, result] =
      ["picture", "controls", "below", "result"].map((name) => figure.querySelector(`.mn-frame > .mn-${name}, .mn-below > .mn-${name}`));
    return { picture, controls, below, result };
  };
  const enlarge = (box, zoom) => {
    box.style.zoom = zoom;
    box.style.setProperty("--zoom", zoom);
  };
  const zoomOf = (box) => Number(box.style.zoom) || 1;
  let fitting = 0;
  const fit = async (figure) => {
    const { picture, controls, below, result } = partsOf(figure);
    const turn = (fitting += 1);
    for (let tries = 0; tries < 16; tries += 1) {
      await frames();
      if (turn !== fitting) return;
      const side = zoomOf(controls);
      const tight = side > SIZES.controls.least && (tooTall(controls) || (result && result.offsetHeight > below.clientHeight + 1));
      if (tight) enlarge(controls, Math.max(SIZES.controls.least, side - 0.05));
      const zoom = zoomOf(picture);
      const cut = zoom > SIZES.picture.least && tooTall(picture);
      if (cut) enlarge(picture, Math.max(SIZES.picture.least, zoom * Math.max(0.8, Math.min(0.97, picture.clientHeight / picture.scrollHeight))));
      below?.classList.toggle("goes-on", tooTall(below));
      if (!tight && !cut) return;
    }
  };
  const grown = new ResizeObserver(() => {
    const figure = isFigureSlide(deck.getCurrentSlide());
    if (figure) fit(figure);
  });
  const fitFigure = () => {
    const section = deck.getCurrentSlide();
    const figure = section && isFigureSlide(section);
    grown.disconnect();
    fitting += 1;
    if (!figure) return;
    figure.style.setProperty("--room", "200vh"); // so tall that the slide has no room left, to see what else is on it
    const others = section.scrollHeight - figure.offsetHeight;
    figure.style.setProperty("--room", `${Math.max(section.clientHeight - others - 1, 200)}px`);
    const { picture, controls, below } = partsOf(figure);
    if (!picture) return;
    enlarge(picture, SIZES.picture.most);
    const twoByTwo = getComputedStyle(controls).gridTemplateColumns.includes(" "); // each is narrow as it is
    enlarge(controls, twoByTwo ? SIZES.controls.least : SIZES.controls.most);
    for (const part of [picture, ...picture.children, controls, ...controls.children, below, ...below.children]) grown.observe(part); // calls at once
  };

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
    // Not "c/t", which counts every <section>.
    slideNumber: (slide = deck.getCurrentSlide()) => {
      const all = [...document.querySelectorAll("section[data-cell]")];
      return [all.indexOf(slide) + 1, "/", all.length];
    },
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
    fitFigure();
    for (const when of ["slidechanged", "resize"]) deck.on(when, fitFigure);
    const alive = new MutationObserver(fitFigure); // a figure comes alive in its own time
    for (const figure of document.querySelectorAll(".mn-explorable")) alive.observe(figure, { attributeFilter: ["class"] });
    deck.on("slidechanged", (event) => {
      document.activeElement?.blur?.(); // or a slider that is gone would keep the keys
      keep(event);
    });
  });
  addEventListener("hashchange", begin);
  globalThis.deck = deck;
  // A quiz asks one question at a time: each but the first waits for a key.
  const QUIZ = '[data-explorable^="quiz"]';
  const turnQuiz = () => {
    const slide = deck.getCurrentSlide();
    if (slide?.querySelector(QUIZ)) slide.dataset.question = slide.querySelectorAll("i.fragment.visible").length;
  };
  for (const when of ["ready", "slidechanged", "fragmentshown", "fragmenthidden"]) deck.on(when, turnQuiz);
  const start = () => {
    for (const quiz of document.querySelectorAll(QUIZ)) {
      // It may be alive already.
      const questions = quiz.querySelectorAll(".mn-question, .mn-quiz-text > ol > li").length;
      for (let i = 1; i < questions; i += 1) {
        const next = document.createElement("i");
        next.className = "fragment";
        quiz.closest("section").append(next);
      }
    }
    // Code goes on on the next line; a table of letters would be none then.
    for (const pre of document.querySelectorAll("pre")) pre.classList.toggle("table", /^={9}/m.test(pre.textContent));
    divideAll();
    deck.initialize();
  };
  // Formulas and code are measured in their own type, which may still be on its way.
  Promise.race([document.fonts?.ready, new Promise((done) => setTimeout(done, 1500))]).then(start);
})();
