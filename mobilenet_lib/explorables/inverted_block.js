// The inverted residual: thin, fat, thin, beside a standard convolution and a classical bottleneck with the same ends.

const STAGES = [
  { part: "expansion", role: "expansion", label: "expansion" },
  { part: "depthwise", role: "depthwise", label: "depthwise" },
  { part: "projection", role: "projection", label: "projection" },
];

// The classical bottleneck's parts. Its 1×1s are pointwise convolutions, its middle is a standard one.
const CLASSICAL = [
  { part: "reduce", role: "pointwise", label: "1×1 in" },
  { part: "conv", role: "standard", label: "standard" },
  { part: "restore", role: "pointwise", label: "1×1 out" },
];

// Everything the figure shows, from the settings alone: the block's three convolutions, those of the classical
// bottleneck, the standard convolution with the same ends, and one as wide as the middle.
const stages = ({ expansion, width_mult, in_channels, out_channels, kernel_size: kernel, stride, dilation, size }) => {
  const input = makeDivisible(in_channels * width_mult);
  const output = makeDivisible(out_channels * width_mult);
  const middle = input * expansion;
  const narrow = makeDivisible(output / 4); // as in ResNet-50: 64 for ends of 256
  const out = outSize(size, stride);
  const conv = (inChannels, outChannels, kernel, side, groups = 1) => ({
    inChannels, outChannels, kernel, side, groups,
    ...convCost({ inChannels, outChannels, kernel, groups, outHeight: side, outWidth: side }),
  });
  return {
    input, middle, narrow, output, size, out, kernel, stride, dilation,
    reach: dilation * (kernel - 1) + 1,
    residual: stride === 1 && input === output,
    expansion: conv(input, middle, 1, size),
    depthwise: conv(middle, middle, kernel, out, middle),
    projection: conv(middle, output, 1, out),
    reduce: conv(input, narrow, 1, size),
    conv: conv(narrow, narrow, kernel, out),
    restore: conv(narrow, output, 1, out),
    standard: conv(input, output, kernel, out),
    wide: conv(middle, middle, kernel, out),
  };
};

// Why there is no residual, as lines of text; none when there is one.
const whyNoResidual = ({ input, output, stride }) => {
  const why = [];
  if (stride !== 1) why.push("stride 2 halves the map");
  if (input !== output) why.push(`${input} channels in, ${output} out`);
  return why.map((reason, i) => (i === 0 ? `no residual: ${reason}` : `and ${reason}`));
};

const totalOf = (block, metric, parts = STAGES) => sum(parts.map(({ part }) => block[part][metric]));

const codeLine = ({ input, middle, output, kernel, stride, dilation }) =>
  `InvertedResidual(${input}, ${middle}, ${output}, kernel_size=${kernel}, stride=${stride}`
  + `${dilation === 1 ? "" : `, dilation=${dilation}`})`;

// What the numbers say, true for every state.
const costSentence = (block) => {
  const macs = totalOf(block, "macs");
  const { kernel, input, middle, output } = block;
  const conv = `${kernel}×${kernel} convolution`;
  const first = `The block needs ${short(macs)} MACs, ${howMuch(macs, block.standard.macs)} the ${short(block.standard.macs)}`
    + ` of a standard ${conv} between the same two ends.`;
  if (middle === input && middle === output) return `${first} With t = 1 its middle is no wider than the ends.`;
  const second = block.wide.macs > macs
    ? ` ${macs > block.standard.macs ? "But" : "And"} it filters ${exact(middle)} channels: a standard ${conv} that wide`
      + ` would need ${short(block.wide.macs)}, ${howMuch(block.wide.macs, macs)} the block.`
    : ` It filters only ${exact(middle)} channels: even a standard ${conv} that wide would need no more`
      + ` (${short(block.wide.macs)}).`;
  return first + second;
};

const classicalSentence = (block) => {
  const macs = totalOf(block, "macs", CLASSICAL);
  return `A classical bottleneck between these ends needs ${short(macs)}, ${howMuch(macs, totalOf(block, "macs"))} the block’s,`
    + ` and filters ${exact(block.narrow)} channels.`;
};

