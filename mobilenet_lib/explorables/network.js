// MobileNetV2: the paper's table with what each row costs, the blocks of a row, the released models, and the memory.

// The kinds of layer, and which roles belong to each: the last 1×1 before the pool is painted as a projection is, since
// both are pointwise.
const KINDS = [
  { role: "standard", label: "stem", roles: ["standard"] },
  { role: "expansion", label: "expansion", roles: ["expansion"] },
  { role: "depthwise", label: "depthwise", roles: ["depthwise"] },
  { role: "projection", label: "projection, head", roles: ["projection", "pointwise"] },
  { role: "classifier", label: "classifier", roles: ["classifier"] },
];
const PAPER = { width_mult: 1, resolution: 224, expansion: 6 };

// The whole network, from the settings and the unscaled table: the twin of cost.mobilenet_v2_layers. `layers` in their
// order; `blocks` with the layers they own; `stages`, the rows of the table, with the blocks they own.
const networkV2 = ({ width_mult, resolution, expansion }, { stem, rows, head, classes }) => {
  const [layers, blocks, stages] = [[], [], []];
  let channels = 3;
  let size = resolution;
  const add = (name, role, outChannels, kernel = 1, stride = 1, groups = 1, norm = true) => {
    const out = outSize(size, stride);
    const shape = { inChannels: channels, outChannels, kernel, groups, outHeight: out, outWidth: out };
    layers.push({ name, role, stride, inSize: size, outSize: out, ...shape, ...convCost({ ...shape, norm, bias: !norm }) });
    channels = outChannels;
    size = out;
  };
  // A block runs `build` and owns the layers this adds; a stage does the same with blocks.
  const block = (name, code, build) => {
    const [inChannels, inSize, first] = [channels, size, layers.length];
    build();
    const own = layers.slice(first);
    blocks.push({
      name, code, first, last: layers.length - 1, layers: own, inChannels, inSize, outChannels: channels, outSize: size,
      residual: own.length > 1 && inSize === size && inChannels === channels,
    });
  };
  const stage = (operator, numbers, build) => {
    const [inChannels, inSize, firstBlock] = [channels, size, blocks.length];
    build();
    stages.push({ operator, ...numbers, c: channels, inChannels, inSize, blocks: blocks.slice(firstBlock) });
  };

  const stemChannels = makeDivisible(stem * width_mult);
  stage("conv2d 3×3", { n: 1, s: 2 }, () =>
    block("stem", `ConvBNReLU(3, ${stemChannels}, stride=2)`, () => add("stem", "standard", stemChannels, 3, 2)));
  for (const [paperT, c, n, s] of rows) {
    const t = paperT === 1 ? 1 : expansion;
    const outChannels = makeDivisible(c * width_mult);
    stage("bottleneck", { t, n, s }, () => {
      for (let i = 0; i < n; i++) {
        const name = `blocks.${blocks.length - 1}`;
        const stride = i === 0 ? s : 1;
        const middle = channels * t;
        const end = stride === 1 ? ")" : `, stride=${stride})`;
        const code = t === 1 ? `DepthwiseProjection(${channels}, ${outChannels}${end}`
          : `InvertedResidual(${channels}, ${middle}, ${outChannels}${end}`;
        block(name, code, () => {
          if (t > 1) add(`${name}.conv1`, "expansion", middle);
          add(`${name}.depthwise`, "depthwise", middle, 3, stride, middle);
          add(`${name}.conv2`, "projection", outChannels);
        });
      }
    });
  }
  const headChannels = makeDivisible(head * Math.max(1, width_mult));
  stage("conv2d 1×1", { n: 1, s: 1 }, () =>
    block("head", `ConvBNReLU(${channels}, ${headChannels}, kernel_size=1)`, () => add("head", "pointwise", headChannels)));
  stage(`avgpool ${size}×${size}`, { n: 1 }, () => block("pool", "torch.nn.AdaptiveAvgPool2d(1)", () => (size = 1)));
  stage("conv2d 1×1", { n: 1 }, () => block("classifier", `torch.nn.Linear(${channels}, ${classes})`, () =>
    add("classifier", "classifier", classes, 1, 1, 1, false)));
  return { layers, blocks, stages };
};

const totalOf = (layers, metric) => sum(layers.map((layer) => layer[metric]));
const kindTotals = (layers, metric) => KINDS.map(({ roles }) => totalOf(layers.filter(({ role }) => roles.includes(role)), metric));
const layersOf = (stage) => stage.blocks.flatMap(({ layers }) => layers);
const numbersIn = ({ inChannels, inSize }) => inChannels * inSize ** 2;

