// The kernel scope: one output value of a small convolution, the pixels and weights it is made of, and all filters.

const SIDE = 7; // pixels of the input, as SIZE in Python
const MOST = 8; // channels
const NONE = "";

// ---------------------------------------------------------------------------------------------- what goes together
// The twin of `settle` in kernel_scope.py: what was changed stays, the rest follows. A test holds the two together.

const modeOf = ({ in_channels, out_channels, kernel_size, groups }) => {
  if (groups === 1) return kernel_size === 1 ? "pointwise" : "standard";
  return groups === in_channels && groups === out_channels ? "depthwise" : "grouped";
};

const commonDivisors = ({ in_channels, out_channels }) =>
  [1, 2, 3, 4, 5, 6, 7, 8].filter((g) => in_channels % g === 0 && out_channels % g === 0);

const isPossible = (state) => {
  if (!commonDivisors(state).includes(state.groups)) return false;
  const single = state.mode === "depthwise" && state.in_channels === 1 && state.out_channels === 1 && state.groups === 1;
  return single || state.mode === modeOf(state);
};

// The next allowed value in the direction of the change, or undefined where there is none.
const snap = (wish, was, allowed) =>
  wish > was ? allowed.find((value) => value >= wish) : allowed.findLast((value) => value <= wish);

// The groups that the channels allow, at most as many as there are.
const fewerGroups = (state) => commonDivisors(state).findLast((g) => g <= state.groups);

// The number of channels nearest to one there is, above it where there is room, that so many groups divide.
const divisible = (channels, groups) => groups * Math.min(Math.ceil(channels / groups), Math.floor(MOST / groups));

const chooseMode = (state, was) => {
  const next = { ...state };
  if (next.mode === "pointwise") return { ...next, groups: 1, kernel_size: 1 };
  if (next.kernel_size === 1 && (next.mode === "standard" || was.mode === "pointwise")) next.kernel_size = 3;
  if (next.mode === "standard") next.groups = 1;
  else if (next.mode === "depthwise") next.out_channels = next.groups = next.in_channels;
  else if (modeOf(next) !== "grouped" || !commonDivisors(next).includes(next.groups)) {
    const proper = commonDivisors(next).find((groups) => modeOf({ ...next, groups }) === "grouped");
    if (proper) next.groups = proper;
    else {
      for (const name of ["in_channels", "out_channels"]) next[name] = Math.max(4, next[name] + (next[name] % 2));
      next.groups = 2;
    }
  }
  return next;
};

const settle = (wish, was) => {
  let state = { ...wish };
  if (!isPossible(state)) {
    const moved = ["mode", "kernel_size", "groups", "in_channels", "out_channels"].filter((name) => wish[name] !== was[name]);
    const only = moved.length === 1 ? moved[0] : NONE;
    if (moved.includes("mode")) state = chooseMode(state, was);
    else if (only === "kernel_size") state.mode = modeOf(state);
    else if (only === "groups") {
      state.groups = snap(state.groups, was.groups, commonDivisors(state)) ?? state.groups;
      for (const name of ["in_channels", "out_channels"]) state[name] = divisible(state[name], state.groups);
      state.mode = modeOf(state);
    } else if (state.mode === "depthwise") {
      const wide = state[only === "out_channels" ? "out_channels" : "in_channels"];
      state.in_channels = state.out_channels = state.groups = wide;
    } else if (only && state.mode === "grouped") {
      const next = snap(state[only], was[only], [1, 2, 3, 4, 5, 6, 7, 8].filter((n) => n % state.groups === 0));
      if (next === undefined) state.groups = fewerGroups(state);
      else state[only] = next;
      state.mode = modeOf(state);
    } else {
      state.groups = fewerGroups(state);
      state.mode = modeOf(state);
    }
  }
  const last = outSize(SIDE, state.stride) - 1;
  state.channel = Math.min(state.channel, state.out_channels - 1);
  state.row = Math.min(state.row, last);
  state.column = Math.min(state.column, last);
  return state;
};

