// Brings explorables (anywidget modules) to life in a built page, where there is no kernel.
// A classic script: modules would not load over file://.
(() => {
  "use strict";

  // What anywidget's front-end model offers, as far as it makes sense without a kernel.
  class Model {
    #state;
    #listeners = new Map();
    constructor(state) {
      this.#state = state;
    }
    get(name) {
      return this.#state[name];
    }
    set(name, value) {
      if (typeof name === "object") {
        for (const [key, each] of Object.entries(name)) this.set(key, each);
        return;
      }
      if (JSON.stringify(this.#state[name]) === JSON.stringify(value)) return;
      this.#state[name] = value;
      this.#emit(`change:${name}`, value);
      this.#emit("change");
    }
    on(events, callback) {
      for (const event of events.split(/\s+/)) {
        if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
        this.#listeners.get(event).add(callback);
      }
    }
    off(events, callback) {
      for (const event of events ? events.split(/\s+/) : [...this.#listeners.keys()]) {
        if (callback) this.#listeners.get(event)?.delete(callback);
        else this.#listeners.delete(event);
      }
    }
    save_changes() {} // there is nobody to save to,
    send() {} // nor to talk to
    #emit(event, ...values) {
      for (const callback of [...(this.#listeners.get(event) ?? [])]) callback.call(this, this, ...values);
    }
  }

  // The address carries an explorable's settings: #inverted-block?expansion=4&stride=2
  const readHash = () => {
    const [name, query = ""] = location.hash.slice(1).split("?");
    return { name, values: new URLSearchParams(query) };
  };

  const likeDefault = (text, standard) => {
    if (text === null || text === "") return standard;
    if (typeof standard === "boolean") return text === "true";
    if (typeof standard === "number") return Number.isFinite(Number(text)) ? Number(text) : standard;
    return text;
  };

  // What stands above may change its height when it comes near the screen: look again when that is drawn.
  const scrollTo = (root) => {
    root.scrollIntoView();
    requestAnimationFrame(() => requestAnimationFrame(() => root.scrollIntoView()));
  };

  function keepInAddress(root, model) {
    const name = root.dataset.explorable;
    const settings = model.get("settings") ?? [];
    const standard = Object.fromEntries(settings.map((key) => [key, model.get(key)]));
    let timer;

    const apply = () => {
      const hash = readHash();
      if (hash.name !== name) return;
      for (const key of settings) model.set(key, likeDefault(hash.values.get(key), standard[key]));
      clearTimeout(timer); // the address is right already
      scrollTo(root);
      if (document.readyState !== "complete") addEventListener("load", () => scrollTo(root), { once: true });
    };
    const write = () => {
      const query = new URLSearchParams(
        settings.filter((key) => model.get(key) !== standard[key]).map((key) => [key, model.get(key)]),
      ).toString();
      if (!query && readHash().name !== name) return; // leave the address of something else alone
      history.replaceState(history.state, "", query ? `#${name}?${query}` : location.pathname + location.search);
    };
    for (const key of settings) {
      model.on(`change:${key}`, () => {
        clearTimeout(timer);
        timer = setTimeout(write, 300); // not at every step of a slider: browsers limit how often this may happen
      });
    }
    addEventListener("hashchange", apply);
    apply();
  }

  // Below these, figures would be drawn wrong or not at all. tests/site/floor.py knows the same versions.
  const FLOOR = "Safari 16.4, Firefox 121, Chrome or Edge 117";
  const isTooOld = (() => {
    try {
      new RegExp("(?<=a)b"); // from Safari 16.4 on
      return !CSS.supports("selector(:has(a))") || !CSS.supports("grid-template-columns", "subgrid");
    } catch {
      return true;
    }
  })();
  const standStill = (root) => {
    const words = document.createElement("p");
    words.className = "mn-too-old";
    words.textContent = `This figure has controls. They need a browser that is not older than ${FLOOR}; what you see is the state they start from.`;
    root.querySelector(".mn-static").append(words);
  };

  const isLaidOut = (root) => root.checkVisibility?.({ contentVisibilityAuto: true }) !== false;

  const boxesIn = (still) => Object.fromEntries([...still.querySelectorAll(".mn-fit")].map((box) => {
    const { width, fontSize } = getComputedStyle(box);
    return [box.dataset.drawing, { width, fontSize }];
  }));

  async function mount(root, render) {
    const el = document.createElement("div");
    const still = root.querySelector(".mn-static");
    const laidOut = isLaidOut(root);
    // Its place stays as high until the live figure has been drawn: WebKit would scroll up, near the end of a page that
    // is shorter for a moment. Where it waits below the screen (book.css) nobody asks how high it is.
    if (laidOut) root.style.minHeight = `${root.offsetHeight}px`;
    // Where somebody comes by an address the figure measures its page itself: Firefox lands on the mark then, and did not
    // always without.
    if (!location.hash) el.stillBoxes = laidOut ? boxesIn(still) : null; // kit.js says what for
    root.classList.add("mn-live");
    try {
      const model = new Model(JSON.parse(root.querySelector('script[type="application/json"]').textContent));
      still.replaceWith(el); // first: a drawing begins at the width that it has in the page, and alone
      await render({ model, el, signal: new AbortController().signal });
      keepInAddress(root, model);
    } catch (error) {
      el.replaceWith(still);
      root.classList.remove("mn-live"); // the static figure stays
      console.error(`The explorable ${root.dataset.explorable} does not start:`, error);
    } finally {
      requestAnimationFrame(() => requestAnimationFrame(() => { root.style.minHeight = ""; }));
      dispatchEvent(new Event("explorable"));
    }
  }

  const renders = new Map();
  const begun = new WeakSet();

  // A figure starts as soon as it is there, with what it holds: the rest of a long page is still being read then.
  const arrived = (root) => {
    for (let node = root; node; node = node.parentElement) if (node.nextSibling) return true;
    return document.readyState !== "loading";
  };
  const kind = (root) => root.dataset.explorable.replace(/-\d+$/, "");

  // One figure at a time, the one that the address names or else the first; the others when a finger would not wait.
  const whenIdle = globalThis.requestIdleCallback?.bind(globalThis) ?? ((go) => setTimeout(go, 50));
  let first = true;
  let styled = false;
  let asked = false;
  const next = () => {
    asked = false;
    const named = readHash().name;
    const waiting = [...document.querySelectorAll(".mn-explorable")].filter(
      (root) => !begun.has(root) && renders.has(kind(root)) && arrived(root),
    );
    const root = waiting.find((each) => each.dataset.explorable === named) ?? waiting[0];
    if (!root) return;
    begun.add(root);
    first = false;
    if (waiting.length > 1) start();
    if (isTooOld) standStill(root);
    else mount(root, renders.get(kind(root)));
  };
  const start = () => {
    styled ||= !sheets.some(loads);
    if (asked || !styled) return;
    asked = true;
    if (first) queueMicrotask(next); // when all figures of this script are known, and before the page counts as loaded
    else whenIdle(next, { timeout: 500 });
  };

  // A drawing begins at the width that it has in the page, which the style sheets say: they must be there.
  const loads = ({ sheet }) => {
    try {
      return !sheet?.cssRules;
    } catch (error) {
      return error.name === "InvalidAccessError"; // Firefox; over file:// it is another error, and the sheet is there
    }
  };
  const sheets = [...document.querySelectorAll('link[rel="stylesheet"]')].filter(loads);
  const loaded = (target) => new Promise((done) => {
    for (const event of ["load", "error"]) target.addEventListener(event, done, { once: true });
  });
  const complete = document.readyState === "complete" ? [Promise.resolve()] : [loaded(globalThis)];
  Promise.race([...complete, Promise.all(sheets.map(loaded))]).then(() => { styled = true; start(); });

  if (document.readyState === "loading") {
    const reading = new MutationObserver(start);
    reading.observe(document, { childList: true, subtree: true });
    document.addEventListener("readystatechange", () => { reading.disconnect(); start(); }, { once: true });
  }

  // An explorable's script calls this once with its name and its render function.
  const define = (name, render) => {
    renders.set(name, render);
    start();
  };

  // Where the site keeps what an explorable fetches later. In a notebook there is no such place.
  globalThis.explorables = { define, folder: new URL(".", document.currentScript.src).href };
})();
