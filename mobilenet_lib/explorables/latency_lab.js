// The latency lab: blocks and small networks timed on this device, milliseconds against MACs.

const ROUNDS = 15; // turns of each network
const MACS_AXIS = [8e6, 500e6]; // on the right there is room for the words on the lines
const RATES = [1, 3, 10, 30, 100]; // thousand million MACs a second

const milliard = (macs, ms) => (macs / ms / 1e6).toFixed(macs / ms < 9.995e6 ? 1 : 0);

// "4.7 times faster", "1.4 times slower": `ratio` is the slower time over the faster one, or under 1 the other way.
const speed = (ratio) => {
  const times = (value) => value.toFixed(value < 9.95 ? 1 : 0);
  if (ratio > 0.95 && ratio < 1.05) return "about as fast";
  return ratio > 1 ? `${times(ratio)} times faster` : `${times(1 / ratio)} times slower`;
};

// What the numbers say, whatever they are. `medians` are the milliseconds by name.
const latencySentence = (where, networks, medians) => {
  const macs = Object.fromEntries(networks.map(({ name, macs: count }) => [name, count]));
  const fewer = (a, b) => (macs[a] / macs[b]).toFixed(1);
  const faster = (a, b) => speed(medians[a] / medians[b]);
  return `${where}: the separable block has ${fewer("standard", "separable")} times fewer MACs than the standard one and is`
    + ` ${faster("standard", "separable")}. The inverted residual of the same width has ${fewer("inverted", "standard")} times`
    + ` its MACs and is ${faster("standard", "inverted")}. MobileNetV2 has ${fewer("v1", "v2")} times fewer MACs than the equally`
    + ` accurate MobileNetV1 and is ${faster("v1", "v2")}.`;
};

// The result to copy: a table that a spreadsheet reads as well.
const resultText = ({ networks, quartiles, turns, runtime, device, hidden, date }) => [
  `Latency lab, MobileNet from the inside, ${date}`,
  runtime,
  device,
  `one image; median and quartiles of ${turns} turns, in ms; blocks are timed as a chain of ${networks[0].copies}`,
  ...(hidden ? ["the page was in the background for a while, where browsers slow it down"] : []),
  "",
  ["median", "lower", "upper", "MACs", "what"].join("\t"), // the names last: else the columns would not line up
  ...networks.map(({ name, label, macs }) => {
    const [low, median, high] = quartiles[name].map((ms) => Number(ms.toPrecision(4)));
    return [median, low, high, macs, label].join("\t");
  }),
].join("\n");

// Where the axis of milliseconds starts and ends: at a step with room below and above; as axis_around in Python.
const STEPS = [-4, -3, -2, -1, 0, 1, 2, 3, 4, 5].flatMap((power) => [1, 2, 5].map((step) => Number(`${step}e${power}`)));
const axisAround = (times) => [
  STEPS.findLast((step) => step <= Math.min(...times) / 1.15),
  STEPS.find((step) => step >= Math.max(...times) * 1.15),
];

const markPath = (group, x, y) =>
  group === "blocks" ? `M${x - 5} ${y}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0` : `M${x} ${y - 6.5}l6.5 6.5l-6.5 6.5l-6.5 -6.5z`;

