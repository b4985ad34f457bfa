// One block, three names: its parts as buttons, and for the chosen one what each library calls it, with the lines of
// source that make it and that run it. All of it was read from the installed packages by rosetta.py.

// The part that is shown: the chosen one, or the nearest to it that the block has; as Rosetta.shown.
const shownPart = ({ block, part }, { blocks }) =>
  [part, part.replace("expansion", "depthwise"), "residual"].find((name) => blocks[block].parts[name]);

const numberWords = (counted, libraries) => {
  const known = counted.map((macs, i) => ({ macs, library: libraries[i] })).filter(({ macs }) => macs !== null);
  if (!known.length) return "";
  const same = known.every(({ macs }) => macs === known[0].macs);
  return `fvcore counts ${(same ? known.slice(0, 1) : known).map(({ macs }) => exact(macs)).join(" and ")} MACs`
    + ` in the block of ${known.map(({ library }) => library).join(" and in that of ")}.`;
};

// Where the data are between two convolutions: 144 channels of 56×56.
const tensorWords = (channels, side) => `${channels} channels, ${side}×${side}`;

// The three convolutions of a block, of which the first may be missing: title, channels before and after.
const convolutionsOf = ({ attributes, channels }) => {
  const names = Object.keys(attributes);
  const middle = channels.length === 3 ? channels[1] : channels[0];
  const after = { expansion: middle, depthwise: middle, pointwise: channels.at(-1) };
  return Object.fromEntries(names.map((name) => [name, { title: attributes[name], after: after[name] }]));
};

// The block: a radio button for each part, so that it is chosen by a tap or the arrow keys.
const partPicker = (view, { parts }) => {
  const group = uniqueId("part");
  const chips = {};
  const chip = (part) => {
    const input = html("input", {
      type: "radio", name: group, id: uniqueId("chip"), value: part, "data-lm-suppress-shortcuts": "true",
    });
    const label = html("label", { for: input.id });
    input.addEventListener("change", () => view.change({ part }), { signal: view.signal });
    chips[part] = { input, label, element: html("span", { class: "mn-chip" }, input, label) };
    return chips[part].element;
  };
  const of = (name) => Object.keys(parts).filter((part) => parts[part].of === name);
  const flow = () => html("div", { class: "mn-flow", "aria-hidden": "true" });
  const start = flow();
  const rows = ["expansion", "depthwise", "pointwise"].map((name) => {
    const [title, after] = [html("div", { class: "mn-chips-title" }), flow()];
    const row = html("div", { class: "mn-chips-row" }, title, html("div", { class: "mn-chips" }, ...of(name).map(chip)));
    return { name, title, row, after };
  });
  const skip = html("div", { class: "mn-skip", "aria-hidden": "true" });
  const body = html("div", { class: "mn-through" }, start, ...rows.flatMap(({ row, after }) => [row, after]), skip,
    html("div", { class: "mn-chips" }, chip("residual")));
  const element = html("fieldset", { class: "mn-block-parts" },
    html("legend", {}, "Choose a part: tap it, or use the arrow keys"), body,
    html("div", { class: "mn-chips mn-besides" }, chip("others")));

  const update = (block, chosen) => {
    const { side, channels, residual } = block;
    const convolutions = convolutionsOf(block);
    write(start, tensorWords(channels[0], side));
    for (const { name, title, row, after } of rows) {
      const own = convolutions[name];
      row.hidden = after.hidden = !own;
      if (!own) continue;
      write(title, own.title);
      write(after, tensorWords(own.after, side));
    }
    skip.hidden = !residual;
    for (const [part, { input, label, element: own }] of Object.entries(chips)) {
      const row = block.parts[part];
      own.hidden = input.disabled = !row;
      input.checked = part === chosen;
      if (!row) continue;
      write(label, row.label);
      own.classList.toggle("mn-absent", row.none);
      own.dataset.role = row.role;
      const where = convolutions[parts[part].of]?.title;
      set(input, { "aria-label": where ? `${where}: ${row.label}` : row.label });
    }
  };
  return { element, update };
};

// Lines of source with their numbers; `most` is how many there can be.
const sourceLines = (title, most) => {
  const heading = html("div", { class: "mn-source-title" }, title);
  const rows = Array.from({ length: most }, () => {
    const [number, text] = [html("span", { class: "mn-line-number" }), html("span", { class: "mn-line-text" })];
    return { number, text, element: html("div", { class: "mn-source-line" }, number, text) };
  });
  const element = html("div", { class: "mn-source" }, heading, ...rows.map(({ element: row }) => row));
  const update = (places) => {
    // A place is a file and a function, and below it its lines.
    const entries = places.flatMap(([file, where, lines]) => [["", `${where}, ${file}`], ...lines]);
    element.hidden = entries.length === 0;
    rows.forEach(({ number, text, element: row }, i) => {
      row.hidden = !entries[i];
      if (!entries[i]) return;
      row.classList.toggle("mn-source-place", entries[i][0] === "");
      write(number, String(entries[i][0]));
      write(text, entries[i][1]);
    });
  };
  return { element, update };
};

