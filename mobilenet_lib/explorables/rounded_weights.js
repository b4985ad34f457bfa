// Weights in few bits: where each weight of a layer lands, channel by channel, and how often the
// whole network still agrees with itself in float32.

// A layer's weights, a list for each output channel. The page carries them as 16-bit shares of the largest of each.
const weightsOf = ({ largest, weights }) => {
  const bytes = Uint8Array.from(atob(weights), (letter) => letter.charCodeAt(0));
  const numbers = new DataView(bytes.buffer);
  const each = bytes.length / 2 / largest.length;
  return largest.map((own, channel) =>
    Array.from({ length: each }, (_, i) => (own * numbers.getInt16(2 * (channel * each + i), true)) / 32767));
};

// The same weights once the ranges of neighbouring layers are equal: output channels (axis 0) or input channels (axis 1)
// are multiplied by a factor each. Only 1×1 layers have axis 1, with one weight for each input channel.
const equalizedOf = (rows, { axis, factors }) =>
  (axis === null ? rows : rows.map((row, n) => row.map((weight, m) => weight * factors[axis === 0 ? n : m])));

// Everything the figure shows of one layer. `order` has the channels from the widest to the quietest.
const roundedLayer = ({ bits, way }, layer, rows = way === "equalized" ? equalizedOf(weightsOf(layer), layer) : weightsOf(layer)) => {
  const top = 2 ** (bits - 1) - 1; // one integer is left out, so that zero is in the middle
  const widest = rows.map((row) => row.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0));
  const widestOfAll = Math.max(...widest);
  let [lost, whole] = [0, 0];
  const found = rows.map((row, channel) => {
    const step = (way === "channel" ? widest[channel] : widestOfAll) / top;
    const counts = new Map();
    let [away, all] = [0, 0];
    for (const weight of row) {
      const integer = Math.sign(weight) * Math.floor(Math.abs(weight) / step + 0.5);
      counts.set(integer, (counts.get(integer) ?? 0) + 1);
      away += (weight - integer * step) ** 2;
      all += weight ** 2;
    }
    lost += away;
    whole += all;
    return { channel, largest: widest[channel], step, counts, used: counts.size, error: Math.sqrt(away / all) };
  });
  const order = [...found].sort((a, b) => b.largest - a.largest || a.channel - b.channel);
  return {
    top, integers: 2 * top + 1, order, numbers: rows.length * rows[0].length, error: Math.sqrt(lost / whole),
    widest: order[0], quietest: order.at(-1),
    zero: found.filter(({ counts }) => counts.size === 1 && counts.has(0)).length,
  };
};

// At most twelve channels, evenly from the widest to the quietest.
const chosenOf = (order) => {
  const count = Math.min(SHOWN, order.length);
  return Array.from({ length: count }, (_, i) => order[Math.round((i * (order.length - 1)) / (count - 1))]);
};

const SHOWN = 12;

// 0.0123, 0.79, 5.52: three digits that count.
const digits = (number) => String(Number(number.toPrecision(3)));

// 82.5 (58.8 to 90.8)
const interval = ([mean, low, high]) => `${mean.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`;

// What the numbers say, true for every state.
const resultSentence = ({ bits, way, correction }, { top, integers, order, widest, quietest, error, zero }, { pieces, agreement }) => {
  const range = `${bits} bits are ${integers} integers, from −${top} to ${top}.`;
  const uses = way === "channel"
    ? `Each of the ${order.length} channels has its own scale: the quietest uses ${quietest.used} of the ${integers}.`
    : `One scale serves ${order.length} channels${way === "equalized" ? " of more equal ranges" : ""}: the widest uses ${
      widest.used} of the ${integers}, the quietest ${quietest.used}.`;
  const gone = zero === 0 ? "" : ` ${zero} ${zero === 1 ? "channel becomes" : "channels become"} zero altogether.`;
  const [mean, low, high] = agreement[way][correction][bits];
  // No piece at all: drawing pieces anew gives none again, and an interval without a width would say too much.
  const within = high > low ? `; the 95\u00a0% interval goes from ${low.toFixed(1)} to ${high.toFixed(1)}` : "";
  return `${range} ${uses}${gone} The layer is off by ${percent(error)}. With all layers rounded like this${
    correction === "on" ? " and the biases corrected" : ""}, the network agrees with float32 on ${mean.toFixed(1)}\u00a0% of ${
    pieces} pieces of photographs${within}.`;
};

