// The explorables' kit: what all of them share. Python puts this file in front of each NAME.js, so there is nothing to
// import, and all of it shares one function scope. From top to bottom: arithmetic, words, elements, charts, a figure's
// parts, and `explorable`, which holds them together.

// ---------------------------------------------------------------------------------------------- arithmetic

// The one cost formula of the JavaScript side: a convolution, with BatchNorm's two vectors when `norm`.
// The twin of `Layer.params`, `.macs` and `.activations` in cost.py.
const convCost = ({ inChannels, outChannels, kernel, groups = 1, outHeight, outWidth, norm = true, bias = false }) => {
  const weights = kernel * kernel * (inChannels / groups) * outChannels;
  return {
    params: weights + (bias ? outChannels : 0) + (norm ? 2 * outChannels : 0),
    macs: weights * outHeight * outWidth,
    activations: outChannels * outHeight * outWidth,
  };
};

// Round a channel count to a multiple of 8 without losing more than a tenth of it; as specs.make_divisible.
const makeDivisible = (value, divisor = 8, minValue = divisor, roundLimit = 0.9) => {
  const rounded = Math.max(minValue, Math.floor(Math.trunc(value + divisor / 2) / divisor) * divisor);
  return rounded < roundLimit * value ? rounded + divisor : rounded;
};

// Pixels a side after a convolution with "same" padding.
const outSize = (size, stride) => Math.ceil(size / stride);

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

// Where an axis ends: the first of 1, 2, 5, 10, 20, 50, ... that is not below the value.
const niceCeiling = (value) => {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((ceiling) => ceiling >= value);
};

// An axis that follows the value only in steps. It grows when it must, and shrinks only when the value has clearly
// left, so that it does not flicker while a slider is moved back and forth across a border.
const nextCeiling = (current, value) =>
  !(value <= current) || niceCeiling(value / 0.8) < current ? niceCeiling(value) : current;

// The marks of an axis that ends at a nice ceiling: quarters, of which the even ones are round enough for a label.
const axisTicks = (ceiling) => [0, 1, 2, 3, 4].map((i) => ({ value: (ceiling * i) / 4, labelled: i % 2 === 0 }));

// A slider's values, as positions of <input type="range">: a range keeps its own numbers, a list goes by index.
const scaleOf = (range) => {
  const { values, min, max, step } = range;
  if (values) {
    return { min: 0, max: values.length - 1, step: 1, toValue: (i) => values[i], toPosition: (v) => values.indexOf(v) };
  }
  // 0.25 + 2 * 0.05 is 0.35000000000000003: rounding gives the page and Python the same number.
  const toValue = (position) => Number((min + Math.round((position - min) / step) * step).toFixed(10));
  return { min, max, step, toValue, toPosition: (value) => value };
};

// The allowed value nearest to a wished one, which may come from the page's address and be anything.
const nearestAllowed = (range, wish, fallback) => {
  if (range.letters) return typeof wish === "string" && wish.length <= range.letters ? wish : fallback;
  if (range.values) {
    if (range.values.includes(wish)) return wish;
    if (typeof wish !== "number" || typeof fallback !== "number" || !Number.isFinite(wish)) return fallback;
    return range.values.reduce((best, value) => (Math.abs(value - wish) < Math.abs(best - wish) ? value : best));
  }
  if (typeof wish !== "number" || !Number.isFinite(wish)) return fallback;
  return scaleOf(range).toValue(Math.min(range.max, Math.max(range.min, wish)));
};

// The released model whose width and resolution differ least, both by ratio: MACs grow about with the square of each.
const nearestReleased = (models, width, resolution) => {
  const far = (model) => Math.hypot(Math.log(model.alpha / width), Math.log(model.resolution / resolution));
  return models.reduce((best, model) => (far(model) < far(best) ? model : best));
};

// Where a key leads on a slider: to the position it asks for, or where that is impossible, to the next one beyond that is
// possible, or else to the last one before it. `settled(position)` is where the slider stands once all has settled.
const keyPosition = ({ min, max, step }, from, wish, settled) => {
  const direction = Math.sign(wish - from);
  const moves = (position) => direction * (settled(position) - from) > 0;
  const steps = (end) => Math.round((direction * (end - wish)) / step);
  const at = (i) => Number((wish + i * direction * step).toFixed(10));
  for (let i = 0; i <= steps(direction > 0 ? max : min); i++) if (moves(at(i))) return at(i);
  for (let i = -1; i > steps(from); i--) if (moves(at(i))) return at(i);
  return from;
};

// PageUp and PageDown move a tenth of the slider, and at least one step: Chromium alone would not move a short one.
const pagePosition = ({ min, max, step }, position, direction) => {
  const page = Math.max(1, Math.round((max - min) / step / 10)) * step;
  return Math.min(max, Math.max(min, position + direction * page));
};

// ---------------------------------------------------------------------------------------------- words

// 115,605,504, of a whole number. A phone takes 50 ms to make its first Intl.NumberFormat.
const exact = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

// 115.6 M, with a space that does not break.
const short = (number) => {
  for (const [size, unit] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (number >= size * 0.99995) {
      const tenths = Math.floor((10 * number + size / 2) / size); // halves go up
      return `${(tenths / 10).toFixed(1)}\u00a0${unit}`;
    }
  }
  return String(number);
};

// As `short`, for round numbers on an axis: 50 M.
const shortTick = (number) => short(number).replace(".0\u00a0", "\u00a0");

