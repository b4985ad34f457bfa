// Draw a digit: three small trained networks of equal cost read what is drawn, side by side.

const SIDE = 28; // of an image, in pixels, as the networks know it
const BOX = 20; // the digit's larger side in it
const MIDDLE = 14; // the pixel, from 0, where its centre of mass lies
const PAPER = 280; // the canvas
const PEN = 22; // width of a stroke on it: about two pixels of an image
const STEP = 10; // of the pen, by an arrow key
const FIRST = 2; // as in digit_canvas.py
const TURNS = 9; // of each network on the clock

// Scale one side of an image: each new pixel is the mean of what it covers.
const shrunk = (values, width, height, from, to, newWidth) => {
  const out = new Float64Array(newWidth * height);
  const step = (to - from) / newWidth;
  for (let x = 0; x < newWidth; x++) {
    const [start, end] = [from + x * step, from + (x + 1) * step];
    for (let i = Math.floor(start); i < end && i < width; i++) {
      const share = (Math.min(end, i + 1) - Math.max(start, i)) / step;
      if (share <= 0) continue;
      for (let y = 0; y < height; y++) out[y * newWidth + x] += share * values[y * width + i];
    }
  }
  return out;
};

const turned = (values, width, height) => {
  const out = new Float64Array(values.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out[x * height + y] = values[y * width + x];
  return out;
};

// A drawing as MNIST would have it: what is drawn, scaled to fit a box of 20 by 20, in an image of 28 by 28 with the
// centre of mass on pixel (14, 14). `values` are `side`² numbers from 0, paper, to 1, ink. null for an empty paper.
const asImage = (values, side) => {
  let [left, right, top, bottom] = [side, -1, side, -1];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (!(values[y * side + x] > 0)) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  if (right < 0) return null;
  const [wide, high] = [right + 1 - left, bottom + 1 - top];
  const scale = BOX / Math.max(wide, high);
  const [width, height] = [wide, high].map((length) => Math.max(1, Math.round(length * scale)));
  const narrow = shrunk(values, side, side, left, right + 1, width);
  const small = turned(shrunk(turned(narrow, width, side), side, width, top, bottom + 1, height), height, width);

  let [mass, sumX, sumY] = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = small[y * width + x];
      mass += value;
      sumX += x * value;
      sumY += y * value;
    }
  }
  const [shiftX, shiftY] = [Math.round(MIDDLE - sumX / mass), Math.round(MIDDLE - sumY / mass)];
  const image = new Array(SIDE * SIDE).fill(0);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [atX, atY] = [x + shiftX, y + shiftY];
      if (atX < 0 || atY < 0 || atX >= SIDE || atY >= SIDE) continue;
      image[atY * SIDE + atX] = Math.round(small[y * width + x] * 255) / 255; // as fine as MNIST's
    }
  }
  return image;
};

// Probabilities from scores.
const sharesOf = (scores) => {
  const powers = scores.map((score) => Math.exp(score - Math.max(...scores)));
  return powers.map((power) => power / sum(powers));
};

const answerOf = (shares) => shares.indexOf(Math.max(...shares));

// A probability: never 0 % and never 100 %.
const shareText = (share) => {
  if (share < 0.0005) return "<\u00a00.1\u00a0%";
  if (share >= 0.9995) return ">\u00a099.9\u00a0%";
  return percent(share, { digits: share >= 0.985 ? 3 : 2 });
};

// What the networks say, in a sentence.
const answersSentence = (readers, shares) => {
  const answers = readers.map(({ name }) => answerOf(shares[name]));
  const agree = new Set(answers).size === 1;
  const each = readers.map(({ name, label }, i) =>
    `${label} ${agree ? "with" : `says ${answers[i]},`} ${shareText(shares[name][answers[i]])}`);
  return `${agree ? `All three say ${answers[0]}` : "They do not agree"}: ${each.join(agree ? ", " : "; ")}.`;
};

// An example's pixels, from 0 to 1.
const unpacked = (pixels) => Array.from(atob(pixels), (byte) => byte.charCodeAt(0) / 255);

// Draw greys, from 0, black, to 1, white, into a canvas; `placeOf(i)` is where the i-th goes, in pixels of the canvas.
const paintGreys = (canvas, values, placeOf = (i) => i) => {
  const context = canvas.getContext("2d");
  const data = context.createImageData(canvas.width, canvas.height); // what nothing is drawn on stays clear
  const pixels = new Uint32Array(data.data.buffer);
  values.forEach((value, i) => {
    const grey = Math.min(255, Math.max(0, Math.round(255 * value)));
    pixels[placeOf(i)] = (0xff << 24) | (grey << 16) | (grey << 8) | grey; // equal bytes: their order does not matter
  });
  context.putImageData(data, 0, 0);
};

