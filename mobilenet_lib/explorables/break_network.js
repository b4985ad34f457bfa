// Break the trained network: its blocks as they stand in the table, one change to them, and what the network then says.

const CHANGES = ["relu6", "shortcut", "branch", "activations", "channels"];
const CHANGE_LABELS = {
  relu6: "add a ReLU6", shortcut: "no shortcut", branch: "no branch", activations: "no ReLU6 inside", channels: "fewer channels",
};
const SPAN_LABELS = { block: "this block", row: "its row", network: "all blocks" };
const RULE_LABELS = { contribution: "least contribution", weights: "smallest weights", random: "at random" };
const PHOTOGRAPH_LABELS = { chelsea: "cat", coffee: "espresso", china: "palace", camera: "camera" };
const OF_THE = { chelsea: "the cat", coffee: "the espresso", china: "the palace", camera: "the camera" };
const [ANSWERS, ANSWER_BYTES] = [5, 3];

// The blocks that are changed, by number: the twin of BreakNetwork.changed_blocks. None for channels, or where the change
// does not exist.
const changedBlocks = ({ change, block, span }, blocks) => {
  if (change === "channels") return [];
  const meant = (i) => span === "network" || (span === "row" ? blocks[i].row === blocks[block].row : i === block);
  const exists = (i) => blocks[i].residual || (change !== "shortcut" && change !== "branch");
  return blocks.map((_, i) => i).filter((i) => meant(i) && exists(i));
};

// What the stored results call the change; "" for the intact network.
const changeKey = (state, blocks) => {
  if (state.change === "channels") return `${state.rule} ${state.share} %`;
  const found = changedBlocks(state, blocks);
  return found.length ? [state.change, ...found].join(" ") : "";
};

// The five first classes of a photograph after a change: [{ name, percent }].
const answersOf = ({ keys, names, answers }, key, photograph) => {
  const place = ["", ...keys].indexOf(key) * Object.keys(PHOTOGRAPH_LABELS).length
    + Object.keys(PHOTOGRAPH_LABELS).indexOf(photograph);
  const bytesOf = atob(answers.slice(place * 20, (place + 1) * 20)); // 15 bytes are 20 letters
  return Array.from({ length: ANSWERS }, (_, i) => {
    const at = (k) => bytesOf.charCodeAt(ANSWER_BYTES * i + k);
    return { name: names[at(0) + 256 * at(1)], percent: at(2) };
  });
};

const percentWords = (number) => (number < 1 ? "under 1\u00a0%" : `${number}\u00a0%`);
const rounded = (number) => String(Number(number.toFixed(number < 9.95 ? 1 : 0)));
const interval = ([mean, low, high]) => `${rounded(mean)}\u00a0% (${rounded(low)} to ${rounded(high)})`;

// 4; 4 and 5; 7, 8 and 9.
const listed = (numbers) => (numbers.length < 2 ? String(numbers[0]) : `${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`);

// What was done, as the beginning of a sentence.
const changeWords = (state, blocks) => {
  const { change, span, share, rule } = state;
  if (change === "channels") return `Without ${share}\u00a0% of the expanded channels (${RULE_LABELS[rule]})`;
  const found = changedBlocks(state, blocks);
  const many = found.length > 1;
  const where = span === "network" && many ? `all ${found.length} blocks that have ${change === "shortcut" || change === "branch" ? "a shortcut" : "one"}`
    : `block${many ? "s" : ""} ${listed(found)}`;
  if (change === "relu6") return `With a ReLU6 behind the projection of ${span === "network" ? "all blocks" : where}`;
  const what = { shortcut: many ? "the shortcuts" : "the shortcut", branch: many ? "the branches" : "the branch",
    activations: "the ReLU6 inside" }[change];
  return `Without ${what} of ${span === "network" && change === "activations" ? "all blocks" : where}`;
};

// Why a change does not exist.
const whyNot = ({ block, span }, blocks) => {
  const { stride, ends } = blocks[block];
  if (span === "row") return `No block in the row of block ${block} has a shortcut, so there is nothing to take away.`;
  const why = [stride > 1 ? "its stride is 2" : "", ends[0] !== ends[1] ? `it turns ${ends[0]} channels into ${ends[1]}` : ""];
  return `Block ${block} has no shortcut (${why.filter(Boolean).join(", and ")}), so there is nothing to take away.`;
};