// What so many numbers of `bits` bits take in memory: 301.1 kB, of 1000 bytes.
const bytes = (numbers, bits) => `${short((numbers * bits) / 8)}${(numbers * bits) / 8 < 999.95 ? "\u00a0" : ""}B`;

// A share in percent with `digits` digits that count, and at most `most` decimals: 42 %, 4.2 %, 0.4 %.
const percent = (share, { digits = 2, most = digits - 1 } = {}) => {
  const place = [0.0995, 0.00995, 0.000995, 0.0000995].findIndex((limit) => share >= limit); // 9.95 % is written 10 %
  return `${(100 * share).toFixed(Math.min(most, digits - 2 + (place < 0 ? 4 : place)))}\u00a0%`;
};

// How much one count is of another, in words that are true for every pair: "1.58 times", "43 % of", "exactly".
// To be followed by a noun phrase: `${howMuch(a, b)} the MACs of the standard convolution`.
const howMuch = (part, whole) => {
  const ratio = part / whole;
  if (part === whole) return "exactly";
  if (ratio > 0.995 && ratio < 1.005) return ratio > 1 ? "slightly more than" : "slightly less than";
  if (ratio > 1) return `${ratio.toFixed(ratio < 9.995 ? 2 : ratio < 99.95 ? 1 : 0)} times`;
  return `${percent(ratio)} of`;
};

// ---------------------------------------------------------------------------------------------- elements

const SVG = "http://www.w3.org/2000/svg";

// Set attributes; null and false take an attribute away. Never "style": a page's security policy may forbid it. Single
// properties (element.style.width = ...) are allowed everywhere.
const set = (element, attributes) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : value);
  }
  return element;
};

const html = (name, attributes = {}, ...children) => {
  const element = set(document.createElement(name), attributes);
  element.append(...children);
  return element;
};

const svg = (name, attributes = {}, ...children) => {
  const element = set(document.createElementNS(SVG, name), attributes);
  element.append(...children);
  return element;
};

// Change a text only when it differs, so that an unchanged picture costs nothing, and in the text node that is there:
// the browser makes boxes anew for a new one.
const write = (element, text) => {
  if (element.textContent === text) return;
  const [node, ...others] = element.childNodes;
  if (node?.nodeType === Node.TEXT_NODE && others.length === 0) node.data = text;
  else element.textContent = text;
};

// Ids only tie labels to inputs; counting keeps them apart when a page shows the same explorable twice.
// The count belongs to the page: every explorable brings a copy of this file, and two groups of radio buttons with one
// name would be one group.
const uniqueId = (name) => `mn-${name}-${(globalThis.mnIds = (globalThis.mnIds ?? 0) + 1)}`;

// A coloured square that says which concept a name belongs to. Colour marks things here, it never is the text: the
// palette's hues are told apart by everyone, but not all of them are dark enough to read.
const swatch = (role) => html("span", { class: "mn-swatch", "data-role": role, "aria-hidden": "true" });

// The paper's letters with their subscripts: letters("D_K² · M").
const letters = (text) => {
  const line = html("span");
  for (const piece of text.split(/(_[A-Z])/)) line.append(piece.startsWith("_") ? html("sub", {}, piece[1]) : piece);
  return line;
};

// An element in a box with room for the longest of the texts that may come to stand in it: a slider below it stays.
const roomFor = (element, texts, name) => html("span", { class: `mn-room ${name}`,
  "data-longest": texts.reduce((longest, text) => (text.length > longest.length ? text : longest)) }, element);

// A group of radio buttons that look like one control. Returns { element, set(value) }.
const radios = ({ legend, options, onChange, signal }) => {
  const name = uniqueId("radio");
  const inputs = new Map();
  const element = html("fieldset", { class: "mn-radios" }, html("legend", {}, legend));
  for (const { value, label, role } of options) {
    const id = uniqueId("option");
    const input = html("input", { type: "radio", name, id, value: String(value), "data-lm-suppress-shortcuts": "true" });
    input.addEventListener("change", () => onChange(value), { signal });
    inputs.set(value, input);
    element.append(html("span", {}, input, html("label", { for: id }, ...(role ? [swatch(role)] : []), label)));
  }
  return { element, set: (value) => inputs.forEach((input, own) => { input.checked = own === value; }) };
};

// ---------------------------------------------------------------------------------------------- charts

// An SVG that is laid out anew for every width, so that its text never shrinks. One unit of its coordinates is a
// sixteenth of the text size: with larger text the drawing gets larger too. `height` may be a function of the width;
// beyond `maxWidth` the drawing does not grow. Returns { svg, width, height } and
// `describe(text)`, which sets what a screen reader says of the picture;
// `fit(style)`, which takes the width that a place with this `width` and `fontSize` has, and returns whether that is new;
// `begin(style)`, which does so at the start and returns whether the page is laid out there. To ask lays out the page, so
// one that showed the still form says what stood there, or null where it is not laid out.
const drawing = ({ height, minWidth = 280, maxWidth }) => {
  const element = svg("svg", { class: "mn-drawing", role: "img" });
  if (maxWidth) element.style.maxWidth = `${maxWidth / 16}em`;
  let waits = false;
  const layOut = (width) => {
    chart.width = width;
    chart.height = typeof height === "function" ? height(width) : height;
    set(element, { viewBox: `0 0 ${width} ${chart.height}` });
    element.style.aspectRatio = `${width} / ${chart.height}`;
  };
  const chart = {
    svg: element,
    describe: (text) => set(element, { "aria-label": text }),
    fit: ({ width: css, fontSize }) => {
      const pixels = css.endsWith("px") ? parseFloat(css) : 0; // what is hidden has "100%" or "auto"
      const width = Math.max(minWidth, Math.round((16 * pixels) / parseFloat(fontSize)));
      if (!(pixels > 0) || (width === chart.width && !waits)) return false;
      waits = false;
      layOut(width);
      return true;
    },
    begin: (style) => {
      // What waits below the screen is not laid out for this: the observer comes when it is. A hidden view does not wait.
      waits = style === null
        || (!style && element.checkVisibility?.() === true && !element.checkVisibility({ contentVisibilityAuto: true }));
      if (!waits) chart.fit(style ?? getComputedStyle(element));
      return !waits;
    },
  };
  layOut(480); // until it is in the page
  return chart;
};

