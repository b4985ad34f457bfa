// What explorables that run networks share: where the networks run, and the button that starts it. Python puts this
// file between the kit and the explorable's own.

// What the reader downloads at the first press: the files of book/vendor/onnxruntime-web, as a test checks.
const RUNTIME_BYTES = 3732932;

const PATIENCE = 60000; // ms: a kernel that answers its first question loads torch before

// Where the figure stands: in a notebook with a kernel, in a served page, or where nothing can run and why.
const placeOf = ({ folder, protocol, wasm, workers, unzips }) => {
  if (!folder) return { kind: "kernel" };
  if (protocol === "file:") {
    return { kind: "none", why: "This page was opened from the disk, and browsers let such a page start no runtime. Serve"
      + " the folder of the site instead: run “make serve” in the checkout, or “python -m http.server 8000” in that folder,"
      + " and open http://127.0.0.1:8000." };
  }
  if (!wasm || !workers || !unzips) {
    const missing = !wasm ? "WebAssembly" : !workers ? "web workers" : "DecompressionStream";
    return { kind: "none", why: `This browser has no ${missing}, or it is switched off here. A current Chrome, Edge,`
      + " Firefox or Safari has it." };
  }
  return { kind: "page" };
};

const hereAndNow = () => placeOf({
  folder: globalThis.explorables?.folder,
  protocol: location.protocol,
  wasm: typeof WebAssembly === "object",
  workers: typeof Worker === "function",
  unzips: typeof DecompressionStream === "function",
});

// Questions and their answers, by number. `send` carries a question away; `hear` takes what comes back.
const conversation = (send) => {
  const open = new Map();
  const prefix = Math.random().toString(36).slice(2, 8); // a notebook may show the same widget twice
  let count = 0;
  const ask = (question, onNews = () => {}) => new Promise((resolve, reject) => {
    const id = `${prefix}-${++count}`;
    open.set(id, { resolve, reject, onNews });
    send({ id, ...question });
  });
  const hear = ({ id, value, error, news }) => {
    const waiting = open.get(id);
    if (!waiting) return;
    if (news) return waiting.onNews(news);
    open.delete(id);
    if (error === undefined) waiting.resolve(value);
    else waiting.reject(new Error(error));
  };
  const fail = (error) => {
    for (const { reject } of open.values()) reject(error);
    open.clear();
  };
  return { ask, hear, fail };
};

const stopped = (text = "Cancelled.") => new DOMException(text, "AbortError");

// The networks of a figure, wherever they run. Returns { place, bytes, open(networks, onBytes), ask, close }: `open`
// starts what runs them and resolves to { runtime, clock }; `ask` sends a question, as onnx_worker.js and Python's
// `reply` answer it; `close` ends it, and whoever waits gets an AbortError.
const runtimeOf = ({ model, signal }) => {
  const place = hereAndNow();
  const files = model.get("files");
  const bytes = RUNTIME_BYTES + sum(Object.values(files));
  let worker;
  let talk;
  let opened; // what runs the networks, and its clock, once they are ready

  const startWorker = () => {
    worker = new Worker(new URL("worker.js", globalThis.explorables.folder), { type: "module" });
    talk = conversation((question) => worker.postMessage(question, question.frame ? [question.picture] : []));
    worker.addEventListener("message", ({ data }) => talk.hear(data));
    worker.addEventListener("error", ({ message }) =>
      talk.fail(new Error(message || "its files cannot be fetched; is there a connection?")));
  };
  const startKernel = () => {
    talk = conversation((question) => {
      model.set("question", question);
      model.save_changes();
    });
  };
  const hear = () => talk?.hear(model.get("answer"));
  model.on("change:answer", hear);
  signal.addEventListener("abort", () => model.off("change:answer", hear));
  const begin = () => {
    if (!talk) (place.kind === "page" ? startWorker : startKernel)();
  };
  const ask = (question, onNews) => {
    begin();
    const answer = talk.ask(question, onNews);
    if (place.kind !== "kernel") return answer;
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("the kernel does not answer; run this cell again")), PATIENCE);
    });
    return Promise.race([answer, late]).finally(() => clearTimeout(timer));
  };
  const open = async (networks, onBytes = () => {}) => {
    if (opened) return opened; // it needs no connection a second time
    const news = ({ bytes: more }) => onBytes(more);
    try {
      let about = await ask({ do: "start" }, news);
      for (const { name, file, shape } of networks) {
        const url = place.kind === "page" ? new URL(file, globalThis.explorables.folder).href : undefined;
        about = { ...about, ...(await ask({ do: "open", name, url, shape }, news)) };
      }
      opened = about;
    } catch (error) {
      close();
      throw error;
    }
    return opened;
  };
  const close = () => {
    worker?.terminate();
    talk?.fail(stopped());
    worker = talk = opened = undefined;
  };
  signal.addEventListener("abort", close);
  return { place, bytes, open, ask, close };
};