// What the numbers say, true for every state.
const resultSentence = (state, experiment) => {
  const { blocks, agreement, pieces, photographs } = experiment;
  const key = changeKey(state, blocks);
  const [intact] = answersOf(experiment, "", state.photograph);
  if (!key) return `${whyNot(state, blocks)} First class of ${OF_THE[state.photograph]}: ${intact.name}, ${percentWords(intact.percent)}.`;
  const [now] = answersOf(experiment, key, state.photograph);
  const named = now.name === intact.name ? `still ${now.name}, ${percentWords(now.percent)} instead of ${percentWords(intact.percent)}`
    : `${now.name}, ${percentWords(now.percent)}, instead of ${intact.name}, ${percentWords(intact.percent)}`;
  return `${changeWords(state, blocks)}, ${interval(agreement[key])} of ${pieces} pieces of ${photographs} photographs keep their first`
    + ` class. First class of ${OF_THE[state.photograph]}: ${named}.`;
};

// What PyTorch found in a notebook, beside what is stored.
const liveWords = ({ change, photograph, answers, error }, experiment, key, shownPhotograph) => {
  if (change !== key || photograph !== shownPhotograph) return "";
  if (error) return `PyTorch: ${error}`;
  const [[name, share]] = answers;
  const [known] = answersOf(experiment, key, photograph);
  const same = name === known.name && Math.abs(share - known.percent) < 1.5;
  return `PyTorch, in this notebook: ${name}, ${share.toFixed(1)}\u00a0%; ${same ? "agrees" : `stored: ${known.name}, ${known.percent}\u00a0%`}.`;
};