// ---------------------------------------------------------------------------------------------- what it computes

// Everything the figure shows, from the settings alone. `taps` are the pixels read in each channel that is read;
// outside the map they are padding zeros.
const scopeOf = (state) => {
  const { mode, in_channels: inChannels, out_channels: outChannels, kernel_size: kernel, stride, dilation, groups } = state;
  const { channel, row, column } = state;
  const out = outSize(SIDE, stride);
  const conv = (kernel, groups) =>
    convCost({ inChannels, outChannels, kernel, groups, outHeight: out, outWidth: out, norm: false });
  const depth = inChannels / groups; // channels that one filter reads
  const first = Math.floor(channel / (outChannels / groups)) * depth;
  const reach = (kernel - 1) / 2;
  const offsets = Array.from({ length: kernel }, (_, i) => dilation * (i - reach));
  const taps = offsets.flatMap((dy) => offsets.map((dx) => {
    const [y, x] = [row * stride + dy, column * stride + dx];
    return { y, x, padding: y < 0 || x < 0 || y >= SIDE || x >= SIDE };
  }));
  // Beside a 1×1 filter stands a 3×3 one: what it saves is the neighbours.
  const standardKernel = kernel === 1 ? 3 : kernel;
  return {
    mode, inChannels, outChannels, kernel, stride, dilation, groups, channel, row, column, out, depth, first, taps,
    role: mode === "grouped" ? "standard" : mode,
    padding: dilation * reach,
    paddingTaps: taps.filter(({ padding }) => padding).length,
    perValue: kernel * kernel * depth, // weights, each used in one multiplication
    layer: conv(kernel, groups),
    standardKernel,
    standard: conv(standardKernel, 1),
    index: (channel * out + row) * out + column,
    values: outChannels * out * out,
  };
};

const some = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
const channelsRead = ({ first, depth }) => (depth === 1 ? `channel ${first}` : `channels ${first}–${first + depth - 1}`);

// What the numbers say, true for every state.
const scopeSentence = (scope) => {
  const { inChannels, outChannels, kernel, groups, depth, perValue, layer, standard, standardKernel } = scope;
  const reads = depth === inChannels
    ? inChannels === 1 ? "the one input channel" : `all ${inChannels} input channels`
    : `${depth} of the ${inChannels} input channels`;
  const times = perValue === 1 ? "1 multiplication, by the one weight" : `${perValue} multiplications, one for each weight`;
  const start = `Each output value reads ${reads}: ${times} of its filter.`;
  const share = standard.macs / layer.macs; // a whole number: kernel² and groups divide it
  const macs = layer.macs === 1 ? "1 MAC" : `${exact(layer.macs)} MACs`;
  const end = share === 1
    ? ` The layer takes ${macs}.`
    : ` The layer takes ${macs}, 1/${share} of the ${exact(standard.macs)} of a standard ${standardKernel}×${standardKernel} convolution.`;
  const same = inChannels === 1 && outChannels === 1 && kernel > 1
    ? " With a single channel, depthwise and standard are the same thing."
    : groups === inChannels && groups < outChannels && groups > 1
      ? " With groups = in_channels and more outputs than inputs, every input channel has several filters."
      : "";
  return start + end + same;
};

const positionSentence = ({ kernel, paddingTaps }) => {
  if (paddingTaps === 0) return "No padding is read here.";
  const are = paddingTaps === 1 ? "is a padding zero; it counts" : "are padding zeros; they count";
  return `${paddingTaps} of the ${kernel * kernel} pixels read in a channel ${are} all the same.`;
};

const conv2dLine = ({ inChannels, outChannels, kernel, stride, padding, dilation, groups }) =>
  `nn.Conv2d(${inChannels}, ${outChannels}, kernel_size=${kernel}`
  + `${stride > 1 ? `, stride=${stride}` : ""}${padding ? `, padding=${padding}` : ""}`
  + `${dilation > 1 ? `, dilation=${dilation}` : ""}${groups > 1 ? `, groups=${groups}` : ""}, bias=False)`;

