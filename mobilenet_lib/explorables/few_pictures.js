// Few pictures: what a linear layer makes of a trained network's features, of an untrained one's, and of pixels.

const SIDE_OF_PIECE = 32; // as in transfer_results.py
const GREYS = 8; // levels that are drawn, of sixteen that are stored
const PHOTOGRAPHS = "Photographs: Rachel Michetti, courtesy of Pikolo Espresso Bar, Stéfan van der Walt, Lav Varshney, linolafett, CC0Textures"
  + " (CC0 1.0); SpaceX, NASA, US Navy (public domain); danielbuechele, vultilion (CC BY 2.0). Made small and grey.";
const SEEN_AS = { trained: "trained features", untrained: "untrained features", pixels: "pixels" };

const sourceOf = (name, block) => (name === "trained" ? String(block - 1) : name);

// The accuracies of the three in one state: { trained: { mean, deviation }, ... }, and where scratch is known.
const fewRates = ({ task, count, block }, { few }) => Object.fromEntries(Object.keys(SEEN_AS).map((name) => {
  const [mean, deviation] = few[task][sourceOf(name, block)][count];
  return [name, { mean, deviation }];
}));

// The block whose features are best in one state.
const bestBlock = ({ task, count }, { few }, blocks) =>
  blocks.reduce((best, block) => (few[task][block - 1][count][0] > few[task][best - 1][count][0] ? block : best));

const whole = (value) => `${value.toFixed(0)}\u00a0%`;

// In a sentence that says how far two are apart: rounded to whole ones, 53 and 35 could be 17 points apart.
const tenths = (value) => `${value.toFixed(1)}\u00a0%`;

// What the numbers say, true for every state.
const fewSentence = (state, experiment, blocks) => {
  const { trained, untrained, pixels } = fewRates(state, experiment);
  const pictures = state.count === 1 ? "one picture" : `${state.count} pictures`;
  const [other, name] = pixels.mean >= untrained.mean ? [pixels, "pixels"] : [untrained, "untrained features"];
  const gap = trained.mean - other.mean;
  const apart = Math.abs(gap) <= 2 ? `about as much as ${name} (${tenths(other.mean)})`
    : `${Math.abs(gap).toFixed(1)} points ${gap > 0 ? "more" : "fewer"} than ${name} (${tenths(other.mean)})`;
  const best = bestBlock(state, experiment, blocks);
  const most = experiment.few[state.task][best - 1][state.count][0];
  const where = best === state.block ? "No other block does better." : `Block ${best} would give ${tenths(most)}.`;
  return `With ${pictures} of each class, the features behind block ${state.block} give ${tenths(trained.mean)}: ${apart}. ${where}`;
};

// Sixteen greys, two to a byte, as numbers from 0 to GREYS - 1.
const greysOf = (text) => [...atob(text)].flatMap((letter) => {
  const byte = letter.charCodeAt(0);
  return [byte >> 4, byte & 15].map((grey) => grey >> 1);
});

// A picture as one path for each grey: runs of pixels along the rows.
const pathsOf = (greys) => {
  const paths = Array.from({ length: GREYS }, () => "");
  for (let y = 0; y < SIDE_OF_PIECE; y++) {
    for (let x = 0; x < SIDE_OF_PIECE;) {
      const grey = greys[y * SIDE_OF_PIECE + x];
      let end = x + 1;
      while (end < SIDE_OF_PIECE && greys[y * SIDE_OF_PIECE + end] === grey) end++;
      paths[grey] += `M${x} ${y}h${end - x}v1h-${end - x}z`;
      x = end;
    }
  }
  return paths;
};