// The outline, in a bar's track, of what was there before the gesture: a share of the track, or undefined for none.
const showGhost = (ghost, share) => {
  ghost.style.visibility = share === undefined ? "hidden" : "";
  if (share !== undefined) ghost.style.width = `${Math.min(102, 100 * share)}%`; // past the end: cut off
};

// Horizontal bars on one axis, each a stack of parts. `rows` are [{ label, parts: [{ part, label, role }] }]; `role`
// is a colour of the palette, `part` ties it to the highlighting. Returns { element, update, reset }.
// update(rows): for each row { values: [one number per part], before: total before the gesture, or undefined }.
const stackedBars = ({ title, rows }) => {
  let ceiling;
  const ticks = ["start", "middle", "end"].map((at) => html("span", { class: `mn-tick mn-tick-${at}` }));
  const axis = html("div", { class: "mn-axis", "aria-hidden": "true" }, ...ticks);
  const element = html("div", { class: "mn-bars" }, html("div", { class: "mn-bars-title" }, title));
  const bars = rows.map(({ label, parts }) => {
    const total = html("span", { class: "mn-number" });
    const ghost = html("div", { class: "mn-ghost" });
    const segments = parts.map(({ part, label: name, role }) => ({
      bar: html("div", { class: "mn-segment", "data-role": role, "data-part": part },
        html("span", { class: "mn-segment-label" }, name)),
      number: html("span", { class: "mn-number" }),
    }));
    const track = html("div", { class: "mn-track", "aria-hidden": "true" }, ...segments.map(({ bar }) => bar), ghost);
    element.append(html("div", { class: "mn-bar-head" }, html("span", {}, label), total), track);
    if (parts.length > 1) {
      // The numbers stand below the bar and not in it: a segment may be too thin for any text.
      element.append(html("div", { class: "mn-bar-parts" }, ...parts.map(({ part, label: name, role }, i) =>
        html("span", { "data-part": part }, swatch(role), `${name} `, segments[i].number))));
    }
    return { total, ghost, segments };
  });
  element.append(axis);

  const update = (counts) => {
    const next = nextCeiling(ceiling, Math.max(...counts.map(({ values }) => sum(values))));
    if (next !== ceiling) {
      // A new scale must be seen: swapping one animation for its twin starts it again.
      if (ceiling) axis.classList.toggle("mn-axis-stepped", !axis.classList.toggle("mn-axis-stepped-again"));
      ceiling = next;
      axisTicks(ceiling).filter(({ labelled }) => labelled).forEach(({ value }, i) => write(ticks[i], shortTick(value)));
    }
    counts.forEach(({ values, before }, row) => {
      const { total, ghost, segments } = bars[row];
      write(total, short(sum(values)));
      values.forEach((value, i) => {
        segments[i].bar.style.width = `${(100 * value) / ceiling}%`;
        write(segments[i].number, short(value));
      });
      showGhost(ghost, before === sum(values) ? undefined : before && before / ceiling);
    });
  };
  return { element, update, reset: () => (ceiling = undefined) };
};

// A mark of a dot chart, as a piece of an SVG path.
const dotPath = (shape, x, y) =>
  shape === "circle" ? `M${x - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0` : `M${x} ${y - 5.5}l5.5 5.5l-5.5 5.5l-5.5 -5.5z`;

// Where the name of a dot may stand beside it: [right, down, anchor]. What a letter takes there, in the picture's units.
const BESIDE = [[7, 12, "start"], [-1, -12, "end"], [-7, 14, "end"], [14, -9, "start"], [16, 4, "start"], [-16, 4, "end"],
  [14, 22, "start"], [-14, 24, "end"], [0, -20, "middle"], [0, 26, "middle"]];
const LETTER = 6.4;

const meets = ([left, top, right, bottom], box) => left < box[2] && right > box[0] && top < box[3] && bottom > box[1];
const boxAround = (px, py, far) => [px - far, py - far, px + far, py + far];
const boxBeside = ({ px, py, words }, [dx, dy, anchor]) => {
  const long = words.length * LETTER;
  const left = px + dx - { start: 0, middle: long / 2, end: long }[anchor];
  return [left, py + dy - 9, left + long, py + dy + 1]; // the letters, without the line's air
};

// A place for the name of each dot, or null where there is none. `names` are [{ px, py, words, usual }]. A name stays
// where it usually is, unless something is `taken` there or another name is; then it goes where neither that is nor a
// dot nor a name. What is taken, and the dots, are boxes [left, top, right, bottom].
const placeNames = (names, taken, dots, width) => {
  const free = (box, ...others) => box[0] >= 0 && box[2] <= width && !others.some((boxes) => boxes.some((each) => meets(box, each)));
  const places = names.map(() => null);
  const standing = () => names.flatMap((name, i) => (places[i] ? [boxBeside(name, places[i])] : []));
  names.forEach((name, i) => {
    if (free(boxBeside(name, name.usual), taken, standing())) places[i] = name.usual;
  });
  names.forEach((name, i) => {
    places[i] ??= BESIDE.find((place) => free(boxBeside(name, place), taken, dots, standing())) ?? null;
  });
  return places;
};

