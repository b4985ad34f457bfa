// Draws explorables without a browser: each one's own `render`, its first state, as HTML that needs no JavaScript.
//
//   node static_form.mjs < [{ "name": "network", "esm": "...", "state": { ... } }, ...] > [{ ... }, ...]
//
// For each: `html`, which goes into an element with the classes `classes`; `rules`, { class: declarations } and
// `queries`, CSS text, for what style attributes would say, which a page's security policy may forbid; `images`,
// { file name: base64 }; `settings`, the controls' labels with their values; or an `error`. The same input gives the
// same bytes.

import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync } from "node:zlib";
import { document, greysIn, render, widthOf } from "./no_page.mjs";

// The width of a whole figure, in pixels, where the page is 375, 1280, and 1440 or more pixels wide: there the static
// figure is the live one's twin. At other widths the nearest drawing that fits shows.
const WIDTHS = [343, 736, 838];
const SMALL = 254; // of a drawing on a page of 320 pixels

// ---------------------------------------------------------------------------------------------- from live to static

const hashed = (text) => createHash("sha256").update(text).digest("hex").slice(0, 8);
const rounded = (text, digits) => text.replace(/\d+\.\d+(?![\d.]*e)/g, (number) => String(Number(Number(number).toFixed(digits))));
const addClass = (element, name) => element.setAttribute("class", `${element.getAttribute("class") ?? ""} ${name}`.trim());

