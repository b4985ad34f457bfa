// ReLU and the manifold: a spiral goes through random units and ReLU, and a linear decoder brings it back.

// What mobilenet_lib/topics/manifold.py computes with numpy, for the 1,000 points of one draw.

// The curve: x and y of each point, from the origin to the unit circle.
const spiralOf = ({ points, turns }) => {
  const x = new Float64Array(points);
  const y = new Float64Array(points);
  for (let i = 0; i < points; i++) {
    const t = i / (points - 1);
    const angle = 2 * Math.PI * turns * t;
    x[i] = t * Math.cos(angle);
    y[i] = t * Math.sin(angle);
  }
  return { x, y };
};

const dot = (a, b) => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
};

// a + factor · b, in place.
const addMultiple = (a, factor, b) => {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i];
};

const centred = (a) => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i];
  return a.map((value) => value - total / a.length);
};

// What arrives: for each unit max(T x, 0) at every point; and how many units are active at each.
const relu = (units, curve) => {
  const active = new Uint8Array(curve.x.length);
  const arrives = units.map(([a, b]) => {
    const row = new Float64Array(curve.x.length);
    for (let i = 0; i < row.length; i++) {
      const value = a * curve.x[i] + b * curve.y[i];
      if (value > 0) {
        row[i] = value;
        active[i]++;
      }
    }
    return row;
  });
  return { active, arrives };
};

// The pseudo-inverse of T, (TᵀT)⁻¹Tᵀ: for two columns it can be written down.
const pseudoInverse = (units, arrives) => {
  const aa = sum(units.map(([a]) => a * a));
  const ab = sum(units.map(([a, b]) => a * b));
  const bb = sum(units.map(([, b]) => b * b));
  const determinant = aa * bb - ab * ab;
  const back = { x: new Float64Array(arrives[0].length), y: new Float64Array(arrives[0].length) };
  units.forEach(([a, b], j) => {
    addMultiple(back.x, (bb * a - ab * b) / determinant, arrives[j]);
    addMultiple(back.y, (aa * b - ab * a) / determinant, arrives[j]);
  });
  return back;
};

// The best affine decoder, by least squares: modified Gram-Schmidt turns the units' centred numbers into orthonormal
// directions, and what the decoder brings back of x and y is what these explain. `basis` holds the directions known so
// far: those of the first n units are the first n, so that moving the slider only ever adds some.
const bestAffine = (curve, arrives, basis) => {
  for (let j = basis.length; j < arrives.length; j++) {
    const own = centred(arrives[j]);
    for (const known of basis) addMultiple(own, -dot(own, known), known);
    const norm = Math.sqrt(dot(own, own));
    basis.push(own.map((value) => value / norm));
  }
  const left = { x: centred(curve.x), y: centred(curve.y) }; // a constant explains the mean
  for (const known of basis.slice(0, arrives.length)) {
    addMultiple(left.x, -dot(left.x, known), known);
    addMultiple(left.y, -dot(left.y, known), known);
  }
  return { x: curve.x.map((value, i) => value - left.x[i]), y: curve.y.map((value, i) => value - left.y[i]) };
};

const inner = (a, b) => dot(a.x, b.x) + dot(a.y, b.y);

const relativeError = (curve, back) => {
  let squares = 0;
  for (let i = 0; i < curve.x.length; i++) squares += (curve.x[i] - back.x[i]) ** 2 + (curve.y[i] - back.y[i]) ** 2;
  return Math.sqrt(squares / inner(curve, curve));
};

// Everything the figure shows of one draw.
const manifold = ({ n, seed }, experiment, curve = spiralOf(experiment), basis = []) => {
  const units = experiment.units[seed - 1].slice(0, n);
  const { active, arrives } = relu(units, curve);
  const plain = pseudoInverse(units, arrives);
  const factor = inner(plain, curve) / inner(plain, plain);
  const back = {
    "pseudo-inverse": plain,
    rescaled: { x: plain.x.map((value) => factor * value), y: plain.y.map((value) => factor * value) },
    affine: bestAffine(curve, arrives, basis),
  };
  const errors = Object.fromEntries(DECODERS.map(({ name }) => [name, relativeError(curve, back[name])]));
  let lost = 0;
  for (const count of active) if (count < 2) lost++;
  return { n, seed, units, active, factor, errors, back, lost, points: active.length, expected: (n + 1) / 2 ** n };
};