// Accuracy over the pictures of a class, a line for each of the three.
const countChart = (view, counts) => {
  const [LEFT, RIGHT, TOP, BOTTOM] = [44, 14, 26, 196];
  const chart = view.drawing({ height: BOTTOM + 38 });
  const x = (count) => LEFT + (Math.log2(count) / Math.log2(counts.at(-1))) * (chart.width - LEFT - RIGHT);
  const y = (rate) => BOTTOM - ((BOTTOM - TOP) * rate) / 100;
  const soft = (attributes, words = "") => svg("text", { class: "mn-soft", ...attributes }, words);
  const grid = svg("path", { class: "mn-grid" });
  const chance = svg("path", { class: "mn-chance" });
  const chanceText = soft({ "text-anchor": "end" }, "guessing");
  const here = svg("path", { class: "mn-here" });
  const ticks = counts.map((count) => ({ count, text: soft({ y: BOTTOM + 17, "text-anchor": "middle" }, String(count)) }));
  const levels = [0, 50, 100].map((rate) => soft({ x: LEFT - 6, y: y(rate) + 4, "text-anchor": "end" }, `${rate}\u00a0%`));
  const axis = soft({ y: BOTTOM + 33, "text-anchor": "end" }, "pictures of each class");
  const band = svg("path", { class: "mn-band" });
  const lines = Object.keys(SEEN_AS).map((name) => ({ name, line: svg("path", { class: `mn-curve mn-of-${name}` }),
    dots: svg("path", { class: name === "trained" ? "mn-dots" : "mn-dots-open" }) }));
  const scratch = svg("path", { class: "mn-cross" });
  chart.svg.append(svg("text", { class: "mn-bold", x: 0, y: 13 }, "Right, on test pictures"), grid, band, chance, chanceText, here,
    ...ticks.map((tick) => tick.text), ...levels, axis, ...lines.flatMap(({ line, dots }) => [line, dots]), scratch);

  const update = (state, experiment) => {
    const { task, count, block } = state;
    const all = (name) => counts.map((each) => experiment.few[task][sourceOf(name, block)][each]);
    set(grid, { d: [0, 50, 100].map((rate) => `M${LEFT} ${y(rate)}H${chart.width - RIGHT}`).join("") });
    const guess = y(100 / experiment.classes[task]);
    set(chance, { d: `M${LEFT} ${guess}H${chart.width - RIGHT}` });
    set(chanceText, { x: chart.width - RIGHT, y: guess - 4 });
    set(here, { d: `M${x(count)} ${TOP}V${BOTTOM}` });
    for (const { count: each, text } of ticks) set(text, { x: x(each) });
    set(axis, { x: chart.width - RIGHT });
    const ends = (sign) => all("trained").map(([mean, deviation], i) =>
      `${x(counts[i])} ${y(Math.min(100, mean + sign * deviation))}`);
    set(band, { d: `M${ends(1).join("L")}L${ends(-1).reverse().join("L")}Z` });
    for (const { name, line, dots } of lines) {
      const places = all(name).map(([mean], i) => [x(counts[i]), y(mean)]);
      set(line, { d: `M${places.map((place) => place.join(" ")).join("L")}` });
      set(dots, { d: places.map(([at, up]) => dotPath(name === "pixels" ? "diamond" : "circle", at, up)).join("") });
    }
    const known = task === "pieces" ? Object.entries(experiment.scratch) : [];
    set(scratch, { d: known.map(([each, rates]) => {
      const [at, up] = [x(Number(each)), y(sum(rates) / rates.length)];
      return `M${at - 5} ${up - 5}l10 10m0 -10l-10 10`;
    }).join("") });
  };
  return { element: chart.svg, update, describe: chart.describe };
};

// What stands for which line.
const countLegend = () => {
  const key = (...marks) => svg("svg", { class: "mn-drawing mn-key", viewBox: "0 0 16 16", "aria-hidden": "true" }, ...marks);
  const dot = (kind, shape) => svg("path", { class: kind, d: dotPath(shape, 8, 8) });
  const scratch = html("span", {}, key(svg("path", { class: "mn-cross", d: "M3 3l10 10m0 -10l-10 10" })), "from scratch, width 0.35");
  return { scratch, element: html("div", { class: "mn-legend" },
    html("span", {}, key(dot("mn-dots", "circle")), SEEN_AS.trained), html("span", {}, key(dot("mn-dots-open", "circle")), SEEN_AS.untrained),
    html("span", {}, key(dot("mn-dots-open", "diamond")), SEEN_AS.pixels), scratch) };
};

// A bar for each block that is known.
const blockChart = (view, blocks) => {
  const [TOP, BOTTOM] = [26, 120];
  const chart = view.drawing({ height: BOTTOM + 34, minWidth: 240 });
  const bars = blocks.map((block) => ({ block, bar: svg("rect", {}), text: svg("text", { class: "mn-soft", "text-anchor": "middle" }),
    label: svg("text", { class: "mn-soft", y: BOTTOM + 15, "text-anchor": "middle" }, String(block)) }));
  const axis = svg("text", { class: "mn-soft", y: BOTTOM + 31, "text-anchor": "end" }, "behind block (18: the last convolution)");
  chart.svg.append(svg("text", { class: "mn-bold", x: 0, y: 13 }, "Which block’s features?"), axis,
    ...bars.flatMap(({ bar, text, label }) => [bar, text, label]));
  const update = ({ task, count, block }, { few }) => {
    const step = chart.width / blocks.length;
    set(axis, { x: chart.width });
    bars.forEach(({ block: own, bar, text, label }, i) => {
      const rate = few[task][own - 1][count][0];
      const height = ((BOTTOM - TOP - 14) * rate) / 100;
      set(bar, { x: i * step + 3, y: BOTTOM - height, width: step - 6, height, class: own === block ? "mn-solid" : "mn-other" });
      set(text, { x: (i + 0.5) * step, y: BOTTOM - height - 4 });
      write(text, rate.toFixed(0));
      set(label, { x: (i + 0.5) * step, class: own === block ? "mn-bold" : "mn-soft" });
    });
  };
  return { element: chart.svg, update, describe: chart.describe };
};