// A row for each of the chosen channels: its weights as ticks above a line, and below it a bar at each integer that is
// used, the longer the more weights have become that integer.
const channelRows = (view) => {
  const [TOP, ROW, LEFT, RIGHT] = [40, 31, 30, 64];
  const BOTTOM = TOP + ROW * SHOWN;
  const chart = view.drawing({ height: BOTTOM + 8 });
  const text = (attributes, words = "") => svg("text", { class: "mn-soft", ...attributes }, words);
  const heads = [text({ x: 0, y: 14 }, "ch."), text({ y: 14, "text-anchor": "middle" }, "weights above, integers below"),
    text({ y: 14, "text-anchor": "end" }, "in use")];
  const zero = svg("path", { class: "mn-grid" });
  const lines = svg("path", { class: "mn-baseline" });
  const levels = svg("path", { class: "mn-levels" });
  const rug = svg("path", { class: "mn-rug" });
  const bars = svg("path", { class: "mn-rounded" });
  const ends = ["start", "middle", "end"].map((anchor) => text({ "text-anchor": anchor }));
  const yOf = (i) => TOP + ROW * i;
  const rows = Array.from({ length: SHOWN }, (_, i) =>
    [text({ x: 0, y: yOf(i) + 4 }), svg("text", { y: yOf(i) + 4, "text-anchor": "end" })]);
  chart.svg.append(...heads, zero, levels, lines, rug, bars, ...ends, ...rows.flat());

  const near = (number) => Number(number.toFixed(1));
  let drawn; // the layer and the width that the ticks are drawn for
  const update = ({ layer, way }, shown, chosen, weights) => {
    const [left, right] = [LEFT, chart.width - RIGHT];
    const widest = shown.order[0].largest;
    const x = (weight) => (left + right) / 2 + (weight / widest) * ((right - left) / 2);
    const toDraw = `${layer} ${way === "equalized"} ${chart.width}`;
    if (drawn !== toDraw) {
      drawn = toDraw;
      set(heads[1], { x: (left + right) / 2 });
      set(heads[2], { x: chart.width });
      set(zero, { d: `M${x(0)} ${TOP - 12}V${yOf(chosen.length - 1) + 16}` });
      set(lines, { d: chosen.map((_, i) => `M${left} ${yOf(i)}H${right}`).join("") });
      set(rug, { d: chosen.map(({ channel }, i) =>
        weights[channel].map((weight) => `M${near(x(weight))} ${yOf(i) - 2}v-9`).join("")).join("") });
      [[left, `−${digits(widest)}`], [(left + right) / 2, "0"], [right, digits(widest)]].forEach(([at, words], i) => {
        set(ends[i], { x: at, y: yOf(chosen.length) + 2 });
        write(ends[i], words);
      });
      for (const [, number] of rows) set(number, { x: chart.width });
      chart.svg.dataset.role = ROLES[layer.split(".").at(-1)];
    }
    // Integers that lie closer than three units would only make a grey bar.
    const apart = (step) => x(step) - x(0);
    set(levels, { d: chosen.map(({ step }, i) => (apart(step) < 3 ? "" : Array.from({ length: shown.integers }, (_, k) =>
      `M${near(x((k - shown.top) * step))} ${yOf(i)}v3`).join(""))).join("") });
    bars.style.strokeWidth = Math.max(1.5, Math.min(5, 0.6 * apart(chosen.at(-1).step)));
    set(bars, { d: chosen.map(({ channel, step, counts }, i) => [...counts].map(([integer, count]) =>
      `M${near(x(integer * step))} ${yOf(i) + 1}v${near(Math.max(2.5, (13 * count) / weights[channel].length))}`).join("")).join("") });
    rows.forEach(([label, number], i) => {
      write(label, chosen[i] ? String(chosen[i].channel) : "");
      write(number, chosen[i] ? `${chosen[i].used} of ${shown.integers}` : "");
    });
  };
  return { element: chart.svg, update, describe: chart.describe };
};

