// Three kinds of layer on the roof of a machine: the standard and the pointwise one move with the sliders, the depthwise
// one hardly does.

const KINDS = ["standard", "pointwise", "depthwise"];
const FLOAT = 4; // bytes

// Everything the figure shows, from the settings and the machine alone.
const layersOnRoof = ({ channels, size, batch }, { peak, bandwidth }) => {
  const layers = KINDS.map((kind) => {
    const kernel = kind === "pointwise" ? 1 : 3;
    const groups = kind === "depthwise" ? channels : 1;
    const conv = convCost({ inChannels: channels, outChannels: channels, kernel, groups, outHeight: size, outWidth: size, norm: false });
    const moved = FLOAT * (batch * (channels * size * size + conv.activations) + conv.params);
    const intensity = (batch * conv.macs) / moved;
    const ceiling = Math.min(peak, intensity * bandwidth);
    return { kind, macs: conv.macs, moved, intensity, ceiling, ms: (1000 * batch * conv.macs) / ceiling,
      memory: intensity < peak / bandwidth };
  });
  return { channels, size, batch, layers, ridge: peak / bandwidth };
};

// Three digits, as people write them: 0.0421, 3.24, 118, 1,152.
const digits = (number) => (number >= 999.5 ? exact(Math.round(number)) : String(Number(number.toPrecision(3))));

const perByte = (number) => `${digits(number)} ${digits(number) === "1" ? "MAC" : "MACs"} per byte`;

const duration = (ms) => (ms >= 1000 ? `${digits(ms / 1000)}\u00a0s` : `${digits(ms)}\u00a0ms`);

// What the numbers say, true for every state.
const roofSentence = ({ layers, ridge }) => {
  const waiting = layers.filter(({ memory }) => memory).map(({ kind }) => kind);
  const names = waiting.length === 3 ? "all three layers" : waiting.length === 0 ? "none of the three" : `the ${waiting.join(" and the ")} layer${waiting.length > 1 ? "s" : ""}`;
  const [standard, , depthwise] = layers;
  const fewer = standard.macs / depthwise.macs;
  const faster = standard.ms / depthwise.ms;
  return `Left of the ridge, at ${perByte(ridge)}, memory decides: this is so for ${names}.`
    + ` The depthwise layer has ${exact(fewer)} times fewer MACs than the standard one, and under this roof its least time is ${
      faster >= 1 ? `${digits(faster)} times shorter` : `${digits(1 / faster)} times longer`}.`;
};