// The paper: for a pointer of any kind, and for the keyboard. `onDraw()` runs when it has changed.
const drawingPaper = ({ onDraw, signal }) => {
  const canvas = html("canvas", {
    class: "mn-paper", width: PAPER, height: PAPER, tabindex: 0, role: "application", "data-lm-suppress-shortcuts": "true",
    "aria-label": "Paper. Arrow keys move the pen, Space puts it down or lifts it.",
  });
  const pen = html("span", { class: "mn-pen", "aria-hidden": "true", hidden: true });
  const status = html("span", { class: "mn-status", role: "status" });
  const element = html("div", { class: "mn-paper-box" }, canvas, pen, status);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let last; // where the stroke has come to
  let fresh = true; // the next stroke starts a new drawing

  const wipe = () => {
    context.fillStyle = "#000";
    context.fillRect(0, 0, PAPER, PAPER);
  };
  const line = (from, to) => {
    Object.assign(context, { strokeStyle: "#fff", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x + 0.01, to.y); // a dot has a length, too
    context.stroke();
  };
  const begin = (at) => {
    if (fresh) wipe();
    fresh = false;
    line(at, at);
    last = at;
    onDraw();
  };
  const go = (...places) => {
    for (const to of places) {
      line(last, to);
      last = to;
    }
    onDraw();
  };

  const placeOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) * PAPER) / box.width, y: ((event.clientY - box.top) * PAPER) / box.height };
  };
  const on = (name, listen) => canvas.addEventListener(name, listen, { signal });
  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture?.(event.pointerId);
    keys.used = false;
    showPen();
    begin(placeOf(event));
  });
  on("pointermove", (event) => {
    if (!last || keys.down) return;
    const between = event.getCoalescedEvents?.() ?? [];
    go(...(between.length ? between : [event]).map(placeOf)); // a fast hand stays round
  });
  const end = () => {
    if (keys.down) return;
    last = undefined;
    onDraw();
  };
  on("pointerup", end);
  on("pointercancel", end);

  const keys = { x: PAPER / 2, y: 50, down: false, used: true };
  // The pen is for keys alone: what counts as a visible focus after a click, browsers decide differently.
  const showPen = () => {
    pen.hidden = !keys.used || document.activeElement !== canvas || !canvas.matches(":focus-visible");
    pen.style.left = `${(100 * keys.x) / PAPER}%`;
    pen.style.top = `${(100 * keys.y) / PAPER}%`;
    pen.classList.toggle("mn-pen-down", keys.down);
  };
  const lift = () => {
    if (!keys.down) return;
    keys.down = false;
    last = undefined;
    onDraw();
    showPen();
  };
  on("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      [keys.x, keys.y] = [keys.x + STEP * way[0], keys.y + STEP * way[1]].map((at) => Math.min(PAPER - PEN, Math.max(PEN, at)));
      if (keys.down) go({ x: keys.x, y: keys.y });
    } else if (event.key === " ") {
      if (keys.down) lift();
      else {
        keys.down = true;
        begin({ x: keys.x, y: keys.y });
      }
      write(status, keys.down ? "pen down" : "pen up");
    } else return;
    event.preventDefault();
    keys.used = true;
    showPen();
  });
  on("focus", showPen);
  on("blur", () => { lift(); keys.used = true; showPen(); });

  // The paper's ink, from 0 to 1.
  const ink = () => {
    const { data } = context.getImageData(0, 0, PAPER, PAPER);
    return Float32Array.from({ length: PAPER * PAPER }, (_, i) => data[4 * i] / 255);
  };
  const clear = () => {
    wipe();
    fresh = false;
  };
  // An image in the place of a drawing; the next stroke starts anew.
  const show = (image) => {
    const small = html("canvas", { width: SIDE, height: SIDE });
    paintGreys(small, image);
    context.drawImage(small, 0, 0, PAPER, PAPER);
    fresh = true;
  };
  wipe();
  return { element, ink, clear, show };
};

