// Runs networks for an explorable of a built page, off the page's main thread: ONNX Runtime Web, compiled to
// WebAssembly, on one thread. The page starts this worker when its reader asks for that, and nothing here is
// downloaded before. A module: it needs a server, as fetch does.
import * as ort from "../onnxruntime-web/ort.wasm.bundle.min.js";

const BINARY = new URL("../onnxruntime-web/ort-wasm-simd-threaded.wasm.gz", import.meta.url);
const networks = new Map();

const download = async (url, onBytes = () => {}) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the server answers ${response.status} to ${response.url}`);
  const chunks = [];
  const reader = response.body.getReader();
  for (let chunk; !(chunk = await reader.read()).done; ) {
    chunks.push(chunk.value);
    onBytes(chunk.value.length);
  }
  return new Blob(chunks);
};

// What is large travels gzipped, whatever the server can do. A server may have labelled it so that the browser has
// unpacked it already.
const unpacked = async (blob) => {
  const [first, second] = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  const gzipped = first === 0x1f && second === 0x8b;
  const stream = gzipped ? blob.stream().pipeThrough(new DecompressionStream("gzip")) : blob.stream();
  return new Response(stream).arrayBuffer();
};

// The smallest step of the clock, in ms: browsers make it coarse on purpose, some as coarse as a millisecond.
const clockStep = () => {
  const steps = Array.from({ length: 5 }, () => {
    const start = performance.now();
    let now = start;
    while (now === start) now = performance.now();
    return now - start;
  });
  return Math.min(...steps);
};

// What the page may ask. `tell` reports how far a long answer is.
const answers = {
  async start(_, tell) {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = await unpacked(await download(BINARY, (bytes) => tell({ bytes })));
    return { runtime: `ONNX Runtime Web ${ort.env.versions.web}, WebAssembly, one thread`, clock: clockStep() };
  },

  // `feed` is what `time` runs the network on: numbers from 0 to below 1, no two neighbours alike.
  async open({ name, url, shape }, tell) {
    const file = await unpacked(await download(url, (bytes) => tell({ bytes })));
    const session = await ort.InferenceSession.create(new Uint8Array(file));
    const length = shape.reduce((product, size) => product * size);
    const feed = tensor(Float32Array.from({ length }, (_, i) => (i % 97) / 97), shape);
    networks.set(name, { session, shape, feed: { [session.inputNames[0]]: feed } });
    return {};
  },

  async time({ name, runs }) {
    const { session, feed } = networks.get(name);
    const start = performance.now();
    for (let i = 0; i < runs; i++) await session.run(feed);
    return { ms: performance.now() - start };
  },

  async run({ name, values, outputs: wanted }) {
    const { session, shape } = networks.get(name);
    const given = { [session.inputNames[0]]: tensor(Float32Array.from(values), shape) };
    const outputs = await (wanted ? session.run(given, wanted) : session.run(given));
    return Object.fromEntries(Object.entries(outputs).map(([output, { data }]) => [output, [...data]]));
  },

  // What a network sees in `picture`, a file or a frame, or in the one at `url`, which is `cut` already.
  async see({ name, picture, url, side, cut = false }) {
    const { session } = networks.get(name);
    const { prepared, answerOf } = await import("./picture.js");
    const { values, seen, size } = await prepared(picture ?? await download(url), side, cut);
    const start = performance.now();
    const outputs = await session.run({ [session.inputNames[0]]: tensor(values, [1, 3, side, side]) });
    const ms = performance.now() - start;
    return { ...answerOf(outputs), ms, seen, size };
  },
};

// What may be handed over instead of copied.
const parcels = ({ seen, blocks = [] }) => [...(seen ? [seen] : []), ...blocks.map(({ steps }) => steps.buffer)];

const tensor = (values, shape) => new ort.Tensor("float32", values, shape);

// One question after the other: a session cannot run twice at once, and two at a time would disturb the clock.
let queue = Promise.resolve();
onmessage = ({ data: { id, ...question } }) => {
  queue = queue.then(async () => {
    try {
      const value = await answers[question.do](question, (news) => postMessage({ id, news }));
      postMessage({ id, value }, parcels(value));
    } catch (error) {
      postMessage({ id, error: String(error.message ?? error) });
    }
  });
};