// The directions in which no unit, or a single one, is active: [{ from, to, active }], angles in radians. ReLU(T x) has
// the same active units all along a ray from the origin, so what is lost is lost by direction.
const weakSectors = (units) => {
  const angles = units.map(([a, b]) => Math.atan2(b, a));
  const borders = angles.flatMap((angle) => [angle - Math.PI / 2, angle + Math.PI / 2])
    .map((angle) => (angle + 2 * Math.PI) % (2 * Math.PI)).sort((a, b) => a - b);
  return borders.map((from, i) => {
    const to = i + 1 < borders.length ? borders[i + 1] : borders[0] + 2 * Math.PI;
    const middle = (from + to) / 2;
    return { from, to, active: angles.filter((angle) => Math.cos(angle - middle) > 0).length };
  }).filter(({ active }) => active < 2);
};

const DECODERS = [
  { name: "pseudo-inverse", label: "pseudo-inverse", short: "pseudo-inverse" },
  { name: "rescaled", label: "rescaled pseudo-inverse", short: "rescaled" },
  { name: "affine", label: "best affine decoder", short: "best affine" },
];

// A share with as many decimals as say something.
const shareText = (share) => {
  if (share === 0) return "0\u00a0%";
  return share < 0.0001 ? "under 0.01\u00a0%" : percent(share, { most: 2 });
};

const superscript = (number) => String(number).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);

// What the numbers say, true for every state.
const resultSentence = ({ n, decoder, errors, factor, lost, points }) => {
  const few = n === 2 ? "at most one of the 2 units is" : `fewer than two of the ${n} units are`;
  const first = lost === 1 // the first point is the origin, at which no unit can be active
    ? `With ${n} units every point but the origin keeps two or more active units.`
    : `At ${shareText(lost / points)} of the points ${few} active: too little arrives to say where in the plane these`
      + " points were.";
  const error = shareText(errors[decoder]);
  const second = {
    "pseudo-inverse": `The pseudo-inverse has an error of ${error}. With more units it tends to one half, not to zero:`
      + " ReLU halves the signal, and the pseudo-inverse does not make up for it.",
    rescaled: `Multiplied by its best factor, ${factor.toFixed(2)}, the pseudo-inverse has an error of ${error}. With more`
      + " units the factor tends to 2 and the error to zero, but slowly.",
    affine: errors.affine < 0.05
      ? `The best affine decoder brings the curve back with an error of only ${error}.`
      : `Even the best affine decoder has an error of ${error}.`,
  }[decoder];
  return `${first} ${second}`;
};

const describeBack = ({ decoder, errors, points }, outside) =>
  `What the ${DECODERS.find(({ name }) => name === decoder).label} brings back: relative error ${shareText(errors[decoder])}.`
  + (outside ? ` ${exact(outside)} of ${exact(points)} points lie outside the picture.` : "");

const codeLine = ({ n, seed, decoder }) => `decode(spiral(), random_units(${n}, seed=${seed}), "${decoder}")`;

