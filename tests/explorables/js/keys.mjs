// Presses each key on each slider of a figure, in every state that keys and choices can reach, and says which do nothing.
//
// Of a figure: `esm`, `state`, and `along`, the settings that states are told apart by. A browser moves the slider by a step
// and says so in an input event; where a slider ends, a key has nothing to do.

import { render, window } from "../../../book/ext/no_page.mjs";

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

  const reached = new Map([[keyOf(now()), now()]]);
  const dead = [];
  let count = 0;
  for (const from of reached.values()) {
    for (const slider of sliders) {
      for (const key of ["ArrowLeft", "ArrowRight", "PageDown", "PageUp", "Home", "End"]) {
        await go(from);
        const moved = press(slider, key);
        if (moved === undefined) continue;
        count++;
        if (!moved) dead.push({ from, setting: slider.getAttribute("data-setting"), key });
        if (!reached.has(keyOf(now()))) reached.set(keyOf(now()), now());
      }
    }
    for (const radio of radios) {
      await go(from);
      radio.dispatchEvent(new window.Event("change"));
      if (!reached.has(keyOf(now()))) reached.set(keyOf(now()), now());
    }
  }
  return { states: reached.size, pressed: count, dead };
};