// Dots over a logarithmic axis, and a vertical line "you are here". `groups` are [{ name, role, shape: "circle" or
// "diamond", labels: "above" or "below", points: [{ x, y, series, label }] }]: a thin line joins neighbours of one
// series, and a point's label stands beside it, unless the line, its words and the ring leave no room. `x` and `y` are
// { title, from, to, ticks, format }. A tap on a dot calls `onPick(point)`. Returns { element, update, describe };
// update({ here, label, ring }): where the line stands, its words, and the point that gets a ring, or undefined.
const dotChart = (view, { groups, x, y, height = 250, onPick }) => {
  const [LEFT, RIGHT, TOP, BOTTOM] = [24, 8, 44, height - 34];
  const chart = view.drawing({ height });
  const xAt = (value) => LEFT + ((chart.width - LEFT - RIGHT) * Math.log(value / x.from)) / Math.log(x.to / x.from);
  const yAt = (value) => BOTTOM - ((BOTTOM - TOP) * (value - y.from)) / (y.to - y.from);
  const text = (attributes, words = "") => svg("text", { class: "mn-soft", ...attributes }, words);
  const dotsClass = (shape) => (shape === "circle" ? "mn-dots mn-dots-open" : "mn-dots");

  const grid = svg("path", { class: "mn-grid" });
  const xTicks = x.ticks.map((value) => text({ "text-anchor": "middle", y: BOTTOM + 16 }, x.format(value)));
  const yTicks = y.ticks.map((value) => text({ "text-anchor": "end", x: LEFT - 5, y: yAt(value) + 4 }, y.format(value)));
  const xTitle = text({ "text-anchor": "end", y: BOTTOM + 31 }, x.title);
  const marks = groups.map(({ role, shape, labels, points }) => {
    const usual = BESIDE[labels === "above" ? 1 : 0];
    const line = svg("path", { class: "mn-series" });
    const dots = svg("path", { class: dotsClass(shape) });
    const names = points.filter(({ label }) => label)
      .map((point) => ({ point, usual, name: text({}, point.label) }));
    const element = svg("g", { "data-role": role }, line, dots, ...names.map(({ name }) => name));
    return { points, shape, line, dots, names, element };
  });
  const here = svg("path", { class: "mn-here" });
  const hereText = svg("text", { class: "mn-bold", y: TOP - 12 });
  const ring = svg("circle", { class: "mn-ring", r: 9 });
  chart.svg.append(grid, ...xTicks, ...yTicks, text({ x: 0, y: 12 }, y.title), xTitle, here,
    ...marks.map(({ element }) => element), hereText, ring);
  const legend = html("div", { class: "mn-legend" }, ...groups.map(({ name, role, shape }) => html("span", {},
    svg("svg", { class: "mn-drawing mn-key", viewBox: "0 0 16 16", "aria-hidden": "true", "data-role": role },
      svg("path", { class: dotsClass(shape), d: dotPath(shape, 8, 8) })), name)));

  const named = marks.flatMap(({ names }) => names);
  let laidOut; // the width that everything but the line, the ring and the names is drawn for
  let dots;
  const layOut = () => {
    if (laidOut === chart.width) return;
    laidOut = chart.width;
    set(grid, { d: y.ticks.map((value) => `M${LEFT} ${yAt(value)}H${chart.width - RIGHT}`).join("")
      + x.ticks.map((value) => `M${xAt(value)} ${BOTTOM}v5`).join("") });
    x.ticks.forEach((value, i) => set(xTicks[i], { x: xAt(value) }));
    set(xTitle, { x: chart.width - RIGHT });
    dots = marks.flatMap(({ points }) => points.map((point) => boxAround(xAt(point.x), yAt(point.y), 5)));
    for (const { points, shape, line, dots: drawn } of marks) {
      const places = points.map((point) => ({ ...point, px: xAt(point.x), py: yAt(point.y) }));
      set(drawn, { d: places.map(({ px, py }) => dotPath(shape, px, py)).join("") });
      set(line, { d: places.map(({ series, px, py }, i) =>
        `${i > 0 && places[i - 1].series === series ? "L" : "M"}${px} ${py}`).join("") });
    }
  };
  const nameDots = ({ label, ring: ringed }, at, onTheLeft) => {
    const long = label.length * LETTER * 1.15; // bold
    const taken = [[at - 3, TOP - 22, at + 3, BOTTOM],
      [at - (onTheLeft ? long + 6 : -6), TOP - 24, at + (onTheLeft ? -6 : long + 6), TOP - 8]];
    if (ringed) taken.push(boxAround(xAt(ringed.x), yAt(ringed.y), 10));
    const places = named.map(({ point, usual }) => ({ px: xAt(point.x), py: yAt(point.y), words: point.label, usual }));
    placeNames(places, taken, dots, chart.width).forEach((place, i) => {
      const [dx, dy, anchor] = place ?? places[i].usual;
      set(named[i].name, { x: places[i].px + dx, y: places[i].py + dy, "text-anchor": anchor, visibility: place ? null : "hidden" });
    });
  };
  const update = (state) => {
    layOut();
    const at = xAt(state.here);
    const onTheLeft = at > chart.width / 2; // the words stay inside the picture
    nameDots(state, at, onTheLeft);
    set(here, { d: `M${at} ${TOP - 22}V${BOTTOM}` });
    set(hereText, { x: at + (onTheLeft ? -6 : 6), "text-anchor": onTheLeft ? "end" : "start" });
    write(hereText, state.label);
    set(ring, { visibility: state.ring ? null : "hidden" });
    if (state.ring) set(ring, { cx: xAt(state.ring.x), cy: yAt(state.ring.y) });
  };
  if (onPick) {
    chart.svg.classList.add("mn-pickable");
    chart.svg.addEventListener("click", (event) => {
      const box = chart.svg.getBoundingClientRect();
      const unit = box.width / chart.width;
      const [px, py] = [(event.clientX - box.left) / unit, (event.clientY - box.top) / unit];
      const far = (point) => Math.hypot(xAt(point.x) - px, yAt(point.y) - py);
      const nearest = groups.flatMap(({ points }) => points).reduce((best, point) => (far(point) < far(best) ? point : best));
      if (far(nearest) < 22) onPick(nearest); // 22: half a finger
    }, { signal: view.signal });
  }
  return { element: html("div", { class: "mn-dot-chart" }, legend, chart.svg), update, describe: chart.describe };
};

