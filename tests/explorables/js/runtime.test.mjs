// The plain functions of the explorables that run networks: runtime.js, latency_lab.js, digit_canvas.js.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (name) => readFileSync(new URL(`../../../mobilenet_lib/explorables/${name}.js`, import.meta.url), "utf8");
const load = (names, wanted) =>
  new Function(`${names.map(read).join("\n").replace("export default { render };", "")}; return { ${wanted} };`)();
const runtime = load(["kit", "runtime"], "placeOf, conversation, quartilesOf, runsFor, takeTurns, reasonOf");
const lab = load(["kit", "runtime", "latency_lab"], "speed, resultText, axisAround, STEPS");
const digit = load(["kit", "runtime", "digit_canvas"], "asImage, sharesOf, SIDE, PAPER");

const PAGE = { folder: "http://x/", protocol: "http:", wasm: true, workers: true, unzips: true };

test("where there is no site there is a kernel, and a page that cannot run networks says why and what to do", () => {
  assert.deepEqual(runtime.placeOf(PAGE), { kind: "page" });
  assert.deepEqual(runtime.placeOf({ ...PAGE, folder: undefined, wasm: false }), { kind: "kernel" });
  const disk = runtime.placeOf({ ...PAGE, protocol: "file:" });
  assert.equal(disk.kind, "none");
  assert.match(disk.why, /make serve.*python -m http\.server 8000.*http:\/\/127\.0\.0\.1:8000/);
  assert.match(runtime.placeOf({ ...PAGE, wasm: false }).why, /no WebAssembly/);
  assert.match(runtime.placeOf({ ...PAGE, workers: false }).why, /no web workers/);
  assert.match(runtime.placeOf({ ...PAGE, unzips: false }).why, /no DecompressionStream/);
});

test("answers find their questions in any order, news comes before, and a failure reaches everyone who waits", async () => {
  const sent = [];
  const talk = runtime.conversation((question) => sent.push(question));
  const news = [];
  const [first, second, third] = [talk.ask({ do: "a" }, (each) => news.push(each)), talk.ask({ do: "b" }), talk.ask({ do: "c" })];
  assert.equal(new Set(sent.map(({ id }) => id)).size, 3);
  talk.hear({ id: sent[0].id, news: { bytes: 5 } });
  talk.hear({ id: sent[1].id, value: "B" });
  talk.hear({ id: "of somebody else", value: "?" });
  talk.hear({ id: sent[0].id, value: "A" });
  talk.fail(new Error("gone"));
  assert.deepEqual([await first, await second, news], ["A", "B", [{ bytes: 5 }]]);
  await assert.rejects(third, /gone/);
  const fourth = talk.ask({});
  talk.hear({ id: sent[3].id, error: "no" });
  await assert.rejects(fourth, /no/);
});

// A device whose runs take a known time, and whose clock goes in steps.
const device = (ms, step) => {
  let [clock, asked] = [0, 0];
  const ask = async ({ name, runs }) => {
    const start = Math.floor(clock / step) * step;
    clock += ms[name] * runs;
    asked += 1;
    return { ms: Math.floor(clock / step) * step - start };
  };
  return { ask, asked: () => asked };
};
const NETWORKS = [{ name: "tiny", copies: 1 }, { name: "block", copies: 4 }, { name: "large" }];
const MS = { tiny: 0.013, block: 4.1, large: 230 };

for (const step of [0.005, 0.1, 1]) {
  test(`times are right within 5 % where the clock goes in steps of ${step} ms`, async () => {
    const { ask } = device(MS, step);
    const shares = [];
    const samples = await runtime.takeTurns({
      ask, networks: NETWORKS, clock: step, rounds: 7, signal: { aborted: false }, onRound: (_, share) => shares.push(share),
    });
    for (const { name, copies = 1 } of NETWORKS) {
      assert.equal(samples[name].length, 7);
      const [low, median, high] = runtime.quartilesOf(samples[name]).map((time) => time / (MS[name] / copies));
      assert.ok(low > 0.95 && high < 1.05 && median > 0.97, `${name}: ${low} ${median} ${high}`);
    }
    assert.equal(shares.length, 7);
    assert.equal(shares.at(-1), 1);
  });
}

test("a cancelled measurement asks nothing more, and reports whole rounds only", async () => {
  const signal = { aborted: false };
  const { ask, asked } = device(MS, 0.1);
  let rounds = 0;
  let atTheEnd;
  await runtime.takeTurns({
    networks: NETWORKS, clock: 0.1, rounds: 7, signal, onRound: () => (rounds += 1),
    ask: (question) => {
      if (rounds === 2) {
        signal.aborted = true;
        atTheEnd = asked() + 1;
      }
      return ask(question);
    },
  });
  assert.equal(rounds, 2);
  assert.equal(asked(), atTheEnd);
});