const rowsOf = (places) => sum(places.map(([, , lines]) => 1 + lines.length));

// What one library has for the chosen part.
const libraryCard = (library, most) => {
  const [name, kind] = [html("code", { class: "mn-name" }), html("span", { class: "mn-kind" })];
  const [tensors, note] = [html("p", { class: "mn-small mn-tensors" }), html("p", { class: "mn-note" })];
  const [made, run] = [sourceLines("made by", most.made), sourceLines("run by", most.run)];
  const element = html("div", { class: "mn-library", role: "region", "aria-label": library },
    html("div", { class: "mn-library-head" }, html("span", { class: "mn-library-title" }, library), name, kind),
    note, tensors, made.element, run.element);
  const update = (entry, role) => {
    element.dataset.role = role;
    element.classList.toggle("mn-absent", !entry.name);
    name.hidden = kind.hidden = !entry.name;
    write(name, entry.name);
    write(kind, entry.kind);
    note.hidden = !entry.note;
    write(note, entry.note);
    tensors.hidden = !entry.tensors.length;
    write(tensors, entry.tensors.map(([key, shape]) => `${entry.name}.${key}: ${shape}`).join("; "));
    made.update(entry.madeLines);
    run.update(entry.runLines);
  };
  return { element, update };
};

function render({ model, el, signal }) {
  const names = model.get("names");
  const { libraries, blocks, lines } = names;
  // The lines stand in the data once, and are referred to by number.
  const entries = Object.values(blocks).flatMap(({ parts }) => Object.values(parts).flatMap(({ entries: own }) => own));
  for (const entry of entries) {
    entry.madeLines = entry.made.map((i) => lines[i]);
    entry.runLines = entry.run.map((i) => lines[i]);
  }
  const most = {
    made: Math.max(...entries.map(({ madeLines }) => rowsOf(madeLines))),
    run: Math.max(...entries.map(({ runLines }) => rowsOf(runLines))),
  };

  const view = explorable({
    model, el, signal, title: "One block, three names",
    settle: (state) => ({ ...state, part: shownPart(state, names) }),
  });
  view.picture.parentElement.classList.add("mn-rosetta");
  view.picture.before(view.controls); // the parts first, then what they are called

  view.choice("block", { label: "Block", labels: { v1: "V1", v2: "V2", v2_first: "V2, the first" } }).element.classList.add("mn-across");
  const picker = partPicker(view, names);
  picker.element.classList.add("mn-across");
  view.controls.append(picker.element);
  const cards = libraries.map((library) => libraryCard(library, most));
  // The sentence stands above what it sums up: on a phone the cards below it are long.
  view.picture.append(el.querySelector(".mn-result"), ...cards.map(({ element }) => element));
  const counted = html("p", { class: "mn-small" });
  view.details.append(counted);

  const partsOf = (state) => Object.values(blocks[state.block].parts);
  const code = (places) => places.flatMap(([, , own]) => own.map(([, text]) => text.trim())).join(" ") || "–";
  const files = (places) => places.map(([file, where, own]) => `${file} ${own[0][0]}, ${where}`).join("; ") || "–";
  view.table({
    caption: "All parts of this block: names, as in the state dicts, with class and shape of the weight",
    columns: ["part", ...libraries.flatMap((library) => [library, "class, weight"])],
    rows: (state) => partsOf(state).map(({ label, entries: own }) => ({ label, cells: own.flatMap((entry) => [
      entry.name || "–", [entry.kind, entry.tensors[0]?.[1]].filter(Boolean).join(", ") || "–"]) })),
  });
  view.table({
    caption: "The lines of source of all parts",
    columns: ["part", "library", "made by", "in", "run by", "in"],
    rows: (state) => partsOf(state).flatMap(({ label, entries: own }) => own.map((entry, i) => ({ label, cells: [
      libraries[i], code(entry.madeLines), files(entry.madeLines), code(entry.runLines), files(entry.runLines)] }))),
  });

  return view.start((state) => {
    const block = blocks[state.block];
    const part = shownPart(state, names); // Python may start with a part that the block does not have
    const { says, role, entries: own } = block.parts[part];
    picker.update(block, part);
    cards.forEach((card, i) => card.update(own[i], role));
    write(counted, `Shown is ${block.stands}. ${numberWords(block.counted, libraries)}`);
    view.say(says);
    view.count(block.macs);
  });
}

export default { render };