// A table of everything the picture shows, behind a button. Returns { element, update }.
// update(rows): [{ label, part, cells: [text, ...] }]; rows are made once and then only filled.
const liveTable = ({ caption, columns }) => {
  const body = html("tbody");
  const heads = columns.map((column) => html("th", { scope: "col" }, column));
  const table = html("table", { class: "mn-table" }, html("caption", {}, caption),
    html("thead", {}, html("tr", {}, ...heads)), body);
  const rows = [];
  let shown;
  const update = (contents) => {
    if (contents === shown) return; // a table of what never changes is filled once
    shown = contents;
    contents.forEach(({ label, part = null, cells }, i) => {
      if (!rows[i]) {
        const head = html("th", { scope: "row" });
        const fields = cells.map(() => html("td"));
        rows[i] = { row: html("tr", {}, head, ...fields), head, fields };
        body.append(rows[i].row);
      }
      const { row, head, fields } = rows[i];
      row.hidden = false;
      set(row, { "data-part": part });
      write(head, label);
      cells.forEach((cell, j) => write(fields[j], cell));
    });
    rows.slice(contents.length).forEach(({ row }) => (row.hidden = true));
  };
  // On a phone the table is wider than the page: it scrolls in its own box, which the keyboard must reach.
  const element = html("div", { class: "mn-table-box", role: "region", "aria-label": caption, tabindex: 0 }, table);
  return { element, update };
};

// A formula with the current numbers put in, one line per term. `terms` are [{ part, role, label, symbols }].
// Returns { element, update }; update([{ numbers: "56² · 24 · 144", result }]).
const formula = ({ title, terms }) => {
  const element = html("div", { class: "mn-formula" }, html("div", { class: "mn-bars-title" }, title));
  const lines = terms.map(({ part, role, label, symbols }) => {
    const numbers = html("span", { class: "mn-term-numbers" });
    const result = html("span", { class: "mn-term-result mn-number" });
    element.append(html("div", { class: "mn-term", "data-role": role, "data-part": part },
      html("span", { class: "mn-term-label" }, label), html("span", { class: "mn-term-symbols" }, symbols), numbers, result));
    return { numbers, result };
  });
  const update = (contents) => {
    contents.forEach(({ numbers, result }, i) => {
      write(lines[i].numbers, numbers);
      write(lines[i].result, `= ${exact(result)}`);
    });
  };
  return { element, update };
};

// ---------------------------------------------------------------------------------------------- a figure's parts
// Each of these knows one thing about a figure; `explorable`, below, puts them together.

const PAUSE = 700; // ms without a change that end a gesture made with the keyboard
const QUIET = 600; // ms of rest before a screen reader is told the result

// The settings as the model has them, and which values they may take.
const settingsOf = (model) => {
  const settings = model.get("settings");
  const ranges = model.get("ranges");
  const names = Object.keys(ranges);
  const standard = Object.fromEntries(names.map((name) => [name, model.get(name)]));
  // fvcore's count is for these; a setting that only chooses where to look (counts: false) does not change it.
  const counted = settings.filter((name) => ranges[name].counts !== false);
  return {
    settings, ranges, names, standard,
    read: () => Object.fromEntries(names.map((name) => [name, nearestAllowed(ranges[name], model.get(name), standard[name])])),
    keyOf: (state) => JSON.stringify(counted.map((name) => state[name])),
  };
};

// The elements that every figure has.
const frameOf = (title) => {
  const [titleId, tableId] = [uniqueId("title"), uniqueId("table")];
  const parts = {
    picture: html("div", { class: "mn-picture" }),
    controls: html("div", { class: "mn-controls" }),
    details: html("div", { class: "mn-details" }),
    result: html("p", { class: "mn-result", "aria-hidden": "true" }),
    status: html("p", { class: "mn-status", role: "status" }),
    live: html("p", { class: "mn-live-line" }),
    resetButton: html("button", { type: "button", class: "mn-button" }, "Reset"),
    tableButton: html("button", {
      type: "button", class: "mn-button", "aria-expanded": "false", "aria-controls": tableId,
    }, "Show as table"),
    tablePlace: html("div", { id: tableId, class: "mn-table-place", hidden: true }),
  };
  const frame = html("div", { class: "mn-frame", role: "group", "aria-labelledby": titleId },
    html("div", { class: "mn-head" },
      html("div", { class: "mn-title", id: titleId }, title),
      html("div", { class: "mn-buttons" }, parts.tableButton, parts.resetButton)),
    parts.picture, parts.controls,
    html("div", { class: "mn-below" }, parts.result, parts.status, parts.details, parts.live, parts.tablePlace));
  return { frame, ...parts };
};