// The button that starts it, a line that says what it is doing, and how far it is. `labels` are { start, again }; `hint`
// stands below until it is pressed. `work(report, signal)` does it: report(text, share) says how far it is, with a
// share from 0 to 1; what it resolves to is the last line. Pressing the button meanwhile aborts the signal.
const starter = ({ labels, hint, why, work, signal }) => {
  const button = html("button", { type: "button", class: "mn-button mn-start" }, labels.start);
  const line = html("p", { class: "mn-small", role: "status" });
  const bar = html("progress", { class: "mn-progress", max: 1, value: 0, "aria-label": "Progress", hidden: true });
  const element = html("div", { class: "mn-starter" }, button, bar, line);
  write(line, why ?? hint);
  button.hidden = why !== undefined;
  let running;

  const run = async () => {
    running = new AbortController();
    write(button, "Cancel");
    bar.hidden = false;
    const report = (text, share) => {
      if (running?.signal.aborted) return;
      write(line, text);
      bar.value = share;
    };
    let label = labels.again;
    try {
      write(line, await work(report, running.signal));
    } catch (error) {
      const cancelled = running.signal.aborted || error.name === "AbortError";
      write(line, cancelled ? (error.name === "AbortError" ? error.message : "Cancelled.") : `It did not work: ${reasonOf(error)}.`);
      label = cancelled ? labels.start : "Try again";
    }
    running = undefined;
    bar.hidden = true;
    write(button, label);
  };
  button.addEventListener("click", () => (running ? running.abort() : run()), { signal });
  signal.addEventListener("abort", () => running?.abort());
  return { element, button, say: (text) => write(line, text) };
};

// An error in words for the reader.
const reasonOf = ({ message }) => {
  const text = String(message).replace(/\.$/, "");
  return /unsafe-eval|Content Security Policy/i.test(text)
    ? "this site’s security policy forbids WebAssembly; it must allow script-src 'wasm-unsafe-eval'" : text;
};

// ---------------------------------------------------------------------------------------------- the clock

const WARM = 60; // ms that a network runs before anything counts
const TURN = 20; // ms that a turn takes about, or else
const WIDE = 0.3; // of the median
const TICKS = 50; // steps of the clock: a turn is then known to 2 %, even where the clock is coarse

// Median and quartiles, as numpy.quantile interpolates them.
const quartilesOf = (samples) => {
  const ordered = [...samples].sort((a, b) => a - b);
  return [0.25, 0.5, 0.75].map((share) => {
    const at = share * (ordered.length - 1);
    const below = Math.floor(at);
    return ordered[below] + (at - below) * (ordered[Math.min(below + 1, ordered.length - 1)] - ordered[below]);
  });
};

// What to say when something else was at work meanwhile: the quartiles of some network lie far apart.
const disturbed = (found) => found.some(([low, median, high]) => high - low > WIDE * median)
  ? " The quartiles lie far apart, so something else was at work meanwhile: better measure again." : "";

// How many runs make a turn of `wanted` ms, when `runs` took `ms`: at most eight times as many, since a coarse clock may
// have seen nothing of them.
const runsFor = (wanted, runs, ms) => Math.max(1, Math.ceil((runs * wanted) / Math.max(ms, wanted / 8)));

// Time networks in turns, `rounds` of them. `ask` is a runtime's; `onRound(samples, share)` hears of each finished round:
// the milliseconds of one run so far, by name (of one copy, where a file holds several), and how much is done. Ends
// early when the signal is aborted.
const takeTurns = async ({ ask, networks, clock, rounds, onRound, signal }) => {
  const wanted = Math.max(TURN, TICKS * clock);
  const runs = {};
  for (const { name } of networks) {
    // The first run allocates, the next ones wake the processor up.
    runs[name] = 1;
    let spent = 0;
    for (let i = 0; (i < 2 || spent < WARM) && !signal.aborted; i++) {
      const { ms } = await ask({ do: "time", name, runs: runs[name] });
      spent += ms;
      runs[name] = runsFor(wanted, runs[name], ms);
    }
  }
  const samples = Object.fromEntries(networks.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds && !signal.aborted; round++) {
    for (const { name, copies = 1 } of networks) {
      if (signal.aborted) return samples;
      const { ms } = await ask({ do: "time", name, runs: runs[name] });
      samples[name].push(ms / runs[name] / copies);
    }
    onRound(samples, (round + 1) / rounds);
  }
  return samples;
};

// 1.23 ms.
const milliseconds = (ms) => `${ms.toFixed(ms < 0.0995 ? 3 : ms < 9.995 ? 2 : ms < 99.95 ? 1 : 0)}\u00a0ms`;