// What is in memory at each step, as counts of numbers: the twin of Network.alive. `at` and `wide` place a step on an
// axis of layers.
const aliveSteps = ({ blocks, stages }, memory) => {
  const stageOf = new Map(stages.flatMap((stage, i) => stage.blocks.map((block) => [block.name, i + 1])));
  const steps = [];
  let at = 0;
  for (const block of blocks) {
    const whole = block.layers.length < 2 || memory === "blocks"; // pool has no layer
    const parts = whole ? [{ ...block, activations: block.outChannels * block.outSize ** 2 }] : block.layers;
    parts.forEach((part, i) => {
      const wide = whole ? Math.max(1, block.layers.length) : 1;
      steps.push({
        name: part.name, stage: stageOf.get(block.name), at, wide, read: numbersIn(part), written: part.activations,
        kept: !whole && block.residual && i > 0 ? numbersIn(block) : 0,
      });
      at += wide;
    });
  }
  return steps;
};
const stepTotal = ({ read, written, kept }) => read + written + kept;
const peakOf = (steps) => steps.reduce((most, step) => (stepTotal(step) > stepTotal(most) ? step : most));

const tensorText = (channels, side) => `${side}²×${exact(channels)}`;
const widthText = (alpha) => String(Number(alpha.toFixed(2)));
const percentOf = (part, whole) => percent(part / whole);

// Whether a block adds its input to its output, and why not.
const residualWords = ({ residual, inChannels, outChannels, inSize, outSize: out, layers }) => {
  if (layers.length < 2) return "";
  if (residual) return "residual: input + output";
  const why = [inSize !== out ? "stride 2" : null, inChannels !== outChannels ? `${inChannels} → ${outChannels} channels` : null];
  return `no residual: ${why.filter(Boolean).join(", ")}`;
};

const shapeWords = ({ name, inChannels, inSize, outChannels, outSize: out, layers }) => {
  const [from, to] = [tensorText(inChannels, inSize), tensorText(outChannels, out)];
  return layers.length === 3 ? `${from} → ${tensorText(layers[0].outChannels, inSize)} → ${to}`
    : name === "classifier" ? `${exact(inChannels)} → ${exact(outChannels)}` : `${from} → ${to}`;
};

// What the numbers say, true for every state.
const resultSentence = (net, state, paper) => {
  const [macs, params] = ["macs", "params"].map((metric) => totalOf(net.layers, metric));
  const own = Object.keys(PAPER).every((name) => state[name] === PAPER[name]);
  const size = own ? `The network of the paper’s table 2: ${short(macs)} MACs and ${short(params)} parameters.`
    : `${short(macs)} MACs, ${howMuch(macs, paper.macs)} the paper’s network (α = 1, 224×224, t = 6), and ${short(params)}`
      + ` parameters, ${howMuch(params, paper.params)} the paper’s.`;
  const peak = peakOf(aliveSteps(net, state.memory));
  return `${size} At most ${bytes(stepTotal(peak), state.bits)} of activations are in memory at once, in ${peak.name}.`;
};

const nearestWords = (state, near, macs) => {
  if (!near) {
    return `All released models have t = 6. With t = ${state.expansion} none was released, so there is no accuracy to show.`;
  }
  if (near.alpha === state.width_mult && near.resolution === state.resolution) {
    return `This model was released: ${near.top1.toFixed(1)}\u00a0% top-1 on ImageNet with ${short(near.macs)} MACs.`;
  }
  return `Nearest released MobileNetV2 (by ratio of width and of resolution): α = ${widthText(near.alpha)} at`
    + ` ${near.resolution}×${near.resolution}, ${near.top1.toFixed(1)}\u00a0% top-1 with ${short(near.macs)} MACs,`
    + ` ${howMuch(near.macs, macs)} yours. Yours was not released, so there is no accuracy to show.`;
};