// Milliseconds over MACs. Hollow marks are the book's own results, filled ones the reader's, with their quartiles.
const latencyChart = (view, networks, here) => {
  const [HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [340, 38, 10, 28, 304];
  const chart = view.drawing({ height: HEIGHT });
  const text = (attributes, words = "") => svg("text", { class: "mn-soft", ...attributes }, words);
  const grid = svg("path", { class: "mn-grid" });
  const yTicks = Array.from({ length: 16 }, () => text({ "text-anchor": "end", x: LEFT - 6 }));
  const xTicks = [10e6, 20e6, 50e6, 100e6, 200e6].map((macs) =>
    ({ macs, label: text({ "text-anchor": "middle", y: BOTTOM + 16 }, shortTick(macs)) }));
  const xTitle = text({ "text-anchor": "end", y: BOTTOM + 31 }, "MACs");
  const rates = RATES.map((rate) => ({
    rate, line: svg("path", { class: "mn-rate" }), label: text({ "text-anchor": "end" }, `${rate} G/s`),
  }));
  const marks = networks.map((network) => {
    const part = () => svg("path", { class: "mn-lab-mark" });
    const parts = { spread: part(), ours: part(), yours: part() };
    parts.yours.classList.add("mn-lab-yours");
    const letter = svg("text", { class: "mn-bold", "text-anchor": network.group === "blocks" ? "start" : "end" }, network.letter);
    const element = svg("g", { "data-role": network.role, "data-part": network.name }, parts.spread, parts.ours, parts.yours, letter);
    return { network, ...parts, letter, element };
  });
  chart.svg.append(grid, ...rates.flatMap(({ line, label }) => [line, label]), ...yTicks, ...xTicks.map(({ label }) => label),
    text({ x: 0, y: 12 }, "ms, for one image"), xTitle, ...marks.map(({ element }) => element));

  const update = (shown, ours, yours) => {
    const visible = networks.filter(({ group }) => shown === "everything" || group === shown);
    const axis = axisAround(visible.flatMap(({ name }) => [...ours[name], ...(yours?.[name] ?? [])]));
    const xAt = (macs) => LEFT + ((chart.width - LEFT - RIGHT) * Math.log(macs / MACS_AXIS[0])) / Math.log(MACS_AXIS[1] / MACS_AXIS[0]);
    const yAt = (ms) => BOTTOM - ((BOTTOM - TOP) * Math.log(ms / axis[0])) / Math.log(axis[1] / axis[0]);
    const ticks = STEPS.filter((ms) => axis[0] <= ms && ms <= axis[1]);
    set(grid, { d: ticks.map((ms) => `M${LEFT} ${yAt(ms)}H${chart.width - RIGHT}`).join("")
      + xTicks.map(({ macs }) => `M${xAt(macs)} ${BOTTOM}v5`).join("") });
    yTicks.forEach((label, i) => {
      write(label, ticks[i] === undefined ? "" : String(ticks[i]));
      if (ticks[i] !== undefined) set(label, { y: yAt(ticks[i]) + 4 });
    });
    for (const { macs, label } of xTicks) set(label, { x: xAt(macs) });
    set(xTitle, { x: chart.width - RIGHT });
    for (const { rate, line, label } of rates) {
      const [start, end] = [Math.max(MACS_AXIS[0], axis[0] * rate * 1e6), Math.min(MACS_AXIS[1], axis[1] * rate * 1e6)];
      const seen = start * 1.5 < end;
      for (const element of [line, label]) set(element, { visibility: seen ? null : "hidden" });
      if (!seen) continue;
      const y = (macs) => yAt(macs / rate / 1e6);
      set(line, { d: `M${xAt(start)} ${y(start)}L${xAt(end)} ${y(end)}` });
      set(label, { x: xAt(end) - 8, y: y(end) + 14 });
    }
    for (const { network, spread, ours: own, yours: theirs, letter, element } of marks) {
      set(element, { visibility: visible.includes(network) ? null : "hidden" });
      const x = xAt(network.macs);
      const [low, median, high] = ours[network.name];
      set(own, { d: markPath(network.group, x, yAt(median)) });
      const mine = yours?.[network.name];
      set(theirs, { d: mine ? markPath(network.group, x, yAt(mine[1])) : null });
      const range = ([from, , to]) => `M${x} ${yAt(from)}V${yAt(to)}`;
      set(spread, { d: range([low, median, high]) + (mine ? range(mine) : "") });
      set(letter, { x: x + (network.group === "blocks" ? 10 : -10), y: yAt(median) + 4 });
    }
    chart.describe(`Milliseconds over MACs, both logarithmic; thin lines join equal MACs per second. ${visible.map((network) => {
      const mine = yours?.[network.name];
      return `${network.letter}, ${network.label}: ${short(network.macs)} MACs, ${milliseconds(ours[network.name][1])} in the book`
        + (mine ? `, ${milliseconds(mine[1])} here` : "");
    }).join("; ")}.`);
  };
  const key = (group, yours, words) => html("span", {},
    svg("svg", { class: "mn-drawing mn-key", viewBox: "0 0 16 16", "aria-hidden": "true" },
      svg("path", { class: `mn-lab-mark ${yours ? "mn-lab-yours" : ""}`, d: markPath(group, 8, 8) })), words);
  const legend = html("div", { class: "mn-legend" }, key("blocks", false, "block"), key("networks", false, "network"),
    key("blocks", true, `${here}: filled`));
  return { element: html("div", {}, legend, chart.svg), update };
};

// One line for each letter: what it is, its MACs, and both times.
const latencyRows = (networks) => {
  const cell = (name, ...children) => html("span", { class: `mn-lab-${name}` }, ...children);
  const heads = html("div", { class: "mn-lab-row mn-lab-heads", "aria-hidden": "true" }, cell("letter"), cell("label"),
    cell("macs", "MACs"), cell("ours", "the book’s"), cell("yours", "this device"));
  const rows = networks.map(({ letter, label, role, macs, name }) => {
    const [ours, yours] = [cell("ours"), cell("yours", "–")];
    const element = html("div", { class: "mn-lab-row", "data-part": name },
      cell("letter", swatch(role), letter), cell("label", label), cell("macs", short(macs)), ours, yours);
    return { name, ours, yours, element };
  });
  const update = (shown, ours, yours) => rows.forEach((row, i) => {
    row.element.hidden = shown !== "everything" && networks[i].group !== shown;
    write(row.ours, milliseconds(ours[row.name][1]));
    write(row.yours, yours?.[row.name] ? milliseconds(yours[row.name][1]) : "–");
  });
  return { element: html("div", { class: "mn-lab-rows" }, heads, ...rows.map(({ element }) => element)), update };
};

// The result as text, and a button that copies it.
const copyBox = (signal) => {
  const area = html("textarea", { class: "mn-code mn-lab-text", readonly: true, rows: 13, "aria-label": "Your result as text",
    "data-lm-suppress-shortcuts": "true" });
  const button = html("button", { type: "button", class: "mn-button" }, "Copy the result");
  const line = html("span", { class: "mn-small", role: "status" });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(area.value);
      write(line, "Copied.");
    } catch {
      area.select(); // a page that is not served securely has no clipboard
      write(line, "Selected: copy it with your keyboard or menu.");
    }
  }, { signal });
  const element = html("div", { class: "mn-lab-copy", hidden: true }, area, html("div", { class: "mn-buttons" }, button, line));
  const show = (text) => {
    element.hidden = text === "";
    area.value = text;
    write(line, "");
  };
  return { element, show };
};

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "Latency lab" });
  const networks = model.get("entries");
  const results = model.get("results");
  const runtime = runtimeOf({ model, signal: view.signal });
  const here = runtime.place.kind === "kernel" ? "your kernel" : "this device";
  let yours; // quartiles by name
  let turns = 0;

  const chart = latencyChart(view, networks, here);
  view.picture.append(chart.element);
  view.choice("shown", { label: "Show", labels: { everything: "all" } });
  view.choice("beside", { label: "The book’s results in", labels: { "ONNX Runtime": "Python" } });
  for (const group of view.controls.children) group.classList.add("mn-across");
  view.controls.lastElementChild.classList.add("mn-lab-beside");

  const work = async (report, stop) => {
    let ready = false;
    stop.addEventListener("abort", () => { if (!ready) runtime.close(); }); // half a download is of no use
    let received = 0;
    const about = await runtime.open(networks, (bytes) => {
      received += bytes;
      report("Downloading …", Math.min(1, received / runtime.bytes));
    });
    ready = true;
    [turns, yours] = [0, undefined];
    let hidden = document.hidden;
    const watch = () => { hidden ||= document.hidden; };
    document.addEventListener("visibilitychange", watch);
    report("Warming up …", 0);
    const samples = await takeTurns({
      ask: runtime.ask, networks, clock: about.clock, rounds: ROUNDS, signal: stop,
      onRound: (samplesSoFar, share) => {
        report("Measuring, each in its turn …", share);
        yours = Object.fromEntries(networks.map(({ name }) => [name, quartilesOf(samplesSoFar[name])]));
        turns = samplesSoFar[networks[0].name].length;
        view.redraw();
      },
    }).finally(() => document.removeEventListener("visibilitychange", watch));
    if (stop.aborted) throw stopped(turns ? `Cancelled after ${turns} of ${ROUNDS} turns.` : undefined);
    copy.show(resultText({
      networks, quartiles: yours, turns: samples[networks[0].name].length, runtime: about.runtime, hidden,
      device: `${navigator.userAgent}; ${navigator.hardwareConcurrency} logical cores`,
      date: new Date().toISOString().slice(0, 10),
    }));
    return `Measured with ${about.runtime}.${hidden ? " The page was in the background for a while: better measure again."
      : disturbed(Object.values(yours))}`;
  };
  const button = starter({
    labels: { start: `Measure on ${here}`, again: "Measure again" },
    hint: runtime.place.kind === "kernel" ? "The kernel of this notebook runs the same networks, on one thread."
      : `Downloads ${bytes(runtime.bytes, 8)} once, then works offline. Takes some seconds. Nothing leaves your device.`,
    why: runtime.place.why, work, signal: view.signal,
  });
  view.controls.append(button.element);
  button.element.classList.add("mn-across");

  const rows = latencyRows(networks);
  const copy = copyBox(view.signal);
  const note = html("p", { class: "mn-small" }, "Blocks A, B and C have the same input and output, and there the inverted"
    + " residual is the most expensive one. It saves because what stands between its blocks is thin: D is the block that"
    + " MobileNetV2 uses on a map of this size. E and F differ only in their layers; F and G were published with the same"
    + " accuracy. All points of a thin dashed line have the same number of MACs a second: 10 G/s is ten thousand million.");
  const source = html("p", { class: "mn-small" });
  view.details.append(rows.element, copy.element, note, source);

  view.table({
    caption: "Milliseconds for one image: median and quartiles; and thousand million MACs a second",
    columns: ["what", "MACs", "the book’s", "quartiles", "G MACs/s", here, "quartiles", "G MACs/s"],
    rows: ({ beside }) => networks.map(({ name, letter, label, macs }) => {
      const cells = (quartiles) => quartiles
        ? [milliseconds(quartiles[1]), `${milliseconds(quartiles[0])} to ${milliseconds(quartiles[2])}`, milliard(macs, quartiles[1])]
        : ["–", "–", "–"];
      return { label: `${letter} ${label}`, part: name, cells: [exact(macs), ...cells(results[beside].quartiles[name]), ...cells(yours?.[name])] };
    }),
  });

  return view.start(({ shown, beside }) => {
    const { runtime: ours, machine, quartiles } = results[beside];
    write(source, `The book’s results: ${ours}, on ${machine}.`);
    chart.update(shown, quartiles, yours);
    rows.update(shown, quartiles, yours);
    const medians = Object.fromEntries(networks.map(({ name }) => [name, (yours ?? quartiles)[name][1]]));
    view.say(latencySentence(yours ? here[0].toUpperCase() + here.slice(1) : "The book’s machine", networks, medians));
  });
}

export default { render };
