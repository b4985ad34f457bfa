// Read the string: timm's strings for blocks, taken apart letter by letter; the blocks they make, their costs, their table.

const ACTIVATIONS = { re: "ReLU", r6: "ReLU6", hs: "h-swish", sw: "SiLU" };
const WORDS = ["skip", "noskip"];

// The strings in a text, with their places: what stands between blanks, quotes, commas and brackets, and is no comment.
// So lines of timm's source can be pasted as they are. The twin of strings_in in read_the_string.py.
const stringsIn = (text) => {
  const bare = text.replace(/#[^\n]*/g, (comment) => " ".repeat(comment.length));
  return [...bare.matchAll(/[^ \t\r\n\u00a0'",[\]]+/g)].map(({ 0: string, index }) => ({ string, at: index }));
};

// Read one string: { kind, parts: { letter: value }, order: [[letter, text], ...] }, or { error: { at, end, words } } with the
// place of what is wrong. The grammar's tables come from Python, and this is the twin of topics.families.grammar.parse.
const readString = (string, { letters, instead, kinds }) => {
  const wrong = (at, part, words) => ({ error: { at, end: at + part.length, words } });
  const [kind, ...rest] = string.split("_");
  const own = kinds.find(([name]) => name === kind);
  if (!own) return wrong(0, kind, `${quoted(kind)} is no kind of block. Begin with one of ${kinds.map(([name]) => name).join(" ")}.`);
  const [needed, others] = own.slice(1).map((names) => names.split(" "));
  const known = [...needed, ...others];
  const [parts, order] = [{}, [["kind", kind]]];
  let at = kind.length + 1;
  for (const part of rest) {
    const letter = WORDS.includes(part) ? part : part.startsWith("n") ? "n" : part.replace(/[^a-z][^]*/, "");
    if (!known.includes(letter)) {
      return wrong(at, letter || part, `${quoted(letter || part)} is no letter of ${kind}. Write one of ${known.join(" ")}.`);
    }
    if (letter in parts) return wrong(at, part, `${quoted(part)} is the second ${letter}. Leave one of the two out.`);
    const [pattern, words] = instead[`${kind} ${letter}`] ?? letters[letter]?.slice(1) ?? ["", "nothing behind it"];
    const value = part.slice(letter.length);
    if (!new RegExp(`^(?:${pattern})$`).test(value)) {
      return wrong(at + letter.length, value, `${value ? `${quoted(value)} cannot follow ${letter}` : `${letter} has no value yet`}. Use ${words}.`);
    }
    parts[letter] = value;
    order.push([letter, part]);
    at += part.length + 1;
  }
  const missing = needed.find((letter) => !(letter in parts));
  if (missing) return wrong(string.length, "", `${missing} is missing. Add ${missing} with ${letters[missing][2]}.`);
  if (kind === "uir" && parts.s === "2" && !["a", "k", "p"].some((letter) => Number(parts[letter] ?? 0))) {
    return wrong(string.indexOf("_s2") + 1, "s2", "s2 needs a depthwise filter that takes the step. Use k3, or s1.");
  }
  return { kind, parts, order };
};
const quoted = (text) => (text ? `“${text}”` : "An empty word");

// What the grammar allows and this figure cannot draw.
const tooMuch = (read, { kinds, most }) => {
  if (read.error) return read;
  let at = 0;
  for (const [letter, text] of read.order) {
    if (letter === "kind" && !kinds.includes(text)) {
      return { error: { at, end: text.length, words: `${text} is attention, which this figure does not draw. Take it out.` } };
    }
    if (Number(read.parts[letter]) > most[letter]) {
      return { error: { at: at + letter.length, end: at + text.length, words: `That is more than this figure draws. Use at most ${most[letter]}.` } };
    }
    at += text.length + 1;
  }
  return read;
};

// Python's round: halves go to the even neighbour.
const roundHalfEven = (value) => (value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

// The rows of a network: of each string its first block and the others, and together what they cost.
const rowsOf = (reads, { stem, activation, squeeze }, size) => {
  let [input, side] = [stem, outSize(size, 2)];
  return reads.map(({ kind, parts, order }) => {
    const number = (letter, otherwise) => Number(parts[letter] ?? otherwise);
    const [r, k, s, e, c] = [number("r", 1), number("k", 0), number("s", 1), number("e", 1), number("c", 0)];
    const ratio = number("se", 0);
    const output = makeDivisible(c);
    const block = (from, size, stride) => {
      const middle = kind === "ds" || kind === "dsa" ? from : makeDivisible(from * e);
      return chainOf({
        kind, input: from, output, size, k, a: number("a", 0), p: number("p", 0), e, s: stride,
        squeeze: ratio && (squeeze === "middle" ? makeDivisible(middle * ratio) : roundHalfEven(middle * (ratio / e))),
        act: ACTIVATIONS[parts.n ?? activation], skip: kind === "cn" ? "skip" in parts : !("noskip" in parts),
      });
    };
    const first = block(input, side, s);
    const other = block(output, first.out, 1);
    const row = { kind, parts, order, first, other, repeats: r, expansion: e, stride: s, asked: c, ratio, squeeze,
      ...Object.fromEntries(["macs", "params", "activations"].map((metric) => [metric, first[metric] + (r - 1) * other[metric]])) };
    [input, side] = [output, first.out];
    return row;
  });
};

const FAMILY = { cn: "conv", ds: "separable", dsa: "separable", ir: "bneck", er: "fused" };
// The operator as a table of a paper names it.
const operatorOf = ({ kind, parts: { a = "0", k = "0" } }) => {
  if (kind !== "uir") return `${FAMILY[kind]} ${k}×${k}`;
  const kernels = [a, k].filter((each) => each !== "0").map((each) => `${each}×${each}`);
  return [["FFN", "IB"], ["ConvNeXt", "ExtraDW"]][Number(a !== "0")][Number(k !== "0")] + kernels.map((each) => ` ${each}`).join(",");
};

const COLUMNS = ["string", "operator", "input", "t", "exp", "c", "SE", "NL", "n", "s", "MACs", "parameters"];
const tableRow = (row, i) => {
  const { kind, first, repeats, stride, expansion, macs, params } = row;
  const expands = ["ir", "er", "uir"].includes(kind);
  const wide = expands ? first.layers.find(({ part }) => part === (kind === "er" ? "k" : "e")).outChannels : 0;
  const { act } = first.present.find((layer) => layer.act !== "linear") ?? {};
  return { label: String(i + 1), part: null, cells: [operatorOf(row), `${first.size}² × ${exact(first.input)}`, expands ? String(expansion) : "–",
    expands ? exact(wide) : "–", exact(first.output), first.excited ? exact(first.excited.squeeze) : "–", act ?? "–", String(repeats), String(stride),
    short(macs), short(params)] };
};

const KIND_WORDS = {
  cn: "a standard convolution, BatchNorm and an activation", ds: "depthwise separable: filter each channel, then mix them, with a linear end",
  dsa: "depthwise separable as in MobileNetV1, with an activation at the end", ir: "inverted residual: expand, filter each channel, project",
  er: "fused inverted residual: a standard convolution expands and filters at once, then comes the projection",
  uir: "universal block: depthwise layers at the start (a), in the middle (k), at the end (p), each as its kernel says",
};
const filterWords = (kernel, channels, where) =>
  (kernel === "0" ? `no depthwise layer ${where}` : `a ${kernel}×${kernel} filter for each of ${exact(channels)} channels ${where}`).trimEnd();

// What a part of a string means here.
const meaningOf = (letter, row) => {
  const { kind, parts, first, repeats, expansion, asked, ratio, squeeze } = row;
  const layer = (part) => first.layers.find((each) => each.part === part);
  switch (letter) {
    case "kind": return kind === "uir" ? `${KIND_WORDS.uir}; this one is ${{ FFN: "feed-forward", IB: "an inverted residual", ConvNeXt: "ConvNeXt-like",
      ExtraDW: "an extra-depthwise block" }[operatorOf(row).split(" ")[0]]}` : KIND_WORDS[kind];
    case "r": return repeats === 1 ? "one block" : `${repeats} blocks; those after the first have ${exact(first.output)} channels at both ends and stride 1`;
    case "k": return kind === "cn" || kind === "er" ? `${parts.k}×${parts.k} filters over all ${exact(first.input)} channels`
      : filterWords(parts.k, layer("k").outChannels, kind === "uir" ? "in the middle" : "");
    case "a": return filterWords(parts.a, first.input, "at the start");
    case "p": return filterWords(parts.p, first.output, "at the end");
    case "s": return parts.s === "1" ? `stride 1: the map stays ${first.size}×${first.size}` : `stride 2: ${first.size}×${first.size} becomes ${first.out}×${first.out}`;
    case "e": {
      if (!["ir", "er", "uir"].includes(kind)) return "no expansion: this kind has no middle";
      const [wish, wide] = [first.input * expansion, layer(kind === "er" ? "k" : "e").outChannels];
      return `${exact(first.input)} · ${expansion} = ${wish === wide ? "" : `${Number(wish.toFixed(2))}, rounded to `}${exact(wide)} channels in the middle`;
    }
    case "c": return `${exact(first.output)} channels come out${asked === first.output ? "" : `: ${asked}, rounded to a multiple of 8`}`;
    case "se": return !first.excited ? `none: ${ratio} of so few channels is no channel` : `squeeze-and-excitation with ${exact(first.excited.squeeze)} channels, ${ratio} of the ${squeeze}’s`;
    case "n": return `${ACTIVATIONS[parts.n]}, whatever the rest of the network has`;
    case "skip": return "the input is added where the shapes allow it";
    default: return "no residual, even where the shapes would allow it";
  }
};

const goodSentence = (rows, i, label) => {
  const row = rows[i];
  const [macs, params] = ["macs", "params"].map((metric) => sum(rows.map((each) => each[metric])));
  const blocks = sum(rows.map(({ repeats }) => repeats));
  return `String ${i + 1} of ${rows.length} makes ${row.repeats === 1 ? "one block" : `${row.repeats} blocks`}: ${short(row.macs)} MACs, ${
    percent(row.macs / macs)} of all ${short(macs)} that the ${rows.length === 1 ? "string takes" : "strings take"}. Together: ${blocks} block${blocks > 1 ? "s" : ""}, ${short(params)} parameters, ${label}.`;
};
const wrongSentence = ({ error: { at, words } }, i, count) => `${count > 1 ? `String ${i + 1}, character` : "Character"} ${at + 1}: ${words}`;

const NAMED = ["kind", "r", "a", "k", "p", "s", "e", "c", "se", "n", "skip"];
const partOf = (letter) => (letter === "noskip" ? "skip" : letter);
const ROLES = { a: "depthwise", e: "expansion", k: "depthwise", c: "projection", p: "depthwise", se: "activation", skip: "residual" };

// The string in its parts, and below what each means.
const partsView = (most) => {
  const spans = Array.from({ length: 2 * most }, () => html("span"));
  const items = Array.from({ length: most }, () => {
    const [name, words] = [html("code"), html("span")];
    return { name, words, element: html("li", {}, name, words) };
  });
  const element = html("div", { class: "mn-read" }, html("p", { class: "mn-code mn-string", "aria-hidden": "true" }, ...spans),
    html("ul", { class: "mn-meanings" }, ...items.map((item) => item.element)));
  const update = (pieces, meanings) => {
    spans.forEach((span, i) => {
      const { text = "", part = null, wrong = false } = pieces[i] ?? {};
      write(span, text);
      set(span, { "data-part": part, "data-role": ROLES[part] ?? null, class: wrong ? "mn-wrong" : part ? "mn-piece" : null });
    });
    items.forEach(({ name, words, element: item }, i) => {
      const { text = "", part = null, meaning = "" } = meanings[i] ?? {};
      item.hidden = !meanings[i];
      set(item, { "data-part": part, "data-role": ROLES[part] ?? null });
      write(name, text);
      write(words, meaning);
    });
  };
  return { element, update };
};

function render({ model, el, signal }) {
  const { grammar, networks, limits } = model.get("tables");
  const textOf = ({ network, text }) => text || networks[network].strings.join("\n");
  const readAll = (state) => stringsIn(textOf(state)).map(({ string, at }) => ({ string, at, ...tooMuch(readString(string, grammar), limits) }));
  const last = (state) => Math.min(limits.strings, Math.max(1, stringsIn(textOf(state)).length));
  const settle = (state, was) => {
    const own = state.network !== was.network && state.text === was.text ? { ...state, text: "" } : state; // a network is chosen
    return own.line > last(own) ? { ...own, line: last(own) } : own;
  };
  const view = explorable({ model, el, signal, title: "Read the string", settle });

  // --- what is read
  const area = html("textarea", { class: "mn-code mn-strings", rows: 8, maxlength: limits.letters, spellcheck: "false", autocapitalize: "off", autocomplete: "off",
    id: uniqueId("strings"), "data-lm-suppress-shortcuts": "true" });
  const hint = html("p", { class: "mn-small", id: uniqueId("hint") }, "Edit them, or paste lines of timm’s source. The string with the cursor is the one shown.");
  set(area, { "aria-describedby": hint.id });
  const shown = partsView(12);
  view.picture.append(html("label", { class: "mn-bars-title", for: area.id }, "timm’s strings, one for each row of the table"), area, hint, shown.element);
  const chosen = () => {
    const before = stringsIn(area.value).filter(({ at }) => at <= area.selectionStart).length;
    return Math.min(limits.strings, Math.max(1, before));
  };
  const listening = { signal: view.signal };
  area.addEventListener("input", () => {
    const own = networks[view.state().network].strings.join("\n");
    view.change({ text: area.value === own ? "" : area.value || " ", line: chosen() });
  }, listening);
  for (const event of ["click", "keyup"]) {
    area.addEventListener(event, () => { if (chosen() !== view.state().line) view.change({ line: chosen() }); }, listening);
  }

  view.picture.before(view.controls); // what a string means is longer or shorter: above a slider, it would move that
  const labels = Object.fromEntries(Object.entries(networks).map(([name, { label }]) => [name, label]));
  view.choice("network", { label: "Strings of", labels }).element.classList.add("mn-across");
  view.slider("line", { label: "String shown", format: (i) => `number ${i}`, upTo: last });
  view.slider("size", { label: "Image", format: (pixels) => `${pixels}×${pixels}` });

  const picture = chainPicture(view, true);
  view.onReset(picture.reset);
  const place = html("div", { class: "mn-block" }, picture.element);
  view.details.append(place);
  const lights = view.highlight(NAMED.map((part) => ({ part, label: part, role: ROLES[part] })), { parent: place });
  const buttons = [...lights.element.querySelectorAll("label")].slice(1).map((label) => ({ label, words: label.lastChild, place: label.parentNode }));

  const table = liveTable({ caption: "The rows as a paper’s table has them", columns: COLUMNS });
  table.element.classList.add("mn-rows");
  const note = html("p", { class: "mn-small" });
  view.details.append(table.element, note);
  table.element.addEventListener("click", (event) => {
    const i = [...table.element.querySelectorAll("tbody tr")].indexOf(event.target.closest("tr"));
    if (i >= 0) view.change({ line: i + 1 });
  }, listening);
  let good; // what was last read without a fault
  view.table({
    caption: "The layers of the block; parameters include BatchNorm’s two per channel", columns: CHAIN_COLUMNS,
    rows: () => chainRows(good.row.first),
  });

  // --- drawing
  const readGood = (state) => {
    const found = readAll(state);
    if (found.length === 0 || found.length > limits.strings || found.some(({ error }) => error)) return undefined;
    const rows = rowsOf(found, networks[state.network], state.size);
    return { rows, row: rows[state.line - 1] };
  };
  return view.start((state, before) => {
    const text = textOf(state);
    if (area.value !== text && (area.value || text.trim())) area.value = text; // one that was emptied stays empty
    const found = readAll(state);
    const [none, many] = [found.length === 0, found.length > limits.strings];
    const at = found[state.line - 1]?.error ? state.line - 1 : found.findIndex(({ error }) => error);
    const wrong = none || many || at >= 0;
    good = (wrong ? undefined : readGood(state)) ?? good ?? readGood({ ...state, text: "", line: 1 });
    const { rows, row } = good;
    for (const stale of [place, table.element]) stale.classList.toggle("mn-stale", wrong);
    set(area, { "aria-invalid": wrong ? "true" : null });

    if (at >= 0) {
      const { string, error } = found[at];
      shown.update([
        { text: string.slice(0, error.at) }, { text: string.slice(error.at, error.end) || "\u2009?\u2009", wrong: true }, { text: string.slice(error.end) },
      ], [{ text: "here", meaning: error.words }]);
    } else if (!wrong) {
      const pieces = row.order.map(([letter, words]) => ({ part: partOf(letter), text: words }));
      shown.update(pieces.flatMap((piece, i) => (i ? [{ text: "_" }, piece] : [piece])),
        row.order.map(([letter, words]) => ({ text: words, part: partOf(letter), meaning: meaningOf(letter, row) })));
    } else shown.update([], [{ text: "here", meaning: none ? "There is no string yet. Type one, such as ir_r2_k3_s2_e6_c24." : `Use at most ${limits.strings} strings.` }]);
    const texts = Object.fromEntries(row.order.map(([letter, words]) => [partOf(letter), words]));
    NAMED.forEach((part, i) => {
      buttons[i].place.hidden = wrong || !(part in texts);
      write(buttons[i].words, texts[part] ?? "");
    });
    const old = before && !wrong ? readGood(before)?.row?.first : undefined;
    picture.update(row.first, old && JSON.stringify(old) !== JSON.stringify(row.first) ? old : undefined);
    const own = rows.indexOf(row);
    table.update(rows.map((each, i) => ({ ...tableRow(each, i), part: i === own ? "r" : null })));
    const { label, stem, squeeze } = networks[state.network];
    write(note, `The first string gets ${exact(stem)} channels of ${outSize(state.size, 2)}×${outSize(state.size, 2)} from ${label}’s stem, a 3×3 convolution with`
      + ` stride 2. The blocks are counted, without stem, head and classifier. Channels are rounded to multiples of 8. In the table, input is that of`
      + ` the row’s first block, exp counts the middle’s channels, and NL is the activation.`
      + (squeeze === "middle" ? " Squeeze-and-excitation takes its share of the middle’s channels here." : ""));
    view.count(sum(rows.map(({ macs }) => macs)));
    view.say(none ? "There is no string yet." : many ? `There are ${found.length} strings, and this figure reads ${limits.strings}.`
      : wrong ? wrongSentence(found[at], at, found.length) : goodSentence(rows, own, state.text ? "in your strings" : `in ${label}`));
    lights.show();
  });
}

export default { render };
