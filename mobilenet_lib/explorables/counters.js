// Who counts what: one network, five counters, and what each of them adds to the MACs.

const EXTRA_AXIS = 20; // % of M: the most any state needs is 18.3, ptflops on a thin V2; torch's 100 runs past it
const TOO_THIN = 0.0025; // of an axis: less than a pixel or about one

// The layers of a network from its table: the page's twin of mobilenet_v1_layers and mobilenet_v2_layers. MobileNetV1's
// rows have no expansion ratio t, and each of its blocks ends in a ReLU6 where MobileNetV2 projects.
const layersOfTable = ({ stem, rows, head }, width, resolution, classes = 1000) => {
  const layers = [];
  let channels = 3;
  let side = resolution;
  const add = (outChannels, { kernel = 1, stride = 1, groups = 1, relu = true, norm = true }) => {
    side = outSize(side, stride);
    layers.push({ outChannels, norm, bias: !norm, relu, ...convCost({
      inChannels: channels, outChannels, kernel, groups, outHeight: side, outWidth: side, norm, bias: !norm,
    }) });
    channels = outChannels;
  };
  add(makeDivisible(stem * width), { kernel: 3, stride: 2 });
  for (const [t, c, n, s] of rows) {
    const output = makeDivisible(c * width);
    for (let i = 0; i < n; i++) {
      const middle = channels * (t ?? 1);
      if (middle !== channels) add(middle, {});
      add(middle, { kernel: 3, stride: i === 0 ? s : 1, groups: middle });
      add(output, { relu: t === null });
    }
  }
  if (head !== null) add(makeDivisible(head * Math.max(1, width)), {});
  side = 1;
  add(classes, { norm: false, relu: false });
  return layers;
};

// The sums that explain all counters, by the names they have in counters.py.
const sumsOf = (layers) => {
  const over = (which, value) => sum(layers.filter(which).map(value));
  const activations = (layer) => layer.activations;
  return {
    M: over(() => true, ({ macs }) => macs),
    C: over(({ norm }) => norm, activations),
    P: over(({ norm }) => norm, ({ outChannels }) => 2 * outChannels),
    R: over(({ relu }) => relu, activations),
    G: layers.at(-2).activations,
    B: over(({ bias }) => bias, ({ outChannels }) => outChannels),
  };
};

// Everything the figure shows: the sums, and for each counter the value of each term and the total.
const countersOf = ({ network, width_mult, resolution }, networks, counters) => {
  const sums = sumsOf(layersOfTable(networks[network], width_mult, resolution));
  const rows = Object.entries(counters).map(([name, terms]) => {
    const values = terms.map(([times, of]) => times * sums[of]);
    return { name, values, total: sum(values) };
  });
  return { sums, rows };
};

const termText = ([times, of]) => `${times > 1 ? times : ""}${of}`;
const formulaText = (terms) => terms.map(termText).join(" + ");

// "R, 2G and B"
const listed = (names) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names.join());

// What is said of a bar that shows not all of itself.
const PAST = "runs on to 100\u00a0%";
const tooThin = (names) => (names.length ? `${listed(names)} too thin to see` : "");

// A share with two digits that count: 0.012 %, 4.5 %, 18 %.
const shareText = (share) => percent(share, { most: 4 });

// How far a count is above M.
const compared = (total, macs) => {
  if (total === macs) return "exactly M";
  if (total === 2 * macs) return "twice M";
  return `${shareText((total - macs) / macs)} above M`;
};

// What the numbers say, true for every state.
const countersSentence = ({ network, width_mult, resolution }, { sums, rows }) => {
  const above = Object.fromEntries(rows.map(({ name, total }) => [name, shareText((total - sums.M) / sums.M)]));
  return `MobileNet${network}, width ${width_mult.toFixed(2)}, ${resolution}×${resolution}: M is ${exact(sums.M)}.`
    + ` torchinfo prints`
    + ` ${above.torchinfo} more, fvcore ${above["fvcore, everything"]} more, ptflops ${above.ptflops} more, torch’s counter`
    + ` twice as much. M is ${(sums.M / sums.C).toFixed(1)} times C, so the 2C for BatchNorm alone are`
    + ` ${shareText((2 * sums.C) / sums.M)} of M.`;
};

