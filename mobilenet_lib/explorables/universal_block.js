// The universal block: two depthwise layers that may be there or not, and what that makes of it.

const PARTS = ["a", "e", "k", "c"];
// By the two switches, start and middle; and how many each MobileNetV4 has: conv small, conv medium.
const KINDS = [
  { start: 0, middle: 0, name: "feed-forward", used: [0, 4] },
  { start: 0, middle: 1, name: "inverted residual", used: [8, 0] },
  { start: 1, middle: 0, name: "ConvNeXt-like", used: [1, 4] },
  { start: 1, middle: 1, name: "extra depthwise", used: [3, 13] },
];
const kindOf = ({ start, middle }) => KINDS.findIndex((kind) => Boolean(start) === Boolean(kind.start) && Boolean(middle) === Boolean(kind.middle));

const blockOf = ({ start, middle, stride, expansion, in_channels, out_channels, size }) => ({
  ...chainOf({ kind: "uir", input: in_channels, output: out_channels, size, a: start, k: middle, e: expansion, s: stride, act: "ReLU" }),
  wide: makeDivisible(in_channels * expansion),
});
// MobileNetV2's block between the same ends.
const invertedOf = ({ stride, expansion, in_channels, out_channels, size }) =>
  chainOf({ kind: "ir", input: in_channels, output: out_channels, size, k: 3, e: expansion, s: stride });

const stringOf = ({ start, middle, stride, expansion, out_channels }) =>
  `uir_r1_a${start}_k${middle}_s${stride}_e${expansion}_c${out_channels}`;

// The nearest state there can be: stride 2 needs a depthwise layer. The twin of UniversalBlock._follow.
const settleBlock = (state, was) => {
  if (state.stride === 1 || state.start || state.middle) return state;
  return was.stride === 2 ? { ...state, stride: 1 } : { ...state, middle: 3 };
};

const whereTheStrideGoes = ({ start, middle, stride }) => {
  if (!start && !middle) return "Stride 2 needs a depthwise layer: a 1×1 filter with stride 2 would leave three of four pixels"
    + " unread, and timm refuses it. Choose 2, and the middle layer comes back.";
  const where = middle ? "the middle layer" : "the start layer, and all behind it works on the small map";
  return `${stride > 1 ? "The" : "A"} stride ${stride > 1 ? "is" : "of 2 would be"} in ${where}.`;
};

const depthwiseMacs = ({ layers }) => sum(layers.filter(({ role }) => role === "depthwise").map(({ macs }) => macs));

const LOOKS = [
  () => "No filter looks at a neighbour: it only mixes channels.",
  ({ wide }) => `Its filter works in the fat middle, on ${exact(wide)} channels.`,
  ({ input }) => `Its filter works before the expansion, on ${exact(input)} channels.`,
  ({ input, wide }) => `It filters twice: ${exact(input)} channels at the start, ${exact(wide)} in the middle.`,
];
const ARTICLE = ["A feed-forward block", "An inverted residual", "A ConvNeXt-like block", "An extra-depthwise block"];

// What the numbers say, true for every state.
const kindSentence = (state) => {
  const [block, inverted] = [blockOf(state), invertedOf(state)];
  const kind = kindOf(state);
  const filters = depthwiseMacs(block);
  const share = kind ? ` Depthwise layers take ${percent(filters / block.macs)} of the MACs.` : "";
  // 1.5 M would be 1.02 times 1.5 M.
  const said = block.macs !== inverted.macs && short(block.macs) === short(inverted.macs) ? exact : short;
  return `${ARTICLE[kind]}: ${said(block.macs)} MACs, ${howMuch(block.macs, inverted.macs)} the ${said(inverted.macs)} of`
    + ` MobileNetV2’s between the same ends. ${LOOKS[kind](block)}${share}`;
};

const GUESSES = { none: "no guess yet", start: "start only", middle: "middle only", same: "the same" };
// The prediction, and what the numbers say of it: true for every state.
const answerToGuess = (state) => {
  const { guess, stride, start, middle } = state;
  if (guess === "none") return "Choose before you touch a switch.";
  if (stride === 1 || Boolean(start) === Boolean(middle)) return "Now set stride 2, and one of the two to none.";
  const kernel = start || middle;
  const [first, second] = [{ start: kernel, middle: 0 }, { start: 0, middle: kernel }].map((own) => blockOf({ ...state, ...own }).macs);
  const right = first < second ? "start" : first > second ? "middle" : "same";
  return `You said ${GUESSES[guess]}, and ${right === guess ? "that is right" : "that is not so"}: start only has ${short(first)} MACs, middle only`
    + ` ${short(second)}. With the stride at the start, the expansion works on ${percent(outSize(state.size, 2) ** 2 / state.size ** 2)} of the pixels.`;
};

