// One block of MobileNet's successors as a chain of convolutions: what it is made of, what that costs, and its picture.

// The layers by timm's letters, which are also the parts that light up together.
const LAYERS = {
  a: { label: "start", role: "depthwise" },
  e: { label: "expansion", brief: "expand", role: "expansion" },
  k: { label: "middle", role: "depthwise" },
  c: { label: "projection", brief: "project", role: "projection" },
  p: { label: "end", role: "depthwise" },
};

// A block from what its string says. `a`, `k` and `p` are kernels, 0 for a layer that is not there; `squeeze` counts the
// narrow channels of squeeze-and-excitation, 0 for none. Layers that are not there stand in `layers` as { gone: true }.
const chainOf = ({ kind, input, output, size, k = 0, a = 0, p = 0, e = 1, s = 1, squeeze = 0, act = "ReLU6", skip = true }) => {
  const middle = makeDivisible(input * e);
  const layers = [];
  let [channels, side] = [input, size];
  const add = (part, kernel, outChannels, { groups = 1, stride = 1, linear = false, ...own } = {}) => {
    if (kernel === 0) {
      layers.push({ ...LAYERS[part], part, gone: true, outChannels: channels, side, macs: 0, params: 0, activations: 0 });
      return;
    }
    const [inChannels, from] = [channels, side];
    [channels, side] = [outChannels, outSize(side, stride)];
    layers.push({
      ...LAYERS[part], part, kernel, inChannels, outChannels, groups, stride, from, side, act: linear ? "linear" : act, ...own,
      ...convCost({ inChannels, outChannels, kernel, groups, outHeight: side, outWidth: side }),
    });
  };
  const depthwise = (part, kernel, own) => add(part, kernel, channels, { groups: channels, ...own });
  const standard = { role: "standard", label: "standard", stride: s };
  // timm puts the stride into the middle layer, or where that is not there, into the first, or the last.
  const strided = k ? "k" : a ? "a" : "p";
  if (kind === "cn") add("k", k, output, standard);
  else if (kind === "er") add("k", k, middle, standard);
  else if (kind === "uir") {
    depthwise("a", a, { linear: true, stride: strided === "a" ? s : 1 });
    add("e", 1, middle);
    depthwise("k", k, { stride: s });
  } else {
    if (kind === "ir") add("e", 1, middle);
    depthwise("k", k, { stride: s, label: "depthwise" });
  }
  const excited = squeeze > 0 && kind !== "cn" ? { channels, squeeze, params: 0, macs: 0 } : undefined;
  if (excited) {
    for (const [inChannels, outChannels] of [[channels, squeeze], [squeeze, channels]]) {
      const { params, macs } = convCost({ inChannels, outChannels, kernel: 1, outHeight: 1, outWidth: 1, norm: false, bias: true });
      excited.params += params;
      excited.macs += macs;
    }
  }
  if (kind === "ds" || kind === "dsa") add("c", 1, output, { role: "pointwise", label: "pointwise", brief: "1×1", linear: kind === "ds" });
  else if (kind !== "cn") add("c", 1, output, { linear: true });
  if (kind === "uir" && p) depthwise("p", p, { linear: true, stride: strided === "p" ? s : 1 });
  const same = s === 1 && input === output;
  const addable = skip && kind !== "dsa";
  const why = [...(s > 1 ? [`stride ${s}`] : []), ...(input !== output ? [`${input} channels in, ${output} out`] : [])];
  return {
    kind, input, output, size, out: side, layers, excited, residual: same && addable,
    why: same ? [kind === "cn" ? "none here without skip" : kind === "dsa" ? "MobileNetV1 had none" : "noskip"] : why,
    present: layers.filter(({ gone }) => !gone),
    macs: sum(layers.map(({ macs }) => macs)) + (excited?.macs ?? 0),
    params: sum(layers.map(({ params }) => params)) + (excited?.params ?? 0),
    activations: sum(layers.map(({ activations }) => activations)),
  };
};

const describeChain = ({ input, output, size, out, present, excited, residual, why }) => {
  const steps = present.map(({ label, kernel, outChannels, groups, stride }) =>
    `${label} ${kernel} by ${kernel}${groups > 1 ? " depthwise" : ""}${stride > 1 ? ` with stride ${stride}` : ""}, ${outChannels} channels`);
  return `The block: ${input} channels of ${size} by ${size} go through ${steps.join("; ")}${
    excited ? `; squeeze-and-excitation with ${excited.squeeze} channels before the last one` : ""}, to ${output} channels of ${out} by ${out}. ${
    residual ? "The input is added to the output." : `There is no residual: ${why.join(", and ")}.`}`;
};