// The output value with a number of its own: row by row, then the next channel.
const valueAt = (index, out) => ({
  channel: Math.floor(index / (out * out)), row: Math.floor(index / out) % out, column: index % out,
});

// ---------------------------------------------------------------------------------------------- pictures

// Squares as one path: [[x, y], ...] of the given side.
const squares = (corners, side) => corners.map(([x, y]) => `M${x} ${y}h${side}v${side}h${-side}z`).join("");

const round = (number) => Math.round(number * 10) / 10;

// The lines of a grid of n × n cells.
const gridLines = (x, y, n, cell) => {
  let d = "";
  for (let i = 0; i <= n; i++) d += `M${x} ${round(y + i * cell)}h${round(n * cell)}M${round(x + i * cell)} ${y}v${round(n * cell)}`;
  return d;
};

// What shows of the sheets behind the front one: their upper and right edges.
const deck = (x, y, side, count, step) => {
  let d = "";
  for (let i = 1; i < count; i++) d += `M${x + i * step} ${y - (i - 1) * step}v${-step}h${side}v${side}h${-step}`;
  return d;
};

// One output value in space: the sheets read, the filter, the output map. Coordinates are in the units of `drawing`.
const spacePicture = (view, goTo) => {
  const TOP = 64;
  const sideOf = (width) => Math.min(168, width * 0.35); // heights have no steps: CSS follows them (static_form.mjs)
  const measures = (width) => {
    const step = width < 380 ? 2 : 3; // between the sheets of a deck
    const side = Math.floor(sideOf(width));
    const filter = Math.min(66, Math.floor(width * 0.13));
    const cell = Math.min(19, Math.floor((width * 0.29) / SIDE));
    const behind = (MOST - 1) * step;
    const gap = (width - side - filter - SIDE * cell - 2 * behind) / 2;
    const filterX = side + behind + gap;
    return { step, side, filter, cell, filterX, outputX: filterX + filter + behind + gap, gap, behind };
  };
  const chart = view.drawing({ height: (width) => TOP + sideOf(width) + 44 });
  const heads = ["input", "filter", "output"].map((name) => svg("text", { class: "mn-bold", y: 14 }, name));
  const subs = heads.map(() => svg("text", { class: "mn-soft", y: 30 }));
  const captions = heads.map(() => [0, 1].map(() => svg("text", { class: "mn-soft" })));
  const paths = Object.fromEntries([
    ["sheets", "mn-sheets"], ["outside", "mn-outside"], ["grid", "mn-cells"], ["zeros", "mn-zeros"], ["read", "mn-paint"],
    ["slices", "mn-sheets"], ["weights", "mn-paint"],
    ["done", "mn-done"], ["outGrid", "mn-cells"], ["value", "mn-paint"],
  ].map(([name, style]) => [name, svg("path", { class: style })]));
  const windowRect = svg("rect", { class: "mn-window", rx: 2 });
  const valueRect = svg("rect", { class: "mn-window", rx: 2 });
  const signs = ["∗", "="].map((sign) => svg("text", { class: "mn-sign", "text-anchor": "middle" }, sign));
  const painted = svg("g", {}, ...Object.values(paths), windowRect, valueRect);
  chart.svg.append(painted, ...heads, ...subs, ...captions.flat(), ...signs);

  // The output map is one control: arrow keys move in it, a tap chooses. It lies over the drawing, which is one image.
  const pad = html("div", {
    class: "mn-pad", role: "slider", tabindex: 0, "aria-label": "Output value", "aria-valuemin": 0,
    "data-lm-suppress-shortcuts": "true",
  });
  const element = html("div", { class: "mn-space" }, chart.svg, pad);
  let shown;
  const tapped = (event) => {
    const box = pad.getBoundingClientRect();
    const at = (share) => Math.min(shown.out - 1, Math.max(0, Math.floor(share * shown.out)));
    goTo({ row: at((event.clientY - box.top) / box.height), column: at((event.clientX - box.left) / box.width) });
  };
  const moves = {
    ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
    PageUp: [-1, 0, 0], PageDown: [1, 0, 0],
  };
  const pressed = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { out, outChannels, channel, row, column } = shown;
    const within = (value, count) => Math.min(count - 1, Math.max(0, value));
    if (event.key === "Home") goTo({ row: 0, column: 0 });
    else if (event.key === "End") goTo({ row: out - 1, column: out - 1 });
    else if (moves[event.key]) {
      const [c, y, x] = moves[event.key];
      goTo({ channel: within(channel + c, outChannels), row: within(row + y, out), column: within(column + x, out) });
    } else return;
    event.preventDefault();
  };

  const update = (scope) => {
    shown = scope;
    const { kernel, padding, out, depth, inChannels, taps, row, column, channel, role, paddingTaps } = scope;
    const { step, side, filter, cell, filterX, outputX, gap, behind } = measures(chart.width);
    set(painted, { "data-role": role });
    const all = SIDE + 2 * padding;
    const pixel = side / all;
    const [x0, y0] = [padding * pixel, TOP + padding * pixel];
    set(paths.sheets, { d: deck(0, TOP, side, depth, step) });
    set(paths.outside, { d: padding ? gridLines(0, TOP, all, pixel) : null });
    set(paths.grid, { d: gridLines(round(x0), round(y0), SIDE, pixel) });
    const corner = ({ y, x }) => [round(x0 + x * pixel + 0.5), round(y0 + y * pixel + 0.5)];
    const inner = round(pixel - 1);
    set(paths.read, { d: squares(taps.filter((tap) => !tap.padding).map(corner), inner) });
    set(paths.zeros, { d: paddingTaps ? squares(taps.filter((tap) => tap.padding).map(corner), inner) : null });
    const reach = pixel * (taps.at(-1).x - taps[0].x + 1);
    set(windowRect, { x: round(x0 + taps[0].x * pixel), y: round(y0 + taps[0].y * pixel), width: round(reach), height: round(reach) });

    const weight = Math.min(19, Math.floor(filter / kernel));
    const size = kernel * weight;
    const [fx, fy] = [round(filterX + (filter - size) / 2), round(TOP + (side - size) / 2)];
    set(paths.slices, { d: deck(fx, fy, size, depth, step) });
    const cells = Array.from({ length: kernel * kernel }, (_, i) => [fx + (i % kernel) * weight + 0.5, fy + Math.floor(i / kernel) * weight + 0.5]);
    set(paths.weights, { d: squares(cells, weight - 1) });

    const oy = round(TOP + (side - SIDE * cell) / 2);
    const ox = round(outputX);
    set(paths.outGrid, { d: gridLines(ox, oy, out, cell) });
    const before = row * out + column;
    set(paths.done, { d: `M${ox} ${oy}h${out * cell}v${row * cell}h${(column - out) * cell}v${cell}h${-column * cell}z`, visibility: before ? null : "hidden" });
    set(paths.value, { d: squares([[ox + column * cell + 0.5, oy + row * cell + 0.5]], cell - 1) });
    set(valueRect, { x: ox + column * cell - 1, y: oy + row * cell - 1, width: cell + 2, height: cell + 2 });
    const percentOf = (value, whole) => `${(100 * value) / whole}%`;
    pad.style.left = percentOf(ox, chart.width);
    pad.style.top = percentOf(oy, chart.height);
    pad.style.width = percentOf(out * cell, chart.width);
    pad.style.height = percentOf(out * cell, chart.height);

    [[heads[0], 0], [heads[1], filterX], [heads[2], ox]].forEach(([head, x], i) => {
      set(head, { x });
      set(subs[i], { x });
    });
    write(subs[0], `${depth} of ${some(inChannels, "channel")}`);
    write(subs[1], `${kernel}×${kernel}×${depth}`);
    write(subs[2], `channel ${channel}`);
    const below = TOP + side + 18;
    [[0, 0, [`${SIDE}×${SIDE}, padding ${padding}`, channelsRead(scope)]],
      [1, filterX, [some(scope.perValue, "weight"), NONE]],
      [2, ox, [`${out}×${out} values`, `row ${row}, col ${column}`]],
    ].forEach(([i, x, lines]) => lines.forEach((line, j) => {
      set(captions[i][j], { x, y: below + 16 * j });
      write(captions[i][j], line);
    }));
    set(signs[0], { x: filterX - gap / 2, y: TOP + side / 2 + 7 });
    set(signs[1], { x: filterX + filter + behind + gap / 2, y: TOP + side / 2 + 7 });

    set(pad, {
      "aria-valuemax": scope.values - 1, "aria-valuenow": scope.index,
      "aria-valuetext": `channel ${channel}, row ${row}, column ${column}${paddingTaps ? `, ${paddingTaps} of ${kernel * kernel} pixels are padding` : NONE}`,
    });
    chart.describe(`One output value: ${kernel} by ${kernel} pixels in ${depth} of ${some(inChannels, "input channel")}, times the`
      + ` ${some(scope.perValue, "weight")} of filter ${channel}, give row ${row}, column ${column} of output channel ${channel}.`);
  };
  return { element, update, pad, tapped, pressed };
};

