// MobileNetV1's two knobs: every layer as a bar, the shares by kind of layer, and the released models.

const KINDS = [
  { part: "pointwise", role: "pointwise", label: "pointwise" },
  { part: "depthwise", role: "depthwise", label: "depthwise" },
  { part: "standard", role: "standard", label: "stem" },
  { part: "classifier", role: "classifier", label: "classifier" },
];

// All layers of a MobileNetV1, from the settings and the unscaled table: the twin of cost.mobilenet_v1_layers.
const networkV1 = ({ width_mult, resolution }, { stem, rows, classes }) => {
  const layers = [];
  let channels = 3;
  let size = resolution;
  const add = (name, role, outChannels, kernel, stride, groups, norm = true) => {
    const out = outSize(size, stride);
    const shape = { inChannels: channels, outChannels, kernel, groups, outHeight: out, outWidth: out };
    layers.push({ name, role, stride, inSize: size, outSize: out, ...shape, ...convCost({ ...shape, norm, bias: !norm }),
      weights: convCost({ ...shape, norm: false }).params });
    channels = outChannels;
    size = out;
  };
  add("stem", "standard", makeDivisible(stem * width_mult), 3, 2, 1);
  let block = 0;
  for (const [c, n, s] of rows) {
    for (let i = 0; i < n; i++) {
      add(`blocks.${block}.depthwise`, "depthwise", channels, 3, i === 0 ? s : 1, channels);
      add(`blocks.${block}.pointwise`, "pointwise", makeDivisible(c * width_mult), 1, 1, 1);
      block += 1;
    }
  }
  size = 1; // the average over the map
  add("classifier", "classifier", classes, 1, 1, 1, false);
  return layers;
};

const totalOf = (layers, metric) => sum(layers.map((layer) => layer[metric]));
const kindTotals = (layers, metric) => KINDS.map(({ role }) => totalOf(layers.filter((layer) => layer.role === role), metric));
const percentOf = (part, whole) => percent(part / whole, { digits: 3 });
const widthText = (alpha) => String(Number(alpha.toFixed(2)));
const sizeText = (side) => `${side}×${side}`;

// How a layer's MACs come about, with its numbers: "14² · 256 · 512".
const product = ({ kernel, inChannels, outChannels, groups, outSize: side }) => [
  side > 1 ? `${side}²` : null, kernel > 1 ? `${kernel}²` : null, inChannels / groups > 1 ? inChannels / groups : null, outChannels,
].filter((factor) => factor !== null).join(" · ");

const describeLayer = (layers, number) => {
  const layer = layers[number - 1];
  const { name, role, kernel, stride, inChannels, outChannels, inSize, outSize: out, macs, weights } = layer;
  const what = role === "classifier" ? `Linear layer, ${exact(inChannels)} features → ${exact(outChannels)} classes`
    : `${role === "depthwise" ? "Depthwise" : role === "standard" ? "Standard" : "Pointwise"} ${kernel}×${kernel},`
      + ` ${inChannels} → ${outChannels} channels, ${sizeText(inSize)} → ${sizeText(out)}${stride > 1 ? ", stride 2" : ""}`;
  return {
    name: `${number} of ${layers.length}: ${name}`,
    what,
    macs: `MACs = ${product(layer)} = ${exact(macs)}, ${percentOf(macs, totalOf(layers, "macs"))} of the network`,
    weights: `Weights: ${exact(weights)}, ${percentOf(weights, totalOf(layers, "weights"))} of the network`,
  };
};

// What the numbers say, true for every state.
const resultSentence = (layers, standard) => {
  const [macs, params] = ["macs", "params"].map((metric) => totalOf(layers, metric));
  const [pointwise] = kindTotals(layers, "macs");
  const size = macs === standard.macs
    ? `The network of the paper’s table 1: ${short(macs)} MACs and ${short(params)} parameters.`
    : `${short(macs)} MACs, ${howMuch(macs, standard.macs)} the full network’s (α = 1, 224×224), and ${short(params)}`
      + ` parameters, ${howMuch(params, standard.params)} the full network’s.`;
  return `${size} Pointwise layers do ${percentOf(pointwise, macs)} of the multiplying.`;
};