// Agreement over the bits, a line for each way, with the biases as chosen; the state's interval is a bar.
const agreementChart = (view, { agreement, pieces }) => {
  const [LEFT, RIGHT, TOP, BOTTOM] = [44, 12, 12, 150];
  const chart = view.drawing({ height: BOTTOM + 40, minWidth: 240 });
  const known = Object.keys(agreement.tensor.off).map(Number);
  const x = (bits) => LEFT + 8 + ((bits - known[0]) / (known.at(-1) - known[0])) * (chart.width - LEFT - RIGHT - 16);
  const y = (share) => BOTTOM - ((BOTTOM - TOP) * share) / 100;
  const text = (attributes, words = "") => svg("text", { class: "mn-soft", ...attributes }, words);
  const grid = svg("path", { class: "mn-grid" });
  const shares = [0, 50, 100].map((share) => text({ x: LEFT - 8, y: y(share) + 4, "text-anchor": "end" }, `${share}\u00a0%`));
  const marks = known.map((bits) => ({ bits, mark: text({ y: BOTTOM + 17, "text-anchor": "middle" }, String(bits)) }));
  const axis = text({ y: BOTTOM + 34, "text-anchor": "middle" }, "bits a weight");
  const lines = Object.keys(NAMES).map((way) => ({
    way, line: svg("path", { class: "mn-line", "data-way": way }), name: html("span"),
  }));
  const ends = svg("path", { class: "mn-interval" });
  const ghost = svg("circle", { class: "mn-outline", r: 6 });
  const here = svg("circle", { class: "mn-solid", r: 6 });
  chart.svg.append(grid, ...shares, ...marks.map(({ mark }) => mark), axis, ...lines.map(({ line }) => line), ends, ghost, here);
  const legend = html("div", { class: "mn-legend" }, ...lines.map(({ way, name }) => {
    const key = svg("path", { class: "mn-line", "data-way": way, d: "M0 8H24" });
    name.append(svg("svg", { class: "mn-drawing mn-key", viewBox: "0 0 24 16", "aria-hidden": "true" }, key), LABELS[way]);
    return name;
  }));

  let laidOut;
  const layOut = () => {
    laidOut = chart.width;
    set(grid, { d: [0, 50, 100].map((share) => `M${LEFT} ${y(share)}H${chart.width - RIGHT}`).join("") });
    for (const { bits, mark } of marks) set(mark, { x: x(bits) });
    set(axis, { x: (LEFT + chart.width - RIGHT) / 2 });
  };
  const at = ({ bits, way, correction }) => agreement[way][correction][bits];
  const place = (state) => ({ cx: x(state.bits), cy: y(at(state)[0]) });
  const update = (state, before) => {
    if (laidOut !== chart.width) layOut();
    for (const { way, line, name } of lines) {
      set(line, { d: `M${known.map((bits) => `${x(bits)} ${y(agreement[way][state.correction][bits][0])}`).join("L")}` });
      line.classList.toggle("mn-line-chosen", way === state.way);
      name.classList.toggle("mn-chosen", way === state.way);
    }
    const [, low, high] = at(state);
    set(ends, { d: `M${x(state.bits)} ${y(low)}V${y(high)}M${x(state.bits) - 5} ${y(low)}h10M${x(state.bits) - 5} ${y(high)}h10` });
    set(here, place(state));
    set(ghost, { visibility: before ? null : "hidden", ...(before && place(before)) });
    chart.describe(`Agreement with float32 on ${pieces} pieces, all layers rounded, for ${known[0]} to ${known.at(-1)} bits${
      state.correction === "on" ? ", biases corrected" : ""}. ${lines.map(({ way }) => `${NAMES[way]}: ${
      known.map((bits) => agreement[way][state.correction][bits][0].toFixed(1)).join(", ")} %`).join(". ")}.`);
  };
  return { element: html("div", {}, html("div", { class: "mn-bars-title" }, "All layers rounded: agreement with float32"), legend, chart.svg), update };
};

const NAMES = { tensor: "one scale for the tensor", channel: "a scale for each channel", equalized: "equalized, then one scale" };
const LABELS = { tensor: "per tensor", channel: "per channel", equalized: "equalized" };
const ROLES = { depthwise: "depthwise", conv2: "projection", stem: "standard" };
const PARTS = { depthwise: "depthwise", conv2: "projection" };

// blocks.0.conv2: "block 0, projection"
const layerName = (layer) => {
  const [, block, part] = layer.split(".");
  return part ? `block ${block}, ${PARTS[part]}` : layer;
};

// The line of Python that does the same.
const codeOf = ({ bits, way, layer }) => {
  const [, block, part] = layer.split(".");
  const network = way === "equalized" ? "few_bits.equalize(folded)" : "folded";
  const where = part ? `blocks[${block}].${part}[0]` : "stem[0]";
  return `weight = ${network}.${where}.weight\nshipping.quantize(weight, bits=${bits}, per_channel=${way === "channel" ? "True" : "False"})`;
};

