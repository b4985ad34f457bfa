// The quiz: choose an answer, and read at once why it is right or what makes it tempting. Try again as often as you
// like; the score counts first tries. Plain functions first, then `render`, which only draws what they say.

const LETTERS = "abcdefgh";
const INLINE = /(`[^`]+`|\*\*.+?\*\*)/; // as INLINE in quiz.py

// "`groups=M` is **depthwise**" -> [["code", "groups=M"], ["text", " is "], ["strong", "depthwise"]]
const inline = (text) =>
  text.split(INLINE).map((part, i) => {
    if (i % 2 === 0) return ["text", part];
    return part[0] === "`" ? ["code", part.slice(1, -1)] : ["strong", part.slice(2, -2)];
  }).filter(([, words]) => words);

// The reader's tries: for each question the choices in the order they were checked, none of them twice.
const noTries = (questions) => questions.map(() => []);
const withTry = (tries, question, choice) =>
  tries.map((own, i) => (i !== question || own.includes(choice) ? own : [...own, choice]));

const scoreOf = (questions, tries) => {
  const count = (holds) => questions.filter(({ choices }, i) => holds(choices, tries[i])).length;
  return {
    total: questions.length,
    answered: count((choices, own) => own.length > 0),
    firstTry: count((choices, own) => own.length > 0 && choices[own[0]].right),
    solved: count((choices, own) => own.some((choice) => choices[choice].right)),
  };
};

const scoreSentence = ({ total, answered, firstTry, solved }) => {
  if (answered === 0) return "Choose an answer: the reason follows at once.";
  if (answered < total) return `${answered} of ${total} answered.`;
  if (firstTry === total) return total === 1 ? "Right at the first try." : `All ${total} right at the first try.`;
  const score = `${firstTry} of ${total} right at the first try`;
  if (solved === total) return `${score}, and the rest found by now.`;
  return `${score}. ${total - solved === 1 ? "One is" : `${total - solved} are`} still open: try again.`;
};

const verdict = ({ right }) => (right ? "Right." : "Not quite.");

// Which answers are right, for paper: "1 b, 2 a, 3 c".
const answerKey = (questions) =>
  questions.map(({ choices }, i) =>
    `${i + 1} ${choices.flatMap(({ right }, j) => (right ? [LETTERS[j]] : [])).join(" and ")}`).join(", ");

let ids = 0;
const uniqueId = (name) => `mn-quiz-${name}-${++ids}`;

const html = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

const rich = (text) => inline(text).map(([kind, words]) => (kind === "text" ? words : html(kind, {}, words)));

// JupyterLab would take arrow keys, Enter and letters for itself.
const KEYS = { "data-lm-suppress-shortcuts": "true" };

function render({ model, el, signal }) {
  const stop = new AbortController();
  signal?.addEventListener("abort", () => stop.abort());
  const listening = { signal: stop.signal };

  const titleId = uniqueId("title");
  const again = html("button", { type: "button", class: "mn-button", ...KEYS }, "Start over");
  const body = html("div", { class: "mn-questions" });
  const score = html("p", { class: "mn-score", role: "status" });
  const key = html("p", { class: "mn-quiz-key", "aria-hidden": "true" });
  const title = html("div", { class: "mn-title", id: titleId });
  const frame = html("div", { class: "mn-frame", role: "group", "aria-labelledby": titleId },
    html("div", { class: "mn-head" }, title, html("div", { class: "mn-buttons" }, again)), body, score, key);
  el.classList.add("mn", "mn-quiz");
  el.append(frame);

  let questions;
  let tries;
  let views;

  const questionView = ({ question, choices }, number) => {
    const name = uniqueId("question");
    const feedback = html("p", { class: "mn-feedback", role: "status" });
    const check = html("button", { type: "button", class: "mn-button", ...KEYS }, "Check this answer");
    const rows = choices.map(({ text }, i) => {
      const id = uniqueId("choice");
      const input = html("input", { type: "radio", name, id, ...KEYS });
      const mark = html("span", { class: "mn-mark" });
      const label = html("label", { for: id },
        html("span", { class: "mn-letter" }, `${LETTERS[i]}.`), html("span", {}, ...rich(text)), mark);
      return { input, mark, element: html("div", { class: "mn-answer" }, input, label) };
    });
    const element = html("fieldset", { class: "mn-question" },
      html("legend", {}, `${number + 1}. `, ...rich(question)), ...rows.map((row) => row.element), feedback, check);
    const chosen = () => rows.findIndex(({ input }) => input.checked);

    const draw = () => {
      const choice = chosen();
      const checked = tries[number].includes(choice);
      rows.forEach(({ element: row, mark }, i) => {
        const state = tries[number].includes(i) ? (choices[i].right ? "right" : "wrong") : "open";
        row.dataset.state = state;
        mark.textContent = { right: " ✓ right", wrong: " ✗ wrong", open: "" }[state];
      });
      feedback.dataset.state = !checked ? "open" : choices[choice].right ? "right" : "wrong";
      if (checked) {
        const sign = html("span", { class: "mn-sign", "aria-hidden": "true" }, choices[choice].right ? "✓ " : "✗ ");
        feedback.replaceChildren(sign, html("strong", {}, verdict(choices[choice])), " ", ...rich(choices[choice].because));
      } else feedback.replaceChildren(choice < 0 ? "" : "Press Enter to check this answer.");
      check.hidden = checked || choice < 0;
    };
    const commit = () => {
      tries = withTry(tries, number, chosen());
      draw();
      drawScore();
    };

    // A click, a tap or the space bar answers. The arrow keys only walk from choice to choice, as everywhere; the
    // answer they stop at is checked with Enter, with the space bar or with the button.
    let walking = false;
    element.addEventListener("pointerdown", () => { walking = false; }, listening);
    for (const { input } of rows) {
      input.addEventListener("keydown", (event) => {
        walking = event.key.startsWith("Arrow");
        if (event.key !== "Enter" && !(event.key === " " && input.checked)) return;
        event.preventDefault();
        input.checked = true;
        commit();
      }, listening);
      input.addEventListener("change", () => {
        if (walking) draw();
        else commit();
        walking = false;
      }, listening);
    }
    check.addEventListener("click", () => {
      rows[chosen()].input.focus();
      commit();
    }, listening);
    return { element, draw, inputs: rows.map(({ input }) => input) };
  };

  const drawScore = () => {
    const now = scoreOf(questions, tries);
    score.textContent = scoreSentence(now);
    score.dataset.state = now.answered === now.total ? "done" : "open";
    again.hidden = now.answered === 0;
  };

  const start = () => {
    questions = model.get("questions");
    tries = noTries(questions);
    title.textContent = model.get("title");
    key.textContent = `Answers: ${answerKey(questions)}`;
    views = questions.map(questionView);
    body.replaceChildren(...views.map(({ element }) => element));
    for (const { draw } of views) draw();
    drawScore();
  };
  again.addEventListener("click", () => {
    tries = noTries(questions);
    for (const { inputs, draw } of views) {
      for (const input of inputs) input.checked = false;
      draw();
    }
    views[0].inputs[0].focus(); // before the button goes
    drawScore();
  }, listening);

  const changes = ["change:questions", "change:title"];
  for (const change of changes) model.on(change, start);
  start();
  stop.signal.addEventListener("abort", () => {
    for (const change of changes) model.off(change, start);
    frame.remove();
  });
  return () => stop.abort();
}

export default { render };