test("a turn grows at most eightfold at once, since a coarse clock may have seen nothing", () => {
  assert.equal(runtime.runsFor(20, 1, 0), 8);
  assert.equal(runtime.runsFor(20, 8, 0.4), 64);
  assert.equal(runtime.runsFor(20, 64, 10), 128);
  assert.equal(runtime.runsFor(20, 5, 400), 1);
});

test("a security policy that forbids WebAssembly is named", () => {
  assert.match(runtime.reasonOf(new Error("WebAssembly.compile(): ... violates the following Content Security Policy ...")),
    /wasm-unsafe-eval/);
  assert.equal(runtime.reasonOf(new Error("the server answers 404.")), "the server answers 404");
});

test("faster, slower and about as fast are told apart", () => {
  assert.deepEqual([4.72, 1.02, 0.97, 0.5, 25.4].map(lab.speed),
    ["4.7 times faster", "about as fast", "about as fast", "2.0 times slower", "25 times faster"]);
});

test("the axis of milliseconds has room on both ends, on any device", () => {
  for (let ms = 0.01; ms < 5000; ms *= 1.37) {
    const [low, high] = lab.axisAround([ms, 3 * ms]);
    assert.ok(low <= ms / 1.15 && high >= 3 * ms * 1.15 && low >= ms / 3 && high <= 12 * ms, `${ms}: ${low} ${high}`);
    assert.ok(lab.STEPS.includes(low) && lab.STEPS.includes(high));
  }
});

test("the result's text is a table, and says when the page was in the background", () => {
  const about = {
    networks: [{ name: "a", label: "A", macs: 5, copies: 4 }], quartiles: { a: [1, 2.00001, 3] }, turns: 15,
    runtime: "R", device: "D", date: "2000-01-01",
  };
  const lines = lab.resultText({ ...about, hidden: false }).split("\n");
  assert.deepEqual(lines.slice(-2).map((line) => line.split("\t")),
    [["median", "lower", "upper", "MACs", "what"], ["2", "1", "3", "5", "A"]]);
  assert.ok(!lines.some((line) => line.includes("background")));
  assert.match(lab.resultText({ ...about, hidden: true }), /background/);
});

const drawn = (side, draw) => Array.from({ length: side * side }, (_, i) => (draw(i % side, Math.floor(i / side)) ? 1 : 0));
const seven = (size, dx, dy) => (x, y) => {
  const [u, v] = [(x - dx) / size, (y - dy) / size];
  return u >= 0 && u < 0.6 && v >= 0 && v < 1 && (v < 0.15 || Math.abs(u - (0.6 - 0.4 * v)) < 0.08);
};

test("an empty paper is no image, and a dot is one in the middle", () => {
  assert.equal(digit.asImage(new Array(100).fill(0), 10), null);
  const dot = digit.asImage(drawn(digit.PAPER, (x, y) => x === 3 && y === 270), digit.PAPER);
  assert.ok(dot.every(Number.isFinite));
  const rows = dot.flatMap((value, i) => (value > 0 ? [Math.floor(i / digit.SIDE)] : []));
  assert.equal(Math.max(...rows) - Math.min(...rows), 19);
});

test("where a digit is drawn does not matter, and how large only a little", () => {
  const images = [[200, 10, 40], [200, 90, 70], [100, 5, 170]].map(([size, dx, dy]) =>
    digit.asImage(drawn(digit.PAPER, seven(size, dx, dy)), digit.PAPER));
  assert.deepEqual(images[0], images[1]);
  const apart = images[0].map((value, i) => Math.abs(value - images[2][i]));
  assert.ok(apart.reduce((a, b) => a + b) / apart.length < 0.01);
  // Its centre of mass lies on pixel 14 within half a pixel, and its height is the box.
  const mass = images[0].reduce((a, b) => a + b);
  const at = (of) => images[0].reduce((total, value, i) => total + value * of(i), 0) / mass;
  for (const place of [at((i) => i % 28), at((i) => Math.floor(i / 28))]) assert.ok(Math.abs(place - 14) <= 0.55, `${place}`);
});

test("probabilities add up to one, for large scores as well", () => {
  for (const scores of [[1, 2, 3], [1000, 999, -1000], [0, 0, 0]]) {
    const shares = digit.sharesOf(scores);
    assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 1) < 1e-12);
  }
});
