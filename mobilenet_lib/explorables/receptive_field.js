// How far one output value sees: receptive field, map and dilation along a network, and what a finer map costs.

const IMAGE = 224; // pixels a side
const MARGIN = 64; // of what is shown around it
const CEILING = 500; // of the axis of receptive fields, for both networks
const STRIDES = [32, 16, 8];
const LAYERS = 19; // of the longer network
const KINDS = [
  { part: "depthwise", role: "depthwise", label: "depthwise", roles: ["depthwise"] },
  { part: "pointwise", role: "pointwise", label: "1×1", roles: ["expansion", "projection", "pointwise"] },
  { part: "others", role: "classifier", label: "stem, classifier", roles: ["standard", "classifier"] },
];

// The layers of a network at one output stride, with their costs. A stride that is given up becomes dilation, or nothing.
const layersAt = ({ layers, walks }, outputStride, lost) => {
  let size = IMAGE;
  return layers.map(([name, role, inChannels, outChannels, kernel, groups], i) => {
    const [stride, dilation] = walks[outputStride][i];
    const last = role === "classifier"; // behind the pool: on one pixel, with a bias and no BatchNorm
    size = last ? 1 : outSize(size, stride);
    return {
      name, role, kernel, stride, dilation: lost === "dilation" ? dilation : 1, side: size,
      ...convCost({ inChannels, outChannels, kernel, groups, outHeight: size, outWidth: size, norm: !last, bias: last }),
    };
  });
};

// Stem, blocks and head, and how far one of their values sees; as ReceptiveField.steps. `gap`: image pixels from one
// tap of the spatial convolution to the next; `jump`: from one output value to the next, the stride so far.
const fieldSteps = (layers) => {
  const steps = [];
  let [field, jump] = [1, 1];
  for (const layer of layers.slice(0, -1)) {
    const name = layer.name.replace(/\.[^.]*$/, "");
    if (steps.at(-1)?.name !== name) steps.push({ name, kernel: 1, stride: 1, dilation: 1, gap: jump, before: field, from: jump, macs: 0 });
    const step = steps.at(-1);
    if (layer.kernel > 1) Object.assign(step, { kernel: layer.kernel, stride: layer.stride, dilation: layer.dilation, gap: layer.dilation * jump });
    field += (layer.kernel - 1) * layer.dilation * jump;
    jump *= layer.stride;
    Object.assign(step, { jump, field, side: layer.side, macs: step.macs + layer.macs });
  }
  return steps;
};

const shownStep = (steps, { layer }) => steps[Math.min(layer, steps.length) - 1];

// The pixel in the middle of the field: with "same" padding, value i of a map stands on pixel i · jump.
const indexAt = (share, side) => Math.floor(share * (side - 1) + 0.5);
const centreOf = ({ side, jump }, { across, down }) => [across, down].map((share) => indexAt(share, side) * jump);

// What of the field lies on the image: from its first pixel to behind its last one.
const onImage = (centre, field) => {
  const first = centre - (field - 1) / 2;
  return { first, end: first + field, from: Math.max(0, first), to: Math.min(IMAGE, first + field) };
};

const stepRole = ({ name, kernel }) => (name === "stem" ? "standard" : kernel === 1 ? "pointwise" : "depthwise");
const square = (side) => `${side}×${side}`;
const macsOf = (layers) => sum(layers.map(({ macs }) => macs));
const kindMacs = (layers) => KINDS.map(({ roles }) => macsOf(layers.filter(({ role }) => roles.includes(role))));

// How the field lies over the image, in words.
const coverWords = (step, state) => {
  const [x, y] = centreOf(step, state).map((centre) => onImage(centre, step.field));
  const seen = (x.to - x.from) * (y.to - y.from);
  const beyond = step.field ** 2 - seen;
  const outside = `${percentOf(beyond, step.field ** 2)} of the field is beyond it, where there is only padding`;
  if (seen === IMAGE ** 2) return `The whole image lies in it; ${outside}.`;
  return `That is ${percentOf(seen, IMAGE ** 2)} of the image${beyond ? `; ${outside}` : ""}.`;
};
const percentOf = (part, whole) => {
  const share = part / whole;
  if (share < 0.001) return "less than 0.1\u00a0%";
  return share >= 0.995 && share < 1 ? "more than 99\u00a0%" : percent(share);
};