// All filters of the layer: a row for each output channel, a column for each input channel, ink where there are weights.
const filtersPicture = (view, goTo) => {
  const TOP = 36;
  const LARGEST = 36; // from one sheet to the next
  const pitchOf = (width) => Math.min(LARGEST, Math.floor((width - 44) / (MOST + 1)));
  const chart = view.drawing({ height: (width) => TOP + Math.min((MOST + 1) * LARGEST, width - 44) + 8 });
  const title = svg("text", { class: "mn-bold", x: 0, y: 14 }, "All filters: a row each");
  const count = svg("text", { class: "mn-soft", "text-anchor": "end", y: 14 });
  const band = svg("rect", { class: "mn-band", rx: 4 });
  const flow = svg("path", { class: "mn-flow" });
  const sheets = svg("path", { class: "mn-cells" });
  const sheetsIdle = svg("path", { class: "mn-cells mn-idle" });
  const outputs = svg("path", { class: "mn-cells" });
  const outputsIdle = svg("path", { class: "mn-cells mn-idle" });
  const pixels = svg("path", { class: "mn-paint" });
  const absent = svg("path", { class: "mn-absent" });
  const idle = svg("path", { class: "mn-paint mn-idle" });
  const used = svg("path", { class: "mn-paint" });
  const inNames = Array.from({ length: MOST }, (_, i) => svg("text", { class: "mn-soft", "text-anchor": "middle", y: TOP - 6 }, String(i)));
  const outNames = Array.from({ length: MOST }, (_, i) => svg("text", { class: "mn-soft" }, String(i)));
  const painted = svg("g", {}, band, flow, absent, idle, used, sheetsIdle, sheets, outputsIdle, outputs, pixels);
  chart.svg.append(title, count, painted, ...inNames, ...outNames);
  const legend = html("div", { class: "mn-legend" }, ...[
    ["used for this value", NONE], ["the other filters", " mn-idle"], ["not connected", " mn-absent"],
  ].map(([text, style]) => html("span", {}, html("span", { class: `mn-swatch${style}`, "aria-hidden": "true" }), text)));
  let shown;
  const tapped = (event) => {
    const box = chart.svg.getBoundingClientRect();
    const y = ((event.clientY - box.top) / box.height) * chart.height;
    const channel = Math.floor((y - TOP) / pitchOf(chart.width)) - 1;
    if (channel >= 0 && channel < shown.outChannels) goTo({ channel });
  };

  const update = (scope) => {
    shown = scope;
    const { inChannels, outChannels, kernel, groups, depth, first, channel, out, taps, row, column, role } = scope;
    for (const each of [painted, legend]) set(each, { "data-role": role });
    const pitch = pitchOf(chart.width);
    const sheet = pitch - 7;
    const cell = sheet / SIDE;
    const unit = sheet / 5; // of a weight: the area painted is in proportion to the weights
    const columnX = (i) => i * pitch;
    const rowY = (o) => TOP + (o + 1) * pitch;
    const outX = inChannels * pitch + 14;
    const isRead = (i) => i >= first && i < first + depth;
    const sheetGrid = (x, y, n) => gridLines(round(x), round(y), n, cell);
    let [on, off, lit] = [NONE, NONE, NONE];
    for (let i = 0; i < inChannels; i++) {
      const grid = sheetGrid(columnX(i), TOP, SIDE);
      if (isRead(i)) {
        on += grid;
        lit += squares(taps.filter((tap) => !tap.padding).map(({ y, x }) => [round(columnX(i) + x * cell), round(TOP + y * cell)]), round(cell));
      } else off += grid;
    }
    set(sheets, { d: on });
    set(sheetsIdle, { d: off || null });

    const present = { used: [], idle: [], absent: NONE };
    const offset = (sheet - kernel * unit) / 2;
    for (let o = 0; o < outChannels; o++) {
      const from = Math.floor(o / (outChannels / groups)) * depth;
      for (let i = 0; i < inChannels; i++) {
        if (i < from || i >= from + depth) {
          present.absent += `M${round(columnX(i) + sheet / 2)} ${round(rowY(o) + sheet / 2)}h0`;
          continue;
        }
        const list = o === channel ? present.used : present.idle;
        for (let k = 0; k < kernel * kernel; k++) {
          list.push([round(columnX(i) + offset + (k % kernel) * unit), round(rowY(o) + offset + Math.floor(k / kernel) * unit)]);
        }
      }
    }
    const ink = round(unit - 0.7);
    set(used, { d: squares(present.used, ink) });
    set(idle, { d: squares(present.idle, ink) || null });
    set(absent, { d: present.absent || null });

    let [outOn, outOff] = [NONE, NONE];
    for (let o = 0; o < outChannels; o++) {
      if (o === channel) outOn += sheetGrid(outX, rowY(o), out);
      else outOff += sheetGrid(outX, rowY(o), out);
    }
    lit += squares([[round(outX + column * cell), round(rowY(channel) + row * cell)]], round(cell));
    set(outputs, { d: outOn });
    set(outputsIdle, { d: outOff || null });
    set(pixels, { d: lit });
    const middle = rowY(channel) + sheet / 2;
    set(band, { x: -3, y: rowY(channel) - 3, width: outX + sheet + 20, height: sheet + 6 });
    let lines = NONE;
    for (let i = first; i < first + depth; i++) lines += `M${round(columnX(i) + sheet / 2)} ${TOP + sheet + 1}V${round(middle)}`;
    set(flow, { d: `${lines}M${round(columnX(first) + sheet / 2)} ${round(middle)}H${outX - 4}m-4 -3l4 3l-4 3` });
    inNames.forEach((name, i) => set(name, { x: columnX(i) + sheet / 2, visibility: i < inChannels ? null : "hidden", class: isRead(i) ? "mn-soft mn-named" : "mn-soft" }));
    outNames.forEach((name, o) => set(name, { x: outX + sheet + 6, y: rowY(o) + sheet / 2 + 4, visibility: o < outChannels ? null : "hidden", class: o === channel ? "mn-soft mn-named" : "mn-soft" }));
    set(count, { x: chart.width });
    const pairs = inChannels * outChannels;
    write(count, groups === 1 ? (pairs === 1 ? "1 slice" : `all ${pairs} slices`) : `${pairs / groups} of ${pairs} slices`);
    chart.describe(`The filters as a table of ${some(outChannels, "row")}, one for each output channel, and ${some(inChannels, "column")}, one for`
      + ` each input channel. ${groups === 1 ? "Every place is filled" : `Only ${pairs / groups} of ${pairs} places are filled`}, each with`
      + ` ${kernel === 1 ? "one weight" : `${kernel} by ${kernel} weights`}. Row ${channel} reads ${channelsRead(scope)}.`);
  };
  return { element: html("div", {}, chart.svg, legend), update, pad: chart.svg, tapped };
};