// Of all that changes in a figure, the page around it is only touched by its height. With that written down, a step of a
// slider does not make the browser lay out the whole page. The height grows where a longer sentence needs another line,
// and stays: the page below does not jump back and forth. Another width or text size starts it anew.
// Returns a function that begins it, and begins it anew where something large has come or gone.
const keepHeight = (el, frame, signal) => {
  let kept = {};
  const observer = new ResizeObserver(([{ borderBoxSize: [box] }]) => {
    const unit = parseFloat(getComputedStyle(el).fontSize);
    if (box.inlineSize !== kept.width || unit !== kept.unit) kept = { width: box.inlineSize, unit, height: 0 };
    if (box.blockSize <= kept.height) return;
    kept.height = box.blockSize;
    el.style.height = `calc(${box.blockSize / unit}em + 2px)`; // with the border's lines
    el.classList.add("mn-contained");
  });
  signal.addEventListener("abort", () => {
    observer.disconnect();
    el.classList.remove("mn-contained");
    el.style.height = "";
  });
  return () => {
    kept = {};
    observer.unobserve(frame);
    observer.observe(frame); // reports once more, even where nothing has changed
  };
};

// A gesture is one drag, or key presses without a long pause between them. The ghosts show what was there before it.
const gestures = () => {
  let before;
  let held = false; // the pointer is down
  let fresh = true; // the next change starts a gesture
  let changed = -Infinity; // when the last change came
  return {
    begin: () => { fresh = true; },
    hold: () => { held = true; fresh = true; },
    release: () => { held = false; },
    before: () => before,
    // The state is about to change from `shown`. A change that the reader does not make is no gesture.
    take: (shown, byReader) => {
      const now = performance.now();
      if (!byReader) before = undefined;
      else if (fresh || (!held && now - changed > PAUSE)) before = shown;
      fresh = !byReader;
      changed = now;
    },
  };
};

// Highlighting: everything with the same data-part belongs together, the rest fades. A part is chosen for good, or
// pointed at for the moment.
const highlighting = (frame) => {
  let chosen = "";
  let pointed = "";
  const show = () => {
    const part = pointed || chosen;
    frame.classList.toggle("mn-highlighting", part !== "");
    for (const element of frame.querySelectorAll("[data-part]")) {
      element.classList.toggle("mn-lit", element.dataset.part === part);
    }
  };
  // Let the reader pick one of `parts`: with the radio buttons it returns, or by pointing at anything of that part.
  const offer = (parts, legend, signal) => {
    const group = radios({
      legend,
      options: [{ value: "", label: "all" }, ...parts.map(({ part, label, role }) => ({ value: part, label, role }))],
      onChange: (part) => choose(part),
      signal,
    });
    const choose = (part) => {
      chosen = part;
      group.set(part);
      show();
    };
    const point = (part) => {
      pointed = part;
      show();
    };
    const partAt = (event) => event.target.closest?.("[data-part]")?.dataset.part ?? "";
    const on = (name, listen) => frame.addEventListener(name, listen, { signal });
    on("pointerover", (event) => {
      if (event.pointerType === "mouse" && partAt(event) !== pointed) point(partAt(event));
    });
    on("pointerleave", () => point(""));
    on("click", (event) => {
      const part = partAt(event);
      if (part) choose(part === chosen ? "" : part);
    });
    on("keydown", (event) => {
      if (event.key === "Escape") choose("");
    });
    group.element.classList.add("mn-parts");
    return { element: group.element, choose };
  };
  return { show, offer };
};

// The result in one sentence: at once for the eye, and after a rest for a screen reader.
const announcer = (result, status, signal) => {
  let saying;
  signal.addEventListener("abort", () => clearTimeout(saying));
  return (sentence) => {
    if (result.textContent === sentence) return;
    const first = result.textContent === "";
    write(result, sentence);
    clearTimeout(saying);
    if (first) write(status, sentence);
    else saying = setTimeout(() => write(status, sentence), QUIET);
  };
};

// fvcore's count beside the closed form. Returns { count(macs), show(key) }; `key` is of the settings that are shown.
const countLine = (model, line, signal) => {
  let closedForm;
  let waiting;
  let waitingFor;
  signal.addEventListener("abort", () => clearTimeout(waiting));
  const show = (shownKey) => {
    line.hidden = closedForm === undefined; // what the figure is about has no MACs
    if (line.hidden) return;
    const { key, macs, error } = model.get("measured") ?? {};
    const missing = key === shownKey ? undefined : shownKey;
    if (missing !== undefined && missing === waitingFor) return; // only the look changed
    clearTimeout(waiting);
    waitingFor = missing;
    const start = `closed form: ${exact(closedForm)} MACs · fvcore: `;
    if (missing !== undefined) {
      // A live kernel answers within a moment, unless it is busy or another one than the figure's. On a page there is
      // none, and the number is for the state it was built with.
      const page = globalThis.explorables?.folder !== undefined;
      const why = page ? "counts this state when the chapter runs in a notebook" : "no answer yet: run the cell again";
      write(line, `${start}…`);
      waiting = setTimeout(() => write(line, start + why), page ? 1500 : 4000);
    } else if (error) write(line, start + error);
    else {
      const verdict = macs === closedForm ? "agrees" : `differs by ${exact(Math.abs(macs - closedForm))}`;
      write(line, `${start}${exact(macs)} MACs, ${verdict}`);
    }
  };
  return { count: (macs) => { closedForm = macs; }, show };
};