// The paper's table. A row is chosen by a tap or, since the rows are radio buttons, by the arrow keys.
const stageTable = (view, stages) => {
  const group = uniqueId("stage");
  const heads = ["row", "input", "operator", "t", "c", "n", "s", "MACs"];
  const axis = html("span", { class: "mn-number" });
  const body = html("tbody");
  const rows = stages.map((_, i) => {
    const radio = html("input", {
      type: "radio", name: group, id: uniqueId("row"), value: i + 1, "data-lm-suppress-shortcuts": "true",
    });
    const number = html("label", { for: radio.id }, String(i + 1));
    const cells = heads.slice(1).map(() => html("td"));
    const segments = KINDS.map(({ role }) => html("span", { class: "mn-segment", "data-role": role }));
    const ghost = html("span", { class: "mn-ghost" });
    const bar = html("td", { class: "mn-stage-bar", "aria-hidden": "true" }, html("div", { class: "mn-track" }, ...segments, ghost));
    const row = html("tr", {}, html("th", { scope: "row" }, radio, number), ...cells, bar);
    const take = () => view.change({ stage: i + 1 });
    radio.addEventListener("change", take, { signal: view.signal });
    row.addEventListener("click", (event) => {
      if (event.target.closest("th")) return; // the label does it
      radio.focus({ preventScroll: true });
      take();
    }, { signal: view.signal });
    body.append(row);
    return { row, radio, cells, segments, ghost };
  });
  const element = html("div", { class: "mn-stages", role: "group", "aria-label": "Rows of the table" },
    html("table", { class: "mn-table" },
      html("caption", {}, "Table 2 of the paper, with the current numbers. Choose a row: tap it, or use the arrow keys."),
      html("thead", {}, html("tr", {}, ...heads.map((head) => html("th", { scope: "col" }, head)),
        html("td", { class: "mn-stage-bar", "aria-hidden": "true" }, axis))),
      body));

  let ceiling;
  const update = (net, previous, chosen) => {
    const macs = net.stages.map((stage) => totalOf(layersOf(stage), "macs"));
    ceiling = nextCeiling(ceiling, Math.max(...macs));
    write(axis, `0 to ${shortTick(ceiling)}`);
    net.stages.forEach((stage, i) => {
      const { row, radio, cells, segments, ghost } = rows[i];
      const { operator, t, c, n, s, inChannels, inSize } = stage;
      const texts = [tensorText(inChannels, inSize), operator, t ?? "–", operator.startsWith("avgpool") ? "–" : c, n, s ?? "–",
        macs[i] ? short(macs[i]) : "0"];
      texts.forEach((text, j) => write(cells[j], String(text)));
      radio.checked = chosen === i + 1;
      set(radio, { "aria-label": `Row ${i + 1}: ${operator}, input ${texts[0]}, ${texts[6]} MACs` });
      row.classList.toggle("mn-chosen-row", chosen === i + 1);
      kindTotals(layersOf(stage), "macs").forEach((part, j) => { segments[j].style.width = `${(100 * part) / ceiling}%`; });
      const before = previous && totalOf(layersOf(previous.stages[i]), "macs");
      showGhost(ghost, before === macs[i] ? undefined : before && before / ceiling);
    });
  };
  return { element, update, reset: () => (ceiling = undefined) };
};

// The blocks of the chosen row: at most four.
const blockList = (count) => {
  const title = html("div", { class: "mn-bars-title" });
  const entries = Array.from({ length: count }, () => {
    const [name, shape, residual, costs] = ["mn-block-name", "mn-block-shape", "mn-block-residual", "mn-block-costs"]
      .map((className) => html("span", { class: className }));
    const code = html("code", { class: "mn-code" });
    return { name, shape, residual, costs, code, element: html("li", {}, html("div", { class: "mn-block-words" }, name, shape, residual, costs), code) };
  });
  const element = html("div", { class: "mn-blocks" }, title, html("ul", {}, ...entries.map(({ element: entry }) => entry)));
  const update = (net, chosen) => {
    const stage = net.stages[chosen - 1];
    const macs = totalOf(layersOf(stage), "macs");
    write(title, `Row ${chosen}: ${stage.blocks.length === 1 ? "1 block" : `${stage.blocks.length} blocks`},`
      + ` ${percentOf(macs, totalOf(net.layers, "macs"))} of the network’s MACs`);
    entries.forEach(({ name, shape, residual, costs, code, element: entry }, i) => {
      const block = stage.blocks[i];
      entry.hidden = !block;
      if (!block) return;
      write(name, block.name);
      write(shape, shapeWords(block));
      write(residual, residualWords(block));
      entry.classList.toggle("mn-has-residual", block.residual);
      write(costs, block.layers.length ? `${short(totalOf(block.layers, "params"))} parameters, ${short(totalOf(block.layers, "macs"))} MACs`
        : "no parameters, no MACs");
      write(code, block.code);
    });
  };
  return { element, update };
};