const nearestWords = (state, near, macs) => {
  const model = `α = ${widthText(near.alpha)} at ${sizeText(near.resolution)}`;
  const own = near.alpha === state.width_mult && near.resolution === state.resolution;
  return own
    ? `This model was released: ${near.top1.toFixed(1)}\u00a0% top-1 on ImageNet with ${short(near.macs)} MACs.`
    : `Nearest released model (by ratio of width and of resolution): ${model}, ${near.top1.toFixed(1)}\u00a0% top-1 with`
      + ` ${short(near.macs)} MACs, ${howMuch(near.macs, macs)} yours. Yours was not released, so there is no accuracy to show.`;
};

// The picture: a bar for each layer, from the image on the left to the classes on the right. The slider below stands
// exactly under the bars: its thumb is 20 units wide.
const skyline = (view) => {
  const [TOP, HIGH] = [24, 180];
  const BOTTOM = TOP + HIGH;
  const chart = view.drawing({ height: BOTTOM + 18 });
  const grid = svg("path", { class: "mn-grid" });
  const ticks = [4, 2].map(() => svg("text", { class: "mn-soft", x: 0 }));
  const chosen = svg("path", { class: "mn-chosen" });
  const kinds = KINDS.map(({ part, role }) => {
    const bars = svg("path", { class: "mn-paint" });
    return { role, bars, element: svg("g", { "data-part": part, "data-role": role }, bars) };
  });
  const ghost = svg("path", { class: "mn-outline" });
  const mark = svg("path", { class: "mn-solid" });
  const sides = svg("text", { class: "mn-bold", "text-anchor": "middle", y: 12 });
  chart.svg.append(chosen, grid, ...ticks, ...kinds.map(({ element }) => element), ghost, mark, sides);
  chart.svg.classList.add("mn-pickable");

  const COUNT = 28;
  const stepOf = () => (chart.width - 20) / (COUNT - 1);
  const centre = (i) => 10 + i * stepOf();
  chart.svg.addEventListener("click", (event) => {
    event.stopPropagation(); // a bar that is tapped is chosen; its kind is not held
    const box = chart.svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) * chart.width) / box.width;
    view.change({ layer: Math.min(COUNT, Math.max(1, 1 + Math.round((at - 10) / stepOf()))) });
  }, { signal: view.signal });

  let ceiling;
  const update = (layers, previous, number) => {
    ceiling = nextCeiling(ceiling, Math.max(...layers.map(({ macs }) => macs)));
    const high = ({ macs }) => Math.max(1, (macs / ceiling) * HIGH);
    const half = stepOf() * 0.4;
    set(grid, { d: [0, 1, 2, 3, 4].map((i) => `M0 ${BOTTOM - (i * HIGH) / 4}H${chart.width}`).join("") });
    axisTicks(ceiling).filter(({ value, labelled }) => value && labelled).forEach(({ value }, i) => {
      set(ticks[i], { y: BOTTOM - (value / ceiling) * HIGH - 4 });
      write(ticks[i], `${shortTick(value)}${i === 1 ? " MACs" : ""}`);
    });
    for (const { role, bars } of kinds) {
      set(bars, { d: layers.map((layer, i) => layer.role === role
        ? `M${centre(i) - half} ${BOTTOM}v${-high(layer)}h${2 * half}v${high(layer)}z` : "").join("") });
    }
    const wide = stepOf() / 2;
    set(ghost, { d: previous
      ? `M${centre(0) - wide} ${BOTTOM}${previous.map((layer, i) => `V${Math.max(TOP - 6, BOTTOM - high(layer))}H${centre(i) + wide}`).join("")}V${BOTTOM}` : null });
    const x = centre(number - 1);
    const layer = layers[number - 1];
    set(chosen, { d: `M${x - wide} ${TOP}h${2 * wide}v${HIGH}h${-2 * wide}z` });
    set(mark, { d: `M${x} ${BOTTOM + 4}l6 9h-12z` });
    const at = Math.min(chart.width - 20, Math.max(20, x));
    set(sides, { x: at });
    write(sides, short(layer.macs));
    chart.describe(`A bar for each of the 28 layers, as high as its MACs. The highest: ${
      exact(Math.max(...layers.map(({ macs }) => macs)))} MACs.`);
  };
  return { element: chart.svg, update, reset: () => (ceiling = undefined) };
};

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "Width and resolution" });
  const [spec, released, table2] = ["spec", "released", "table2"].map((name) => model.get(name));
  const network = (state) => networkV1(state, spec);
  const full = network({ width_mult: 1, resolution: 224 });
  const standard = { macs: totalOf(full, "macs"), params: totalOf(full, "params") };

  // The layers, the slider that walks along them, and the words for one.
  const bars = skyline(view);
  view.onReset(bars.reset);
  view.picture.append(bars.element);
  const names = full.map(({ name }) => name); // the same at every width
  view.slider("layer", { label: "Layer", format: (n) => `${n} of ${names.length}: ${names[n - 1]}`, parent: view.picture });
  const { width_mult: { max }, resolution: { values: sizes } } = model.get("ranges");
  const largest = network({ width_mult: max, resolution: sizes.at(-1) }); // its numbers are the longest
  const longest = largest.map((layer, i) => describeLayer(largest, i + 1));
  const words = Object.fromEntries(["what", "macs", "weights"].map((part) => [part, html("span")]));
  view.picture.append(...Object.entries(words).map(([part, element]) =>
    roomFor(element, longest.map((each) => each[part]), "mn-layer")));
  view.highlight(KINDS);

  view.slider("width_mult", { label: "Width multiplier α", format: (value) => value.toFixed(2) });
  view.slider("resolution", { label: "Resolution", format: sizeText });
  const factors = ["MACs", "α²ρ²", "Parameters", "α²"].map((label) => {
    const [numbers, result] = [html("span", { class: "mn-factor-numbers" }), html("span", { class: "mn-number" })];
    return { numbers, result, element: html("div", { class: "mn-factor" }, html("span", {}, label), numbers, result) };
  });
  view.controls.append(html("div", { class: "mn-factors mn-across" },
    html("div", { class: "mn-bars-title" }, "Against α = 1, 224×224"), ...factors.map(({ element }) => element)));

  const METRICS = [{ metric: "macs", title: "MACs" }, { metric: "params", title: "Parameters" }];
  const charts = METRICS.map(({ title }) => view.bars({ title, rows: [{ label: "the network", parts: KINDS }] }));
  const shares = liveTable({
    caption: "Shares by kind of layer. Table 2 of the paper: α = 1 at 224×224, in %, weights alone; 1.19* should be 1.91",
    columns: ["layers", "MACs", "weights", "MACs, table 2", "weights, table 2"],
  });
  shares.element.classList.add("mn-shares");
  const map = dotChart(view, {
    groups: [{ name: "released MobileNetV1", shape: "circle", labels: "below", points: released.map((own) => ({
      ...own, x: own.macs, y: own.top1, series: own.alpha, label: own.resolution === 224 ? `α ${widthText(own.alpha)}` : "",
    })) }],
    x: { title: "MACs (closed form, logarithmic)", from: 6e6, to: 2e9, ticks: [1e7, 3e7, 1e8, 3e8, 1e9], format: shortTick },
    y: { title: "ImageNet top-1 accuracy, %", from: 40, to: 72, ticks: [40, 50, 60, 70], format: String },
    onPick: ({ alpha, resolution }) => view.change({ width_mult: alpha, resolution }),
  });
  const nearText = html("p");
  const note = html("p", { class: "mn-small" }, "Accuracies: TensorFlow-Slim’s page, float models. Their MACs are the"
    + " closed form’s: the page leaves the first layer out at α = 0.75. Lines join one width at 224, 192, 160 and 128"
    + " pixels. Tap a dot to set the sliders to that model.");
  view.details.append(
    html("div", { class: "mn-columns" }, ...charts.map(({ element }) => element)), shares.element,
    map.element, nearText, note,
  );

  const releasedRows = released.map(({ alpha, resolution, macs, top1 }) => ({
    label: widthText(alpha), cells: [sizeText(resolution), exact(macs), `${top1.toFixed(1)}\u00a0%`] }));
  view.table({
    caption: "All layers; parameters include BatchNorm’s two per channel and the classifier’s bias",
    columns: ["layer", "kernel", "channels", "output", "weights", "parameters", "MACs", "share"],
    rows: (state) => {
      const layers = network(state);
      const macs = totalOf(layers, "macs");
      const totals = ["weights", "params", "macs"].map((metric) => exact(totalOf(layers, metric)));
      return [
        ...layers.map((layer) => ({ label: layer.name, part: layer.role, cells: [
          `${sizeText(layer.kernel)}${layer.stride > 1 ? ", stride 2" : ""}`,
          `${exact(layer.inChannels)} → ${exact(layer.outChannels)}`, sizeText(layer.outSize), exact(layer.weights),
          exact(layer.params), exact(layer.macs), percentOf(layer.macs, macs)] })),
        { label: "the network", cells: ["", "", "", ...totals, "100\u00a0%"] },
      ];
    },
  });
  view.table({
    caption: "Released MobileNetV1 models",
    columns: ["width α", "resolution", "MACs", "top-1"],
    rows: () => releasedRows,
  });

  return view.start((state, before) => {
    const layers = network(state);
    const moved = before && (before.width_mult !== state.width_mult || before.resolution !== state.resolution);
    const previous = moved ? network(before) : undefined;
    bars.update(layers, previous, state.layer);
    const said = describeLayer(layers, state.layer);
    for (const [part, element] of Object.entries(words)) write(element, said[part]);

    const [macs, params] = [totalOf(layers, "macs"), totalOf(layers, "params")];
    const [alpha, rho] = [state.width_mult, state.resolution / 224];
    const contents = [
      [`${short(macs)} of ${short(standard.macs)}`, macs / standard.macs],
      [`${widthText(alpha)}² · (${state.resolution}/224)²`, alpha ** 2 * rho ** 2],
      [`${short(params)} of ${short(standard.params)}`, params / standard.params],
      [`${widthText(alpha)}²`, alpha ** 2],
    ];
    contents.forEach(([numbers, result], i) => {
      write(factors[i].numbers, numbers);
      write(factors[i].result, result.toFixed(3));
    });

    METRICS.forEach(({ metric }, i) => charts[i].update([
      { values: kindTotals(layers, metric), before: previous && totalOf(previous, metric) },
    ]));
    const [kindMacs, kindWeights] = ["macs", "weights"].map((metric) => kindTotals(layers, metric));
    shares.update(KINDS.map(({ label, part, role }, i) => ({ label, part, cells: [
      percentOf(kindMacs[i], macs), percentOf(kindWeights[i], sum(kindWeights)),
      `${table2[role][0].toFixed(2)}${role === "standard" ? "*" : ""}`, table2[role][1].toFixed(2)] })));

    const near = nearestReleased(released, state.width_mult, state.resolution);
    map.update({ here: macs, label: `you are here: ${short(macs)}`, ring: { x: near.macs, y: near.top1 } });
    map.describe(`Top-1 accuracy over MACs of the ${released.length} released models. You are at ${exact(macs)} MACs. ${
      nearestWords(state, near, macs)}`);
    write(nearText, nearestWords(state, near, macs));
    view.say(resultSentence(layers, standard));
    view.count(macs);
  });
}

export default { render };
