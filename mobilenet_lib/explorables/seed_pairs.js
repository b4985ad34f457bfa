// Pairs of runs: what each further seed does to an effect and its confidence interval.

// Student's factor for any number of pairs: the known ones, then Fisher's expansion for many, right to a thousandth.
const factorOf = (pairs, quantiles) =>
  quantiles[pairs - 2] ?? 1.96 + 2.372 / (pairs - 1) + 2.823 / (pairs - 1) ** 2 + 2.556 / (pairs - 1) ** 3;

// The least number of pairs whose interval would leave out zero, if mean and spread stayed; beyond MANY nobody counts.
const MANY = 1000;
const pairsNeeded = (seeds, mean, spread, quantiles) => {
  let pairs = seeds;
  while (pairs <= MANY && (factorOf(pairs, quantiles) * spread) / Math.sqrt(pairs) >= Math.abs(mean)) pairs++;
  return pairs;
};

// Everything the figure shows of one comparison, from the accuracies alone.
const pairedEffect = ({ task, network, seeds }, { runs, reference, quantiles }) => {
  const [ours, theirs] = [runs[task][network], runs[task][reference]];
  const differences = ours.map((accuracy, i) => Number((accuracy - theirs[i]).toFixed(2)));
  const used = differences.slice(0, seeds);
  const mean = sum(used) / seeds;
  const spread = Math.sqrt(sum(used.map((d) => (d - mean) ** 2)) / (seeds - 1));
  const half = (quantiles[seeds - 2] * spread) / Math.sqrt(seeds);
  const [low, high] = [mean - half, mean + half];
  const verdict = low > 0 ? "better" : high < 0 ? "worse" : "not resolved";
  const needed = pairsNeeded(seeds, mean, spread, quantiles);
  return { ours, theirs, differences, seeds, mean, spread, half, low, high, verdict, needed };
};

// A difference with its sign.
const signed = (points) => {
  const written = Math.abs(points).toFixed(2);
  return Number(written) === 0 ? written : `${points < 0 ? "−" : "+"}${written}`;
};

// What the numbers say, true for every state.
const effectSentence = ({ seeds, mean, low, high, verdict, needed }, label) => {
  const start = `${seeds} pairs: ${label} differs by ${signed(mean)} points, 95\u00a0% interval from ${signed(low)} to ${signed(high)}.`;
  if (verdict !== "not resolved") return `${start} Zero is outside: ${verdict} than the reference, on this task.`;
  const more = needed > MANY
    ? "An effect as small as this mean would take more than a thousand pairs."
    : `If mean and spread stayed as they are, ${needed} pairs would resolve it.`;
  return `${start} Zero is inside: not resolved. ${more}`;
};