// Memory along the network: a bar for each step, of what it reads, what it writes and what waits for the sum.
const memoryChart = (view) => {
  const [TOP, HIGH] = [34, 150];
  const BOTTOM = TOP + HIGH;
  const chart = view.drawing({ height: BOTTOM + 34 });
  const grid = svg("path", { class: "mn-grid" });
  const ticks = [4, 2].map(() => svg("text", { class: "mn-soft", x: 0 }));
  const chosen = svg("path", { class: "mn-chosen" });
  const parts = [["read", "mn-read"], ["written", "mn-solid"], ["kept", "mn-paint"]].map(([part, className]) =>
    ({ part, path: svg("path", { class: className, "data-role": part === "kept" ? "residual" : null }) }));
  const ghost = svg("path", { class: "mn-outline" });
  const mark = svg("path", { class: "mn-solid" });
  const markText = svg("text", { class: "mn-bold", y: 12 });
  const numbers = Array.from({ length: 11 }, (_, i) => svg("text", { class: "mn-soft", "text-anchor": "middle", y: BOTTOM + 15 }, String(i + 1)));
  const title = svg("text", { class: "mn-soft", "text-anchor": "end", y: BOTTOM + 30 }, "row of the table");
  chart.svg.append(chosen, grid, ...ticks, ...parts.map(({ path }) => path), ghost, mark, markText, ...numbers, title);
  chart.svg.classList.add("mn-pickable");

  let spans = []; // where each row of the table stands, as [from, to] in units
  chart.svg.addEventListener("click", (event) => {
    const box = chart.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) * chart.width) / box.width;
    const row = spans.findIndex(([from, to]) => x >= from && x < to);
    if (row >= 0) view.change({ stage: row + 1 });
  }, { signal: view.signal });

  let ceiling;
  const outline = (steps, bits, columns) => {
    const step = chart.width / columns;
    const y = (one) => Math.max(TOP - 6, BOTTOM - (((stepTotal(one) * bits) / 8) / ceiling) * HIGH);
    return `M0 ${BOTTOM}${steps.map((one) => `V${y(one)}H${(one.at + one.wide) * step}`).join("")}V${BOTTOM}`;
  };
  const update = (net, state, previous, before) => {
    const steps = aliveSteps(net, state.memory);
    const columns = sum(steps.map(({ wide }) => wide));
    const step = chart.width / columns;
    // One axis for both ways of counting, so that the bars can be compared.
    ceiling = nextCeiling(ceiling, (stepTotal(peakOf(aliveSteps(net, "layers"))) * state.bits) / 8);
    const high = (count) => (((count * state.bits) / 8) / ceiling) * HIGH;
    set(grid, { d: [0, 1, 2, 3, 4].map((i) => `M0 ${BOTTOM - (i * HIGH) / 4}H${chart.width}`).join("") });
    axisTicks(ceiling).filter(({ value, labelled }) => value && labelled).forEach(({ value }, i) => {
      set(ticks[i], { y: BOTTOM - (value / ceiling) * HIGH - 4, x: chart.width, "text-anchor": "end" });
      write(ticks[i], `${shortTick(value)}B`);
    });
    const base = steps.map(() => 0);
    for (const { part, path } of parts) {
      set(path, { d: steps.map((one, i) => {
        if (!one[part]) return "";
        const [x, wide, tall] = [one.at * step + 0.6, one.wide * step - 1.2, high(one[part])];
        const y = BOTTOM - base[i];
        base[i] += tall;
        return `M${x} ${y}v${-tall}h${wide}v${tall}z`;
      }).join("") });
    }
    const old = previous && aliveSteps(previous, before.memory);
    set(ghost, { d: old ? outline(old, before.bits, sum(old.map(({ wide }) => wide))) : null });

    const peak = peakOf(steps);
    const x = (peak.at + peak.wide / 2) * step;
    const y = BOTTOM - high(stepTotal(peak));
    set(mark, { d: `M${x} ${y - 3}l5 -8h-10z` });
    const onTheLeft = x > chart.width / 2;
    set(markText, { x: onTheLeft ? x + 6 : Math.max(0, x - 6), y: y - 16, "text-anchor": onTheLeft ? "end" : "start" });
    const peakWords = `peak ${bytes(stepTotal(peak), state.bits)}: ${peak.name}`;
    write(markText, peakWords);

    spans = net.stages.map((_, i) => {
      const own = steps.filter(({ stage }) => stage === i + 1);
      return [own[0].at * step, (own.at(-1).at + own.at(-1).wide) * step];
    });
    const [from, to] = spans[state.stage - 1];
    set(chosen, { d: `M${from} ${TOP - 6}H${to}V${BOTTOM + 20}H${from}z` });
    spans.forEach(([a, b], i) => {
      set(numbers[i], { x: (a + b) / 2 });
      // Where there is no room for a number, only the chosen row has one.
      write(numbers[i], b - a > 16 || state.stage === i + 1 ? String(i + 1) : "");
    });
    set(title, { x: chart.width });
    chart.describe(`Activations in memory at each of ${steps.length} steps, ${state.memory === "blocks" ? "block by block" : "layer by layer"},`
      + ` at ${state.bits} bit: ${peakWords}.`);
  };
  return { element: chart.svg, update, reset: () => (ceiling = undefined) };
};

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "MobileNetV2, row by row" });
  const [spec, released] = ["spec", "released"].map((name) => model.get(name));
  // The picture and the tables ask for the same few networks at each step of a slider.
  const known = new Map();
  const networkOf = (state) => {
    const key = Object.keys(PAPER).map((name) => state[name]).join();
    if (!known.has(key)) {
      if (known.size > 3) known.delete(known.keys().next().value);
      known.set(key, networkV2(state, spec));
    }
    return known.get(key);
  };
  const paperNet = networkOf(PAPER);
  const paper = { macs: totalOf(paperNet.layers, "macs"), params: totalOf(paperNet.layers, "params") };

  const table = stageTable(view, paperNet.stages);
  const legend = html("div", { class: "mn-legend" }, ...KINDS.map(({ role, label }) => html("span", {}, swatch(role), label)));
  const list = blockList(Math.max(...paperNet.stages.map(({ blocks }) => blocks.length)));
  view.picture.append(table.element, legend, list.element);
  view.onReset(table.reset);

  view.slider("width_mult", { label: "Width multiplier α", format: (value) => value.toFixed(2) });
  view.slider("resolution", { label: "Resolution", format: (side) => `${side}×${side}` });
  view.slider("expansion", { label: "Expansion t" });
  const rows = [{ label: "the network", parts: KINDS.map((kind) => ({ ...kind, part: kind.role })) }];
  const totals = ["MACs", "Parameters"].map((title) => view.bars({ title, rows }));
  // On a phone the sliders come first: the table is long, and they should move in sight of it.
  view.picture.before(view.controls);
  view.picture.after(html("div", { class: "mn-totals" }, ...totals.map(({ element }) => element)));

  const map = dotChart(view, {
    groups: [
      { name: "released MobileNetV1", shape: "circle", labels: "below", points: released.v1.map((own) => ({
        ...own, x: own.macs, y: own.top1, series: own.alpha, label: own.resolution === 224 ? `α ${widthText(own.alpha)}` : "" })) },
      { name: "released MobileNetV2", role: "residual", shape: "diamond", labels: "above", points: released.v2.map((own) => ({
        ...own, v2: true, x: own.macs, y: own.top1, series: own.alpha,
        label: own.resolution === 224 && own.alpha !== 1.3 ? `α ${widthText(own.alpha)}` : "" })) },
    ],
    x: { title: "MACs (closed form, logarithmic)", from: 3e6, to: 2e9, ticks: [1e7, 3e7, 1e8, 3e8, 1e9], format: shortTick },
    y: { title: "ImageNet top-1 accuracy, %", from: 40, to: 79, ticks: [40, 50, 60, 70], format: String },
    height: 290,
    onPick: ({ v2, alpha, resolution }) => v2 && view.change({ width_mult: alpha, resolution, expansion: 6 }),
  });
  const nearText = html("p");
  const mapNote = html("p", { class: "mn-small" }, "Accuracies: TensorFlow-Slim’s pages, float models; MACs: the closed"
    + " form. Lines join one width at several resolutions. Tap a diamond to set the sliders to that model.");

  const memory = memoryChart(view);
  view.onReset(memory.reset);
  const memoryChoices = html("div", { class: "mn-choices" });
  view.choice("memory", { label: "Run", labels: { layers: "layer by layer", blocks: "block by block" }, parent: memoryChoices });
  view.choice("bits", { label: "Activations", labels: { 8: "8 bit", 16: "16 bit", 32: "32 bit" }, parent: memoryChoices });
  const key = (className, words, role) => html("span", {},
    svg("svg", { class: "mn-drawing mn-key", viewBox: "0 0 16 16", "aria-hidden": "true", "data-role": role },
      svg("path", { class: className, d: "M2 2h12v12h-12z" })), words);
  const memoryLegend = html("div", { class: "mn-legend" }, key("mn-read", "read"), key("mn-solid", "written"),
    key("mn-paint", "kept for the sum", "residual"));
  const definition = html("p", { class: "mn-small" });
  view.details.append(
    map.element, nearText, mapNote,
    html("div", {}, html("div", { class: "mn-bars-title" }, "Activations in memory along the network"), memoryChoices, memoryLegend),
    memory.element, definition,
  );

  const releasedRows = ["v1", "v2"].flatMap((network) => released[network].map(({ alpha, resolution, macs, top1 }) => ({
    label: `MobileNet${network.toUpperCase()}`,
    cells: [widthText(alpha), `${resolution}×${resolution}`, exact(macs), `${top1.toFixed(1)}\u00a0%`] })));
  view.table({
    caption: "All layers; parameters include BatchNorm’s two per channel and the classifier’s bias",
    columns: ["layer", "kernel", "channels", "output", "parameters", "MACs"],
    rows: (state) => {
      const { layers } = networkOf(state);
      return [
        ...layers.map(({ name, kernel, stride, inChannels, outChannels, outSize: out, params, macs }) => ({ label: name, cells: [
          `${kernel}×${kernel}${stride > 1 ? ", stride 2" : ""}`, `${exact(inChannels)} → ${exact(outChannels)}`, `${out}×${out}`,
          exact(params), exact(macs)] })),
        { label: "the network", cells: ["", "", "", exact(totalOf(layers, "params")), exact(totalOf(layers, "macs"))] },
      ];
    },
  });
  view.table({
    caption: "Activations in memory at each step, counted as chosen above",
    columns: ["step", "read", "written", "kept for the sum", "together", "bytes"],
    rows: (state) => aliveSteps(networkOf(state), state.memory).map((step) => ({ label: step.name, cells: [
      exact(step.read), exact(step.written), exact(step.kept), exact(stepTotal(step)), exact((stepTotal(step) * state.bits) / 8)] })),
  });
  view.table({
    caption: "Released models",
    columns: ["network", "width α", "resolution", "MACs", "top-1"],
    rows: () => releasedRows,
  });

  return view.start((state, before) => {
    const net = networkOf(state);
    const changed = (names) => before && names.some((name) => before[name] !== state[name]);
    const previous = changed(["width_mult", "resolution", "expansion"]) ? networkOf(before) : undefined;
    const oldMemory = changed(["width_mult", "resolution", "expansion", "memory", "bits"]) ? previous ?? net : undefined;
    table.update(net, previous, state.stage);
    list.update(net, state.stage);
    ["macs", "params"].forEach((metric, i) => totals[i].update([
      { values: kindTotals(net.layers, metric), before: previous && totalOf(previous.layers, metric) },
    ]));

    const macs = totalOf(net.layers, "macs");
    const near = state.expansion === 6 ? nearestReleased(released.v2, state.width_mult, state.resolution) : undefined;
    const words = nearestWords(state, near, macs);
    map.update({ here: macs, label: `you are here: ${short(macs)}`, ring: near && { x: near.macs, y: near.top1 } });
    map.describe(`Top-1 accuracy over MACs of the ${released.v1.length + released.v2.length} released models. You are at`
      + ` ${exact(macs)} MACs. ${words}`);
    write(nearText, words);

    memory.update(net, state, oldMemory, before);
    write(definition, (state.memory === "blocks"
      ? "In memory at once: what a block reads and what it writes; its middle is made and used up a few channels at a time"
        + " and never there as a whole (section 5.1 of the paper)."
      : "In memory at once: what a layer reads and what it writes, and in a block with a residual also the block’s input,"
        + " which waits for the sum.")
      + " For one image; BatchNorm, ReLU6 and the sum work in place, weights are not counted, 1 kB is 1000 bytes."
      + " The paper’s table 3 counts single tensors between blocks: 112²×16 at 16 bit is 401 kB.");
    view.say(resultSentence(net, state, paper));
    view.count(macs);
  });
}

export default { render };