// The two planes, in units of a hundredth of the curve's radius.
const planePictures = (view, { curve, colours }) => {
  const EDGE = 128;
  const RING_EVERY = 8; // points: denser rings would run together
  const round = (value) => Math.round(value * 1000) / 10; // also from the plane's units to the picture's
  const pointAt = (points, i) => `${round(points.x[i])} ${round(-points.y[i])}`;
  const lineOf = (points, from, to) => {
    let d = `M${pointAt(points, from)}L`;
    for (let i = from + 1; i <= to; i++) d += `${pointAt(points, i)} `;
    return d;
  };
  const length = curve.x.length / colours.length;
  const makePlane = (title, ...below) => {
    const pieces = colours.map((colour) => {
      const piece = svg("path", { class: "mn-piece" });
      piece.style.setProperty("--mn-own", colour);
      return piece;
    });
    const lost = svg("path", { class: "mn-lost" });
    const image = svg("svg", { class: "mn-drawing", role: "img", viewBox: `${-EDGE} ${-EDGE} ${2 * EDGE} ${2 * EDGE}` },
      ...below, svg("circle", { class: "mn-rim", r: 100 }), ...pieces, lost);
    const element = html("div", { class: "mn-plane" }, html("div", { class: "mn-plane-title" }, title), image);
    const drawCurve = (points) => pieces.forEach((piece, i) =>
      set(piece, { d: lineOf(points, i * length, Math.min((i + 1) * length, curve.x.length - 1)) }));
    const drawLost = (points, active) => {
      let d = "";
      for (let i = 0; i < active.length; i += RING_EVERY) {
        if (active[i] < 2) d += `M${pointAt(points, i)}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0`;
      }
      set(lost, { d });
    };
    return { element, image, drawCurve, drawLost };
  };

  const one = svg("path", { class: "mn-one" });
  const none = svg("path", { class: "mn-none" });
  const ticks = svg("path", { class: "mn-units" });
  const before = makePlane("The spiral", one, none, ticks);
  const after = makePlane("What comes back", svg("path", { class: "mn-was", d: lineOf(curve, 0, curve.x.length - 1) }));
  before.drawCurve(curve);
  const ramp = html("span", { class: "mn-ramp" }, ...colours.filter((_, i) => i % 5 === 0).map((colour) => {
    const own = html("i");
    own.style.setProperty("--mn-own", colour);
    return own;
  }));
  const keys = html("div", { class: "mn-keys", "aria-hidden": "true" },
    html("span", {}, ramp, "from start to end"),
    html("span", {}, html("span", { class: "mn-ring" }), "fewer than two active units"),
    html("span", {}, html("span", { class: "mn-shade" }), "one active"),
    html("span", {}, html("span", { class: "mn-shade mn-shade-none" }), "none"),
    html("span", {}, html("span", { class: "mn-dash" }), "direction of a unit"));
  view.picture.append(html("div", { class: "mn-planes" }, before.element, after.element), keys);

  const onRim = (angle, radius) => `${(radius * Math.cos(angle)).toFixed(1)} ${(-radius * Math.sin(angle)).toFixed(1)}`;
  const wedges = (sectors) => sectors.map(({ from, to }) =>
    `M0 0L${onRim(from, 112)}A112 112 0 ${to - from > Math.PI ? 1 : 0} 0 ${onRim(to, 112)}Z`).join("");

  const update = (shown) => {
    const sectors = weakSectors(shown.units);
    set(one, { d: wedges(sectors.filter(({ active }) => active === 1)) });
    set(none, { d: wedges(sectors.filter(({ active }) => active === 0)) });
    const angles = shown.units.map(([a, b]) => Math.atan2(b, a));
    set(ticks, { d: angles.map((angle) => `M${onRim(angle, 114)}L${onRim(angle, 124)}`).join("") });
    before.drawLost(curve, shown.active);
    const back = shown.back[shown.decoder];
    after.drawCurve(back);
    after.drawLost(back, shown.active);
    let outside = 0;
    for (let i = 0; i < shown.points; i++) {
      if (Math.max(Math.abs(back.x[i]), Math.abs(back.y[i])) * 100 > EDGE) outside++;
    }
    set(before.image, { "aria-label": `A spiral of two turns around the origin. At ${exact(shown.lost)} of its`
      + ` ${exact(shown.points)} points fewer than two of ${shown.n} units are active.` });
    set(after.image, { "aria-label": describeBack(shown, outside) });
    return outside;
  };
  return { update };
};

// Horizontal bars of shares, on an axis that always ends at 100 %.
const shareBars = ({ title, labels }) => {
  const element = html("div", { class: "mn-bars" }, html("div", { class: "mn-bars-title" }, title));
  const rows = labels.map((text) => {
    const label = html("span", {}, text);
    const number = html("span", { class: "mn-number" });
    const bar = html("div", { class: "mn-segment" });
    const ghost = html("div", { class: "mn-ghost" });
    const head = html("div", { class: "mn-bar-head" }, label, number);
    const track = html("div", { class: "mn-track mn-share", "aria-hidden": "true" }, bar, ghost);
    element.append(head, track);
    return { label, number, bar, ghost, head, track };
  });
  element.append(html("div", { class: "mn-axis", "aria-hidden": "true" },
    ...[["start", "0"], ["middle", "50\u00a0%"], ["end", "100\u00a0%"]].map(([at, text]) =>
      html("span", { class: `mn-tick mn-tick-${at}` }, text))));
  // contents: for each row { share, label, before, chosen }.
  const update = (contents) => contents.forEach(({ share, label, before, chosen = false }, i) => {
    const row = rows[i];
    if (label) write(row.label, label);
    write(row.number, shareText(share));
    row.bar.style.width = `${Math.min(100, 100 * share)}%`;
    showGhost(row.ghost, before === share ? undefined : before);
    row.head.classList.toggle("mn-share-head-chosen", chosen);
    row.track.classList.toggle("mn-share-chosen", chosen);
  });
  return { element, update };
};