// ---------------------------------------------------------------------------------------------- the figure

const PACE = 600; // ms for each output value while it plays

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "Kernel scope", settle });
  const listening = { signal: view.signal };

  // --- moving through the output
  let timer;
  const playing = () => timer !== undefined;
  const pause = () => {
    clearInterval(timer);
    timer = undefined;
    write(playButton, "Play");
  };
  const move = (values) => { pause(); view.change(values); };
  const stepBy = (steps) => {
    const { index, values, out } = scopeOf(view.state());
    view.change(valueAt((index + steps + values) % values, out));
  };
  const play = () => {
    const { index, values } = scopeOf(view.state());
    if (index === values - 1) stepBy(1); // from the start
    write(playButton, "Pause");
    timer = setInterval(() => {
      stepBy(1);
      const now = scopeOf(view.state());
      if (now.index === now.values - 1) pause();
    }, PACE);
  };
  const button = (text, name, action) => {
    const element = html("button", { type: "button", class: "mn-button", "aria-label": name });
    element.append(text);
    element.addEventListener("click", action, listening);
    return element;
  };
  const playButton = button("Play", null, () => (playing() ? pause() : play()));
  const buttons = html("div", { class: "mn-steps" },
    button("◀", "previous output value", () => { pause(); stepBy(-1); }),
    playButton,
    button("▶", "next output value", () => { pause(); stepBy(1); }),
    button("Next filter", null, () => {
      const { channel, out_channels: outChannels } = view.state();
      move({ channel: (channel + 1) % outChannels });
    }));

  const space = spacePicture(view, move);
  space.pad.addEventListener("click", space.tapped, listening);
  space.pad.addEventListener("keydown", space.pressed, listening);
  const filters = filtersPicture(view, move);
  filters.pad.addEventListener("click", filters.tapped, listening);
  const position = html("p", { class: "mn-small mn-position" });
  view.picture.append(html("div", { class: "mn-columns" }, html("div", {}, space.element, buttons, position), filters.element));

  // --- controls
  view.picture.parentElement.classList.add("mn-stacked");
  view.controls.classList.add("mn-top");
  view.choice("mode", { label: "Convolution" }).element.classList.add("mn-across");
  const sliders = {
    groups: { label: "Groups g" },
    in_channels: { label: "Input channels M" },
    out_channels: { label: "Output channels N" },
    kernel_size: { label: letters("Kernel D_K"), format: (k) => `${k}×${k}` },
    stride: { label: "Stride" },
    dilation: { label: "Dilation" },
  };
  const controls = Object.fromEntries(Object.entries(sliders).map(([name, options]) => [name, view.slider(name, options)]));
  controls.groups.element.classList.add("mn-scope-groups");
  const explain = ({ mode, inChannels, outChannels, kernel, dilation, groups }) => {
    const divisors = commonDivisors({ in_channels: inChannels, out_channels: outChannels });
    const only = divisors.length === 1 && mode !== "depthwise";
    controls.groups.explain(only
      ? Math.min(inChannels, outChannels) === 1 ? "a single channel cannot be split" : `only 1 divides both ${inChannels} and ${outChannels}`
      : mode === "depthwise" ? "as many as input channels" : mode === "grouped" ? `must divide ${inChannels} and ${outChannels}: ${divisors.join(", ")}` : NONE);
    const steps = mode === "grouped" ? `in steps of ${groups}, one for each group` : NONE;
    controls.in_channels.explain(mode === "depthwise" ? "the outputs and the groups follow" : steps);
    controls.out_channels.explain(mode === "depthwise" ? "as many as input channels" : steps);
    controls.dilation.explain(kernel === 1 && dilation > 1 ? "a 1×1 filter has nothing to spread" : NONE);
  };

  // --- counters
  const counters = formula({
    title: "Counted",
    terms: [
      { label: "this value", symbols: letters("D_K² · M/g") },
      { label: "all weights", symbols: letters("D_K² · M/g · N") },
      { label: "all MACs", symbols: letters("D_K² · M/g · N · D_F²") },
      { label: NONE, role: "standard", symbols: letters("D_K² · M · N · D_F²") },
    ],
  });
  const lines = [...counters.element.querySelectorAll(".mn-term")];
  const standardName = lines[3].querySelector(".mn-term-label");
  const bars = view.bars({ title: "MACs of the layer", rows: [
    { label: "this convolution", parts: [{ part: "this", role: "standard", label: "this" }] },
    { label: "standard", parts: [{ part: "standard", role: "standard", label: "standard" }] },
  ] });
  const ownBar = bars.element.querySelector(".mn-segment");
  const standardBar = bars.element.querySelectorAll(".mn-bar-head > :first-child")[1];
  const code = html("pre", { class: "mn-code" });
  const note = html("p", { class: "mn-small" }, "Every weight of a filter is used in one multiplication for each output value. A slice is the part of a filter that"
    + " reads one input channel. There is no bias and no BatchNorm, so the weights are all the parameters. Channels, rows and"
    + " columns count from 0, as in code.");
  view.details.append(counters.element, bars.element, code, note);

  view.table({
    caption: "The numbers of the picture, without bias and BatchNorm",
    columns: ["what", "input channels", "pixels in each", "weights", "multiplications"],
    rows: (state) => {
      const scope = scopeOf(state);
      const { inChannels, kernel, depth, perValue, layer, standard, standardKernel, paddingTaps } = scope;
      return [
        { label: `value [${scope.channel}, ${scope.row}, ${scope.column}]`, cells: [`${depth} of ${inChannels} (${channelsRead(scope)})`,
          `${kernel * kernel}${paddingTaps ? `, ${paddingTaps} of them padding` : NONE}`, exact(perValue), exact(perValue)] },
        { label: "the whole layer", cells: [String(inChannels), NONE, exact(layer.params), exact(layer.macs)] },
        { label: `standard ${standardKernel}×${standardKernel}`, cells: [String(inChannels), NONE, exact(standard.params), exact(standard.macs)] },
      ];
    },
  });
  view.onReset(pause);
  view.signal.addEventListener("abort", pause);

  return view.start((state, before) => {
    const scope = scopeOf(state);
    const previous = before && scopeOf(before);
    const { inChannels, outChannels, kernel, groups, depth, out, layer, standard, standardKernel, role } = scope;
    space.update(scope);
    filters.update(scope);
    write(position, positionSentence(scope));
    explain(scope);
    const each = groups === 1 ? String(inChannels) : `${inChannels}/${groups}`;
    counters.update([
      { numbers: `${kernel}² · ${each}`, result: scope.perValue },
      { numbers: `${kernel}² · ${each} · ${outChannels}`, result: layer.params },
      { numbers: `${kernel}² · ${each} · ${outChannels} · ${out}²`, result: layer.macs },
      { numbers: `${standardKernel}² · ${inChannels} · ${outChannels} · ${out}²`, result: standard.macs },
    ]);
    for (const line of lines.slice(0, 3)) set(line, { "data-role": role });
    set(ownBar, { "data-role": role });
    write(standardName, `standard ${standardKernel}×${standardKernel}`);
    write(standardBar, `standard ${standardKernel}×${standardKernel}`);
    bars.update([
      { values: [layer.macs], before: previous?.layer.macs },
      { values: [standard.macs], before: previous?.standard.macs },
    ]);
    write(code, conv2dLine(scope));
    view.say(scopeSentence(scope));
    view.count(layer.macs);
  });
}

export default { render };