const neighbourWords = ({ side, jump }) => `The map is ${square(side)}: neighbouring values stand for pixels ${jump} apart.`;

// What the numbers say, true for every state. `own` are the steps of the network as in the paper, `total` its MACs.
const fieldSentence = (step, state, last, own, macs, ownMacs) => {
  const start = `One value of ${step.name} sees ${square(step.field)} pixels. ${coverWords(step, state)} ${neighbourWords(step)}`;
  if (state.output_stride === 32) return start;
  const cost = `At output stride ${state.output_stride} the network takes ${howMuch(macs, ownMacs)} the MACs of output stride 32`;
  return `${start} ${cost}, and ${state.lost === "dilation" ? `its last value sees as far as there: ${square(last.field)}.`
    : `without dilation its last value sees ${square(last.field)} instead of ${square(own.at(-1).field)}.`}`;
};

// The image, the field on it, and the taps of the last spatial convolution.
const imagePicture = (view, scene) => {
  const WORLD = IMAGE + 2 * MARGIN;
  const chart = view.drawing({ height: (width) => width, minWidth: 200, maxWidth: 480 });
  const line = { "vector-effect": "non-scaling-stroke" };
  const patternId = uniqueId("lattice");
  const dot = svg("circle", { class: "mn-lattice" });
  const lattice = svg("pattern", { id: patternId, patternUnits: "userSpaceOnUse" }, dot);
  const fieldBox = svg("rect", { class: "mn-field", ...line });
  const ghost = svg("rect", { class: "mn-outline", ...line });
  const taps = svg("path", { class: "mn-taps", ...line });
  const group = svg("g", {},
    svg("rect", { class: "mn-padding", x: -MARGIN, y: -MARGIN, width: WORLD, height: WORLD }),
    svg("rect", { class: "mn-image", width: IMAGE, height: IMAGE, ...line }),
    svg("path", { class: "mn-scene", d: scene, ...line }),
    svg("rect", { width: IMAGE, height: IMAGE, fill: `url(#${patternId})` }), ghost, fieldBox, taps);
  const words = svg("text", { class: "mn-soft", x: 6, y: 15 }, "beyond the image: padding");
  const size = svg("text", { class: "mn-soft", "text-anchor": "end" }, `image, ${square(IMAGE)}`);
  chart.svg.append(svg("defs", {}, lattice), group, words, size);
  chart.svg.classList.add("mn-pickable", "mn-world");
  chart.svg.addEventListener("click", (event) => {
    const box = chart.svg.getBoundingClientRect();
    const share = (at, from, wide) => {
      const pixel = ((at - from) / wide) * WORLD - MARGIN;
      return Math.min(1, Math.max(0, Number((Math.round((pixel / IMAGE) * 20) / 20).toFixed(10))));
    };
    view.change({ across: share(event.clientX, box.left, box.width), down: share(event.clientY, box.top, box.height) });
  }, { signal: view.signal });

  // A box in the picture, cut off at its edge.
  const place = (rect, step, [x, y]) => {
    const [left, top] = [x, y].map((centre) => Math.max(-MARGIN, onImage(centre, step.field).first));
    const [right, bottom] = [x, y].map((centre) => Math.min(IMAGE + MARGIN, onImage(centre, step.field).end));
    set(rect, { x: left, y: top, width: right - left, height: bottom - top });
  };
  const update = (step, state, old) => {
    const scale = chart.width / WORLD;
    set(group, { transform: `scale(${scale}) translate(${MARGIN} ${MARGIN})` });
    set(size, { x: (MARGIN + IMAGE) * scale, y: (MARGIN + IMAGE) * scale + 15 });
    const { jump, gap, kernel } = step;
    set(lattice, { x: 0, y: 0, width: jump, height: jump });
    set(dot, { cx: 0.5, cy: 0.5, r: Math.min(1.25, jump / 6) });
    const centre = centreOf(step, state);
    for (const element of [fieldBox, taps]) element.dataset.role = stepRole(step);
    place(fieldBox, step, centre);
    ghost.toggleAttribute("hidden", !old);
    if (old) place(ghost, ...old);
    const reach = (kernel - 1) / 2;
    const radius = Math.max(0.5, Math.min(3, 0.4 * gap));
    let d = "";
    for (let i = -reach; i <= reach; i++) {
      for (let j = -reach; j <= reach; j++) {
        const [x, y] = [centre[0] + 0.5 + i * gap, centre[1] + 0.5 + j * gap];
        if (Math.max(Math.abs(x - IMAGE / 2), Math.abs(y - IMAGE / 2)) > IMAGE / 2 + MARGIN) continue;
        d += `M${x - radius} ${y}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0z`;
      }
    }
    set(taps, { d });
    const [column, row] = [state.across, state.down].map((share) => indexAt(share, step.side) + 1);
    chart.describe(`An image of ${square(IMAGE)} pixels, and on it the receptive field of one value of ${step.name},`
      + ` column ${column} and row ${row} of ${step.side}: ${square(step.field)} pixels. ${coverWords(step, state)}`);
  };
  return { element: chart.svg, update };
};

