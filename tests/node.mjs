// Stays open while tests run, and answers one question a line with one line: starting node costs more than most answers.
//
//   node node.mjs < { "do": "call", ... } > { "value": ... } or { "error": "..." }
//
// Each question gets modules of its own, and leaves nothing behind for the next one.

import { Console } from "node:console";

globalThis.console = new Console(process.stderr, process.stderr); // the answers have standard output for themselves

const doing = {
  // Run a function of some source once per case.
  call: ({ source, expression, cases }) => {
    const called = new Function(`${source}; return ${expression};`)();
    return cases.map((args) => called(...args));
  },
  // Draw figures as the build does.
  draw: async ({ figures }) => (await import("../book/ext/static_form.mjs")).drawn(figures),
  // Press each key on each slider of a figure.
  press: async (question) => (await import("./explorables/js/keys.mjs")).pressed(question),
};

let before;
const remember = () => { before = new Map(Reflect.ownKeys(globalThis).map((key) => [key, Object.getOwnPropertyDescriptor(globalThis, key)])); };
const forget = () => {
  for (const key of Reflect.ownKeys(globalThis)) {
    const old = before.get(key);
    if (!old) Reflect.deleteProperty(globalThis, key); // what node itself has set up by now may stay
    else {
      const now = Object.getOwnPropertyDescriptor(globalThis, key);
      if (!Object.is(old.value, now.value) || old.get !== now.get) Reflect.defineProperty(globalThis, key, old);
    }
  }
};

const answer = async (line) => {
  try {
    const { do: what, ...question } = JSON.parse(line);
    return { value: await doing[what](question) };
  } catch (error) {
    return { error: String(error?.stack ?? error) };
  }
};

let rest = [];
if (process.argv[2] === "page") await import("../book/ext/no_page.mjs"); // which makes the page that is not there, once
remember();
for await (const chunk of process.stdin.setEncoding("utf8")) {
  const lines = chunk.split("\n");
  while (lines.length > 1) {
    const line = [...rest, lines.shift()].join("");
    rest = [];
    const said = await answer(line);
    forget();
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
  rest.push(lines[0]);
}
