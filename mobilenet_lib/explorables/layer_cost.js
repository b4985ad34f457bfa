// The cost of a layer: a standard convolution against depthwise + pointwise, and the ratio 1/N + 1/D_K² over N.

const PAIR = [
  { part: "depthwise", role: "depthwise", label: "depthwise" },
  { part: "pointwise", role: "pointwise", label: "pointwise" },
];
const STANDARD = { part: "standard", role: "standard", label: "standard" };

// Everything the figure shows, from the settings alone. Stride is 1: the map keeps its size.
const layerCosts = ({ kernel_size: kernel, in_channels: inChannels, out_channels: outChannels, size }) => {
  const conv = (kernel, outChannels, groups = 1) => ({
    kernel, inChannels, outChannels, groups,
    ...convCost({ inChannels, outChannels, kernel, groups, outHeight: size, outWidth: size }),
  });
  const [depthwise, pointwise] = [conv(kernel, inChannels, inChannels), conv(1, outChannels)];
  const standard = conv(kernel, outChannels);
  const macs = depthwise.macs + pointwise.macs;
  return {
    kernel, inChannels, outChannels, size, depthwise, pointwise, standard, macs,
    params: depthwise.params + pointwise.params,
    ratio: macs / standard.macs,
    pointwiseShare: pointwise.macs / macs,
  };
};

// A ratio as one over something, with as many digits as it deserves: 1/8.84; above one it is a multiple.
const oneOver = (ratio) => {
  const n = 1 / ratio;
  return `1/${Number.isInteger(n) ? n : n.toFixed(n < 9.995 ? 2 : 1)}`;
};

const shareText = (share) => percent(share, { digits: share > 0.995 ? 3 : 2 });

// What the numbers say, true for every state.
const costSentence = (layer) => {
  const { kernel, macs, standard, ratio, pointwiseShare } = layer;
  if (ratio > 1) { // by little: to the last digit, or the two would look the same
    return `Depthwise + pointwise: ${exact(macs)} MACs, more than the ${exact(standard.macs)} of the standard convolution.`
      + " A 1×1 filter looks at no neighbours: there is nothing to separate, and the depthwise layer comes on top.";
  }
  const where = `${shareText(pointwiseShare)} of them are pointwise`;
  const floor = pointwiseShare > 0.5
    ? `that part is 1/${kernel ** 2} of the standard convolution, however wide the layer`
    : `with so few output channels the depthwise filters weigh more`;
  return `Depthwise + pointwise: ${short(macs)} MACs, ${oneOver(ratio)} of the ${short(standard.macs)} of the standard`
    + ` convolution. ${where}: ${floor}.`;
};