// Receptive field, map side and dilation along the network, one column for each step.
const alongChart = (view) => {
  const [LEFT, FIELD, SIDE, RATE] = [34, { bottom: 168, high: 140 }, { bottom: 248, high: 52 }, { bottom: 302, high: 28 }];
  const chart = view.drawing({ height: RATE.bottom + 20 });
  const soft = (attributes, words = "") => svg("text", { class: "mn-soft", ...attributes }, words);
  const chosen = svg("path", { class: "mn-chosen" });
  const grid = svg("path", { class: "mn-grid" });
  const bars = ["standard", "depthwise", "pointwise"].map((role) => ({ role, path: svg("path", { class: "mn-paint", "data-role": role }) }));
  const [sides, rates] = [svg("path", { class: "mn-solid" }), svg("path", { class: "mn-solid" })];
  const imageLine = svg("path", { class: "mn-here" });
  const other = svg("path", { class: "mn-outline" });
  const titles = [FIELD, SIDE, RATE].map(({ bottom, high }) => svg("text", { class: "mn-bold", x: 0, y: bottom - high - 9 }));
  const ticks = [[CEILING, FIELD], [CEILING / 2, FIELD], [0, FIELD]].map(([value, { bottom, high }]) =>
    soft({ "text-anchor": "end", x: LEFT - 5, y: bottom - (high * value) / CEILING + 4 }, String(value)));
  const ends = ["start", "end"].map((anchor) => soft({ "text-anchor": anchor, y: RATE.bottom + 15 }));
  const imageWords = soft({ x: LEFT + 3, y: FIELD.bottom - (FIELD.high * IMAGE) / CEILING + 14 }, `the image: ${IMAGE}`);
  chart.svg.append(chosen, grid, ...bars.map(({ path }) => path), sides, rates, imageLine, other, ...titles, ...ticks, ...ends, imageWords);
  chart.svg.classList.add("mn-pickable");

  let columns = 1;
  let drawn = []; // what the chart shows: another position on the image changes nothing here
  chart.svg.addEventListener("click", (event) => {
    const box = chart.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) * chart.width) / box.width;
    const at = Math.floor(((x - LEFT) / (chart.width - LEFT)) * columns);
    if (at >= 0 && at < columns) view.change({ layer: at + 1 });
  }, { signal: view.signal });

  const update = (...now) => {
    if ([...now, chart.width].every((each, i) => each === drawn[i])) return;
    drawn = [...now, chart.width];
    const [steps, shown, own] = now;
    columns = steps.length;
    const wide = (chart.width - LEFT) / columns;
    const x = (i) => LEFT + i * wide;
    const bar = (i, value, ceiling, { bottom, high }) => {
      const tall = (high * value) / ceiling;
      return `M${x(i) + 1} ${bottom}v${-tall}h${wide - 2}v${tall}z`;
    };
    const at = steps.indexOf(shown);
    set(chosen, { d: `M${x(at)} 28H${x(at) + wide}V${RATE.bottom + 3}H${x(at)}z` });
    set(grid, { d: [0, 1, 2].map((i) => `M${LEFT} ${FIELD.bottom - (i * FIELD.high) / 2}H${chart.width}`).join("")
      + [SIDE, RATE].map(({ bottom }) => `M${LEFT} ${bottom}H${chart.width}`).join("") });
    for (const { role, path } of bars) {
      set(path, { d: steps.map((step, i) => (stepRole(step) === role ? bar(i, step.field, CEILING, FIELD) : "")).join("") });
    }
    set(sides, { d: steps.map(({ side }, i) => bar(i, side, IMAGE / 2, SIDE)).join("") });
    set(rates, { d: steps.map(({ dilation }, i) => bar(i, dilation, 4, RATE)).join("") });
    set(imageLine, { d: `M${LEFT} ${FIELD.bottom - (FIELD.high * IMAGE) / CEILING}H${chart.width}` });
    const differs = own.some(({ field }, i) => field !== steps[i].field);
    set(other, { d: differs ? `M${LEFT} ${FIELD.bottom}${own.map(({ field }, i) =>
      `V${FIELD.bottom - (FIELD.high * field) / CEILING}H${x(i + 1)}`).join("")}V${FIELD.bottom}` : null });
    write(titles[0], `receptive field: ${shown.field} pixels`);
    write(titles[1], `side of the map: ${shown.side}`);
    write(titles[2], `dilation: ${shown.dilation}`);
    set(ends[0], { x: LEFT });
    set(ends[1], { x: chart.width });
    write(ends[0], steps[0].name);
    write(ends[1], steps.at(-1).name);
    chart.describe(`Along ${columns} steps the receptive field grows from ${steps[0].field} to ${steps.at(-1).field} pixels and the`
      + ` side of the map shrinks from ${steps[0].side} to ${steps.at(-1).side}; dilation is at most`
      + ` ${Math.max(...steps.map(({ dilation }) => dilation))}. At ${shown.name}: ${shown.field}, ${shown.side} and ${shown.dilation}.`);
  };
  return { element: chart.svg, update };
};