// A row for each seed: two accuracies, and their difference as a dot. Below: mean and interval of the pairs in use.
const pairChart = (view, count) => {
  const [TOP, ROW] = [40, 26];
  const BOTTOM = TOP + ROW * count;
  const MIDDLE = BOTTOM + 20;
  const chart = view.drawing({ height: BOTTOM + 62 });
  const text = (attributes, words = "") => svg("text", attributes, words);
  const soft = (attributes, words) => text({ class: "mn-soft", ...attributes }, words);

  const heads = ["seed", "ref., %", "this, %"].map((words) => soft({ y: TOP - 10, "text-anchor": "end" }, words));
  const title = text({ class: "mn-bold", y: 14, x: 0 }, "Difference, in percentage points");
  const grid = svg("path", { class: "mn-grid" });
  const zero = svg("path", { class: "mn-zero" });
  const ticks = [-1, -0.5, 0, 0.5, 1].map((share) => ({ share, text: soft({ y: BOTTOM + 56, "text-anchor": "middle" }) }));
  const rows = Array.from({ length: count }, (_, seed) => {
    const y = TOP + ROW * (seed + 0.5);
    const cells = [String(seed), "", ""].map((words) => text({ y: y + 4, "text-anchor": "end" }, words));
    const dot = svg("circle", { cy: y, r: 5 });
    return { group: svg("g", {}, ...cells, dot), cells, dot };
  });
  const pairs = text({ class: "mn-bold", y: MIDDLE + 4, "text-anchor": "end" });
  const ghost = svg("path", { class: "mn-outline" });
  const bar = svg("path", { class: "mn-interval" });
  const ends = svg("path", { class: "mn-beyond" });
  const middle = svg("circle", { class: "mn-solid", cy: MIDDLE, r: 5.5 });
  chart.svg.append(title, ...heads, grid, zero, ...ticks.map((tick) => tick.text), ...rows.map(({ group }) => group), pairs, ghost,
    bar, ends, middle);

  const columns = [34, 92, 150];
  const update = (effect, before) => {
    const [left, right] = [columns[2] + 24, chart.width - 22];
    const reach = niceCeiling(1.5 * Math.max(...effect.differences.map(Math.abs)) || 1); // room for the interval
    const x = (points) => left + ((1 + points / reach) / 2) * (right - left);
    const inside = (points) => Math.max(left - 10, Math.min(right + 10, x(points)));
    heads.forEach((head, i) => set(head, { x: columns[i] }));
    set(grid, { d: ticks.map(({ share }) => `M${x(share * reach)} ${TOP}V${BOTTOM + 40}`).join("") });
    set(zero, { d: `M${x(0)} ${TOP}V${BOTTOM + 40}` });
    for (const { share, text: label } of ticks) {
      set(label, { x: x(share * reach) });
      write(label, share === 0 ? "0" : Math.abs(share) === 1 ? signed(share * reach).replace(/\.?0+$/, "") : "");
    }
    rows.forEach(({ group, cells, dot }, seed) => {
      set(group, { class: seed < effect.seeds ? "mn-pair" : "mn-pair mn-waiting" });
      cells.forEach((cell, i) => set(cell, { x: columns[i] }));
      write(cells[1], effect.theirs[seed].toFixed(1));
      write(cells[2], effect.ours[seed].toFixed(1));
      set(dot, { cx: x(effect.differences[seed]) });
    });
    write(pairs, `${effect.seeds} pairs`);
    set(pairs, { x: columns[2] });
    const line = ({ low, high }) => `M${inside(low)} ${MIDDLE}H${inside(high)}`;
    set(bar, { d: line(effect) });
    // An end that lies outside the picture becomes an arrow.
    const arrow = (at, direction) => `M${at} ${MIDDLE - 7}l${8 * direction} 7l${-8 * direction} 7`;
    set(ends, { d: (x(effect.low) < left - 10 ? arrow(left - 10, -1) : "") + (x(effect.high) > right + 10 ? arrow(right + 10, 1) : "") });
    set(ghost, { d: before ? `${line(before)}m0 -9v18M${inside(before.low)} ${MIDDLE - 9}v18` : null });
    set(middle, { cx: inside(effect.mean), class: effect.verdict === "not resolved" ? "mn-open" : "mn-solid" });
  };
  return { element: chart.svg, update, describe: chart.describe };
};

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "How many seeds?" });
  const experiment = model.get("experiment");
  const { labels, tasks, reference } = experiment;
  const chart = pairChart(view, experiment.runs.digits[reference].length);
  view.picture.append(chart.element);
  view.choice("task", { label: "Task", labels: { digits: "digits", patches: "patches" } }).element.classList.add("mn-across");
  view.slider("network", { label: "Network", format: (name) => labels[name] }).element.classList.add("mn-across");
  view.slider("seeds", { label: "Pairs of runs" }).element.classList.add("mn-across");
  view.details.append(html("p", { class: "mn-small" }, `The reference is the ${labels[reference]}. Each seed decides first weights and`
    + " the order of the images, for both networks of a pair. Open dots are runs that the interval does not use yet."));

  view.table({
    caption: "Accuracy of each run, in percent of the test images, and the difference of each pair in percentage points",
    columns: ["seed", "reference", "this network", "difference", "in use"],
    rows: (state) => {
      const { ours, theirs, differences, seeds } = pairedEffect(state, experiment);
      return differences.map((difference, seed) => ({
        label: String(seed),
        cells: [theirs[seed].toFixed(2), ours[seed].toFixed(2), signed(difference), seed < seeds ? "yes" : "no"],
      }));
    },
  });
  view.table({
    caption: "Mean difference and 95 percent interval for each number of pairs, in percentage points",
    columns: ["pairs", "mean", "from", "to", "verdict"],
    rows: (state) => experiment.quantiles.map((_, i) => {
      const { mean, low, high, verdict } = pairedEffect({ ...state, seeds: i + 2 }, experiment);
      return { label: String(i + 2), cells: [signed(mean), signed(low), signed(high), verdict] };
    }),
  });

  return view.start((state, before) => {
    const effect = pairedEffect(state, experiment);
    // A ghost on another axis would say something false.
    const same = before && before.task === state.task && before.network === state.network;
    chart.update(effect, same && before.seeds !== state.seeds ? pairedEffect(before, experiment) : undefined);
    chart.describe(`Differences of ${labels[state.network]} from ${labels[reference]} on ${tasks[state.task]}, seed by seed:`
      + ` ${effect.differences.map(signed).join(", ")} points; the first ${state.seeds} are used. Their mean is ${signed(effect.mean)},`
      + ` the interval goes from ${signed(effect.low)} to ${signed(effect.high)}: ${effect.verdict}.`);
    view.say(effectSentence(effect, labels[state.network]));
  });
}

export default { render };