// The four settings of the two switches, the one in use marked. A tap chooses one.
const kindGrid = (view) => {
  const cells = KINDS.map(({ start, middle, name, used }, i) => {
    const cell = html("div", { class: "mn-kind" }, html("strong", {}, name),
      html("span", { class: "mn-small" }, ["neither", "middle only", "start only", "both"][i]),
      html("span", { class: "mn-small" }, `V4 small ${used[0]}, medium ${used[1]}`));
    cell.addEventListener("click", () => {
      const { start: a, middle: k } = view.state();
      view.change({ start: start && (a || 3), middle: middle && (k || 3) });
    }, { signal: view.signal });
    return { cell, i };
  });
  return {
    element: html("div", { class: "mn-kinds" }, ...cells.map(({ cell }) => cell)),
    update: (kind) => cells.forEach(({ cell, i }) => cell.classList.toggle("mn-kind-here", i === kind)),
  };
};

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "Universal block", settle: settleBlock });
  const parts = PARTS.map((part) => ({ part, ...LAYERS[part] }));
  const kinds = kindGrid(view);
  const picture = chainPicture(view);
  view.onReset(picture.reset);

  const guess = html("p", { class: "mn-small" });
  const question = view.choice("guess", { label: "Predict: with stride 2 and one depthwise layer, where does it cost less?", labels: GUESSES }).element;
  question.append(guess);
  const code = html("pre", { class: "mn-code" });
  question.classList.add("mn-across");
  view.picture.append(kinds.element, picture.element);
  view.highlight(parts, { legend: "Show" });
  view.picture.append(code);
  const kernels = { 0: "none" };
  for (const [name, label] of [["start", "Start, a"], ["middle", "Middle, k"]]) {
    view.choice(name, { label, labels: kernels }).element.classList.add("mn-across");
  }
  const stride = view.choice("stride", { label: "Stride, s" }).element;
  const strideWords = html("span", { class: "mn-explanation" });
  stride.append(strideWords);
  stride.classList.add("mn-across");
  const side = (pixels) => `${pixels}×${pixels}`;
  view.slider("expansion", { label: "Expansion, e" });
  view.slider("in_channels", { label: "Channels in" });
  view.slider("out_channels", { label: "Channels out, c" });
  view.slider("size", { label: "Input size", format: side });

  const rows = [
    { label: "this block", parts },
    { label: "MobileNetV2’s, 3×3", parts: parts.slice(1) },
  ];
  const metrics = [["macs", "MACs"], ["params", "Parameters"], ["activations", "Activations"]];
  const charts = metrics.map(([, title]) => view.bars({ title, rows }));
  const terms = formula({
    title: "MACs, term by term",
    terms: [
      { ...parts[0], symbols: "h·w · a² · in" },
      { ...parts[1], symbols: "h·w · in · mid" },
      { ...parts[2], symbols: "h·w · k² · mid" },
      { ...parts[3], symbols: "h·w · mid · out" },
      { label: "the block", symbols: "their sum" },
    ],
  });
  const note = html("p", { class: "mn-small" }, "h·w is the output of each layer. Parameters include BatchNorm’s two per channel. The start layer and the"
    + " projection have no activation behind them. MobileNetV4’s hybrid models multiply the result by one more number per channel, a layer"
    + " scale. timm’s string also knows p, a depthwise layer at the end, which no MobileNetV4 uses.");
  view.details.append(html("div", { class: "mn-columns" }, ...charts.map(({ element }) => element)), terms.element, note);
  view.table({
    caption: "The numbers of the picture; parameters include BatchNorm’s two per channel",
    columns: CHAIN_COLUMNS,
    rows: (state) => {
      const [block, inverted] = [blockOf(state), invertedOf(state)];
      const total = (label, { input, output, out, params, macs, activations }) => ({ label,
        cells: ["", `${exact(input)} → ${exact(output)}`, `${out}×${out}`, ...[params, macs, activations].map(exact)] });
      return [...chainRows(block), total("the block", block),
        ...chainRows(inverted).map((row) => ({ ...row, label: `MobileNetV2’s: ${row.label}` })), total("MobileNetV2’s block", inverted)];
    },
  });
  // Of the first bar of each chart, and of the formula, what belongs to a switch.
  const ofSwitch = (part) => [
    ...charts.flatMap(({ element }) => [...element.querySelectorAll(`[data-part="${part}"]`)].slice(0, 2)),
    terms.element.querySelector(`[data-part="${part}"]`),
  ];
  const switches = { start: ofSwitch("a"), middle: ofSwitch("k") };

  return view.start((state, before) => {
    const [block, inverted] = [blockOf(state), invertedOf(state)];
    const [oldBlock, oldInverted] = before ? [blockOf(before), invertedOf(before)] : [];
    const reshaped = before && Object.keys(state).some((name) => name !== "guess" && state[name] !== before[name]);
    kinds.update(kindOf(state));
    picture.update(block, reshaped ? oldBlock : undefined);
    for (const [name, elements] of Object.entries(switches)) for (const element of elements) element.hidden = !state[name];
    metrics.forEach(([metric], i) => charts[i].update([
      { values: block.layers.map((layer) => layer[metric]), before: oldBlock?.[metric] },
      { values: inverted.layers.map((layer) => layer[metric]), before: oldInverted?.[metric] },
    ]));
    const [a, e, k, c] = block.layers;
    terms.update([
      { numbers: `${a.side}² · ${state.start}² · ${block.input}`, result: a.macs },
      { numbers: `${e.side}² · ${block.input} · ${block.wide}`, result: e.macs },
      { numbers: `${k.side}² · ${state.middle}² · ${block.wide}`, result: k.macs },
      { numbers: `${c.side}² · ${block.wide} · ${block.output}`, result: c.macs },
      { numbers: block.present.map(({ macs }) => short(macs)).join(" + "), result: block.macs },
    ]);
    write(code, stringOf(state));
    write(strideWords, whereTheStrideGoes(state));
    write(guess, answerToGuess(state));
    view.count(block.macs);
    view.say(kindSentence(state));
  });
}

export default { render };
