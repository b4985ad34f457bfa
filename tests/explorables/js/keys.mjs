// Presses each key on each slider of a figure, in every state that keys and choices can reach, and says which do nothing.
//
// Of a figure: `esm`, `state`, and `along`, the settings that states are told apart by. A browser moves the slider by a step
// and says so in an input event; where a slider ends, a key has nothing to do. What is next is pressed where the last press
// has led to, as long as something is left to press there: to go back each time would draw the figure twice as often.

import { render, window } from "../../../book/ext/no_page.mjs";

const KEYS = ["ArrowLeft", "ArrowRight", "PageDown", "PageUp", "Home", "End"];

export const pressed = async ({ esm, state, along }) => {
  const values = structuredClone(state);
  const listeners = {};
  const model = {
    get: (name) => values[name],
    set(name, value) {
      if (values[name] === value) return;
      values[name] = value;
      for (const listener of listeners[`change:${name}`] ?? []) listener();
    },
    on: (event, listener) => (listeners[event] ??= []).push(listener),
    off() {}, save_changes() {}, send() {},
  };
  const { el } = await render({ esm, model, whole: 736 });
  const names = Object.keys(state.ranges);
  const now = () => Object.fromEntries(names.map((name) => [name, values[name]]));
  const go = async (to) => {
    if (names.every((name) => values[name] === to[name])) return;
    for (const name of names) model.set(name, to[name]);
    await null; // a change that no control has made is taken when all is set
  };
  const keyOf = (one) => JSON.stringify(along.map((name) => one[name]));
  const sliders = [...el.querySelectorAll("input[data-setting]")];
  const radios = [...el.querySelectorAll("fieldset.mn-control input")];

  const press = (slider, key) => {
    const number = (name) => Number(slider.getAttribute(name) ?? slider[name]);
    const [at, min, max, step] = [Number(slider.value), number("min"), number("max"), number("step")];
    if (key.startsWith("Page") && max - min < 15 * step) return undefined; // there it moves one step, as an arrow does
    const wish = { ArrowLeft: at - step, ArrowRight: at + step, PageDown: at - step, PageUp: at + step, Home: min, End: max }[key];
    const wanted = Number(Math.min(max, Math.max(min, wish)).toFixed(10));
    if (wanted === at) return undefined; // the slider ends here
    slider.dispatchEvent(Object.assign(new window.Event("keydown", { cancelable: true }), { key }));
    if (!key.startsWith("Page")) {
      slider.value = String(wanted);
      slider.dispatchEvent(new window.Event("input"));
    }
    return (Number(slider.value) - at) * (wanted - at) > 0;
  };

  const dead = [];
  let count = 0;
  const presses = sliders.flatMap((slider) => KEYS.map((key) => () => {
    const from = now();
    const moved = press(slider, key);
    if (moved !== undefined) count++;
    if (moved === false) dead.push({ from, setting: slider.getAttribute("data-setting"), key });
  }));
  const choices = radios.map((radio) => () => radio.dispatchEvent(new window.Event("change")));

  const reached = new Map(); // each state, and what is left to do there
  const here = () => {
    const key = keyOf(now());
    if (!reached.has(key)) reached.set(key, { state: now(), left: [...presses, ...choices] });
    return reached.get(key);
  };
  const pressHere = () => {
    for (let { left } = here(); left.length > 0; { left } = here()) left.pop()();
  };
  pressHere();
  for (const { state, left } of reached.values()) {
    while (left.length > 0) {
      await go(state);
      pressHere();
    }
  }
  return { states: reached.size, pressed: count, dead };
};