// Rows of a table with a block's layers.
const chainRows = ({ present, excited }) => {
  const rows = present.map(({ part, label, kernel, inChannels, outChannels, side, params, macs, activations }) => ({
    label, part, cells: [`${kernel}×${kernel}`, `${exact(inChannels)} → ${exact(outChannels)}`, `${side}×${side}`,
      ...[params, macs, activations].map(exact)],
  }));
  if (!excited) return rows;
  const { channels, squeeze, params, macs } = excited;
  const own = { label: "squeeze-and-excitation", part: "se",
    cells: ["1×1", `${exact(channels)} → ${exact(squeeze)} → ${exact(channels)}`, "1×1", exact(params), exact(macs), exact(channels + squeeze)] };
  return [...rows.slice(0, -1), own, rows.at(-1)];
};
const CHAIN_COLUMNS = ["layer", "kernel", "channels", "output", "parameters", "MACs", "activations"];

// The picture: tensors as slabs, as high as they have channels, and the convolutions between them; a gap with a dashed
// line where a layer could be and is not. Where it is `fine`, strides (s) and activations (n) are parts of their own.
// Coordinates are in the units of `drawing`.
const chainPicture = (view, fine = false) => {
  const [TOP, HIGH, SHORTCUT, LEFT, RIGHT, SLAB] = [112, 190, 16, 34, 34, 18];
  const [MOST, GONE] = [5, 0.4]; // layers; how wide one is that is not there
  const MIDDLE = TOP + HIGH / 2;
  const chart = view.drawing({ height: TOP + HIGH + 42 });
  const text = (className, y, words = "") => svg("text", { class: className, "text-anchor": "middle", y }, words);
  const marks = [1, 2, 3, 4].map(() => ({
    lines: svg("path", { class: "mn-grid" }), text: svg("text", { class: "mn-soft", "text-anchor": "end", x: LEFT - 8 }),
  }));
  const axisTitle = svg("text", { class: "mn-soft", transform: `translate(10 ${TOP + HIGH}) rotate(-90)` }, "channels");
  const columns = Array.from({ length: MOST }, () => {
    const shape = svg("polygon", {});
    const lanes = svg("path", { stroke: "#fff", "stroke-opacity": 0.45, fill: "none" });
    const texts = [text("mn-bold", 54), text("mn-soft", 70), text("mn-soft", 85)];
    const [step, act] = [text("mn-soft", 85), text("mn-soft", 100)];
    const extras = [[step, "s"], [act, "n"]].map(([element, part]) => svg("g", { "data-part": fine ? part : null }, element));
    return { shape, lanes, texts, step, act, extras, group: svg("g", {}, shape, lanes, ...texts) };
  });
  const tensors = Array.from({ length: MOST + 1 }, () => ({
    slab: svg("rect", { class: "mn-solid", rx: 2 }),
    channels: text("mn-large", TOP + HIGH + 20),
    side: text("mn-soft", TOP + HIGH + 36),
  }));
  const ghost = svg("path", { class: "mn-outline" });
  const [shortcut, plus] = [svg("path", { class: "mn-stroke" }), svg("path", { class: "mn-stroke" })];
  const sumText = text("mn-bold", SHORTCUT + 16, "residual: input + output");
  const residual = svg("g", { "data-role": "residual" }, shortcut, plus, sumText);
  const reasons = [text("mn-bold", 14), text("mn-bold", 29)];
  const exit = svg("path", { class: "mn-grid", fill: "none" });
  const gate = svg("path", { class: "mn-stroke" });
  const gateText = text("mn-soft");
  const excitation = svg("g", { "data-part": "se", "data-role": "activation" }, gate, gateText);
  chart.svg.append(
    ...marks.flatMap(({ lines, text: label }) => [lines, label]), axisTitle, exit, ...columns.flatMap(({ group, extras }) => [group, ...extras]),
    ...tensors.flatMap(({ slab, channels, side }) => [slab, channels, side]), excitation, ghost, residual, ...reasons,
  );

  let ceiling;
  const slabsOf = ({ input, size, layers }) => {
    const widths = layers.map(({ gone }) => (gone ? GONE : 1));
    const step = (chart.width - LEFT - RIGHT - SLAB) / Math.max(2, sum(widths));
    let x = LEFT + SLAB / 2;
    return [{ outChannels: input, side: size }, ...layers].map(({ outChannels, side }, i) => {
      if (i > 0) x += step * widths[i - 1];
      const high = Math.max(2, (outChannels / ceiling) * HIGH);
      const wide = Math.max(3, (SLAB * side) / size);
      return { x, left: x - wide / 2, right: x + wide / 2, wide, high, top: MIDDLE - high / 2, bottom: MIDDLE + high / 2, outChannels, side };
    });
  };
  const drawAxis = () => {
    const [from, to] = [LEFT - 4, chart.width - RIGHT + 8];
    axisTicks(ceiling).slice(1).forEach(({ value, labelled }, i) => {
      const half = (value / ceiling) * (HIGH / 2);
      set(marks[i].lines, { d: `M${from} ${MIDDLE - half}H${to}M${from} ${MIDDLE + half}H${to}` });
      set(marks[i].text, { y: MIDDLE - half + 4 });
      write(marks[i].text, labelled ? (value < 10000 ? String(value) : shortTick(value)) : "");
    });
  };
  const drawLayer = ({ shape, lanes, texts, step, act, extras, group }, layer, a, b) => {
    const there = layer && !layer.gone;
    for (const element of [group, ...extras]) set(element, { visibility: layer ? null : "hidden" });
    if (!layer) return;
    const centre = (a.x + b.x) / 2;
    const [from, to] = [a.right + 3, b.left - 3];
    set(group, { "data-part": layer.part, "data-role": layer.role });
    set(shape, { class: there ? "mn-paint" : "mn-outline", points: there
      ? `${from},${a.top} ${to},${b.top} ${to},${b.bottom} ${from},${a.bottom}` : `${from},${MIDDLE} ${to},${MIDDLE}` });
    let d = "";
    if (there && layer.groups > 1) { // lanes, because each channel stays by itself
      const count = Math.max(1, Math.floor(a.high / 8));
      for (let lane = 1; lane < count; lane++) d += `M${from} ${a.top + (lane * a.high) / count}H${to}`;
    }
    set(lanes, { d });
    const narrow = b.x - a.x < 66;
    const filters = layer.groups > 1 ? "" : `${layer.outChannels}${narrow ? "" : " filters"}`;
    const words = there ? [narrow ? layer.brief ?? layer.label : layer.label, `${layer.kernel}×${layer.kernel}×${layer.inChannels / layer.groups}`,
      layer.stride > 1 ? "" : filters] : [`${layer.part}0`, "", ""];
    texts.forEach((element, i) => { set(element, { x: centre }); write(element, words[i]); });
    for (const element of [step, act]) set(element, { x: centre });
    write(step, there && layer.stride > 1 ? `stride ${layer.stride}` : "");
    write(act, there ? layer.act : "");
  };

  const update = (chain, previous) => {
    const { layers, excited } = chain;
    ceiling = nextCeiling(ceiling, Math.max(chain.input, ...layers.map(({ outChannels }) => outChannels)));
    drawAxis();
    const slabs = slabsOf(chain);
    tensors.forEach(({ slab, channels, side }, i) => {
      const own = slabs[i];
      const named = own && !layers[i - 1]?.gone; // behind a gap it is the same tensor
      set(slab, own ? { x: own.left, y: own.top, width: own.wide, height: own.high, visibility: null } : { visibility: "hidden" });
      for (const element of [channels, side]) set(element, { x: own?.x ?? 0 });
      write(channels, named ? String(own.outChannels) : "");
      write(side, named ? `${own.side}×${own.side}` : "");
    });
    columns.forEach((column, i) => drawLayer(column, layers[i], slabs[i], slabs[i + 1]));
    set(excitation, { visibility: excited ? null : "hidden" });
    if (excited) {
      const { x, top } = slabs[layers.findLastIndex(({ part }) => part === "c")];
      set(gate, { d: `M${x - 9} ${top - 4}h18` });
      set(gateText, { x, y: top - 9 });
      write(gateText, `SE ${excited.squeeze}`);
    }
    const [first, last] = [slabs[0], slabs.at(-1)];
    const plusX = last.x + SLAB / 2 + 15;
    const centre = (first.x + last.x) / 2;
    set(residual, { visibility: chain.residual ? null : "hidden" });
    set(shortcut, { d: `M${first.x} ${first.top - 3}V${SHORTCUT + 8}q0 -8 8 -8H${plusX - 8}q8 0 8 8V${MIDDLE - 12}`
      + `m-4.5 -6l4.5 6l4.5 -6M${last.right + 2} ${MIDDLE}H${plusX - 9}` });
    set(plus, { d: `M${plusX - 9} ${MIDDLE}a9 9 0 1 0 18 0a9 9 0 1 0 -18 0M${plusX - 5} ${MIDDLE}h10M${plusX} ${MIDDLE - 5}v10` });
    set(sumText, { x: Math.max(centre, 90) });
    set(exit, { d: chain.residual ? null : `M${last.right + 3} ${MIDDLE}h14m-5 -4l5 4l-5 4` });
    reasons.forEach((element, i) => {
      set(element, { x: Math.max(centre, 110) });
      write(element, chain.residual || !chain.why[i] ? "" : `${i ? "and" : "no residual:"} ${chain.why[i]}`);
    });
    let outline = null;
    if (previous) {
      const old = slabsOf(previous);
      const upper = old.flatMap(({ left, right, top }) => [`${left} ${top}`, `${right} ${top}`]);
      const lower = old.flatMap(({ left, right, bottom }) => [`${left} ${bottom}`, `${right} ${bottom}`]).reverse();
      outline = `M${[...upper, ...lower].join("L")}Z`;
    }
    set(ghost, { d: outline });
    chart.describe(describeChain(chain));
  };
  return { element: chart.svg, update, reset: () => (ceiling = undefined) };
};
