// Paper is light: while a page is printed it has the light colours, and afterwards its own again.
(() => {
  "use strict";
  const page = document.documentElement.dataset;
  let own;
  addEventListener("beforeprint", () => {
    own = page.theme;
    page.theme = "light";
  });
  addEventListener("afterprint", () => {
    page.theme = own;
  });
})();