// One test piece of each photograph, and what is said of it in the first draw.
const answerTiles = ({ shown, names }) => {
  const tiles = names.map((name) => {
    const picture = svg("svg", { class: "mn-piece", viewBox: `0 0 ${SIDE_OF_PIECE} ${SIDE_OF_PIECE}`, role: "img",
      "aria-label": `a piece of ${name}`, "shape-rendering": "crispEdges" },
      ...pathsOf(greysOf(shown[name])).map((d, grey) => {
        const level = Math.round((255 * grey) / (GREYS - 1)).toString(16).padStart(2, "0");
        return svg("path", { d, fill: `#${level.repeat(3)}` });
      }));
    const mark = html("span", { class: "mn-mark", "aria-hidden": "true" });
    const said = html("span");
    return { said, mark, element: html("div", { class: "mn-tile" }, picture, html("div", { class: "mn-small" }, mark, said)) };
  });
  const title = html("div", { class: "mn-bars-title" });
  const update = ({ count, block }, { answers }) => {
    const places = answers[sourceOf("trained", block)][count];
    const right = places.filter((place, i) => place === i).length;
    write(title, `One test piece of each photograph: ${right} of ${names.length} named correctly in one draw`);
    tiles.forEach(({ said, mark, element }, i) => {
      const good = places[i] === i;
      write(mark, good ? "✓ " : "✗ ");
      write(said, good ? names[i] : `${names[places[i]]} (it is ${names[i]})`);
      element.classList.toggle("mn-wrong", !good);
    });
  };
  return { element: html("div", {}, title, html("div", { class: "mn-tiles" }, ...tiles.map(({ element }) => element))), update };
};

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "How few pictures?" });
  const experiment = model.get("experiment");
  const { count: { values: counts }, block: { values: blocks } } = model.get("ranges");
  const lines = countChart(view, counts);
  const legend = countLegend();
  const bars = blockChart(view, blocks);
  const tiles = answerTiles(experiment);
  view.picture.append(lines.element, legend.element);
  view.choice("task", { label: "Task", labels: { pieces: "pieces", faces: "faces", digits: "digits" } }).element.classList.add("mn-across");
  view.slider("count", { label: "Pictures of each class" }).element.classList.add("mn-across");
  view.slider("block", { label: "Features behind block" }).element.classList.add("mn-across");
  const again = html("p", { class: "mn-live-line", hidden: true });
  const onAgain = () => view.redraw();
  model.on("change:again", onAgain);
  view.signal.addEventListener("abort", () => model.off("change:again", onAgain));
  view.details.append(again, bars.element, tiles.element, html("p", { class: "mn-small" }, "Means over ten draws; the band is one standard"
    + " deviation either way. Pixels and untrained features have the best of three strengths, trained features always the same."), html("p", { class: "mn-small" }, PHOTOGRAPHS));

  view.table({
    caption: "Percent of the test pictures named correctly, mean over ten draws and standard deviation",
    columns: ["pictures of each class", ...Object.values(SEEN_AS)],
    rows: (state) => counts.map((count) => ({ label: String(count),
      cells: Object.values(fewRates({ ...state, count }, experiment)).map(({ mean, deviation }) => `${mean.toFixed(1)} ± ${deviation.toFixed(1)}`) })),
  });
  view.table({
    caption: "Percent named correctly with so many pictures of each class, by the block whose features are taken",
    columns: ["block", "right, %"],
    rows: ({ task, count }) => blocks.map((block) => ({ label: String(block), cells: [experiment.few[task][block - 1][count][0].toFixed(1)] })),
  });

  return view.start((state) => {
    lines.update(state, experiment);
    bars.update(state, experiment);
    legend.scratch.hidden = state.task !== "pieces";
    tiles.element.hidden = state.task !== "pieces";
    tiles.update(state, experiment);
    const rates = fewRates(state, experiment);
    lines.describe(`Accuracy on ${experiment.tasks[state.task]} over the pictures of each class, from ${counts[0]} to ${counts.at(-1)}. With ${
      state.count}: ${Object.entries(rates).map(([name, { mean }]) => `${SEEN_AS[name]} ${whole(mean)}`).join(", ")}. Guessing: ${
      whole(100 / experiment.classes[state.task])}.`);
    bars.describe(`Accuracy by block: ${blocks.map((block) =>
      `${block}, ${whole(experiment.few[state.task][block - 1][state.count][0])}`).join("; ")}. Block ${state.block} is chosen.`);
    const computed = model.get("again") ?? {};
    again.hidden = Object.entries(state).some(([name, value]) => computed[name] !== value);
    if (!again.hidden) write(again, `computed in this notebook: ${computed.mean.toFixed(1)}\u00a0% over ${computed.draws} draws`);
    view.say(fewSentence(state, experiment, blocks));
  });
}

export default { render };
