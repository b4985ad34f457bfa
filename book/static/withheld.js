// What a browser may withhold: storage, where cookies are off, and forms too, in a sandboxed frame of a learning platform.
// The theme's scripts take both for granted. Without this one, which runs before them, the first look at localStorage
// would throw and end them all: no search, no Ctrl+K, no switch for light and dark.
(() => {
  "use strict";

  // A store that lasts as long as the page.
  const memory = () => {
    const items = new Map();
    return {
      get length() { return items.size; },
      key: (index) => [...items.keys()][index] ?? null,
      getItem: (key) => items.get(String(key)) ?? null,
      setItem: (key, value) => void items.set(String(key), String(value)),
      removeItem: (key) => void items.delete(String(key)),
      clear: () => items.clear(),
    };
  };
  const works = (name) => {
    try {
      window[name].setItem("withheld", "");
      window[name].removeItem("withheld");
      return true;
    } catch {
      return false;
    }
  };
  for (const name of ["localStorage", "sessionStorage"]) {
    if (!works(name)) Object.defineProperty(window, name, { value: memory(), configurable: true });
  }

  // A frame that may send no form says nothing about it. Enter in the search field goes where the form would have gone.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || origin !== "null") return;
    const form = event.target.closest?.("form.bd-search");
    if (!form) return;
    event.preventDefault();
    location.assign(`${form.action}?${new URLSearchParams(new FormData(form))}`);
  });
})();
