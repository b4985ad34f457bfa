// A page that is not there: an explorable's `render` runs in node, in LinkeDOM, with what else it finds in a browser.

import { parseHTML } from "../vendor/linkedom/linkedom.mjs";

export const { document, window, Node } = parseHTML("<!doctype html><html><body></body></html>");

const EDGE = 34; // border and padding of a figure, left and right together: kit.css

// What controls take beside a picture, with the gap: kit.css.
const besides = (picture, whole) => {
  const frame = picture.closest(".mn-frame");
  if (whole - 2 < 640 || frame.matches(".mn-stacked")) return 0;
  return (frame.querySelector(".mn-controls > :nth-child(8)") && whole - 2 >= 720 ? 320 : 240) + 28;
};

// The width a drawing would have in a figure that is `whole` pixels wide, from what kit.css says of columns.
export const widthOf = (element, whole) => {
  if (!element.isConnected || element.closest("[hidden]")) return 0;
  const inner = whole - EDGE;
  const picture = element.closest(".mn-picture");
  const own = picture ? inner - besides(picture, whole) : inner;
  const columns = element.closest(".mn-columns")?.children.length ?? 1;
  const count = Math.max(1, Math.min(columns, Math.floor((own + 28) / (200 + 28))));
  return Math.min((own - 28 * (count - 1)) / count, 16 * (parseFloat(element.style.maxWidth) || Infinity));
};

// A canvas that keeps the image it was given.
class Greys {
  createImageData(width, height) { return { width, height, data: new Uint8ClampedArray(4 * width * height) }; }
  putImageData(image) { this.image = image; }
  drawImage(source) { this.image = source.getContext("2d").image; } // the page scales it
  fillRect() { this.image = undefined; }
}
const greys = new WeakMap();
export const greysIn = (canvas) => greys.get(canvas)?.image;
const canvasPrototype = Object.getPrototypeOf(document.createElement("canvas"));
canvasPrototype.getContext = function getContext() {
  if (!greys.has(this)) greys.set(this, new Greys());
  return greys.get(this);
};
for (const side of ["width", "height"]) {
  Object.defineProperty(canvasPrototype, side, {
    configurable: true,
    get() { return Number(this.getAttribute(side)); },
    set(value) { this.setAttribute(side, value); },
  });
}
// LinkeDOM knows no `signal`: what listens here does so until the end.
const { addEventListener } = window.EventTarget.prototype;
window.EventTarget.prototype.addEventListener = function listen(type, listener) { addEventListener.call(this, type, listener); };

// What a script finds in a browser. Timers never run out: a first state is what is drawn at once.
const surroundings = ({ whole, observed }) => ({
  document, Node,
  ResizeObserver: class {
    constructor(callback) { this.callback = callback; }
    observe(element) { observed.push({ element, callback: this.callback }); }
    unobserve() {}
    disconnect() {}
  },
  getComputedStyle: (element) => ({ fontSize: "16px", width: `${widthOf(element, whole)}px` }),
  addEventListener: () => {},
  setTimeout: () => 0,
  clearTimeout: () => {},
  location: { protocol: "https:" },
  Worker: class { addEventListener() {} postMessage() {} terminate() {} },
});
globalThis.explorables = { folder: "https://page.example/" };

// Render a figure that is `whole` pixels wide. Returns its element, and its drawings: [{ element, resize(width) }].
export const render = async ({ esm, model, whole }) => {
  const observed = [];
  const around = surroundings({ whole, observed });
  const body = esm.trim().replace(/export default \{ render \};$/, "return render;");
  const draw = new Function(...Object.keys(around), `"use strict";\n${body}`)(...Object.values(around));
  globalThis.mnIds = 0;
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  await draw({ model, el, signal: new AbortController().signal });
  const drawings = observed.filter(({ element }) => element.localName === "svg").map(({ element, callback }) => ({
    element, resize: (width) => callback([{ contentRect: { width }, target: element }]),
  }));
  return { el, drawings };
};