// What a network says: its cost, its answer, and a bar for each digit.
const readerCard = ({ label, role, macs, params, accuracy }) => {
  const answer = html("span", { class: "mn-said" });
  const share = html("span", { class: "mn-number" });
  const clock = html("span", { class: "mn-number" });
  const bars = Array.from({ length: 10 }, (_, digit) => {
    const bar = html("span", { class: "mn-share-bar" });
    const element = html("div", { class: "mn-share" }, html("span", { class: "mn-share-digit" }, String(digit)),
      html("span", { class: "mn-share-track" }, bar));
    return { bar, element };
  });
  const element = html("div", { class: "mn-reader", "data-role": role },
    html("div", { class: "mn-bars-title" }, swatch(role), label),
    html("div", { class: "mn-reader-answer" }, answer, share),
    html("div", { "aria-hidden": "true" }, ...bars.map((each) => each.element)),
    html("div", { class: "mn-small" }, `${short(macs)} MACs, `, clock),
    html("div", { class: "mn-small" }, `${short(params)} parameters; ${accuracy.toFixed(1)}\u00a0% right on the test set`));
  const update = (shares, ms) => {
    const said = shares && answerOf(shares);
    write(answer, shares ? String(said) : "?");
    write(share, shares ? shareText(shares[said]) : "");
    write(clock, ms === undefined ? "not timed yet" : milliseconds(ms));
    bars.forEach(({ bar, element: row }, digit) => {
      bar.style.width = shares ? `${100 * shares[digit]}%` : "0";
      row.classList.toggle("mn-share-said", digit === said);
    });
  };
  return { element, update };
};

// The maps of one layer, side by side.
const mapStrip = () => {
  const canvas = html("canvas", { class: "mn-maps", role: "img", hidden: true });
  const title = html("div", { class: "mn-bars-title" });
  const line = html("p", { class: "mn-small" });
  const element = html("div", {}, title, canvas, line);
  const update = ({ label, maps }, values, count) => {
    write(title, `Maps of the ${label} network`);
    canvas.hidden = !values;
    if (!values) {
      write(line, `Here are the maps ${maps}, once the networks are loaded and there is a drawing.`);
      return;
    }
    const side = Math.sqrt(values.length / count);
    const most = Math.max(...values);
    const across = element.clientWidth < 420 ? 10 : 16; // or they would be too small to see on a phone
    const [columns, rows] = [Math.min(across, count), Math.ceil(count / across)];
    const [width, height] = [columns * (side + 1) - 1, rows * (side + 1) - 1];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.style.width = `${(100 * columns) / across}%`;
    paintGreys(canvas, values.map((value) => value / (most || 1)), (i) => {
      const map = Math.floor(i / side ** 2);
      const [x, y] = [(map % across) * (side + 1) + (i % side), Math.floor(map / across) * (side + 1) + (Math.floor(i / side) % side)];
      return y * width + x;
    });
    const words = `The ${count} maps ${maps}, ${side}×${side} pixels each; white is their largest value, ${most.toFixed(1)}.`;
    write(line, words);
    set(canvas, { "aria-label": words });
  };
  return { element, update };
};