// The blocks from top to bottom. Left their number and shape, right how often the network agrees with the intact one.
const blockChart = (view, { blocks, agreement }) => {
  const [TOP, ROW, GAP] = [30, 20, 5];
  const yOf = (i) => TOP + ROW * i + GAP * (blocks[i].row - 1);
  const BOTTOM = yOf(blocks.length - 1) + ROW;
  const chart = view.drawing({ height: BOTTOM + 20 });
  const text = (attributes, words = "") => svg("text", { class: "mn-soft", ...attributes }, words);
  const path = (className, role) => svg("path", { class: className, "data-role": role });
  const [band, grid] = [path("mn-band"), path("mn-grid")];
  const tried = path("mn-tried");
  const here = path("mn-here-bar");
  const whisker = path("mn-whisker");
  const ghost = path("mn-outline");
  const number = svg("text", { class: "mn-bold" });
  const heads = [text({ x: 0, y: 12 }, "block"), text({ y: 12 }, "channels"), text({ y: 12 }, "agreement")];
  const ticks = [0, 50, 100].map((value) => text({ y: BOTTOM + 15, "text-anchor": "middle" }, `${value}${value ? "\u00a0%" : ""}`));
  const rows = blocks.map(({ t, residual }, i) => {
    const y = yOf(i);
    const [thin, fat] = [6, t > 1 ? 14 : 6];
    const part = (x, high, role) => svg("rect", { x, y: y + (ROW - high) / 2, width: 12, height: high, class: "mn-paint", "data-role": role });
    const expansion = part(30, fat, "expansion");
    const parts = [...(t > 1 ? [expansion] : []), part(44, fat, "depthwise"), part(58, thin, "projection")];
    const inside = svg("path", { class: "mn-stroke", "data-role": "activation", d: `${t > 1 ? `M43 ${y + 2}v16` : ""}M57 ${y + 2}v16` });
    const after = svg("path", { class: "mn-added", "data-role": "activation", d: `M72.5 ${y + 2}v16` });
    const arc = svg("path", { class: "mn-stroke", "data-role": "residual", d: `M26 ${y + 10}V${y + 1}H78V${y + 10}` });
    if (!residual) set(arc, { visibility: "hidden" });
    const stream = svg("path", { class: "mn-stream", d: `M22 ${y + 10}H${t > 1 ? 30 : 44}M70 ${y + 10}H82` });
    const branch = svg("g", {}, ...parts, inside);
    const label = text({ x: 0, y: y + 14 }, String(i));
    const shape = text({ y: y + 14 });
    return { elements: [stream, arc, branch, after, label, shape], inside, after, arc, branch, shape, parts, fat };
  });
  chart.svg.append(band, grid, ...heads, ...ticks, ...rows.flatMap(({ elements }) => elements), tried, here, whisker, ghost, number);
  chart.svg.classList.add("mn-pickable");
  chart.svg.addEventListener("click", (event) => {
    const box = chart.svg.getBoundingClientRect();
    const y = ((event.clientY - box.top) * chart.width) / box.width;
    const i = blocks.findIndex((_, k) => y >= yOf(k) && y < yOf(k) + ROW);
    if (i >= 0) view.change({ block: i });
  }, { signal: view.signal });

  let laidOut;
  const layOut = () => {
    laidOut = chart.width;
    const wide = chart.width >= 400;
    const [left, right] = [wide ? 212 : 160, chart.width - 44];
    set(heads[1], { x: 90 });
    set(heads[2], { x: left });
    [0, 50, 100].forEach((value, i) => set(ticks[i], { x: left + ((right - left) * value) / 100 }));
    set(grid, { d: [0, 50, 100].map((value) => `M${left + ((right - left) * value) / 100} ${TOP - 8}V${BOTTOM}`).join("") });
    rows.forEach(({ shape }, i) => {
      const { t, ends: [from, to], stride } = blocks[i];
      set(shape, { x: 90 });
      write(shape, `${[from, ...(wide && t > 1 ? [from * t] : []), to].join(" → ")}${stride > 1 ? ", s2" : ""}`);
    });
    chart.left = left;
    chart.right = right;
  };
  const x = (share) => chart.left + ((chart.right - chart.left) * share) / 100;
  const box = (y, high, share) => `M${chart.left} ${y}H${x(share)}v${high}H${chart.left}z`;
  const update = (state, before, seen) => {
    if (laidOut !== chart.width) layOut();
    const { change, share } = state;
    const found = changedBlocks(state, blocks);
    const key = changeKey(state, blocks);
    rows.forEach(({ inside, after, arc, branch, parts, fat }, i) => {
      const own = found.includes(i);
      const off = (element, gone) => element.classList.toggle("mn-gone", gone);
      off(inside, own && change === "activations");
      off(branch, own && change === "branch");
      off(arc, own && change === "shortcut");
      set(after, { visibility: own && change === "relu6" ? null : "hidden" });
      const high = change === "channels" && fat > 6 ? Math.max(2, fat * (1 - share / 100)) : fat;
      for (const part of parts.slice(0, -1)) set(part, { y: yOf(i) + (ROW - high) / 2, height: high });
    });
    const chosen = change === "channels" ? blocks.map((_, i) => i) : found.length ? found : [state.block];
    set(band, { d: chosen.map((i) => `M0 ${yOf(i)}h${chart.width}v${ROW}h${-chart.width}z`).join("") });
    const known = blocks.map((_, i) => `${change} ${i}`);
    set(tried, { d: known.map((own, i) => (own !== key && agreement[own] && (state.bars === "all" || seen.has(own))
      ? box(yOf(i) + 7, 6, agreement[own][0]) : "")).join("") });
    const [mean, low, high] = agreement[key] ?? [100, 100, 100];
    const [first, last] = [yOf(chosen[0]) + 4, yOf(chosen.at(-1)) + ROW - 4];
    const middle = (first + last) / 2;
    set(here, { d: box(first, last - first, mean) });
    set(whisker, { d: low < high ? `M${x(low)} ${middle}H${x(high)}M${x(low)} ${middle - 4}v8M${x(high)} ${middle - 4}v8` : "" });
    const was = before && (agreement[changeKey(before, blocks)] ?? [100])[0];
    set(ghost, { d: was === undefined || was === mean ? "" : `M${x(was)} ${first - 3}V${last + 3}` });
    set(number, { x: Math.max(x(mean), x(high)) + 5, y: middle + 4 });
    write(number, rounded(mean));
    chart.describe(`The ${blocks.length} blocks of MobileNetV2 from the first to the last, each with its expansion, depthwise filter and projection,`
      + ` and a line over it where it has a shortcut. Agreement with the intact network after the change: ${interval([mean, low, high])}.`
      + ` ${known.filter((own) => own !== key && agreement[own] && (state.bars === "all" || seen.has(own)))
        .map((own) => `${own.replace(" ", " in block ")}: ${rounded(agreement[own][0])} %`).join(", ")}`);
  };
  return { element: chart.svg, update };
};

// Five classes with their percentages, as bars.
const classList = (title) => {
  const entries = Array.from({ length: ANSWERS }, () => {
    const [name, number] = [html("span"), html("span", { class: "mn-number" })];
    const bar = html("div", { class: "mn-segment" });
    const track = html("div", { class: "mn-track", "aria-hidden": "true" }, bar);
    return { name, number, bar, element: html("li", {}, html("div", { class: "mn-bar-head" }, name, number), track) };
  });
  const element = html("div", { class: "mn-five" }, html("div", { class: "mn-bars-title" }, title),
    html("ol", {}, ...entries.map((entry) => entry.element)));
  const update = (answers, meant) => {
    answers.forEach(({ name, percent: share }, i) => {
      write(entries[i].name, name);
      write(entries[i].number, percentWords(share));
      entries[i].bar.style.width = `${share}%`;
      entries[i].element.classList.toggle("mn-meant", name === meant);
    });
  };
  return { element, update };
};