// ---------------------------------------------------------------------------------------------- explorable

// The frame of a figure: a picture, its controls, details below; reset, table, result, fvcore's line. Use:
//
//   const view = explorable({ model, el, signal, title: "Inverted residual" });
//   view.slider("stride", { label: "Stride" });              // for each setting that has a slider
//   view.picture.append(...); view.details.append(...);      // once
//   return view.start((state, before) => { ... });           // sets attributes and texts, at every change
//
// `state` holds the settings by name, always allowed values. `before` holds those from before the reader's current
// gesture, for the ghosts, or is undefined. The draw function runs within the input event and must stay under 4 ms:
// it never makes or removes elements.
//
// Where some settings rule out values of others, `settle(state, was)` returns the nearest state there can be: it must
// return a possible state as it is.
const explorable = ({ model, el, signal, title, settle = (state) => state }) => {
  const stop = new AbortController();
  signal?.addEventListener("abort", () => stop.abort());
  const listening = { signal: stop.signal };

  const { settings, ranges, names, standard, read, keyOf } = settingsOf(model);
  const { frame, picture, controls, details, result, status, live, resetButton, tableButton, tablePlace } = frameOf(title);
  el.classList.add("mn");
  el.append(frame);
  const freshHeight = keepHeight(el, frame, stop.signal);
  const gesture = gestures();
  const lights = highlighting(frame);
  const say = announcer(result, status, stop.signal);
  const { count, show: showCount } = countLine(model, live, stop.signal);

  // --- drawing the state
  const drawings = []; // each lays itself out for its width
  const controlsInUse = []; // each a function that shows the state on its control
  const tables = [];
  const resets = [];
  let draw = () => {};
  let shown; // the state that is drawn
  const redraw = () => {
    draw(shown, gesture.before());
    showTables();
    showMeasured();
  };
  const showTables = () => {
    if (!tablePlace.hidden) for (const table of tables) table.update(table.rows(shown));
  };
  const showMeasured = () => showCount(keyOf(shown));

  // --- changing it
  // Settings may change together, one event each: the change is taken when all are in place. One made here is taken
  // within its input event, one from the address or from Python as soon as their code has run.
  const changing = { pending: false, byReader: false, settling: false };
  const onModelChange = () => {
    if (changing.settling || changing.pending) return;
    changing.pending = true;
    if (!changing.byReader) queueMicrotask(takeChange);
  };
  const takeChange = () => {
    changing.pending = false;
    const state = settle(read(), shown);
    changing.settling = true;
    for (const name of names) {
      if (model.get(name) !== state[name]) model.set(name, state[name]); // what was wished cannot be: correct it
    }
    changing.settling = false;
    if (names.every((name) => state[name] === shown[name])) {
      for (const show of controlsInUse) show(state); // the control that was moved goes back
      return;
    }
    gesture.take(shown, changing.byReader);
    shown = state;
    for (const show of controlsInUse) show(state);
    redraw();
  };
  const change = (values) => {
    changing.byReader = true;
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    if (changing.pending) takeChange();
    changing.byReader = false;
    model.save_changes();
  };

  // --- controls
  const control = (name, label, input, format) => {
    const value = html("span", { class: "mn-value", "aria-hidden": "true" });
    // As wide as its longest text, or a slider would move under the finger where label and value need a second line.
    const keepWidth = () => {
      const { values, min, max, ticks } = ranges[name];
      const longest = Math.max(...(values ?? [min, max, ...ticks]).map((each) => format(each).length));
      value.style.minWidth = `min(100%, ${longest}ch)`; // it goes on on a second line where a phone has no room
    };
    const explanation = html("span", { class: "mn-explanation", id: uniqueId("why"), hidden: true });
    set(input, { id: uniqueId("input"), "data-setting": name, "data-lm-suppress-shortcuts": "true" });
    const element = html("div", { class: "mn-control" },
      html("div", { class: "mn-control-head" }, html("label", { for: input.id }, label), value), input, explanation);
    // An impossible state explains itself, in sight and to a screen reader; an empty text takes the words away.
    const explain = (text) => {
      explanation.hidden = !text;
      write(explanation, text);
      set(input, { "aria-describedby": text ? explanation.id : null });
    };
    return { element, explain, show: (state) => {
      if (!value.style.minWidth) keepWidth(); // now, when `format` may ask for the state
      write(value, format(state[name]));
      set(input, { "aria-valuetext": format(state[name]) });
    } };
  };

  // A slider for a setting: label and value above a native range. `format` writes a value with its unit; `upTo(state)`
  // is where the slider ends, if not every state has all its values. Returns { element, explain(text) }.
  const slider = (name, { label, format = String, parent = controls, upTo }) => {
    const range = ranges[name];
    const scale = scaleOf(range);
    const last = scale.max;
    const input = html("input", { type: "range", min: scale.min, max: scale.max, step: scale.step });
    const share = (position) => Math.min(1, (position - scale.min) / (scale.max - scale.min));
    let byKey = false;
    const take = () => {
      const wish = Number(input.value);
      const settled = (position) => scale.toPosition(settle({ ...shown, [name]: scale.toValue(position) }, shown)[name]);
      const position = byKey ? keyPosition(scale, scale.toPosition(shown[name]), wish, settled) : wish;
      byKey = false;
      change({ [name]: scale.toValue(position) });
    };
    input.addEventListener("input", take, listening);
    input.addEventListener("pointerdown", () => { byKey = false; gesture.hold(); }, listening);
    input.addEventListener("keydown", (event) => {
      byKey = true;
      const direction = { PageUp: 1, PageDown: -1 }[event.key];
      if (!direction) return;
      event.preventDefault();
      input.value = pagePosition(scale, Number(input.value), direction);
      take();
    }, listening);
    const { element, explain, show } = control(name, label, input, format);
    const marks = (range.values ?? range.ticks).map((value) => ({ mark: html("i", {}), position: scale.toPosition(value) }));
    const placeMarks = () => {
      for (const { mark, position } of marks) {
        mark.style.setProperty("--mn-at", share(position));
        mark.hidden = position > scale.max;
      }
    };
    placeMarks();
    const rail = html("div", { class: "mn-rail" }, html("div", { class: "mn-ticks", "aria-hidden": "true" }, ...marks.map(({ mark }) => mark)));
    input.replaceWith(rail);
    rail.prepend(input);
    controlsInUse.push((state) => {
      const position = scale.toPosition(state[name]);
      const end = upTo ? scale.toPosition(upTo(state)) : last;
      if (end !== scale.max) {
        scale.max = end;
        set(input, { max: end });
        placeMarks();
      }
      if (Number(input.value) !== position) input.value = position;
      input.style.setProperty("--mn-at", share(position));
      show(state);
    });
    parent.append(element);
    return { element, explain };
  };

  // Radio buttons for a setting that is a word or one of very few values. `labels` maps a value to its text.
  const choice = (name, { label, labels = {}, parent = controls }) => {
    const group = radios({
      legend: label,
      options: ranges[name].values.map((value) => ({ value, label: labels[value] ?? String(value) })),
      onChange: (value) => { gesture.begin(); change({ [name]: value }); },
      signal: stop.signal,
    });
    group.element.classList.add("mn-control");
    controlsInUse.push((state) => group.set(state[name]));
    parent.append(group.element);
    return group;
  };

  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, gesture.release, listening);
  resetButton.addEventListener("click", () => {
    gesture.hold(); // all settings together are one gesture
    change(Object.fromEntries(settings.map((name) => [name, standard[name]])));
    gesture.release();
    for (const reset of resets) reset(); // last: the settings changed one by one, and an axis may have grown meanwhile
    redraw();
    freshHeight();
  }, listening);

  // --- the table
  // Everything the picture says, in text. `rows(state)` returns what liveTable's update takes.
  const addTable = ({ caption, columns, rows }) => {
    tables.push({ ...liveTable({ caption, columns }), rows });
    tablePlace.append(tables.at(-1).element);
  };
  tableButton.addEventListener("click", () => {
    tablePlace.hidden = !tablePlace.hidden;
    set(tableButton, { "aria-expanded": String(!tablePlace.hidden) });
    showTables();
    lights.show();
    freshHeight();
  }, listening);

  // --- highlighting
  // Let the reader pick one of `parts` ([{ part, label, role }]): with the radio buttons this appends to `parent`
  // (arrow keys, tap), or by pointing at anything that has its data-part.
  const highlight = (parts, { legend = "Highlight", parent = picture } = {}) => {
    const offered = lights.offer(parts, legend, stop.signal);
    parent.append(offered.element);
    offered.choose("");
    resets.push(() => offered.choose(""));
    return { element: offered.element, show: lights.show }; // show: after a part's elements have changed places
  };

  // --- start and stop
  // However many drawings have another width, all are measured before one changes, and the figure is drawn once.
  const sizes = new ResizeObserver((entries) => {
    const places = entries.map(({ target, contentRect: { width } }) =>
      [target, { width: `${width}px`, fontSize: getComputedStyle(target).fontSize }]);
    const resized = places.map(([target, style]) => drawings.find((each) => each.svg === target).fit(style));
    if (!shown || !resized.some(Boolean)) return;
    redraw();
    freshHeight();
  });
  stop.signal.addEventListener("abort", () => sizes.disconnect());
  const start = (drawState) => {
    draw = drawState;
    shown = read();
    for (const show of controlsInUse) show(shown);
    tableButton.hidden = tables.length === 0;
    // Where the figure is in the page, it begins at its true width; else it gets that, and its height, when it is.
    const { stillBoxes: boxes } = el;
    const hidden = { width: "auto", fontSize: "16px" };
    const laidOut = drawings.map((each, i) => each.begin(boxes ? boxes[i] ?? hidden : boxes));
    redraw();
    if (laidOut.every(Boolean)) freshHeight();
    for (const name of names) model.on(`change:${name}`, onModelChange);
    model.on("change:measured", showMeasured);
    stop.signal.addEventListener("abort", () => {
      for (const name of names) model.off(`change:${name}`, onModelChange);
      model.off("change:measured", showMeasured);
      frame.remove();
    });
    return () => stop.abort();
  };

  return {
    picture, controls, details, result, slider, choice, highlight, say, count, start,
    table: addTable,
    onReset: (callback) => resets.push(callback),
    state: () => shown,
    signal: stop.signal, // aborts when the figure is removed
    change: (values) => { gesture.begin(); change(values); }, // for a control of one's own
    redraw: () => redraw(), // when something else than a setting has changed
    drawing: (options) => {
      drawings.push(drawing(options));
      sizes.observe(drawings.at(-1).svg);
      return drawings.at(-1);
    },
    bars: (options) => {
      const bars = stackedBars(options);
      resets.push(bars.reset);
      return bars;
    },
  };
};

// Here ends what every figure of the book shares.