// The roof on logarithmic axes that never move, and the three marks. Coordinates are in the units of `drawing`.
const roofPicture = (view, { peak, bandwidth }) => {
  const [TOP, BOTTOM, LEFT, RIGHT] = [30, 230, 62, 14];
  const [LEAST, MOST, DECADES] = [0.5, 2048, 2.5];
  const chart = view.drawing({ height: BOTTOM + 46 });
  const x = (intensity) => LEFT + (Math.log(intensity / LEAST) / Math.log(MOST / LEAST)) * (chart.width - LEFT - RIGHT);
  const y = (speed) => TOP + (Math.log10(peak / speed) / DECADES) * (BOTTOM - TOP);
  const ceiling = (intensity) => Math.min(peak, intensity * bandwidth);
  const ridge = Math.min(Math.max(peak / bandwidth, LEAST), MOST);

  const speeds = [0, 1, 2].map((i) => peak / 10 ** i).map((speed) => ({
    at: y(speed), line: svg("path", { class: "mn-grid" }),
    text: svg("text", { class: "mn-soft", "text-anchor": "end", x: LEFT - 8, y: y(speed) + 4 }, shortTick(Math.round(speed))),
  }));
  const marks = [1, 4, 16, 64, 256, 1024].map((value) => ({
    value, text: svg("text", { class: "mn-soft", "text-anchor": "middle", y: BOTTOM + 18 }, String(value)),
  }));
  const title = svg("text", { class: "mn-bold", x: 0, y: 14 }, "MACs a second");
  const axisTitle = svg("text", { class: "mn-soft", "text-anchor": "middle", y: BOTTOM + 37 }, "MACs per byte");
  const roof = svg("path", { class: "mn-roof" });
  const corner = svg("path", { class: "mn-ridge" });
  const dots = KINDS.map((kind) => ({
    ghost: svg("circle", { class: "mn-outline", r: 7 }),
    dot: svg("circle", { class: "mn-layer", r: 7.5 }),
    name: svg("text", { class: "mn-bold", "text-anchor": "middle" }, kind),
    group: svg("g", { "data-role": kind, "data-part": kind }),
  }));
  for (const { ghost, dot, name, group } of dots) group.append(ghost, dot, name);
  chart.svg.append(title, ...speeds.flatMap(({ line, text }) => [line, text]), ...marks.map(({ text }) => text), axisTitle,
    corner, roof, ...dots.map(({ group }) => group));

  let drawnWidth; // what does not depend on the settings is drawn once for each width
  const layOut = () => {
    if (chart.width === drawnWidth) return;
    drawnWidth = chart.width;
    const end = chart.width - RIGHT;
    for (const { line, at } of speeds) set(line, { d: `M${LEFT} ${at}H${end}` });
    for (const { value, text } of marks) set(text, { x: x(value) });
    set(axisTitle, { x: (LEFT + end) / 2 });
    const points = [LEAST, ridge, MOST].map((value) => `${x(value).toFixed(1)} ${Math.min(y(ceiling(value)), BOTTOM).toFixed(1)}`);
    set(roof, { d: `M${points.join("L")}` });
    set(corner, { d: `M${x(ridge)} ${y(peak)}V${BOTTOM}` });
  };
  const update = ({ layers }, previous) => {
    layOut();
    const names = [];
    layers.forEach(({ intensity, ceiling: speed, memory }, i) => {
      const { ghost, dot, name } = dots[i];
      const [px, py] = [x(intensity), Math.min(y(speed), BOTTOM)];
      const old = previous?.layers[i];
      set(dot, { cx: px, cy: py });
      set(ghost, { visibility: old && old.intensity !== intensity ? null : "hidden",
        ...(old ? { cx: x(old.intensity), cy: Math.min(y(old.ceiling), BOTTOM) } : {}) });
      // Names stand under the roof, below one another where they would meet, and never outside of the picture.
      const half = 4.4 * name.textContent.length;
      const middle = memory ? px + 13 + half : Math.min(px, chart.width - half);
      let at = py + (memory ? 18 : 24);
      while (names.some((other) => Math.abs(other.middle - middle) < other.half + half && Math.abs(other.at - at) < 16)) at += 4;
      names.push({ middle, half, at });
      set(name, { x: middle, y: at });
    });
    chart.describe(`The roof of the machine over MACs per byte: it rises to ${digits(peak / bandwidth)} and is flat from there, at`
      + ` ${short(Math.round(peak))} MACs a second. ${layers.map(({ kind, intensity, ceiling: speed }) =>
        `The ${kind} layer stands at ${perByte(intensity)} and ${short(Math.round(speed))} MACs a second`).join(". ")}.`);
  };
  return { element: chart.svg, update };
};

function render({ model, el, signal }) {
  const machine = { peak: model.get("peak"), bandwidth: model.get("bandwidth") };
  const view = explorable({ model, el, signal, title: "Roofline" });

  const roof = roofPicture(view, machine);
  view.picture.append(roof.element);
  const lines = KINDS.map((kind) => {
    const text = html("span", {});
    return { text, line: html("p", { "data-role": kind, "data-part": kind }, swatch(kind), html("strong", {}, kind), " ", text) };
  });
  view.picture.append(html("div", { class: "mn-layers" }, ...lines.map(({ line }) => line)));

  view.slider("channels", { label: "Channels" });
  view.slider("size", { label: "Map side", format: (side) => `${side}×${side}` });
  view.slider("batch", { label: "Batch", format: (n) => `${n} image${n > 1 ? "s" : ""}` });
  view.details.append(html("p", { class: "mn-small" }, `The machine: ${short(Math.round(machine.peak))} MACs and ${
    short(Math.round(machine.bandwidth))} bytes a second. Numbers are float32; times are the least there can be, when input and`
    + " weights are read once from memory and the output is written once."));

  view.table({
    caption: "The three layers; MACs are those of one image",
    columns: ["layer", "MACs", "bytes that move", "MACs per byte", "MACs a second, at most", "ms, at least", "what decides"],
    rows: (state) => layersOnRoof(state, machine).layers.map(({ kind, macs, moved, intensity, ceiling, ms, memory }) => ({
      label: kind, part: kind,
      cells: [exact(macs), exact(moved), digits(intensity), short(Math.round(ceiling)), digits(ms), memory ? "memory" : "arithmetic"],
    })),
  });

  return view.start((state, before) => {
    const shown = layersOnRoof(state, machine);
    roof.update(shown, before && layersOnRoof(before, machine));
    shown.layers.forEach(({ intensity, ms, memory }, i) => write(lines[i].text,
      `${perByte(intensity)}: at least ${duration(ms)}, ${memory ? "memory" : "arithmetic"}\u00a0decides`));
    view.say(roofSentence(shown));
    view.count(sum(shown.layers.map(({ macs }) => macs)));
  });
}

export default { render };