// The photograph that is named. A page has it as a file; in a notebook the kernel sends it.
const photographOf = (model, credits) => {
  const folder = globalThis.explorables?.folder;
  const image = html("img", { width: 224, height: 224, loading: "lazy", class: "dark-light" });
  const credit = html("p", { class: "mn-small" });
  const update = (name) => {
    const source = folder ? new URL(`gallery/${name}.webp`, folder).href : model.get("seen")?.[name];
    image.hidden = !source;
    set(image, { alt: `Photograph: ${PHOTOGRAPH_LABELS[name]}` });
    if (source && image.getAttribute("src") !== source) set(image, { src: source });
    write(credit, credits[name]);
    if (source === undefined && model.get("wanted") !== name) {
      model.set("wanted", name);
      model.save_changes();
    }
  };
  return { image, credit, update };
};

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "Break the trained network" });
  const experiment = model.get("experiment");
  const { blocks, agreement, pieces, photographs, credits } = experiment;
  const seen = new Set(); // what this reader has tried
  const chart = blockChart(view, experiment);
  view.picture.append(chart.element);
  view.choice("change", { label: "Change", labels: CHANGE_LABELS }).element.classList.add("mn-across");
  const places = [
    view.slider("block", { label: "Block", format: (block) => `block ${block}` }).element,
    view.choice("span", { label: "Where", labels: SPAN_LABELS }).element,
  ];
  const pruning = [
    view.slider("share", { label: "Channels taken away", format: (share) => `${share}\u00a0%` }).element,
    view.choice("rule", { label: "Which first", labels: RULE_LABELS }).element,
  ];
  view.choice("photograph", { label: "Photograph", labels: PHOTOGRAPH_LABELS }).element.classList.add("mn-across");
  const bars = view.choice("bars", { label: "Bars", labels: { tried: "what you tried", all: "all blocks" } }).element;
  bars.classList.add("mn-across");
  for (const element of [...places, ...pruning]) element.classList.add("mn-across");
  const [intact, changed] = [classList("intact"), classList("after the change")];
  const lived = html("p", { class: "mn-small" });
  const note = html("p", { class: "mn-small" }, `Agreement: the share of ${pieces} pieces, cut from ${photographs} photographs, whose first class is that of`
    + " the intact network; in brackets the 95\u00a0% interval, a bootstrap over the photographs. It is not accuracy. Nothing is trained after a change.");
  const photo = photographOf(model, credits);
  view.details.append(html("div", { class: "mn-named" }, photo.image, html("div", { class: "mn-columns" }, intact.element, changed.element)),
    photo.credit, note, lived);

  view.table({
    caption: "Agreement after a change of one block, in percent, with its 95 % interval",
    columns: ["block", ...CHANGES.slice(0, 4).map((change) => CHANGE_LABELS[change])],
    rows: () => blocks.map((_, i) => ({
      label: String(i), cells: CHANGES.slice(0, 4).map((change) => (agreement[`${change} ${i}`] ? interval(agreement[`${change} ${i}`]) : "–")),
    })),
  });
  view.table({
    caption: "Agreement after a share of the expanded channels is taken away from every block",
    columns: ["share", ...Object.values(RULE_LABELS)],
    rows: () => [2, 5, 10, 20, 50].map((share) => ({
      label: `${share} %`, cells: Object.keys(RULE_LABELS).map((rule) => interval(agreement[`${rule} ${share} %`])),
    })),
  });

  const showLive = () => {
    const state = view.state();
    const words = state ? liveWords(model.get("live") ?? {}, experiment, changeKey(state, blocks), state.photograph) : "";
    lived.hidden = !words;
    write(lived, words);
  };
  const showPhoto = () => photo.update(view.state().photograph);
  for (const [event, listener] of [["change:live", showLive], ["change:seen", showPhoto]]) {
    model.on(event, listener);
    view.signal.addEventListener("abort", () => model.off(event, listener));
  }
  view.onReset(() => seen.clear());

  return view.start((state, before) => {
    const key = changeKey(state, blocks);
    seen.add(key);
    chart.update(state, before, seen);
    for (const element of places) element.hidden = state.change === "channels";
    for (const element of pruning) element.hidden = state.change !== "channels";
    bars.hidden = state.change === "channels";
    const first = answersOf(experiment, "", state.photograph);
    intact.update(first, first[0].name);
    changed.update(answersOf(experiment, key, state.photograph), first[0].name);
    photo.update(state.photograph);
    view.say(resultSentence(state, experiment));
    showLive();
  });
}

export default { render };