// The bars: for each counter its name and formula, its number, and its terms on one axis for all five.
const counterBars = ({ counters, explained }) => {
  let ceiling;
  const title = html("div", { class: "mn-bars-title mn-counter-axis-title" });
  const ticks = ["start", "middle", "end"].map((at) => html("span", { class: `mn-tick mn-tick-${at}` }));
  const axis = html("div", { class: "mn-axis", "aria-hidden": "true" }, ...ticks);
  const element = html("div", { class: "mn-bars" }, title);
  const bars = Object.entries(counters).map(([name, terms]) => {
    // 2M is drawn as two parts: in the view of what is added, only the second is seen.
    const pieces = terms.flatMap(([times, of]) => (of === "M" ? Array(times).fill([1, of]) : [[times, of]]));
    const total = html("span", { class: "mn-number" });
    const relation = html("span", { class: "mn-number mn-counter-compared" });
    const ghost = html("div", { class: "mn-ghost" });
    const note = html("span");
    const parts = pieces.map(([times, of]) => {
      const { role } = explained[of];
      return {
        times, of,
        bar: html("div", { class: "mn-segment", "data-role": role, "data-part": role }),
        number: html("span", { class: "mn-number" }),
      };
    });
    const track = html("div", { class: "mn-track", "aria-hidden": "true" }, ...parts.map(({ bar }) => bar), ghost);
    const line = html("div", { class: "mn-bar-parts" }, ...parts.map(({ times, of, number }) => {
      const { role } = explained[of];
      return html("span", { "data-part": role, "data-role": role }, swatch(role),
        html("i", {}, termText([times, of])), " ", number);
    }), roomFor(note, [PAST, tooThin(pieces.slice(1).map(termText))], "mn-counter-note"));
    element.append(html("div", { class: "mn-counter" },
      html("div", { class: "mn-bar-head" }, html("span", { class: "mn-counter-name" }, name),
        html("span", { class: "mn-counter-formula" }, formulaText(terms)), total, relation),
      track, line));
    return { total, relation, ghost, note, parts };
  });
  element.append(axis);

  const update = ({ sums, rows }, previous, extra, image) => {
    if (!extra) ceiling = nextCeiling(ceiling, 2 * sums.M);
    const [start, end] = extra ? [sums.M, (EXTRA_AXIS / 100) * sums.M] : [0, ceiling];
    write(title, extra ? "What each adds to M, in percent of M" : `What each prints for one image of ${image}`);
    ["0", end / 2, end].forEach((value, i) =>
      write(ticks[i], extra ? `${(EXTRA_AXIS / 2) * i}\u00a0%` : shortTick(Number(value))));
    bars.forEach(({ total, relation, ghost, note, parts }, row) => {
      write(total, exact(rows[row].total));
      write(relation, compared(rows[row].total, sums.M));
      const thin = [];
      let past = false;
      parts.forEach(({ times, of, bar, number }, i) => {
        const value = times * sums[of];
        const share = value / end;
        const outside = extra && of === "M" && i === 0;
        if (!outside && share < TOO_THIN) thin.push(termText([times, of]));
        past ||= !outside && share > 1;
        bar.hidden = outside || share < TOO_THIN;
        bar.classList.toggle("mn-cut", share > 1);
        bar.style.width = `${Math.min(100, 100 * share)}%`;
        write(number, exact(value));
      });
      write(note, past ? PAST : parts.length === 1 && extra ? "adds nothing" : tooThin(thin));
      // The ghost compares like with like: percent of the M of then, or what was printed then.
      const before = previous && (extra
        ? (previous.rows[row].total - previous.sums.M) / previous.sums.M / (EXTRA_AXIS / 100)
        : previous.rows[row].total / end);
      const now = (rows[row].total - start) / end;
      showGhost(ghost, Math.abs(before - now) < TOO_THIN || (before > 1 && now > 1) ? undefined : before);
    });
  };
  return { element, update, reset: () => (ceiling = undefined) };
};

function render({ model, el, signal }) {
  const [networks, explained, counters] = ["networks", "explained", "counters"].map((name) => model.get(name));
  const view = explorable({ model, el, signal, title: "Who counts what" });

  view.choice("shown", { label: "Show", parent: view.picture, labels: { extra: "what is added to M", total: "all of it" } });
  const bars = counterBars({ counters, explained });
  view.picture.append(bars.element);
  view.onReset(bars.reset);
  const concepts = [...new Map(Object.values(explained).map(({ role, label }) => [role, label]))];
  const network = view.choice("network", { label: "MobileNet" });
  view.slider("width_mult", { label: "Width α", format: (value) => value.toFixed(2) });
  view.slider("resolution", { label: "Image", format: (side) => `${side}×${side}` });
  view.highlight(concepts.map(([role, label]) => ({ part: role, role, label })), { parent: view.controls });
  for (const group of [network.element, view.controls.lastElementChild]) group.classList.add("mn-across");

  const meanings = Object.entries(explained);
  const terms = formula({
    title: "The sums behind the five numbers",
    terms: meanings.map(([name, { role, label }]) => ({ part: role, role, label, symbols: name })),
  });
  terms.element.classList.add("mn-sums");
  const total = html("p", { class: "mn-small" });
  view.details.append(terms.element, total);

  view.table({
    caption: "What each counter prints, taken apart",
    columns: ["counter", "prints", "that is", ...concepts.map(([, label]) => label), "formula"],
    rows: (state) => {
      const { sums, rows } = countersOf(state, networks, counters);
      return rows.map(({ name, values, total }) => ({ label: name, cells: [
        exact(total), compared(total, sums.M),
        ...concepts.map(([role]) => exact(sum(values.filter((_, i) => explained[counters[name][i][1]].role === role)))),
        formulaText(counters[name]),
      ] }));
    },
  });

  // fvcore's count of everything; the kit's own line beside it shows the MACs alone.
  let expected;
  const showEverything = () => {
    const { key, total: counted } = model.get("everything") ?? {};
    const known = key !== undefined && key === (model.get("measured") ?? {}).key && key === expected.key;
    total.hidden = !known;
    if (!known) return;
    const verdict = counted === expected.total ? "agrees" : `differs by ${exact(Math.abs(counted - expected.total))}`;
    write(total, `M + 2C + G: ${exact(expected.total)} · fvcore, everything: ${exact(counted)}, ${verdict}`);
  };
  for (const trait of ["everything", "measured"]) model.on(`change:${trait}`, showEverything);
  view.signal.addEventListener("abort", () => {
    for (const trait of ["everything", "measured"]) model.off(`change:${trait}`, showEverything);
  });

  return view.start((state, before) => {
    const now = countersOf(state, networks, counters);
    const previous = before && countersOf(before, networks, counters);
    bars.update(now, previous, state.shown === "extra", `${state.resolution}×${state.resolution}`);
    view.say(countersSentence(state, now));
    view.count(now.sums.M);
    terms.update(meanings.map(([name, { what }]) => ({ numbers: what, result: now.sums[name] })));
    expected = {
      key: JSON.stringify([state.network, state.width_mult, state.resolution]),
      total: now.rows.find(({ name }) => name === "fvcore, everything").total,
    };
    showEverything();
  });
}

export default { render };
