// The kit's plain functions. Run by `node --test`, which tests/test_explorables.py does.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../../../mobilenet_lib/explorables/kit.js", import.meta.url), "utf8");
const kit = new Function(`${source}
  return { convCost, makeDivisible, outSize, niceCeiling, nextCeiling, axisTicks, scaleOf, nearestAllowed, pagePosition, keyPosition,
    exact, short, shortTick, bytes, percent, howMuch };`)();

const WIDTH = { min: 0.25, max: 2, step: 0.05, ticks: [] };
const SIZE = { values: [7, 14, 28, 56, 112] };

test("a convolution costs what the papers say", () => {
  const conv = { inChannels: 64, outChannels: 128, kernel: 3, outHeight: 56, outWidth: 56 };
  assert.deepEqual(kit.convCost(conv), { params: 73728 + 256, macs: 231211008, activations: 128 * 56 * 56 });
  assert.equal(kit.convCost({ ...conv, norm: false, bias: true }).params, 73728 + 128);
  assert.equal(kit.convCost({ ...conv, outChannels: 64, groups: 64 }).macs, 1806336);
});

test("exact numbers have thousands separators, short ones a unit and one decimal", () => {
  assert.equal(kit.exact(115605504), "115,605,504");
  assert.equal(kit.short(115605504), "115.6\u00a0M");
  assert.deepEqual([999, 1000, 999949, 999950, 1250000, 51.4e9, 25.2e12].map(kit.short),
    ["999", "1.0\u00a0k", "999.9\u00a0k", "1.0\u00a0M", "1.3\u00a0M", "51.4\u00a0G", "25.2\u00a0T"]);
  assert.deepEqual([0, 50e6, 2500].map(kit.shortTick), ["0", "50\u00a0M", "2.5\u00a0k"]);
});

test("memory is written in units of 1000 bytes, always with a space", () => {
  assert.deepEqual([[150528, 16], [392, 8], [999, 8], [1000, 8], [489216, 32]].map(([numbers, bits]) => kit.bytes(numbers, bits)),
    ["301.1\u00a0kB", "392\u00a0B", "999\u00a0B", "1.0\u00a0kB", "2.0\u00a0MB"]);
});

test("an axis ends at a round number and is never shorter than the value", () => {
  assert.deepEqual([1, 8, 10, 11, 144, 200, 201, 25740288].map(kit.niceCeiling), [1, 10, 10, 20, 200, 200, 500, 5e7]);
  for (let value = 1; value < 1e12; value = Math.ceil(value * 1.07)) {
    assert.ok(kit.niceCeiling(value) >= value && kit.niceCeiling(value) < 2.5 * value + 1, `${value}`);
  }
  assert.deepEqual(kit.axisTicks(200).map(({ value }) => value), [0, 50, 100, 150, 200]);
});

test("an axis grows at once, shrinks late, and does not flicker at a border", () => {
  assert.equal(kit.nextCeiling(undefined, 144), 200);
  assert.equal(kit.nextCeiling(200, 201), 500);
  assert.equal(kit.nextCeiling(500, 199), 500, "just under the border: it stays");
  assert.equal(kit.nextCeiling(500, 160), 200, "clearly under it: it shrinks");
  let ceiling = 200;
  const seen = [201, 199, 201, 199, 190, 201].map((value) => (ceiling = kit.nextCeiling(ceiling, value)));
  assert.deepEqual(seen, [500, 500, 500, 500, 500, 500]);
});

test("a slider's positions and values go both ways without rounding dust", () => {
  const width = kit.scaleOf(WIDTH);
  for (let i = 0; i <= 35; i++) {
    const value = width.toValue(0.25 + i * 0.05);
    assert.equal(value, Number((0.25 + i * 0.05).toFixed(2)));
    assert.equal(width.toValue(width.toPosition(value)), value);
  }
  const size = kit.scaleOf(SIZE);
  assert.deepEqual([size.min, size.max], [0, 4]);
  assert.deepEqual([0, 1, 2, 3, 4].map(size.toValue), SIZE.values);
  assert.equal(size.toPosition(56), 3);
});

test("a wished value from the address becomes the nearest allowed one", () => {
  assert.deepEqual([0, 99, 0.36, NaN, "1", undefined].map((wish) => kit.nearestAllowed(WIDTH, wish, 1)),
    [0.25, 2, 0.35, 1, 1, 1]);
  assert.deepEqual([57, 1000, -3, "7", NaN].map((wish) => kit.nearestAllowed(SIZE, wish, 56)), [56, 112, 7, 56, 56]);
  const kind = { values: ["standard", "depthwise"] };
  assert.equal(kit.nearestAllowed(kind, "depthwise", "standard"), "depthwise");
  assert.equal(kit.nearestAllowed(kind, "dense", "standard"), "standard");
});

test("PageUp and PageDown move a tenth, at least one step, and stay within the slider", () => {
  assert.equal(kit.pagePosition({ min: 8, max: 320, step: 8 }, 24, 1), 24 + 4 * 8);
  assert.equal(kit.pagePosition({ min: 0, max: 1, step: 1 }, 0, 1), 1);
  assert.equal(kit.pagePosition({ min: 0, max: 1, step: 1 }, 1, 1), 1);
  assert.equal(kit.pagePosition({ min: 1, max: 10, step: 1 }, 1, -1), 1);
});

test("a comparison in words is true for every pair", () => {
  assert.equal(kit.howMuch(158, 100), "1.58 times");
  assert.equal(kit.howMuch(4268, 100), "42.7 times");
  assert.equal(kit.howMuch(42, 100), "42\u00a0% of");
  assert.equal(kit.howMuch(1, 100), "1.0\u00a0% of");
  assert.equal(kit.howMuch(7, 7), "exactly");
  assert.equal(kit.howMuch(1001, 1000), "slightly more than");
  assert.equal(kit.howMuch(999, 1000), "slightly less than");
});

test("a key goes on to the next possible position, or back from the end to the last one", () => {
  const scale = { min: 1, max: 8, step: 1 };
  const only = (...possible) => (position) => (possible.includes(position) ? position : 4); // all else settles at 4
  assert.equal(kit.keyPosition(scale, 4, 5, only(5)), 5);
  assert.equal(kit.keyPosition(scale, 4, 5, only(7)), 7);
  assert.equal(kit.keyPosition(scale, 4, 3, only(1, 2)), 2);
  assert.equal(kit.keyPosition(scale, 4, 8, only(5, 6)), 6); // End
  assert.equal(kit.keyPosition(scale, 4, 1, only(3)), 3); // Home
  assert.equal(kit.keyPosition(scale, 4, 5, only(1)), 4); // nothing in that direction
  assert.equal(kit.keyPosition({ min: 0.25, max: 1.4, step: 0.05 }, 0.3, 0.35, (position) => (position > 0.44 ? position : 0.3)), 0.45);
});

test("a share has as many decimals as say something", () => {
  assert.deepEqual([0.42, 0.1, 0.0996, 0.0994, 0.004].map((share) => kit.percent(share)),
    ["42", "10", "10", "9.9", "0.4"].map((text) => `${text}\u00a0%`));
  assert.equal(kit.percent(0.000117, { most: 4 }), "0.012\u00a0%");
  assert.equal(kit.percent(0.1234, { digits: 3 }), "12.3\u00a0%");
});