// What dilation does, in words: nothing to the cost, and much to what a filter sees.
const reachSentence = ({ kernel, dilation, reach, size }) => {
  const sees = `The ${kernel}×${kernel} filter reaches ${reach}×${reach} pixels with ${kernel ** 2} weights per channel`;
  const how = dilation === 1 ? `${sees}.` : `${sees}, ${dilation} pixels apart: as many weights and MACs as with dilation 1.`;
  return reach > size ? `${how} Nowhere does it fit into a map of ${size}×${size}: part of it always sees zeros.` : how;
};

// Where the classical bottleneck's middle is none: the ends may be thin already.
const notNarrow = ({ input, narrow, output }) => {
  const ends = [narrow >= input && "input", narrow >= output && "output"].filter(Boolean);
  return ends.length ? `, no narrower than its ${ends.join(" and ")}` : "";
};

// ---------------------------------------------------------------------------------------------- memory

// The channels of each piece of the middle: as equal as can be.
const piecesOf = (channels, pieces) =>
  Array.from({ length: pieces }, (_, i) => Math.floor((channels * (i + 1)) / pieces) - Math.floor((channels * i) / pieces));

// How each contender runs: its steps in order, with the tensors that they read and write. `kind` is "input", "output",
// or the layer that wrote the tensor.
const runs = (block, pieces) => {
  const { input, middle, narrow, output, size, out, residual } = block;
  const tensor = (kind, channels, side) => ({ kind, numbers: channels * side ** 2 });
  // Thin ends that are there as a whole, and a middle that is made and used up piece by piece: each piece adds its
  // share to the output.
  const run = ([widen, filter, narrowDown], channels) => {
    const ends = [tensor("input", input, size), tensor("output", output, out)];
    const steps = channels.flatMap((own, i) => {
      const wide = tensor(widen, own, size);
      const filtered = tensor(filter, own, out);
      return [
        { name: widen, reads: [ends[0]], writes: wide },
        { name: filter, reads: [wide], writes: filtered },
        { name: narrowDown, reads: i > 0 ? [filtered, ends[1]] : [filtered], writes: ends[1] },
      ];
    });
    if (residual) steps.at(-1).reads.push(ends[0]);
    return steps;
  };
  const [block3, classical3] = [STAGES, CLASSICAL].map((parts) => parts.map(({ part }) => part));
  return {
    layers: run(block3, [middle]),
    pieces: run(block3, piecesOf(middle, pieces)),
    classical: run(classical3, [narrow]),
    standard: [{ name: "standard", reads: [tensor("input", input, size)], writes: tensor("output", output, out) }],
  };
};

// What must be in memory at each step, as counts of numbers: a tensor is there from the step that writes it to the last
// step that reads it, the input from the start, the output to the end. The twin of InvertedBlock.alive.
const aliveSteps = (steps) => {
  const last = new Map(); // the last step that needs a tensor
  steps.forEach(({ reads, writes }, i) => [...reads, writes].forEach((tensor) => last.set(tensor, i)));
  const there = new Set(steps[0].reads);
  return steps.map(({ name, writes }, i) => {
    there.add(writes);
    const numbers = Object.fromEntries([...there].map((tensor) => [tensor.kind, tensor.numbers]));
    for (const tensor of there) if (last.get(tensor) === i) there.delete(tensor);
    return { name, numbers, total: sum(Object.values(numbers)) };
  });
};

const memoryOf = (block, pieces) =>
  Object.fromEntries(Object.entries(runs(block, pieces)).map(([name, steps]) => [name, aliveSteps(steps)]));

const peakOf = (steps) => steps.reduce((most, step) => (step.total > most.total ? step : most));
const inPieces = (pieces) => (pieces === 1 ? "in one piece" : `in ${pieces} pieces`);

// What the numbers say, true for every state.
const memorySentence = (block, memory, { pieces, bits }) => {
  const peaks = Object.fromEntries(Object.entries(memory).map(([name, steps]) => [name, peakOf(steps)]));
  const [layers, split] = [peaks.layers.total, peaks.pieces.total];
  const first = `Layer by layer, the block holds up to ${bytes(layers, bits)} of activations in memory at once, in its`
    + ` ${peaks.layers.name} layer.`;
  const second = pieces === 1 ? "In one piece, nothing is split."
    : split < layers ? `With its middle ${inPieces(pieces)} it never holds more than ${bytes(split, bits)}, ${howMuch(split, layers)} that.`
    : `Splitting does not help here: ${inPieces(pieces)} it holds up to ${bytes(split, bits)}, ${howMuch(split, layers)} that.`;
  const wide = block.middle * (block.size ** 2 + block.out ** 2);
  return `${first} ${second} A standard convolution holds ${bytes(peaks.standard.total, bits)} with these ends and`
    + ` ${bytes(wide, bits)} as wide as the middle; a classical bottleneck holds up to ${bytes(peaks.classical.total, bits)}.`;
};