const png = ({ width, height, data }) => {
  const rows = Buffer.alloc(height * (width * 4 + 1));
  for (let y = 0; y < height; y++) Buffer.from(data.buffer, 4 * y * width, 4 * width).copy(rows, y * (4 * width + 1) + 1);
  const chunk = (type, content) => {
    const named = Buffer.concat([Buffer.from(type), content]);
    const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    size.writeUInt32BE(content.length);
    sum.writeUInt32BE(crc32(named));
    return Buffer.concat([size, named, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6, 0, 0, 0], 8); // eight bits each of red, green, blue and opacity
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
};

// What is drawn into a canvas becomes a picture of its own.
const freezeCanvases = (el, name, images) => {
  for (const canvas of el.querySelectorAll("canvas")) {
    const image = greysIn(canvas);
    if (!image) {
      canvas.remove();
      continue;
    }
    const bytes = png(image);
    const file = `${name}-${hashed(bytes)}.png`;
    images[file] = bytes.toString("base64");
    const picture = document.createElement("img");
    // dark-light: it is the same in the dark, where the theme would dim it.
    for (const [key, value] of Object.entries({
      class: `${canvas.getAttribute("class")} dark-light`, src: `explorables:${file}`,
      alt: canvas.getAttribute("aria-label") ?? "", width: canvas.width, height: canvas.height,
    })) picture.setAttribute(key, value);
    canvas.replaceWith(picture);
  }
};

// The controls look as they will, and do nothing. Words that a screen reader gets from a live region are read in place.
const freezeControls = (el) => {
  for (const pad of el.querySelectorAll("div[role=slider]")) pad.remove(); // it lies over a drawing
  for (const status of el.querySelectorAll(".mn-status")) status.remove();
  for (const status of el.querySelectorAll("[role=status]")) status.removeAttribute("role");
  el.querySelector(".mn-result")?.removeAttribute("aria-hidden");
  for (const input of el.querySelectorAll("input")) {
    if (input.getAttribute("type") === "range") input.setAttribute("value", input.value || "0");
    if (input.checked) input.setAttribute("checked", "");
  }
  for (const each of el.querySelectorAll("input, button, textarea")) each.setAttribute("disabled", "");
  for (const each of el.querySelectorAll("*")) {
    for (const key of ["tabindex", "aria-controls", "aria-expanded", "aria-busy", "data-lm-suppress-shortcuts", "data-setting"]) {
      each.removeAttribute(key);
    }
  }
};

// Styles become classes, ids become the figure's own, and numbers lose the digits that nobody sees.
const REFERENCES = ["id", "for", "name", "aria-labelledby", "aria-describedby"];
const COORDINATES = /^(d|points|transform|viewBox|[xyr]|[cr][xy]|[xy][12]|width|height)$/;
const tidy = (root, prefix, rules) => {
  for (const element of [root, ...root.querySelectorAll("*")]) {
    const style = rounded((element.getAttribute("style") ?? "").trim(), 3).replace(/\s*([:;])\s*/g, "$1").replace(/;$/, "");
    element.removeAttribute("style");
    if (style) {
      const name = `s${hashed(style)}`;
      rules[name] = style;
      addClass(element, name);
    }
    for (const { name: key, value } of [...element.attributes]) {
      let text = value.replace(/url\(#mn-/g, `url(#${prefix}-`);
      if (REFERENCES.includes(key)) text = value.replace(/\bmn-/g, `${prefix}-`);
      else if (COORDINATES.test(key)) text = rounded(text, 2);
      if (text !== value) element.setAttribute(key, text);
    }
  }
};

const settingsIn = (el) => {
  const visible = (selector) => [...el.querySelectorAll(selector)].filter((each) => !each.closest("[hidden]"));
  const words = (...elements) => elements.map((each) => each.textContent.trim()).join(" ");
  const sliders = visible(".mn-control-head").map((head) => words(...head.children));
  const choices = visible("fieldset.mn-control").flatMap((group) => {
    const chosen = [...group.querySelectorAll("input")].find((input) => input.checked);
    return chosen ? [words(group.querySelector("legend"), group.querySelector(`label[for="${chosen.id}"]`))] : [];
  });
  return [...sliders, ...choices];
};

const modelOf = (state) => {
  const values = structuredClone(state);
  return {
    get: (name) => values[name], set: (name, value) => { values[name] = value; },
    on() {}, off() {}, save_changes() {}, send() {},
  };
};

// ---------------------------------------------------------------------------------------------- several widths in one

// A height as CSS, for the widths from `low` to `high`: straight, with one bend at the most. `100cqw` is the width of the
// box around the drawing.
const heightRule = (low, high, heightAt) => {
  const slopeAt = (width) => heightAt(width + 1) - heightAt(width);
  const line = (width) => {
    const slope = Number((100 * slopeAt(width)).toFixed(4));
    const base = `${Number(((heightAt(width) - (slope * width) / 100) / 16).toFixed(4))}em`;
    return slope ? `calc(${base} + ${slope}cqw)` : base;
  };
  const [left, right] = [line(low), line(high - 1)];
  if (left === right) return left;
  return `${slopeAt(low) > slopeAt(high - 1) ? "min" : "max"}(${left}, ${right})`;
};

// One box for a drawing in several widths, of which CSS shows the one that fits. Where the box is wider, it stays empty on
// the right: the height is the live drawing's at every width, so that nothing moves when that comes. Its number is that of
// the live drawing, which takes its size from it (static_widgets.js).
const fitted = (forms, queries, number) => {
  const widths = forms.map(({ width }) => width);
  const border = (i) => (widths[i - 1] + widths[i]) / 2;
  const heights = forms.map(({ width, heightAt }, i) => {
    const from = i === 0 ? SMALL : border(i);
    const to = i + 1 < forms.length ? border(i + 1) : width + 120;
    return heightRule(Math.round(from), Math.round(to), heightAt);
  });
  const [{ maxWidth }] = forms;
  const name = `f${hashed(JSON.stringify([widths, heights, maxWidth]))}`;
  const nth = (i) => `.mn .${name} > :nth-child(${i + 1})`;
  queries[name] = (maxWidth ? `.mn .${name} { max-width: ${maxWidth}; }\n` : "") + heights.map((height, i) => `${nth(i)} { height: ${height}; }`
    + (i > 0 ? `\n@container fit (min-width: ${border(i) / 16}em) { ${nth(i - 1)} { display: none; } ${nth(i)} { display: block; } }` : ""),
  ).join("\n");
  return `<div class="mn-fit ${name}" data-drawing="${number}">${forms.map(({ html }) => html).join("")}</div>`;
};

// The figure at one width: the HTML around its drawings, in which a comment with a number stands for each, and these.
const formAt = async (figure, whole, { rules, images }) => {
  const { el, drawings } = await render({ esm: figure.esm, model: modelOf(figure.state), whole });
  const pictures = drawings.map(({ element, resize }, i) => {
    const width = widthOf(element, whole);
    const copy = element.cloneNode(true);
    element.replaceWith(document.createComment(i));
    const { maxWidth } = copy.style;
    copy.removeAttribute("style");
    copy.setAttribute("preserveAspectRatio", "xMinYMid");
    tidy(copy, `${figure.name}-s${whole}`, rules);
    const heightAt = (other) => { // what is narrower than it can be is scaled
      resize(other);
      const [, , unitsWide, unitsHigh] = element.getAttribute("viewBox").split(" ").map(Number);
      return (unitsHigh * other) / unitsWide;
    };
    return { width, maxWidth, html: copy.outerHTML, heightAt };
  });
  const settings = settingsIn(el);
  for (const hidden of el.querySelectorAll("[hidden]")) hidden.replaceChildren();
  freezeCanvases(el, figure.name.replace(/-\d+$/, ""), images);
  freezeControls(el);
  tidy(el, `${figure.name}-s`, rules);
  return { html: el.innerHTML, classes: el.getAttribute("class") ?? "", settings, pictures };
};

const staticForm = async (figure) => {
  const made = { rules: {}, queries: {}, images: {} };
  const forms = [];
  for (const whole of WIDTHS) forms.push(await formAt(figure, whole, made));
  const [{ html, classes, settings }] = forms;
  if (forms.some((form) => form.html !== html)) {
    throw new Error("outside its drawings it is not the same at every width: let a style sheet do what depends on the width");
  }
  const whole = html.replace(/<!--(\d+)-->/g, (_, i) => {
    // Some places are as wide on a larger page: there one drawing does for both.
    const pictures = new Map(forms.map(({ pictures: own }) => [own[i].width, own[i]]));
    return fitted([...pictures.values()].sort((a, b) => a.width - b.width), made.queries, i);
  });
  return { html: whole, classes, settings, ...made };
};

export const drawn = async (figures) => {
  const found = [];
  for (const figure of figures) {
    try {
      found.push(await staticForm(figure));
    } catch (error) {
      found.push({ error: String(error.stack ?? error).split("\n").slice(0, 3).join(" ") });
    }
  }
  return found;
};

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) { // else it is imported
  let input = "";
  for await (const chunk of process.stdin) input += chunk;
  process.stdout.write(JSON.stringify(await drawn(JSON.parse(input))));
}