// What the chosen step does, apart from rounding.
const stepSentence = ({ way, correction }, { numbers, order, integers }, { unrounded }) => {
  if (correction === "on") {
    return "Correcting the biases changes no weight. Rounding moves the mean of each channel’s outputs; its bias takes that back."
      + " The means were measured on other pieces of photographs, without labels.";
  }
  if (way === "equalized") {
    return "Of two neighbouring layers, the first is divided and the second multiplied by a factor for each channel between them."
      + ` ReLU lets the factor through, so it replaces ReLU6: without rounding that keeps ${unrounded.toFixed(1)}\u00a0% agreement.`;
  }
  const each = numbers / order.length;
  return `A channel of this layer has ${each} weights, so it can use ${Math.min(each, integers)} integers at most.`
    + " How far the layer is off: the length of all changes together over the length of the weights.";
};

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "Weights in few bits" });
  const experiment = model.get("experiment");
  const decoded = new Map(); // the weights of each layer that was shown
  const rowsOf = ({ layer, way }) => {
    const name = `${layer} ${way === "equalized"}`;
    const stored = experiment.layers[layer];
    if (!decoded.has(name)) decoded.set(name, way === "equalized" ? equalizedOf(weightsOf(stored), stored) : weightsOf(stored));
    return decoded.get(name);
  };
  const compute = (state) => roundedLayer(state, experiment.layers[state.layer], rowsOf(state));

  const rows = channelRows(view);
  view.picture.append(rows.element);
  view.slider("bits", { label: "Bits", format: (bits) => `${bits} bits` });
  view.slider("layer", { label: "Layer", format: layerName });
  view.choice("way", { label: "Scale", labels: LABELS }).element.classList.add("mn-across");
  view.choice("correction", { label: "Bias correction" }).element.classList.add("mn-across");
  const chart = agreementChart(view, experiment);
  const code = html("pre", { class: "mn-code" });
  const notes = Array.from({ length: 3 }, () => html("p", { class: "mn-small" }));
  view.details.append(html("div", { class: "mn-columns" }, chart.element, html("div", {}, ...notes)), code);

  view.table({
    caption: "Each channel of the layer, from the widest to the quietest",
    columns: ["channel", "largest weight", "step", "integers in use", "error"],
    rows: (state) => compute(state).order.map(({ channel, largest, step: own, used, error }) =>
      ({ label: String(channel), cells: [digits(largest), digits(own), String(used), percent(error)] })),
  });
  view.table({
    caption: `Agreement with float32 in percent of ${experiment.pieces} pieces of ${experiment.photographs} photographs, all layers rounded, biases`
      + " as chosen; in brackets the 95\u00a0% interval",
    columns: ["bits", ...Object.values(LABELS)],
    rows: ({ correction }) => Object.keys(experiment.agreement.tensor.off).map((bits) =>
      ({ label: bits, cells: Object.keys(LABELS).map((way) => interval(experiment.agreement[way][correction][bits])) })),
  });

  return view.start((state, before) => {
    const shown = compute(state);
    const { bits, way, layer } = state;
    const chosen = chosenOf(shown.order);
    rows.update(state, shown, chosen, rowsOf(state));
    rows.describe(`${chosen.length} of ${shown.order.length} channels of ${layerName(layer)}, from the widest`
      + ` to the quietest: the largest weights go from ${digits(shown.order[0].largest)} to ${digits(shown.quietest.largest)}. With ${bits} bits`
      + ` and ${NAMES[way]} they use ${chosen.map(({ used }) => used).join(", ")} of ${shown.integers} integers.`);
    chart.update(state, before);
    const own = shown.quietest;
    write(notes[0], way === "channel"
      ? `Step of the quietest channel: ${digits(own.largest)} / ${shown.top} = ${digits(own.step)}. Of the widest: ${digits(shown.order[0].step)}.`
      : `Step: ${digits(shown.order[0].largest)} / ${shown.top} = ${digits(own.step)}. The quietest channel’s largest weight is ${digits(own.largest)}.`);
    const count = way === "channel" ? shown.order.length : 1;
    write(notes[1], `Memory: ${exact(shown.numbers)} weights of ${bits} bits are ${bytes(shown.numbers, bits)},`
      + ` and ${count === 1 ? "the scale" : `${count} scales`} of 32 bits ${bytes(count, 32)}. As float32 the weights take ${bytes(shown.numbers, 32)}.`);
    write(notes[2], stepSentence(state, shown, experiment));
    write(code, codeOf(state));
    view.say(resultSentence(state, shown, experiment));
  });
}

export default { render };