// ---------------------------------------------------------------------------------------------- pictures

const describeBlock = (block) => {
  const { input, middle, output, size, out, kernel, stride, dilation } = block;
  const end = block.residual ? "The input is added to the output." : `There is ${whyNoResidual(block).join(" ")}.`;
  return `Inverted residual: ${input} channels of ${size} by ${size} are expanded to ${middle}, filtered ${kernel} by`
    + ` ${kernel} with stride ${stride}${dilation === 1 ? "" : ` and dilation ${dilation}`}, and projected to ${output} channels of ${out} by ${out}. ${end}`;
};

const METRICS = [
  { metric: "macs", title: "MACs" },
  { metric: "params", title: "Parameters" },
  { metric: "activations", title: "Activations" },
];

// Below the depthwise filter's size there is room for a few letters.
const stepText = ({ stride, dilation }) =>
  dilation === 1 ? `stride ${stride}` : stride === 1 ? `dilation ${dilation}` : `stride ${stride}, dil. ${dilation}`;

// The picture: four tensors as slabs, as high as they have channels, and the three convolutions between them.
// Coordinates are in the units of `drawing`.
const blockPicture = (view) => {
  const TOP = 112; // of the plot; above it the shortcut and the names of the operations
  const HIGH = 208;
  const MIDDLE = TOP + HIGH / 2;
  const SHORTCUT = 16;
  const LEFT = 34; // the axis
  const RIGHT = 34; // the sum
  const SLAB = 18;
  const chart = view.drawing({ height: TOP + HIGH + 56 });

  const marks = [1, 2, 3, 4].map(() => ({
    lines: svg("path", { class: "mn-grid" }),
    text: svg("text", { class: "mn-soft", "text-anchor": "end", x: LEFT - 8 }),
  }));
  const axisTitle = svg("text", { class: "mn-soft", transform: `translate(10 ${MIDDLE + HIGH / 2}) rotate(-90)` }, "channels");
  const operations = STAGES.map(({ part, role, label }) => {
    const shape = svg("polygon", { class: "mn-paint" });
    const lanes = svg("path", { stroke: "#fff", "stroke-opacity": 0.45, fill: "none" });
    const texts = [
      svg("text", { class: "mn-bold", "text-anchor": "middle", y: 54 }, label),
      svg("text", { class: "mn-soft", "text-anchor": "middle", y: 70 }),
      svg("text", { class: "mn-soft", "text-anchor": "middle", y: 85 }),
      svg("text", { class: "mn-soft mn-mark", "text-anchor": "middle", y: 100 }, part === "projection" ? "linear" : "ReLU6"),
    ];
    const group = svg("g", { "data-part": part, "data-role": role }, shape, lanes, ...texts);
    return { part, shape, lanes, texts, group };
  });
  const tensors = ["input", "expanded", "filtered", "output"].map((name) => ({
    slab: svg("rect", { class: "mn-solid", rx: 2 }),
    channels: svg("text", { class: "mn-large", "text-anchor": "middle", y: TOP + HIGH + 20 }),
    side: svg("text", { class: "mn-soft", "text-anchor": "middle", y: TOP + HIGH + 36 }),
    name: svg("text", { class: "mn-soft", "text-anchor": "middle", y: TOP + HIGH + 51 }, name),
  }));
  const ghost = svg("path", { class: "mn-outline" });
  const shortcut = svg("path", { class: "mn-stroke" });
  const plus = svg("path", { class: "mn-stroke" });
  const residual = svg("g", { "data-role": "residual" }, shortcut, plus);
  const sumText = svg("text", { class: "mn-bold", "text-anchor": "middle", y: SHORTCUT + 16 }, "residual: input + output");
  residual.append(sumText);
  const reasons = [0, 1].map((i) => svg("text", { class: "mn-bold", "text-anchor": "middle", y: 14 + 15 * i }));
  const exit = svg("path", { class: "mn-grid", fill: "none" });
  chart.svg.append(
    ...marks.flatMap(({ lines, text }) => [lines, text]), axisTitle, exit,
    ...operations.map(({ group }) => group),
    ...tensors.flatMap(({ slab, channels, side, name }) => [slab, channels, side, name]),
    ghost, residual, ...reasons,
  );

  let ceiling;
  const slabsOf = (block) => {
    const step = (chart.width - LEFT - RIGHT - SLAB) / 3;
    return [
      [block.input, 1], [block.middle, 1], [block.middle, block.out / block.size], [block.output, block.out / block.size],
    ].map(([channels, share], i) => {
      const high = Math.max(2, (channels / ceiling) * HIGH);
      const wide = Math.max(3, SLAB * share);
      const x = LEFT + SLAB / 2 + i * step;
      return { x, left: x - wide / 2, right: x + wide / 2, wide, high, top: MIDDLE - high / 2, bottom: MIDDLE + high / 2 };
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

  const update = (block, previous) => {
    ceiling = nextCeiling(ceiling, Math.max(block.input, block.middle, block.output));
    drawAxis();
    const slabs = slabsOf(block);
    const channels = [block.input, block.middle, block.middle, block.output];
    const sides = [block.size, block.size, block.out, block.out];
    tensors.forEach((tensor, i) => {
      const { x, left, wide, top, high } = slabs[i];
      set(tensor.slab, { x: left, y: top, width: wide, height: high });
      set(tensor.channels, { x });
      set(tensor.side, { x });
      set(tensor.name, { x });
      write(tensor.channels, String(channels[i]));
      write(tensor.side, `${sides[i]}×${sides[i]}`);
    });
    operations.forEach(({ part, shape, lanes, texts }, i) => {
      const [a, b] = [slabs[i], slabs[i + 1]];
      const [from, to] = [a.right + 3, b.left - 3];
      set(shape, { points: `${from},${a.top} ${to},${b.top} ${to},${b.bottom} ${from},${a.bottom}` });
      if (part === "depthwise") {
        // Lanes, because each channel stays by itself.
        const count = Math.max(1, Math.floor(a.high / 8));
        let d = "";
        for (let lane = 1; lane < count; lane++) d += `M${from} ${a.top + (lane * a.high) / count}H${to}`;
        set(lanes, { d });
      }
      const { kernel, inChannels, outChannels, groups } = block[part];
      write(texts[1], `${kernel}×${kernel}×${inChannels / groups}`);
      write(texts[2], part === "depthwise" ? stepText(block) : `${outChannels} filters`);
      for (const text of texts) set(text, { x: (a.x + b.x) / 2 });
    });

    const [first, last] = [slabs[0], slabs[3]];
    const plusX = last.x + SLAB / 2 + 15;
    const centre = (first.x + last.x) / 2;
    const why = whyNoResidual(block);
    set(residual, { visibility: block.residual ? null : "hidden" });
    set(shortcut, {
      d: `M${first.x} ${first.top - 3}V${SHORTCUT + 8}q0 -8 8 -8H${plusX - 8}q8 0 8 8V${MIDDLE - 12}`
        + `m-4.5 -6l4.5 6l4.5 -6M${last.right + 2} ${MIDDLE}H${plusX - 9}`,
    });
    set(plus, {
      d: `M${plusX - 9} ${MIDDLE}a9 9 0 1 0 18 0a9 9 0 1 0 -18 0M${plusX - 5} ${MIDDLE}h10M${plusX} ${MIDDLE - 5}v10`,
    });
    set(sumText, { x: centre });
    set(exit, { d: block.residual ? null : `M${last.right + 3} ${MIDDLE}h14m-5 -4l5 4l-5 4` });
    reasons.forEach((text, i) => {
      set(text, { x: centre });
      write(text, why[i] ?? "");
    });

    let outline = null;
    if (previous) {
      const old = slabsOf(previous);
      const upper = old.flatMap(({ left, right, top }) => [`${left} ${top}`, `${right} ${top}`]);
      const lower = old.flatMap(({ left, right, bottom }) => [`${left} ${bottom}`, `${right} ${bottom}`]).reverse();
      outline = `M${[...upper, ...lower].join("L")}Z`;
    }
    set(ghost, { d: outline });
    chart.describe(describeBlock(block));
  };
  return { element: chart.svg, update, reset: () => (ceiling = undefined) };
};

// What one value of the depthwise layer sees: the pixels of the map, and on them the filter's weights.
const reachPicture = () => {
  const SIDE = 19; // the widest reach there is: 7×7 with dilation 3
  const lines = Array.from({ length: SIDE + 1 }, (_, i) => `M${i} 0V${SIDE}M0 ${i}H${SIDE}`).join("");
  const taps = svg("path", { class: "mn-paint" });
  const edge = svg("rect", { class: "mn-edge" });
  const element = html("div", { class: "mn-reach", "data-part": "depthwise", "data-role": "depthwise" },
    svg("svg", { class: "mn-drawing", viewBox: `-0.25 -0.25 ${SIDE + 0.5} ${SIDE + 0.5}`, "aria-hidden": "true" },
      svg("path", { class: "mn-pixels", d: lines }), taps, edge));
  const words = html("p", { class: "mn-small" });
  element.append(words);
  const update = (block) => {
    const { kernel, dilation, reach } = block;
    const start = (SIDE - reach) / 2;
    let d = "";
    for (let row = 0; row < kernel; row++) {
      for (let column = 0; column < kernel; column++) d += `M${start + column * dilation} ${start + row * dilation}h1v1h-1z`;
    }
    set(taps, { d });
    set(edge, { x: start, y: start, width: reach, height: reach });
    write(words, reachSentence(block));
  };
  return { element, update };
};

// The panels, and their shares of a wide chart and of a narrow one, where each needs the room for its number.
const CONTENDERS = [
  { name: "layers", label: "layer by layer", wide: 3, narrow: 3.4 },
  { name: "pieces", wide: 4, narrow: 3 },
  { name: "classical", label: "classical", wide: 3, narrow: 2.8 },
  { name: "standard", label: "standard", wide: 2, narrow: 2.8 },
];
// From the bottom up: the thin ends, and on them what is in the middle.
const KINDS = [
  { kind: "input", className: "mn-of-input", label: "input" },
  { kind: "output", className: "mn-of-output", label: "output" },
  { kind: "expansion", className: "mn-paint", role: "expansion", label: "expanded" },
  { kind: "depthwise", className: "mn-paint", role: "depthwise", label: "filtered" },
  { kind: "reduce", className: "mn-paint", role: "pointwise", label: "narrowed" },
  { kind: "conv", className: "mn-paint", role: "standard", label: "filtered, classical" },
];

// Memory over time, one panel for each contender, all on one axis: at each step a bar of what is there.
const memoryChart = (view) => {
  const [LEFT, RIGHT, TOP, HIGH] = [46, 2, 34, 168];
  const HALF = 29; // of a peak's number, in units
  const BOTTOM = TOP + HIGH;
  const chart = view.drawing({ height: BOTTOM + 40 });
  const soft = (attributes, words = "") => svg("text", { class: "mn-soft", ...attributes }, words);
  const grid = svg("path", { class: "mn-grid" });
  const ticks = [2, 4].map((i) => soft({ "text-anchor": "end", x: LEFT - 6, y: BOTTOM - (i * HIGH) / 4 + 4 }));
  const layers = KINDS.map(({ kind, className, role = null }) => {
    const path = svg("path", { class: className });
    const part = kind === "input" ? null : kind === "output" ? "projection" : kind;
    return { kind, path, group: svg("g", { "data-role": role, "data-part": part }, path) };
  });
  const ghost = svg("path", { class: "mn-outline" });
  const marks = svg("path", { class: "mn-solid" });
  const panels = CONTENDERS.map(({ label = "" }) => ({
    peak: svg("text", { class: "mn-bold", "text-anchor": "middle" }),
    label: soft({ "text-anchor": "middle", y: BOTTOM + 16 }, label),
  }));
  const brace = svg("path", { class: "mn-grid", fill: "none" }); // two panels are the same block
  const names = ["inverted residual", "bottleneck"].map((name) =>
    soft({ "text-anchor": "middle", y: BOTTOM + 33 }, name));
  chart.svg.append(grid, ...ticks, ...layers.map(({ group }) => group), ghost, marks, brace, ...names,
    ...panels.flatMap(({ peak, label }) => [peak, label]));

  let ceiling;
  const placesOf = () => {
    const [size, gap] = chart.width < 420 ? ["narrow", 10] : ["wide", 24];
    const shares = CONTENDERS.map((contender) => contender[size]);
    const unit = (chart.width - LEFT - RIGHT - gap * (shares.length - 1)) / sum(shares);
    let x = LEFT;
    return shares.map((share) => {
      const place = { x, wide: share * unit, centre: x + (share * unit) / 2 };
      x += place.wide + gap;
      return place;
    });
  };
  const heightOf = (numbers, bits) => (((numbers * bits) / 8) / ceiling) * HIGH;

  const update = (memory, { pieces, bits }, old) => {
    const peaks = CONTENDERS.map(({ name }) => peakOf(memory[name]));
    ceiling = nextCeiling(ceiling, (Math.max(...peaks.map(({ total }) => total)) * bits) / 8);
    const places = placesOf();
    set(grid, { d: [0, 1, 2, 3, 4].map((i) => `M${LEFT} ${BOTTOM - (i * HIGH) / 4}H${chart.width - RIGHT}`).join("") });
    axisTicks(ceiling).filter(({ value, labelled }) => value && labelled)
      .forEach(({ value }, i) => write(ticks[i], `${shortTick(value)}${value < 1000 ? "\u00a0" : ""}B`));

    const paths = Object.fromEntries(KINDS.map(({ kind }) => [kind, ""]));
    let outline = "";
    let arrows = "";
    CONTENDERS.forEach(({ name }, panel) => {
      const { x, wide, centre } = places[panel];
      const step = wide / memory[name].length;
      memory[name].forEach(({ numbers }, i) => {
        let y = BOTTOM;
        for (const { kind } of KINDS) {
          const high = numbers[kind] ? heightOf(numbers[kind], bits) : 0;
          if (high) paths[kind] += `M${x + i * step} ${y}v${-high}h${step}v${high}z`;
          y -= high;
        }
      });
      const steps = old?.memory[name];
      const same = steps && steps.length === memory[name].length
        && steps.every(({ total }, i) => total * old.bits === memory[name][i].total * bits);
      if (steps && !same) {
        const own = wide / steps.length;
        outline += `M${x} ${BOTTOM}${steps.map(({ total }, i) =>
          `V${Math.max(TOP - 6, BOTTOM - heightOf(total, old.bits))}H${x + (i + 1) * own}`).join("")}V${BOTTOM}`;
      }
      const at = x + (memory[name].indexOf(peaks[panel]) + 0.5) * step;
      const top = BOTTOM - heightOf(peaks[panel].total, bits);
      arrows += `M${at} ${top - 3}l4.5 -7h-9z`;
      const { peak, label } = panels[panel];
      const play = Math.max(0, wide / 2 - HALF); // how far the number may leave the centre without leaving its panel
      set(peak, { x: Math.min(centre + play, Math.max(centre - play, at)), y: top - 15 });
      write(peak, bytes(peaks[panel].total, bits));
      set(label, { x: centre });
    });
    for (const { kind, path } of layers) set(path, { d: paths[kind] });
    set(ghost, { d: outline || null });
    set(marks, { d: arrows });
    write(panels[1].label, pieces === 1 ? "1 piece" : `${pieces} pieces`);
    const [from, to] = [places[0].x, places[1].x + places[1].wide];
    set(brace, { d: `M${from} ${BOTTOM + 21}H${to}` });
    set(names[0], { x: (from + to) / 2 });
    set(names[1], { x: places[2].centre });
    const words = ["Layer by layer", `With its middle ${inPieces(pieces)}`, "Classical bottleneck", "Standard convolution"];
    chart.describe(`Activations in memory over the steps, at ${bits} bit. ${CONTENDERS.map((_, i) =>
      `${words[i]}: at most ${bytes(peaks[i].total, bits)}.`).join(" ")}`);
  };
  return { element: chart.svg, update, reset: () => (ceiling = undefined) };
};

const definition = (block, { pieces }) => {
  const own = piecesOf(block.middle, pieces);
  const [least, most] = [Math.min(...own), Math.max(...own)];
  const channels = least === most ? exact(most) : `${exact(least)} or ${exact(most)}`;
  return "A tensor is in memory from the step that writes it to the last step that reads it: the input waits where a residual"
    + " adds it at the end, and the output stays while the pieces add to it. Time runs from left to right, one step for each"
    + ` layer${pieces > 1 ? ` of each piece. Pieces are as equal as can be, here ${channels} channel${most > 1 ? "s" : ""}.` : "."}`
    + " Splitting changes no weight and no MAC. The paper (section 5.1) advises 2 to 5 pieces: many thin ones compute slowly."
    + " For one image; BatchNorm, ReLU6 and sums work in place; weights are not counted; 1 kB is 1000 bytes.";
};

// A step of the table, by contender.
const stepName = (contender, step, i, pieces) => {
  const { label } = [...STAGES, ...CLASSICAL].find(({ part }) => part === step) ?? { label: "standard convolution" };
  if (contender === "layers") return `layer by layer: ${label}`;
  if (contender === "pieces") return `piece ${Math.floor(i / 3) + 1} of ${pieces}: ${label}`;
  return contender === "classical" ? `classical: ${label}` : label;
};

function render({ model, el, signal }) {
  const compact = model.get("compact");
  const view = explorable({ model, el, signal, title: "Inverted residual" });

  const picture = blockPicture(view);
  view.picture.append(picture.element);
  view.onReset(picture.reset);
  view.highlight(STAGES);
  const reach = reachPicture();

  const sliders = {
    expansion: { label: "Expansion t" },
    width_mult: { label: "Width multiplier", format: (value) => value.toFixed(2) },
    in_channels: { label: "Input channels" },
    out_channels: { label: "Output channels" },
    kernel_size: { label: "Kernel", format: (k) => `${k}×${k}` },
    stride: { label: "Stride" },
    dilation: { label: "Dilation" },
    size: { label: "Input size", format: (side) => `${side}×${side}` },
  };
  for (const name of model.get("settings")) if (sliders[name]) view.slider(name, sliders[name]);

  const rows = [
    { label: "inverted residual", parts: STAGES },
    { label: "standard convolution", parts: [{ part: "standard", role: "standard", label: "standard" }] },
    { label: "classical bottleneck", parts: CLASSICAL },
  ].slice(0, compact ? 2 : 3);
  const shownMetrics = METRICS.slice(0, compact ? 1 : METRICS.length);
  const charts = shownMetrics.map(({ title }) => view.bars({ title, rows }));
  const columns = html("div", { class: "mn-columns mn-across" }, ...charts.map(({ element }) => element));

  const terms = formula({
    title: "MACs, term by term",
    terms: [
      { ...STAGES[0], symbols: "h·w · in · mid" },
      { ...STAGES[1], symbols: "h′·w′ · k² · mid" },
      { ...STAGES[2], symbols: "h′·w′ · mid · out" },
      { label: "the block", symbols: "their sum" },
      { part: "standard", role: "standard", label: "standard", symbols: "h′·w′ · k² · in · out" },
      { label: "classical", symbols: "1×1, k×k, 1×1" },
    ],
  });
  const code = html("pre", { class: "mn-code" });
  const note = html("p", { class: "mn-small" });

  const memory = memoryChart(view);
  view.onReset(memory.reset);
  const memoryControls = html("div", { class: "mn-memory-controls" });
  const legend = html("div", { class: "mn-legend" }, ...KINDS.map(({ className, role = null, label }) => html("span", {},
    html("span", { class: `mn-swatch ${role ? "" : className}`, "data-role": role, "aria-hidden": "true" }), label)));
  const memoryNote = html("p", { class: "mn-small" });
  const costView = html("div", { class: "mn-details" }, columns, terms.element, code, note);
  const memoryView = html("div", { class: "mn-details" },
    html("div", {}, html("div", { class: "mn-bars-title" }, "Activations in memory, step by step"), legend),
    memory.element, memoryNote);
  if (compact) view.controls.append(columns);
  else {
    // What is chosen stands above what is said of it: a longer sentence moves no slider.
    const chooser = html("div", { class: "mn-chooser" });
    view.choice("view", { label: "Show", labels: { cost: "cost", memory: "memory" }, parent: chooser });
    chooser.append(memoryControls);
    view.slider("pieces", { label: "Pieces of the middle", parent: memoryControls });
    view.choice("bits", { label: "Activations", labels: { 8: "8 bit", 16: "16 bit", 32: "32 bit" }, parent: memoryControls });
    view.result.before(chooser);
    view.details.append(reach.element, costView, memoryView);
  }

  const costTable = {
    caption: "The numbers of the picture; parameters include BatchNorm’s two per channel",
    columns: ["layer", "kernel", "channels", "output", "parameters", "MACs", "activations"],
    rows: (state) => {
      const block = stages(state);
      const metrics = ["params", "macs", "activations"];
      const row = ({ label, part }) => {
        const { inChannels, outChannels, kernel, side } = block[part];
        return { label, part, cells: [`${kernel}×${kernel}`, `${exact(inChannels)} → ${exact(outChannels)}`, `${side}×${side}`,
          ...metrics.map((metric) => exact(block[part][metric]))] };
      };
      const total = (label, parts) => ({ label, cells: ["", `${exact(block.input)} → ${exact(block.output)}`,
        `${block.out}×${block.out}`, ...metrics.map((metric) => exact(totalOf(block, metric, parts)))] });
      return [
        ...STAGES.map(row), total("the block", STAGES), row({ label: "standard", part: "standard" }),
        ...(compact ? [] : [...CLASSICAL.map((one) => row({ ...one, label: `classical: ${one.label}` })),
          total("classical bottleneck", CLASSICAL)]),
      ];
    },
  };
  view.table(costTable);
  if (!compact) {
    view.table({
      caption: "Activations in memory at each step, as counts of numbers and in bytes",
      columns: ["step", "input", "output", "middle", "together", "bytes"],
      rows: (state) => Object.entries(memoryOf(stages(state), state.pieces)).flatMap(([name, steps]) =>
        steps.map(({ name: step, numbers, total }, i) => {
          const { input = 0, output = 0 } = numbers;
          return { label: stepName(name, step, i, state.pieces), cells: [input, output, total - input - output, total,
            (total * state.bits) / 8].map(exact) };
        })),
    });
  }

  return view.start((state, before) => {
    const block = stages(state);
    const previous = before && stages(before);
    const reshaped = previous && ["input", "middle", "output", "size", "out"].some((name) => block[name] !== previous[name]);
    picture.update(block, reshaped ? previous : undefined);
    view.count(totalOf(block, "macs"));
    const showMemory = !compact && state.view === "memory";
    costView.hidden = showMemory;
    memoryControls.hidden = memoryView.hidden = !showMemory;
    if (!compact) reach.update(block);
    if (showMemory) {
      const now = memoryOf(block, state.pieces);
      const changed = before && Object.keys(state).some((name) => name !== "view" && state[name] !== before[name]);
      const old = changed ? { memory: memoryOf(previous, before.pieces), bits: before.bits } : undefined;
      memory.update(now, state, old);
      write(memoryNote, definition(block, state));
      view.say(memorySentence(block, now, state));
      return;
    }
    shownMetrics.forEach(({ metric }, i) => charts[i].update([
      { values: STAGES.map(({ part }) => block[part][metric]), before: previous && totalOf(previous, metric) },
      { values: [block.standard[metric]], before: previous?.standard[metric] },
      { values: CLASSICAL.map(({ part }) => block[part][metric]), before: previous && totalOf(previous, metric, CLASSICAL) },
    ].slice(0, rows.length)));
    view.say(compact ? costSentence(block) : `${costSentence(block)} ${classicalSentence(block)}`);
    if (compact) return;

    const { input, middle, narrow, output, size, out, kernel } = block;
    const [results, classical] = [STAGES, CLASSICAL].map((parts) => parts.map(({ part }) => block[part].macs));
    terms.update([
      { numbers: `${size}² · ${input} · ${middle}`, result: results[0] },
      { numbers: `${out}² · ${kernel}² · ${middle}`, result: results[1] },
      { numbers: `${out}² · ${middle} · ${output}`, result: results[2] },
      { numbers: results.map(short).join(" + "), result: sum(results) },
      { numbers: `${out}² · ${kernel}² · ${input} · ${output}`, result: block.standard.macs },
      { numbers: classical.map(short).join(" + "), result: sum(classical) },
    ]);
    write(code, codeLine(block));
    write(note, "The height of a slab is its number of channels; a map with half the side is half as wide. Parameters include"
      + " BatchNorm’s two per channel; activations are what each layer writes. As in ResNet-50, the classical bottleneck’s"
      + ` middle has a quarter of the output’s channels, rounded to a multiple of 8: here ${narrow}`
      + `${notNarrow(block)}.`
      + (state.expansion === 1 ? " With t = 1 the first 1×1 widens nothing: MobileNetV2's first block leaves it out." : ""));
  });
}

export default { render };
