// What answers.js fetches when a reader predicts or answers, or has done so before: what a prediction comes to, the
// picture at a chapter's end, the hints of an exercise, and the marks in the contents.
(() => {
  "use strict";
  const book = globalThis.bookAnswers;
  const PAGE = book.page;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const part = (name) => ((book.store[name] ??= {})[PAGE] ??= {});
  const given = (key) => book.store.predicted?.[PAGE]?.[key]?.[0];

  const html = (name, attributes = {}, ...children) => {
    const svg = name === "svg" || name === "path" || name === "circle";
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const button = (text, press) => {
    const element = html("button", { type: "button" }, text);
    element.addEventListener("click", press);
    return element;
  };

  // Numbers, as people write them: 1,280; 0,7; 3e6; 2.5 million; 9 * 32 / 2.
  const POWERS = { thousand: 1e3, k: 1e3, million: 1e6, m: 1e6, billion: 1e9 };
  const factor = (text) => {
    const found = /^(-?)([\d.,_ ]*\d[\d.,_ ]*)(e[-+]?\d+)?\s*(thousand|k|million|m|billion)?\s*%?$/i.exec(text.trim());
    if (!found) return NaN;
    let digits = found[2].replace(/[_ ]/g, "");
    digits = /^\d+,(\d{1,2}|\d{4,})$|^0,\d+$/.test(digits) ? digits.replace(",", ".") : digits.replace(/,/g, "");
    return +(found[1] + digits + (found[3] ?? "")) * (POWERS[found[4]?.toLowerCase()] ?? 1);
  };
  const number = (text) =>
    text.replace(/−/g, "-").split(/[*×·]/).reduce((product, part) => {
      const [first, ...others] = part.split("/").map(factor);
      return product * others.reduce((quotient, by) => quotient / by, first);
    }, 1);
  const numberIn = (text) => {
    const found = /(\d[\d,]*(?:\.\d+)?)(?:\/(\d+))?(?:\s*(thousand|million|billion))?/.exec(text);
    if (found) return +found[1].replace(/,/g, "") / (found[2] ?? 1) * (POWERS[found[3]] ?? 1);
    return /\b(?:none|nothing|zero)\b/i.test(text) ? 0 : NaN;
  };
  const short = (value) => String(+value.toPrecision(3));
  const say = (value) => { // as `say` in predict.py
    const size = Math.abs(value);
    if (size >= 1e9) return `${short(value / 1e9)} billion`;
    if (size >= 1e6) return `${short(value / 1e6)} million`;
    return size >= 1000 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : short(value);
  };

  // How far off a prediction was, in words and on a line from -1 to 1.
  const off = (mine, right, unit) => {
    const side = mine > right ? "high" : "low";
    const ratio = mine > 0 && right > 0 ? Math.max(mine / right, right / mine) : Infinity;
    if (Math.abs(mine - right) <= 0.02 * Math.abs(right)) return { at: 0, words: "spot on" };
    if (/^%/.test(unit)) { // also "% of the time"
      const points = Math.abs(mine - right);
      return { at: (mine - right) / 100, words: `${say(points)} ${points === 1 ? "point" : "points"} too ${side}` };
    }
    const at = (mine > right ? 1 : -1) * Math.min(Math.log10(ratio) / 2, 1);
    if (ratio >= 2) return { at, words: Number.isFinite(ratio) ? `${say(ratio)} times too ${side}` : `too ${side}` };
    return { at, words: `${Math.max(1, Math.round(100 * Math.abs(mine / right - 1)))} % too ${side}` };
  };

  // What became of one prediction: data is a result's dataset, given what the reader said.
  const outcome = ({ kind, right, says, unit }, given) => {
    if (kind !== "choices") {
      const mine = `${say(+given)} ${unit ?? ""}`.trim();
      return { mine, says, ...off(+given, +right, unit) };
    }
    if (given === right) return { mine: given, says, at: 0, words: "right" };
    // A number in a name or a size, as in V1, int8, 144-channel and 14×14: nothing is a multiple of it.
    const [mine, answer] = [given, says].map((text) => (/[A-Za-z]\d|\d[×-]/.test(text) ? NaN : numberIn(text)));
    const far = mine >= 0 && answer >= 0 ? off(mine, answer, unit) : { at: null, words: "not this time" };
    return { mine: given, says, ...far, words: far.words === "spot on" ? "close" : far.words };
  };
  const sentence = (data, given) => {
    const { mine, says, words } = outcome(data, given);
    return words === "right" || words === "spot on"
      ? `You predicted ${mine}${mine === says ? "" : `, it is ${says}`}: ${words}.`
      : `You predicted ${mine}. ${says.startsWith("it ") ? "In truth" : "It is"} ${says}: ${words}.`;
  };

  // All predictions of the chapter against its results.
  const showAll = () => {
    const place = document.querySelector(".pr-predictions");
    const results = all("pr-result").filter(({ dataset }) => given(dataset.key) !== undefined);
    if (!place || !results.length) return place?.replaceChildren();
    const rows = results.map(({ dataset }) => [dataset.title, outcome(dataset, given(dataset.key))]);
    const lines = rows.map(([title, { mine, says, words }]) => [title, mine, says, words].filter(Boolean).join("; ")).join("\n");
    const status = html("p", { role: "status" });
    const copy = button("Copy", () => {
      const copied = navigator.clipboard?.writeText(lines) ?? Promise.reject(new Error("no clipboard here"));
      copied.then(() => { status.textContent = "Copied."; }, () => {
        const text = html("textarea", { rows: rows.length + 1, readonly: "", "aria-label": "Your predictions, to copy" }, lines);
        status.replaceChildren(text);
        text.select();
      });
    });
    const file = html("a", { download: `${PAGE}-predictions.txt`, href: "#" }, "Download");
    file.addEventListener("click", () => {
      file.href = URL.createObjectURL(new Blob([`${document.title}\n${lines}\n`], { type: "text/plain" }));
      setTimeout(() => URL.revokeObjectURL(file.href), 1e4);
    });
    const clear = button("Clear", () => {
      delete book.store.predicted[PAGE];
      book.save();
      show();
      place.tabIndex = -1;
      place.focus({ preventScroll: true });
    });
    const cells = (tag, scope, texts) => texts.map((text) => html(tag, scope ? { scope } : {}, text));
    place.replaceChildren(
      html("div", { class: "pr-table-box", role: "region", tabindex: "0", "aria-label": "Predictions and results" },
        html("table", {}, html("caption", {}, "Your predictions in this chapter"),
        html("thead", {}, html("tr", {}, ...cells("th", "col", ["asked", "you", "result", "how far off"]))),
        html("tbody", {}, ...rows.map(([title, { mine, says, at, words }]) => html("tr", {}, ...cells("th", "row", [title]),
          ...cells("td", "", [mine, says]), html("td", {}, ...(at === null ? [] : [picture(at)]), words)))))),
      html("div", { class: "pr-row" }, copy, file, clear), status);
  };
  // The result is in the middle, a prediction left of it was too low; the ends are a factor of 100, or 100 points.
  const picture = (at) => {
    const x = 50 + 44 * Math.max(-1, Math.min(1, at));
    return html("svg", { viewBox: "0 0 100 16", width: "100", height: "16", "aria-hidden": "true" },
      html("path", { d: "M4 8H96M50 2V14", class: "pr-line" }), html("path", { d: `M50 8H${x}`, class: "pr-way" }),
      html("circle", { cx: x, cy: "8", r: "4" }));
  };

  // Asking
  const slider = (input) => { // a slider's value on its axis
    const [low, high] = JSON.parse(input.dataset.ends);
    const share = input.value / input.max;
    return +(input.dataset.scale === "log" ? low * (high / low) ** share : low + (high - low) * share).toPrecision(2);
  };
  const showSlider = (ask) => {
    const input = ask.querySelector("[type=range]");
    if (!input) return;
    const text = say(slider(input));
    ask.querySelector("output").textContent = text;
    input.setAttribute("aria-valuetext", `${text} ${ask.querySelector(".pr-unit")?.textContent ?? ""}`);
  };
  const showAsk = (ask) => {
    const mine = given(ask.dataset.key);
    for (const choice of ask.querySelectorAll("[aria-pressed]")) {
      choice.setAttribute("aria-pressed", String(choice.textContent === mine));
    }
    const place = ask.querySelector("pr-field > template")?.content ?? ask; // late.js puts the field there
    const field = place.querySelector("[type=text]");
    if (field && field.kept !== mine) field.value = (field.kept = mine) ?? ""; // what is typed and not kept yet stays
    const range = ask.querySelector("[type=range]");
    if (range && mine !== undefined && range.kept !== mine) {
      range.kept = mine;
      const [low, high] = JSON.parse(range.dataset.ends);
      range.value = range.max * (range.dataset.scale === "log" ? Math.log(mine / low) / Math.log(high / low) : (mine - low) / (high - low));
    }
    showSlider(ask);
    ask.querySelector(".pr-said").textContent = mine === undefined ? "" : "Kept. The result comes below.";
  };
  const keep = (ask, pressed) => {
    const { kind, key } = ask.dataset;
    const field = ask.querySelector("input");
    const mine = { choices: () => pressed.textContent, number: () => number(field.value), axis: () => slider(field) }[kind]();
    const result = all("pr-result").find(({ dataset }) => dataset.key === key);
    if (Number.isNaN(mine)) {
      ask.querySelector(".pr-said").textContent = "Write a number, as in 1,280 or 2.5 million.";
      return;
    }
    part("predicted")[key] = [String(mine), sentence(result.dataset, String(mine))];
    book.save();
    show();
  };

  // Exercises: the page knows right answers and typical mistakes by their hashes alone.
  const hash = (text) => {
    let value = 0x811c9dc5;
    for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0), 0x01000193);
    return (value >>> 0).toString(36);
  };
  const canonical = (value, step) => {
    if (step) return `~${Math.round(Math.log(Math.abs(value)) / step)}`;
    const whole = Math.round(value);
    return Math.abs(value - whole) <= 1e-9 * Math.abs(whole) ? String(whole) : value.toExponential(5);
  };
  const hidden = (text, key) => { // its own inverse
    let value = parseInt(hash(key), 36);
    return [...text].map((letter) => {
      value = (Math.imul(value, 1664525) + 1013904223) >>> 0;
      return String.fromCodePoint(letter.codePointAt(0) ^ (value >>> 27));
    }).join("");
  };
  const readField = ({ kind, step }, text) => {
    if (kind === "text" || kind === "choice") return text.split("=")[0].replace(/[\s"'`()]/g, "").toLowerCase();
    if (kind === "list") {
      const items = text.replace(/[[\](){}]/g, "").split(/[\s,;]+/).filter(Boolean).map(Number);
      return items.length && items.every(Number.isInteger) ? [...new Set(items)].sort((a, b) => a - b) : null;
    }
    const value = number(text);
    return Number.isNaN(value) ? null : canonical(value, step);
  };
  // What the page says to an exercise's answers, one text for each field: {state, words}.
  const judge = (exercise, texts) => {
    const answers = exercise.fields.map((field, i) => readField(field, texts[i]));
    const code = (i, answer) => hash(`${exercise.name} ${i} ${answer}`);
    const isRight = (i, answer) => exercise.fields[i].right.includes(code(i, answer));
    if (answers.length === 2 && exercise.swapped && isRight(0, answers[1]) && isRight(1, answers[0])) {
      return { state: "wrong", words: exercise.swapped };
    }
    const open = [];
    for (const [i, field] of exercise.fields.entries()) {
      const answer = answers[i];
      if (!texts[i].trim()) { open.push(i); continue; }
      if (answer === null) {
        return { state: "wrong", words: `${field.label}: ${field.kind === "list" ? "write numbers, as in 2, 4." : "write a number, as in 1,280."}` };
      }
      if (isRight(i, answer)) continue;
      const hint = (name) => exercise.hints[field.wrong[code(i, name)]];
      if (field.kind === "list") {
        const all = Array.from({ length: field.most }, (_, item) => item + 1);
        const found = answer.map((item) => hint(`+${item}`)).find(Boolean)
          ?? all.filter((item) => !answer.includes(item)).map((item) => hint(`-${item}`)).find(Boolean);
        return { state: "wrong", words: found ?? field.look };
      }
      return { state: "wrong", words: hint(answer) ?? field.look };
    }
    if (open.length) return { state: "open", words: `Not yet: ${open.length === 1 ? "one answer is" : `${open.length} answers are`} missing.` };
    return { state: "right", words: hidden(exercise.praise, answers.map((answer, i) => (exercise.fields[i].step ? "~" : answer)).join(" ")) };
  };
  const check = (box) => {
    const exercise = JSON.parse(box.dataset.exercise);
    const { state, words } = judge(exercise, [...box.querySelectorAll("input, select")].map(({ value }) => value));
    const said = box.querySelector(".pr-said");
    said.dataset.state = state;
    said.textContent = { right: "✓ Right: ", wrong: "✗ Look again: ", open: "" }[state] + words.replace(/\*\*|`/g, "").replace(/(\w)'(?=\w)/g, "$1’");
    if (state !== "right") return;
    part("solved")[exercise.name] = 1;
    book.save();
    showWhere();
  };

  // Where was I: what is read, what is solved, where the reader stopped.
  const showWhere = () => {
    const side = document.querySelector(".bd-sidebar-primary");
    for (const element of all(".pr-mark, .pr-where")) element.remove();
    if (!side || !Object.keys(book.store).length) return;
    const { read, solved, stopped } = book.store;
    for (const link of side.querySelectorAll(".bd-links a.reference.internal")) {
      const name = link.getAttribute("href") === "#" ? PAGE : link.pathname.split("/").pop().replace(/\.html$/, "");
      const count = Object.keys(solved?.[name] ?? {}).length;
      const words = [read?.[name] ? "read" : "", count ? `${count} solved` : ""].filter(Boolean).join(", ");
      if (words) link.append(html("span", { class: "pr-mark", title: words }, html("span", {}, ` (${words})`)));
    }
    const where = html("div", { class: "pr-where" });
    if (stopped && stopped.page !== PAGE) {
      const home = document.documentElement.dataset.content_root ?? "./";
      const link = html("a", { href: `${home}chapters/${stopped.page}.html#${stopped.id}` }, stopped.title);
      where.append("You stopped at ", link, ".");
    }
    where.append(button("Forget what I did here", () => {
      book.store = {};
      book.save();
      show();
      for (const said of all(".pr-answer-box .pr-said")) said.textContent = "";
      showWhere();
    }));
    side.append(where);
  };

  const show = () => {
    for (const ask of all(".pr-ask")) showAsk(ask);
    for (const result of all("pr-result")) result.connectedCallback();
    showAll();
  };
  Object.assign(book, { number, say, outcome, sentence, judge, hidden, mark: showWhere,
    press: (box, pressed) => (box.matches(".pr-ask") ? keep(box, pressed) : check(box)),
    slide: (input) => showSlider(input.closest(".pr-ask")) });
  show();
  showWhere();
})();