// The curve of the ratio over N on logarithmic axes that never move. Coordinates are in the units of `drawing`.
const ratioCurve = (view, channels) => {
  const [TOP, HIGH, LEFT, RIGHT] = [34, 230, 44, 18];
  const [HIGHEST, LOWEST] = [1.6, 1 / 70];
  const [FIRST, LAST] = [channels[0], channels.at(-1)];
  const chart = view.drawing({ height: TOP + HIGH + 44 });
  const y = (ratio) => TOP + (Math.log(HIGHEST / ratio) / Math.log(HIGHEST / LOWEST)) * HIGH;
  const x = (n) => LEFT + (Math.log(n / FIRST) / Math.log(LAST / FIRST)) * (chart.width - LEFT - RIGHT);
  const SAMPLES = Array.from({ length: 57 }, (_, i) => FIRST * (LAST / FIRST) ** (i / 56));

  const shares = [1, 2, 5, 10, 20, 50].map((share) => ({
    line: svg("path", { class: "mn-grid" }),
    text: svg("text", { class: "mn-soft", "text-anchor": "end", x: LEFT - 8, y: y(1 / share) + 4 }, share === 1 ? "1" : `1/${share}`),
    at: y(1 / share),
  }));
  const widths = channels.filter((n) => Number.isInteger(Math.log2(n))).map((n) => ({
    n, text: svg("text", { class: "mn-soft", "text-anchor": "middle", y: TOP + HIGH + 18 }, String(n)),
  }));
  const title = svg("text", { class: "mn-bold", x: 0, y: 14 }, "Share of the standard convolution’s MACs");
  const axisTitle = svg("text", { class: "mn-soft", "text-anchor": "middle", y: TOP + HIGH + 37 }, "output channels N");
  const lines = PAIR.map(({ part, role, label }) => ({
    line: svg("path", { class: "mn-stroke", "stroke-dasharray": part === "pointwise" ? "7 4" : null }),
    name: svg("text", { class: "mn-bold" }),
    group: svg("g", { "data-part": part, "data-role": role }),
    label,
  }));
  for (const { line, name, group } of lines) group.append(line, name);
  lines[0].name.append("1/N");
  const limit = svg("tspan", { dy: -3 });
  lines[1].name.append("1/D", svg("tspan", { dy: 3, "font-size": 9 }, "K"), limit);
  const curve = svg("path", { class: "mn-curve" });
  const ghost = svg("path", { class: "mn-outline" });
  const drop = svg("path", { class: "mn-drop" });
  const oldPoint = svg("circle", { class: "mn-outline", r: 6 });
  const point = svg("circle", { class: "mn-point", r: 6.5 });
  const value = svg("text", { class: "mn-large" });
  chart.svg.append(
    title, ...shares.flatMap(({ line, text }) => [line, text]), ...widths.map(({ text }) => text), axisTitle,
    ...lines.map(({ group }) => group), ghost, curve, drop, oldPoint, point, value,
  );

  let drawnWidth; // what does not depend on the settings is drawn once for each width
  const path = (ratioOf) => `M${SAMPLES.map((n) => `${x(n).toFixed(1)} ${y(ratioOf(n)).toFixed(1)}`).join("L")}`;
  const update = ({ kernel, outChannels, ratio }, previous) => {
    const { width } = chart;
    const squares = kernel ** 2;
    const end = width - RIGHT;
    const [depthwise, pointwise] = lines;
    if (width !== drawnWidth) {
      drawnWidth = width;
      for (const { line, at } of shares) set(line, { d: `M${LEFT} ${at}H${end}` });
      for (const { n, text } of widths) set(text, { x: x(n) });
      set(axisTitle, { x: (LEFT + end) / 2 });
      const lastShown = Math.min(LAST, 1 / LOWEST); // below the axis the line is left out
      set(depthwise.line, { d: `M${x(FIRST)} ${y(1 / FIRST)}L${x(lastShown)} ${y(1 / lastShown)}` });
      // The names stand where the curve is not: it runs above both lines.
      set(depthwise.name, { x: LEFT + 5, y: y(1 / FIRST) + 38 });
    }
    const floor = y(1 / squares);
    const [px, py] = [x(outChannels), y(ratio)];
    set(pointwise.line, { d: `M${LEFT} ${floor}H${end}` });
    set(pointwise.name, { x: px > end - 100 ? px - 10 : end, y: floor + 15, "text-anchor": "end" });
    write(limit, `² = ${kernel === 1 ? "1" : `1/${squares}`}`);
    set(curve, { d: path((n) => 1 / n + 1 / squares) });
    const moved = previous && previous.kernel !== kernel;
    set(ghost, { d: moved ? path((n) => 1 / n + 1 / previous.kernel ** 2) : null });
    set(point, { cx: px, cy: py });
    set(drop, { d: `M${px} ${py + 8}V${TOP + HIGH}` });
    const old = previous && (moved || previous.outChannels !== outChannels);
    set(oldPoint, { visibility: old ? null : "hidden", ...(old ? { cx: x(previous.outChannels), cy: y(previous.ratio) } : {}) });
    write(value, ratio > 1 ? `${ratio.toFixed(3)} times` : oneOver(ratio));
    set(value, { x: Math.min(px, end - 2), y: py - 13, "text-anchor": px > width - 90 ? "end" : px < LEFT + 40 ? "start" : "middle" });
    chart.describe(`Curve of the share 1/N + 1/${squares} over the output channels N, from ${(1 / FIRST + 1 / squares).toFixed(3)}`
      + ` at ${FIRST} to ${(1 / LAST + 1 / squares).toFixed(3)} at ${LAST}; it falls towards the dashed line at 1/D_K² = 1/${squares}.`
      + ` At N = ${outChannels} it is ${ratio.toFixed(4)}.`);
  };
  return { element: chart.svg, update };
};

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "Cost of a layer" });
  const channels = model.get("ranges").out_channels.values;

  const curve = ratioCurve(view, channels);
  view.picture.append(curve.element);
  const equation = html("p", { class: "mn-equation" });
  const terms = {};
  for (const [name, part] of [["n", "depthwise"], ["k", "pointwise"]]) {
    terms[name] = html("span", { class: "mn-equation-term", "data-role": part, "data-part": part });
  }
  const share = html("span");
  const fraction = html("strong");
  const values = html("span", { class: "mn-equation-values" }, terms.n, " + ", terms.k, " = ", share, fraction);
  equation.append(letters("1/N + 1/D_K² = "), values);
  view.picture.append(equation);
  view.highlight(PAIR);

  const sliders = {
    kernel_size: { label: letters("Kernel D_K"), format: (k) => `${k}×${k}` },
    in_channels: { label: "Input channels M" },
    out_channels: { label: "Output channels N" },
    size: { label: letters("Map side D_F"), format: (side) => `${side}×${side}` },
  };
  for (const name of model.get("settings")) view.slider(name, sliders[name]);

  const rows = [{ label: "standard", parts: [STANDARD] }, { label: "depthwise + pointwise", parts: PAIR }];
  const metrics = [{ metric: "macs", title: "MACs" }, { metric: "params", title: "Parameters, with BatchNorm’s" }];
  const charts = metrics.map(({ title }) => view.bars({ title, rows }));
  const formulas = formula({
    title: "MACs, term by term",
    terms: [
      { ...STANDARD, symbols: letters("D_K² · M · N · D_F²") },
      { ...PAIR[0], symbols: letters("D_K² · M · D_F²") },
      { ...PAIR[1], symbols: letters("M · N · D_F²") },
      { label: "the pair", symbols: "their sum" },
    ],
  });
  const note = html("p", { class: "mn-small" });
  view.details.append(html("div", { class: "mn-columns" }, ...charts.map(({ element }) => element)), formulas.element, note);

  view.table({
    caption: "The numbers of the picture; parameters include BatchNorm’s two per output channel of each layer",
    columns: ["layer", "kernel", "channels", "MACs", "parameters", "share of the standard MACs"],
    rows: (state) => {
      const layer = layerCosts(state);
      const row = (label, part, { kernel, inChannels, outChannels, macs, params }) => ({
        label, part, cells: [`${kernel}×${kernel}`, `${inChannels} → ${outChannels}`, exact(macs), exact(params),
          (macs / layer.standard.macs).toFixed(4)],
      });
      return [
        row("standard", "standard", layer.standard),
        ...PAIR.map(({ part, label }) => row(label, part, layer[part])),
        { label: "the pair", cells: ["", `${layer.inChannels} → ${layer.outChannels}`, exact(layer.macs), exact(layer.params),
          layer.ratio.toFixed(4)] },
      ];
    },
  });

  return view.start((state, before) => {
    const layer = layerCosts(state);
    const previous = before && layerCosts(before);
    const { kernel, inChannels, outChannels, size, ratio, standard, params } = layer;
    curve.update(layer, previous);
    write(terms.n, `1/${outChannels}`);
    write(terms.k, `1/${kernel ** 2}`);
    write(share, `${ratio.toFixed(4)}${ratio > 1 ? ", " : ` ${Number.isInteger(1 / ratio) ? "=" : "≈"} `}`);
    write(fraction, ratio > 1 ? "more than 1" : oneOver(ratio));
    metrics.forEach(({ metric }, i) => charts[i].update([
      { values: [standard[metric]], before: previous?.standard[metric] },
      { values: PAIR.map(({ part }) => layer[part][metric]), before: previous?.[metric] },
    ]));
    formulas.update([
      { numbers: `${kernel}² · ${inChannels} · ${outChannels} · ${size}²`, result: standard.macs },
      { numbers: `${kernel}² · ${inChannels} · ${size}²`, result: layer.depthwise.macs },
      { numbers: `${inChannels} · ${outChannels} · ${size}²`, result: layer.pointwise.macs },
      { numbers: PAIR.map(({ part }) => short(layer[part].macs)).join(" + "), result: layer.macs },
    ]);
    const paramRatio = params / standard.params;
    write(note, `The ratio is one of MACs: M and the map’s side cancel in it. Of the parameters the pair has ${paramRatio.toFixed(4)}`
      + ` of the standard layer’s, not ${ratio.toFixed(4)}, because it has two BatchNorms, with ${exact(2 * (inChannels + outChannels))}`
      + ` of its parameters, and the standard layer only one, with ${exact(2 * outChannels)}. The weights alone have the ratio of the MACs.`);
    view.say(costSentence(layer));
    view.count(layer.macs);
  });
}

export default { render };