function render({ model, el, signal }) {
  const [networks, scene] = ["networks", "scene"].map((name) => model.get(name));
  // Six networks and their variants without dilation: each is computed once.
  const known = new Map();
  const netOf = ({ network, output_stride: outputStride, lost }) => {
    const key = [network, outputStride, lost].join();
    if (!known.has(key)) {
      const layers = layersAt(networks[network], outputStride, lost);
      known.set(key, { layers, steps: fieldSteps(layers), macs: macsOf(layers), kinds: kindMacs(layers) });
    }
    return known.get(key);
  };
  const strided = (state) => netOf({ ...state, output_stride: 32, lost: "dilation" });
  const counts = Object.fromEntries(Object.keys(networks).map((network) =>
    [network, netOf({ network, output_stride: 32, lost: "dilation" }).steps.length]));

  const view = explorable({
    model, el, signal, title: "How far one output value sees",
    // MobileNetV1 has fewer steps.
    settle: (state) => ({ ...state, layer: Math.min(state.layer, counts[state.network]) }),
  });
  const world = imagePicture(view, scene);
  view.picture.append(world.element);
  const position = html("p", { class: "mn-small" });
  view.picture.append(position);

  const across = (group) => group.element.classList.add("mn-across");
  across(view.choice("network", { label: "MobileNet" }));
  across(view.choice("output_stride", { label: "Output stride" }));
  const lost = view.choice("lost", { label: "Lost stride" });
  across(lost);
  const lostNote = html("p", { class: "mn-small mn-across" });
  view.controls.append(lostNote);
  const layerSlider = view.slider("layer", { label: "Layer", upTo: ({ network }) => counts[network],
    format: (layer) => shownStep(netOf(view.state()).steps, { layer }).name });
  layerSlider.element.classList.add("mn-across");
  const percentAt = (share) => `${Math.round(100 * share)}\u00a0%`;
  view.slider("across", { label: "From the left", format: percentAt });
  view.slider("down", { label: "From the top", format: percentAt });

  const along = alongChart(view);
  const bars = view.bars({
    title: "MACs of the network",
    rows: STRIDES.map((stride) => ({ label: `output stride ${stride}`, parts: KINDS })),
  });
  const heads = [...bars.element.querySelectorAll(".mn-bar-head")];
  const terms = formula({
    title: "This layer’s numbers",
    terms: [
      { label: "receptive field", symbols: "r + (k − 1) · d · j" },
      { label: "stride so far", symbols: "j · s" },
      { label: "side of the map", symbols: "224 / (j · s)" },
    ],
  });
  const legend = html("p", { class: "mn-small" }, "r and j: receptive field and stride so far of the layer’s input; k, d, s:"
    + " kernel, dilation and stride of its spatial convolution. 1×1 convolutions see no further. The square holds all pixels"
    + " that can change the value; those in its middle do so along many more paths than those at its edge. Dots on the image:"
    + " where the values of the map stand; large dots: the taps of the layer’s filter.");
  view.details.append(html("div", { class: "mn-columns" }, along.element, bars.element), terms.element, legend);

  view.table({
    caption: "Along the network",
    columns: ["layer", "kernel", "stride", "dilation", "stride so far", "map", "receptive field", "MACs"],
    rows: (state) => netOf(state).steps.map(({ name, kernel, stride, dilation, jump, side, field, macs }) => ({ label: name, cells: [
      square(kernel), stride, dilation, jump, square(side), square(field), exact(macs)].map(String) })),
  });
  view.table({
    caption: "The whole network; dilation or not, the MACs are the same",
    columns: ["output stride", "last map", "field with dilation", "field without", "MACs"],
    rows: (state) => STRIDES.map((outputStride) => {
      const [dilated, plain] = ["dilation", "nothing"].map((own) => netOf({ ...state, output_stride: outputStride, lost: own }));
      return { label: String(outputStride), cells: [square(dilated.steps.at(-1).side), square(dilated.steps.at(-1).field),
        square(plain.steps.at(-1).field), exact(dilated.macs)] };
    }),
  });

  return view.start((state, before) => {
    const { steps, macs } = netOf(state);
    const own = strided(state);
    const step = shownStep(steps, state);
    const oldStep = before && shownStep(netOf(before).steps, before);
    const oldCentre = before && centreOf(oldStep, before);
    const moved = before && (oldStep.field !== step.field || String(oldCentre) !== String(centreOf(step, state)));
    world.update(step, state, moved ? [oldStep, oldCentre] : undefined);
    const [column, row] = [state.across, state.down].map((share) => indexAt(share, step.side) + 1);
    write(position, `${step.name}, column ${column} and row ${row} of ${step.side}. Tap the image to choose another value.`);
    write(lostNote, state.output_stride === 32 ? "At output stride 32 no stride is lost."
      : state.lost === "dilation" ? "As in the library: the layers behind it space their taps out."
        : "The dashed line: the field with dilation. The MACs are the same.");
    layerSlider.explain(steps.length < LAYERS ? `MobileNet${state.network} has ${steps.length} of these ${LAYERS}: it ends with ${steps.at(-1).name}.` : "");
    along.update(steps, step, own.steps);
    bars.update(STRIDES.map((outputStride) => ({ values: netOf({ ...state, output_stride: outputStride }).kinds })));
    heads.forEach((head, i) => head.classList.toggle("mn-current", STRIDES[i] === state.output_stride));
    const { kernel, dilation, stride, from, before: smaller, field, jump, side } = step;
    terms.update([
      { numbers: `${smaller} + (${kernel} − 1) · ${dilation} · ${from}`, result: field },
      { numbers: `${from} · ${stride}`, result: jump },
      { numbers: `${IMAGE} / ${jump}`, result: side },
    ]);
    view.say(fieldSentence(step, state, steps.at(-1), own.steps, macs, own.macs));
    view.count(macs);
  });
}

export default { render };
