// What a reader predicts, answers and has read: kept on this device, sent nowhere, gone with one press.
// This much is on every page. answers_more.js does the rest, and is fetched when there is something to do for it.
(() => {
  "use strict";
  const KEY = "mobilenet-book";
  const page = location.pathname.split("/").pop().replace(/\.html$/, "") || "index";
  const chapter = location.pathname.includes("/chapters/");
  const home = document.currentScript.src;
  const book = { page, chapter, store: {} };
  globalThis.bookAnswers = book;

  // {predicted: {page: {key: [given, sentence]}}, solved: {page: {key: 1}}, read: {page: 1}, stopped: {page, id, title}}
  try { book.store = JSON.parse(localStorage.getItem(KEY)) || {}; } catch { /* withheld, or not ours */ }
  book.save = () => {
    try { localStorage.setItem(KEY, JSON.stringify(book.store)); } catch { /* it lasts as long as the page */ }
  };

  // A result has its sentence before it is painted: nothing moves.
  customElements.define("pr-result", class extends HTMLElement {
    connectedCallback() { this.textContent = book.store.predicted?.[page]?.[this.dataset.key]?.[1] ?? ""; }
  });

  let loading;
  const more = () => loading ??= new Promise((done) => {
    const script = document.createElement("script");
    script.src = new URL("answers_more.js", home);
    script.onload = done;
    document.head.append(script);
  });
  const BOXES = ".pr-ask, .pr-answer-box";
  const press = (box, target) => more().then(() => book.press(box, target));
  document.addEventListener("click", ({ target }) => {
    const button = target.closest?.("button");
    const box = button?.closest(BOXES);
    if (box) press(box, button);
  });
  document.addEventListener("keydown", (event) => {
    const box = event.key === "Enter" && !event.isComposing && event.target.matches?.("input") && event.target.closest(BOXES);
    if (!box) return;
    event.preventDefault();
    press(box, box.querySelector("button"));
  });
  document.addEventListener("input", ({ target }) => {
    if (target.closest?.(".pr-axis")) more().then(() => book.slide(target));
  });

  document.addEventListener("DOMContentLoaded", () => {
    document.documentElement.classList.add("pr-answers"); // early.js has done it, where a page is bundled
    if (Object.keys(book.store).length) more();
    const end = chapter && document.querySelector(".prev-next-footer");
    if (!end) return;
    new IntersectionObserver(([{ isIntersecting }], observer) => {
      if (!isIntersecting) return;
      observer.disconnect();
      (book.store.read ??= {})[page] = 1;
      book.save();
      more().then(() => book.mark());
    }).observe(end);
  });
  addEventListener("pagehide", () => {
    const passed = chapter && [...document.querySelectorAll(".bd-article section[id] > :is(h2, h3)")]
      .filter((heading) => heading.getBoundingClientRect().top < innerHeight / 2).pop();
    if (!passed || !Object.keys(book.store).length && scrollY < innerHeight) return;
    book.store.stopped = { page, id: passed.parentElement.id, title: passed.firstChild.textContent.trim() };
    book.save();
  });
})();