function render({ model, el, signal }) {
  const view = explorable({ model, el, signal, title: "Draw a digit" });
  const readers = model.get("readers");
  const examples = model.get("examples");
  const runtime = runtimeOf({ model, signal: view.signal });
  const inKernel = runtime.place.kind === "kernel";
  let ready = false; // somebody answers
  let example = FIRST; // or undefined: the reader's own drawing
  let image = unpacked(examples[FIRST].pixels); // what the networks see
  let drawn = false; // the paper has changed since
  let { shares } = examples[FIRST]; // by network
  let maps = {}; // by network, what is shown of its inside
  let times = {}; // by network, ms

  const paper = drawingPaper({ signal: view.signal, onDraw: () => {
    example = undefined;
    drawn = true;
    look();
  } });
  const seen = html("canvas", { class: "mn-seen", width: SIDE, height: SIDE, role: "img" });
  const clearButton = html("button", { type: "button", class: "mn-button" }, "Clear");
  clearButton.addEventListener("click", () => {
    paper.clear();
    example = undefined;
    drawn = true;
    look();
  }, { signal: view.signal });
  const pick = (index) => {
    example = index;
    image = unpacked(examples[index].pixels); // as it is: it needs no scaling and no shift
    drawn = false;
    paper.show(image);
    look();
  };
  const exampleButtons = (title, wanted) => {
    const buttons = examples.flatMap(({ label, hard }, index) => {
      if (hard !== wanted) return [];
      const name = `${hard ? "Hard example" : "Example"} ${label}`;
      const button = html("button", { type: "button", class: "mn-button mn-example", "aria-label": name }, String(label));
      button.addEventListener("click", () => pick(index), { signal: view.signal });
      return [button];
    });
    return html("div", { class: "mn-examples mn-how", role: "group", "aria-label": title }, html("span", { class: "mn-small" }, title),
      ...buttons);
  };
  view.picture.append(
    html("div", { class: "mn-papers" }, paper.element,
      html("div", { class: "mn-seen-box" }, seen, html("span", { class: "mn-small" }, "what the networks see"), clearButton)),
    html("p", { class: "mn-small mn-how" }, "Draw with a finger, a pen or a mouse. From the keyboard: the arrow keys move the pen,"
      + " Space puts it down or lifts it."),
    exampleButtons("From the test set:", false), exampleButtons("Some that a network misreads:", true));

  const choice = view.choice("network", { label: "Maps of the network" });
  choice.element.classList.add("mn-across", "mn-maps-of");

  const open = async (onBytes) => {
    const about = await runtime.open(readers, onBytes);
    ready = true;
    look();
    return about;
  };
  const work = async (report, stop) => {
    stop.addEventListener("abort", () => { if (!ready) runtime.close(); }); // half a download is of no use
    let received = 0;
    const about = await open((more) => {
      received += more;
      report("Downloading …", Math.min(1, received / runtime.bytes));
    });
    const samples = await takeTurns({
      ask: runtime.ask, networks: readers, clock: about.clock, rounds: TURNS, signal: stop,
      onRound: (samplesSoFar, share) => report("Timing, each in its turn …", share),
    });
    if (stop.aborted) throw stopped("The networks are ready, but not timed.");
    const found = readers.map(({ name }) => [name, quartilesOf(samples[name])]);
    times = Object.fromEntries(found.map(([name, [, median]]) => [name, median]));
    view.redraw();
    return `Ready: ${about.runtime}. Draw, and they answer at once. The times are medians of ${TURNS} turns.`
      + disturbed(found.map(([, quartiles]) => quartiles));
  };
  const button = starter({
    labels: { start: inKernel ? "Time the networks" : "Load the three networks", again: "Time them again" },
    hint: inKernel ? "The kernel of this notebook answers."
      : `Downloads ${bytes(runtime.bytes, 8)} once, then works offline. Your drawing stays on your device.`,
    why: runtime.place.why, work, signal: view.signal,
  });
  button.element.classList.add("mn-across");
  view.controls.append(button.element);

  const cards = readers.map(readerCard);
  const strip = mapStrip();
  const results = html("div", { class: "mn-readers" }, ...cards.map(({ element }) => element));
  const note = html("p", { class: "mn-small" }, `A drawing is scaled to fit ${BOX}×${BOX} pixels and shifted until its centre of`
    + ` mass lies in the middle of ${SIDE}×${SIDE}, as the images of the training were. The three networks have as many blocks and`
    + " shortcuts, and about as many parameters and MACs.");
  view.details.append(results, strip.element, note);

  view.table({
    caption: "The probability of each digit, by network",
    columns: ["digit", ...readers.map(({ label }) => label)],
    rows: () => Array.from({ length: 10 }, (_, digit) => ({
      label: String(digit), cells: readers.map(({ name }) => (shares[name] ? shareText(shares[name][digit]) : "–")),
    })),
  });

  // Ask the networks about the image; while they think, the reader may have drawn on, and then they are asked again.
  let asking = false;
  let again = false;
  const look = async () => {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    set(results, { "aria-busy": "true" });
    do {
      again = false;
      if (drawn) image = asImage(paper.ink(), PAPER);
      drawn = false;
      const [now, known] = [image, examples[example]];
      if (!now) [shares, maps] = [{}, {}];
      else if (ready) {
        try {
          const outputs = [];
          for (const { name } of readers) outputs.push(await runtime.ask({ do: "run", name, values: now }));
          shares = Object.fromEntries(readers.map(({ name }, i) => [name, sharesOf(outputs[i].output)]));
          maps = Object.fromEntries(readers.map(({ name, part }, i) => [name, outputs[i][part]]));
        } catch (error) {
          button.say(`It did not work: ${reasonOf(error)}.`);
        }
      } else [shares, maps] = [known?.shares ?? {}, {}];
      paintGreys(seen, now ?? new Array(SIDE * SIDE).fill(0));
      set(seen, { "aria-label": !now ? "An empty image" : known ? `A ${known.label} of the test set` : "Your drawing, as an image" });
      view.redraw();
    } while (again);
    asking = false;
    set(results, { "aria-busy": "false" });
  };

  view.onReset(() => pick(FIRST));
  const finish = view.start(({ network }) => {
    readers.forEach(({ name }, i) => cards[i].update(shares[name], times[name]));
    const chosen = readers.find(({ name }) => name === network);
    strip.update(chosen, maps[network], chosen.channels);
    view.count(chosen.macs);
    view.say(shares[readers[0].name]
      ? answersSentence(readers, shares) + (ready || example === undefined ? "" : " (PyTorch, when this book was built.)")
      : image ? "Load the networks, and they will read your drawing." : "The paper is empty.");
  });
  pick(FIRST);
  if (inKernel) open().catch((error) => button.say(`It did not work: ${reasonOf(error)}.`));
  return finish;
}

export default { render };