// The errors over n: for each decoder the median of many draws, with the quartiles as a band; the current draw as dots.
const errorCurves = (view, { quartiles, repeats }, dimensions) => {
  const [LEFT, RIGHT, TOP, BOTTOM] = [40, 10, 10, 38];
  const HEIGHT = 236;
  const HIGHEST = 1.1;
  const chart = view.drawing({ height: HEIGHT, minWidth: 240 });
  const last = dimensions.length - 1;
  const xOf = (n) => LEFT + ((n - dimensions[0]) / (dimensions[last] - dimensions[0])) * (chart.width - LEFT - RIGHT);
  const yOf = (share) => TOP + (1 - Math.min(share, HIGHEST) / HIGHEST) * (HEIGHT - TOP - BOTTOM);
  const half = svg("path", { class: "mn-half" });
  const levels = [0, 0.5, 1].map((share) => ({
    share,
    line: svg("path", { class: "mn-grid" }),
    text: svg("text", { class: "mn-soft", "text-anchor": "end", x: LEFT - 6, y: yOf(share) + 4 }, share ? `${100 * share}\u00a0%` : "0"),
  }));
  const marks = [2, 5, 10, 15, 20, 25, 30].map((n) => ({
    n, text: svg("text", { class: "mn-soft", "text-anchor": "middle", y: HEIGHT - BOTTOM + 16 }, String(n)),
  }));
  const axis = svg("text", { class: "mn-soft", "text-anchor": "middle", y: HEIGHT - 5 }, "n, dimensions");
  const here = svg("path", { class: "mn-here" });
  const lines = DECODERS.map(({ name, short: label }) => ({
    name,
    band: svg("path", { class: "mn-band" }),
    median: svg("path", { class: "mn-median" }),
    dot: svg("path", { class: "mn-dot" }),
    text: svg("text", { "text-anchor": "end", y: yOf(quartiles[name][last][1]) - 7 }, label),
  }));
  chart.svg.append(...levels.flatMap(({ line, text }) => [line, text]), ...marks.map(({ text }) => text), axis, half, here,
    ...lines.map(({ band }) => band), ...lines.map(({ median }) => median),
    ...lines.flatMap(({ text, dot: mark }) => [text, mark]));

  let laidOut;
  const layOut = () => {
    laidOut = chart.width;
    for (const { share, line } of levels) set(line, { d: `M${LEFT} ${yOf(share)}H${chart.width - RIGHT}` });
    set(half, { d: `M${LEFT} ${yOf(0.5)}H${chart.width - RIGHT}` });
    for (const { n, text } of marks) set(text, { x: xOf(n) });
    set(axis, { x: (LEFT + chart.width - RIGHT) / 2 });
    for (const { name, band, median, text } of lines) {
      const at = (which) => dimensions.map((n, i) => `${xOf(n)} ${yOf(quartiles[name][i][which])}`);
      set(band, { d: `M${[...at(0), ...at(2).reverse()].join("L")}Z` });
      set(median, { d: `M${at(1).join("L")}` });
      set(text, { x: chart.width - RIGHT - 2 });
    }
  };
  const update = ({ n, errors, decoder }) => {
    if (chart.width !== laidOut) layOut();
    const x = xOf(n);
    set(here, { d: `M${x} ${TOP}V${HEIGHT - BOTTOM}` });
    for (const { name, band, median, dot: mark, text } of lines) {
      const chosen = name === decoder;
      band.classList.toggle("mn-band-chosen", chosen);
      median.classList.toggle("mn-median-chosen", chosen);
      set(text, { class: chosen ? "mn-bold" : "mn-soft" });
      // A triangle at the top says that the point is beyond.
      set(mark, { d: errors[name] > HIGHEST ? `M${x - 5} ${TOP + 8}l5 -8l5 8z`
        : `M${x - 4.5} ${yOf(errors[name])}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0` });
    }
    const medians = DECODERS.map(({ name, label }) =>
      `${label} ${shareText(errors[name])}, median ${shareText(quartiles[name][dimensions.indexOf(n)][1])}`);
    chart.describe(`Relative error over n, medians and quartiles of ${repeats} draws. At n = ${n}, this draw: ${medians.join("; ")}.`);
  };
  return { element: html("div", {}, html("div", { class: "mn-bars-title" }, `Error over n: ${repeats} draws, and this one`), chart.svg), update };
};

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "ReLU and the manifold" });
  const experiment = model.get("experiment");
  const dimensions = model.get("ranges").n.values;
  const curve = spiralOf(experiment);
  const bases = experiment.units.map(() => []);
  const known = new Map(); // the draws of the last moments: the picture, its ghosts and the table ask for the same ones
  const compute = ({ n, seed, decoder }) => {
    const key = `${n} ${seed}`;
    if (!known.has(key)) {
      if (known.size >= 16) known.clear();
      known.set(key, manifold({ n, seed }, experiment, curve, bases[seed - 1]));
    }
    return { ...known.get(key), decoder };
  };

  const planes = planePictures(view, { curve, colours: experiment.colours });
  view.slider("n", { label: "Dimensions", format: (n) => `n = ${n}` });
  view.slider("seed", { label: "Random units", format: (seed) => `draw ${seed}` });
  const decoders = view.choice("decoder", {
    label: "Decoder", labels: Object.fromEntries(DECODERS.map(({ name, short: label }) => [name, label])),
  });
  decoders.element.classList.add("mn-across", "mn-decoders");

  const bars = shareBars({
    title: "Relative error, and share of points lost",
    labels: [...DECODERS.map(({ label }) => label), "fewer than two active units", ""],
  });
  const curves = errorCurves(view, experiment, dimensions);
  const code = html("pre", { class: "mn-code" });
  const note = html("p", { class: "mn-small" });
  view.details.append(html("div", { class: "mn-columns" }, bars.element, curves.element), code, note);

  view.table({
    caption: "Relative error ‖x − x̂‖ / ‖x‖ of each decoder, and the share of points with fewer than two active units",
    columns: ["what", "this draw", `median of ${experiment.repeats}`, "middle half"],
    rows: (state) => {
      const shown = compute(state);
      return [
        ...DECODERS.map(({ name, label }) => {
          const [low, median, high] = experiment.quartiles[name][dimensions.indexOf(state.n)];
          return { label, cells: [shareText(shown.errors[name]), shareText(median), `${shareText(low)} to ${shareText(high)}`] };
        }),
        { label: "fewer than two active units", cells: [shareText(shown.lost / shown.points), "", ""] },
        { label: "expected, (n + 1)/2ⁿ", cells: [shareText(shown.expected), "", ""] },
      ];
    },
  });

  return view.start((state, before) => {
    const shown = compute(state);
    const previous = before && compute(before);
    const outside = planes.update(shown);
    bars.update([
      ...DECODERS.map(({ name }) => ({
        share: shown.errors[name], before: previous?.errors[name], chosen: name === shown.decoder,
      })),
      { share: shown.lost / shown.points, before: previous && previous.lost / previous.points },
      { share: shown.expected, before: previous?.expected,
        label: `expected: (${shown.n} + 1)/2${superscript(shown.n)} = ${shown.n + 1}/${exact(2 ** shown.n)}` },
    ]);
    curves.update(shown);
    view.say(resultSentence(shown));
    write(code, codeLine(shown));
    write(note, "Each unit is active on its own half of the plane. Where two are active, their numbers fix the point, but another pair"
      + " does so in other directions, and a linear decoder must serve them all. Where one is active, points along a line give"
      + " the same number. Where none is, all points give zero, as the origin always does."
      + (shown.n === 3 ? " With three units the share is one half in every draw: if fewer than two are active at x, two or more are at −x." : "")
      + ` The curves are medians of ${experiment.repeats} draws, the bands their middle half.`
      + (outside ? ` ${exact(outside)} points that came back lie outside the picture.` : ""));
  });
}

export default { render };
