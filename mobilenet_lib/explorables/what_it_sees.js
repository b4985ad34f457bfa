// What it sees: the trained MobileNetV2 names what is in a photograph, shows where, and what its blocks pass on.

const NETWORK = "mobilenet";
const [WHOLE, CAMERA] = [224, 160]; // pixels a side of an image: as trained, and the camera's
const PLACES = 7; // of a map of 224 pixels, each way
const TILES = 17; // on the stored picture of the blocks, one below the other
const WARMING = 4; // runs before the time counts
const GALLERY_SIDE = 512; // of what a notebook sends to its kernel: the short side of the reader's picture

// Steps of 1/127, in base64, as numbers.
const stepsOf = (text) => Int8Array.from(atob(text), (byte) => byte.charCodeAt(0));

// A stored answer as the network gives it.
const storedAnswer = ({ first, maps }) => ({
  first: first.map(([category, name, percent], i) => ({
    category, name, percent, map: Array.from(maps[i], (step) => parseInt(step, 16)),
  })),
  height: PLACES, width: PLACES,
});

// Where a map is largest, in words.
const whereOf = (map, width, height) => {
  const at = map.indexOf(Math.max(...map));
  const third = (position, length) => Math.min(2, Math.floor((3 * (position + 0.5)) / length));
  const across = ["on the left", "in the middle", "on the right"][third(at % width, width)];
  const down = third(Math.floor(at / width), height);
  if (down === 1) return across;
  const edge = down ? "bottom" : "top";
  return across === "in the middle" ? `at the ${edge}` : `at the ${edge}, ${across}`;
};

// How dark the picture becomes below a map: not at all where the map is largest, nearly black where it is smallest.
const shadeOf = (map) => {
  const [low, high] = [Math.min(...map), Math.max(...map)];
  return map.map((value) => Math.round(215 * (1 - (value - low) / (high - low || 1))));
};

const timeWords = (ms) => `${milliseconds(ms)} for a picture on this device.`;

// A probability in percent: never 0 % and never 100 %.
const percentText = (share) => {
  if (share < 0.05) return "<\u00a00.1\u00a0%";
  if (share >= 99.95) return ">\u00a099.9\u00a0%";
  return `${share.toFixed(share < 9.95 || share >= 98.5 ? 1 : 0)}\u00a0%`;
};

const paintShade = (canvas, { map }, { width, height }) => {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  shadeOf(map).forEach((shade, i) => { image.data[4 * i + 3] = shade; });
  context.putImageData(image, 0, 0);
};

// The grey of each step from -127 to 127: zero is the middle, and `most` steps from it are white, or black.
const greysOf = (most) => Uint32Array.from({ length: 256 }, (_, i) => {
  const grey = Math.min(255, Math.max(0, Math.round(127.5 + (127.5 * (i - 128)) / most)));
  return (0xff << 24) | (grey << 16) | (grey << 8) | grey; // equal bytes: their order does not matter
});

// Draw some channels of a block's output, `across` in a row, one pixel apart.
const paintChannels = (canvas, { width, height, steps }, first, count, across, most) => {
  const [wide, high] = [across * (width + 1) - 1, Math.ceil(count / across) * (height + 1) - 1];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const context = canvas.getContext("2d");
  const image = context.createImageData(wide, high); // what nothing is drawn on stays clear
  const [pixels, greys] = [new Uint32Array(image.data.buffer), greysOf(most)];
  for (let i = 0, from = first * width * height; i < count; i++) {
    const corner = Math.floor(i / across) * (height + 1) * wide + (i % across) * (width + 1);
    for (let y = 0; y < height; y++) {
      for (let x = 0, to = corner + y * wide; x < width; x++) pixels[to++] = greys[steps[from++] + 128];
    }
  }
  context.putImageData(image, 0, 0);
};

// One channel, with a scale of its own; and all of them, with one scale for all.
const paintChannel = (canvas, block, channel) => {
  const size = block.width * block.height;
  const most = block.steps.subarray(channel * size, (channel + 1) * size).reduce((largest, step) => Math.max(largest, Math.abs(step)), 1);
  paintChannels(canvas, block, channel, 1, 1, most);
};
const paintAll = (canvas, block) => paintChannels(canvas, block, 0, block.channels, Math.ceil(Math.sqrt(2 * block.channels)), 127);

// The reader's picture as a notebook's kernel takes it: the bytes of a JPEG, in base64.
const portable = async (picture) => {
  const bitmap = picture instanceof ImageBitmap ? picture : await createImageBitmap(picture).catch(() => {
    throw new Error("this file holds no picture that the browser can read; a JPEG, a PNG or a WebP will do");
  });
  const scale = Math.min(1, GALLERY_SIDE / Math.min(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((length) => Math.max(1, Math.min(8192, Math.round(scale * length))));
  const canvas = html("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas.toDataURL("image/jpeg", 0.95).split(",")[1];
};

// The reader's own picture: a file, what is dropped or pasted, the camera. `onPicture(picture)` gets each; `onFilm(frame)`
// gets the camera's frames, and the next one when it has resolved.
const ownPictures = ({ stage, root, everywhere, onPicture, onFilm, onWord, signal }) => {
  const input = html("input", { type: "file", accept: "image/*", id: uniqueId("file"), "aria-label": "A picture of your own" });
  const choose = html("button", { type: "button", class: "mn-button" }, "Your picture");
  const camera = html("button", { type: "button", class: "mn-button", "aria-pressed": "false" }, "Camera");
  const hint = html("p", { class: "mn-small mn-how" }, "Or drop a picture on the photograph, or paste one. It stays on your device.");
  const element = html("div", { class: "mn-see-own mn-across" }, choose, camera, input, hint);
  set(input, { tabindex: -1 });
  const video = html("video", { muted: true, playsinline: true });
  let stream;

  const take = (files) => {
    const [file] = [...(files ?? [])];
    if (!file) return false;
    stop();
    onPicture(file);
    return true;
  };
  const stop = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = video.srcObject = undefined;
    set(camera, { "aria-pressed": "false" });
    write(camera, "Camera");
  };
  const film = async () => {
    if (!globalThis.navigator?.mediaDevices?.getUserMedia) {
      onWord("This browser gives a page no camera here: that takes https, or a page served on this machine.");
      return;
    }
    let mine; // the reader may have stopped this film and begun another one while a frame was worked at
    try {
      mine = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: 640 }, audio: false });
    } catch (error) {
      onWord(error.name === "NotAllowedError" ? "The camera was not allowed. Choose a picture instead."
        : "There is no camera that the browser can use. Choose a picture instead.");
      return;
    }
    stop();
    write(camera, "Stop the camera");
    set(camera, { "aria-pressed": "true" });
    stream = video.srcObject = mine; // no address is made of it: nothing for a security policy to forbid
    try {
      await video.play();
      while (stream === mine && !signal.aborted) {
        await onFilm(await createImageBitmap(video));
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
      if (stream === mine) stop(); // the figure went while its reader was asked
    } catch (error) {
      if (stream !== mine) return;
      stop();
      onWord(`The camera stopped: ${reasonOf(error)}.`);
    }
  };
  choose.addEventListener("click", () => input.click(), { signal });
  input.addEventListener("change", () => { take(input.files); input.value = ""; }, { signal });
  camera.addEventListener("click", () => (stream ? stop() : film()), { signal });
  for (const [name, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    stage.addEventListener(name, (event) => {
      event.preventDefault();
      stage.classList.toggle("mn-see-over", over);
      if (name === "drop" && !take(event.dataTransfer?.files)) onWord("That was no file. Save the picture first, and drop its file.");
    }, { signal });
  }
  const paste = (event) => {
    if (event.target.closest?.("input, textarea, [contenteditable]")) return;
    if (take([...(event.clipboardData?.files ?? [])].filter(({ type }) => type.startsWith("image/")))) event.preventDefault();
  };
  // In a notebook a paste elsewhere is the notebook's.
  (everywhere ? document : root).addEventListener("paste", paste, { signal });
  signal.addEventListener("abort", stop);
  return { element, stop };
};

function render({ model, el, signal }) {
  const photographs = model.get("photographs");
  const table = model.get("blocks");
  const about = model.get("about");
  const runtime = runtimeOf({ model, signal });
  const inKernel = runtime.place.kind === "kernel";
  const start = inKernel ? "Start" : "Load"; // what the button says
  const folder = globalThis.explorables?.folder;
  const fileOf = (photo, kind = "") => (folder ? new URL(`gallery/${photo}${kind}.webp`, folder).href : "");
  const byName = Object.fromEntries(photographs.map((each) => [each.name, each]));
  const stored = Object.fromEntries(photographs.map((each) => [each.name, storedAnswer(each)]));

  let ready = false; // somebody answers
  let own; // the reader's picture: { picture, answer }; undefined while a photograph of the gallery is shown
  const files = {}; // the gallery's, once they may be needed
  const live = {}; // answers by photograph, once somebody has given them
  const answerTo = (photo) => (own ? own.answer : live[photo] ?? stored[photo]);
  const liveliest = ({ photo, block }) => answerTo(photo)?.blocks?.[block].liveliest ?? byName[photo].channels[block];

  // Another block, or another photograph, begins with the channel in which most happens.
  const settle = (state, was) => {
    const channels = table[state.block].c;
    const moved = was && (state.block !== was.block || state.photo !== was.photo) && state.channel === was.channel;
    return { ...state, channel: moved ? liveliest(state) : Math.min(state.channel, channels - 1) };
  };
  const view = explorable({ model, el, signal, title: "What it sees", settle });

  // --- the picture, its map, its classes
  const photo = html("img", { width: WHOLE, height: WHOLE, class: "dark-light" });
  const ownCanvas = html("canvas", { role: "img", "aria-label": "Your picture, as the network gets it", hidden: true });
  const shade = html("canvas", { role: "img" });
  const stage = html("div", { class: "mn-see-stage" }, photo, ownCanvas, shade);
  const credit = html("p", { class: "mn-small" });
  const beside = html("div");
  const wish = html("p", { class: "mn-small", role: "status" });
  view.picture.append(html("div", { class: "mn-see" }, html("div", {}, stage, credit), beside), wish);

  const first = view.choice("rank", {
    label: "The five first classes. The picture is bright where it speaks for the one you choose.", parent: beside,
    labels: { 0: "no map" },
  });
  first.element.classList.add("mn-see-first");
  const rows = [...first.element.querySelectorAll("label")].slice(0, 5).map((label) => {
    const [name, share, bar] = [html("span"), html("span", { class: "mn-see-percent" }), html("span")];
    label.replaceChildren(name, " ", share, html("span", { class: "mn-see-bar", "aria-hidden": "true" }, bar));
    return { name, share, bar };
  });

  const gallery = view.choice("photo", {
    label: "Photographs", parent: view.picture, labels: Object.fromEntries(photographs.map(({ name, label }) => [name, label])),
  });
  gallery.element.classList.add("mn-see-gallery");
  if (folder) {
    [...gallery.element.querySelectorAll("label")].forEach((label, i) => { // one file has them all, side by side
      const image = html("img", { src: fileOf("all"), alt: "Photograph:", width: 80 * photographs.length, height: 80, class: "dark-light" });
      image.style.transform = `translateX(${(-100 * i) / photographs.length}%)`;
      label.prepend(html("span", { class: "mn-see-thumb" }, image), " ");
    });
  }
  const backToGallery = () => {
    turn += 1;
    mine.stop();
    if (!own) return;
    own = undefined;
    view.redraw();
    look();
  };
  gallery.element.addEventListener("click", backToGallery, { signal: view.signal });

  // --- what runs it
  const open = async (onBytes) => {
    const [file] = Object.keys(model.get("files"));
    const started = await runtime.open([{ name: NETWORK, file, shape: [1, 3, WHOLE, WHOLE] }], onBytes);
    // The whole gallery comes along, so that all of it is there when the connection is gone.
    if (!inKernel) {
      await Promise.all(photographs.map(async ({ name }) => { files[name] = await (await fetch(fileOf(name))).blob(); }));
    }
    ready = true;
    return started;
  };
  const work = async (report, stop) => {
    stop.addEventListener("abort", () => { if (!ready) runtime.close(); }); // half a download is of no use
    let received = 0;
    report(inKernel ? "The kernel loads the weights …" : "Downloading …", 0);
    const { runtime: engine } = await open((more) => {
      received += more;
      report("Downloading …", Math.min(1, received / runtime.bytes));
    });
    report("Looking …", 1);
    await look();
    // The first pictures take longer: the browser is still compiling.
    for (let i = 0; i < WARMING; i++) write(timeLine, timeWords((await runtime.ask({ do: "time", name: NETWORK, runs: 1 })).ms));
    button.button.hidden = true;
    return `Ready: ${engine}. Choose a photograph, or show it your own.`;
  };
  const button = starter({
    labels: { start: inKernel ? "Start the network" : `Load the network, ${bytes(runtime.bytes, 8)}`, again: "Load it again" },
    hint: inKernel ? "The kernel of this notebook answers; it needs the trained weights (14\u00a0MB, fetched once)."
      : "What you see was computed before. Loaded once, the network looks at your pictures here: nothing leaves your device.",
    why: runtime.place.why, work, signal: view.signal,
  });
  button.element.classList.add("mn-across");
  const timeLine = html("p", { class: "mn-small mn-across" });
  view.controls.append(button.element, timeLine);

  // --- the blocks
  const blockGroup = view.choice("block", {
    label: "What each block passes on: one channel of its thin output. Choose a block.", parent: view.details,
    labels: Object.fromEntries(table.map((_, i) => [i, String(i)])),
  });
  blockGroup.element.classList.add("mn-see-blocks");
  // A stored picture holds the tiles of all blocks, one below the other.
  const tileOf = (i) => {
    // A notebook has no such file: an image without one would show as broken.
    const image = html("img", { alt: "Block", width: 56, height: 56 * TILES, class: "dark-light", hidden: inKernel });
    const canvas = html("canvas", { hidden: true, role: "img", "aria-label": "Block" });
    const element = html("span", { class: "mn-see-tile" }, image, canvas);
    const place = (block) => { image.style.transform = `translateY(${(-100 * block) / TILES}%)`; };
    place(i);
    return { element, image, canvas, place };
  };
  const tiles = [...blockGroup.element.querySelectorAll("label")].map((label, i) => {
    const tile = tileOf(i);
    label.prepend(tile.element, " ");
    return tile;
  });
  const large = tileOf(0);
  set(large.canvas, { role: "img" });
  const row = html("p", { class: "mn-see-row" });
  const words = html("p", { class: "mn-small" });
  const all = html("canvas", { class: "mn-see-all", role: "img", hidden: true });
  const slide = html("div");
  view.details.append(html("div", { class: "mn-see-look" }, large.element, html("div", {}, row, slide, words)), all);
  const slider = view.slider("channel", {
    label: "Channel", parent: slide, format: (channel) => String(channel), upTo: ({ block }) => table[block].c - 1,
  });
  slider.element.hidden = true;
  view.details.append(html("p", { class: "mn-small" },
    "Grey is zero; white and black lie equally far above and below it."
    + (inKernel ? "" : " How good is the small file? Its first class is that of the network in float32 for"
      + ` ${agreementText(about.agreement[WHOLE])} of ${about.pieces} pieces of photographs, and for`
      + ` ${agreementText(about.agreement[CAMERA])} on the camera’s smaller images of ${CAMERA}×${CAMERA} pixels. That is`
      + " agreement and not accuracy.")
    + " Weights: torchvision, BSD 3-Clause, trained on ImageNet."));

  view.table({
    caption: "The five first classes",
    columns: ["class", "number", "probability", "map is largest"],
    rows: ({ photo: name }) => (answerTo(name)?.first ?? []).map((each) => ({
      label: each.name,
      cells: [String(each.category), percentText(each.percent), whereOf(each.map, answerTo(name).width, answerTo(name).height)],
    })),
  });

  // --- asking
  const ask = async (question) => {
    if (!inKernel) return runtime.ask({ do: "see", name: NETWORK, ...question });
    const picture = question.photo ? undefined : await portable(question.picture);
    const answer = await runtime.ask({ do: "see", name: NETWORK, ...(picture ? { picture } : { photo: question.photo }) });
    answer.blocks.forEach((block) => { block.steps = stepsOf(block.steps); });
    return answer;
  };
  let turn = 0; // how often another picture was chosen: a frame of the camera may be answered late
  let asking; // the promise of the look that goes on
  let again = false;
  const look = () => {
    if (!ready) {
      if (own) write(wish, runtime.place.why ?? `Your picture is here. ${start} the network, and it will look at it.`);
      return Promise.resolve();
    }
    again = true;
    asking ??= (async () => {
      await undefined; // or, with nothing to ask, it would be over before it is noted, and noted for ever
      while (again) {
        again = false;
        const [name, mineNow] = [view.state().photo, own];
        if (mineNow ? mineNow.answer : live[name]) continue;
        try {
          const answer = await ask(mineNow ? { picture: mineNow.picture, side: WHOLE }
            : { photo: name, picture: files[name], side: WHOLE, cut: true });
          if (mineNow) mineNow.answer = answer;
          else live[name] = answer;
          if (own === mineNow) shown(answer);
        } catch (error) {
          if (error.name === "AbortError") break;
          if (own === mineNow) own = undefined;
          write(wish, `That did not work: ${reasonOf(error)}.`);
          view.redraw();
          break;
        }
      }
      asking = undefined;
    })();
    return asking;
  };
  const shown = (answer) => {
    const { ms } = answer;
    write(wish, "");
    write(timeLine, timeWords(ms));
    view.redraw();
  };
  const mine = ownPictures({
    stage, root: el, everywhere: !inKernel, signal: view.signal,
    onWord: (text) => write(wish, text),
    onPicture: (picture) => {
      turn += 1;
      own = { picture };
      if (ready) write(wish, "Looking …");
      look();
    },
    onFilm: async (frame) => {
      if (!ready) {
        write(wish, `${start} the network first; then the camera can show it something.`);
        frame.close();
        mine.stop();
        return;
      }
      const here = turn;
      const answer = await ask({ picture: frame, frame: true, side: CAMERA });
      if (turn !== here) { // the reader has gone on to another picture meanwhile
        answer.seen?.close?.();
        return;
      }
      own?.answer?.seen?.close?.(); // the frame before
      own = { answer, film: true };
      shown(answer);
    },
  });
  view.controls.append(mine.element);

  // What the network got: a page's worker sends the picture itself, a notebook's kernel an address that holds it.
  let seenOf; // the answer whose picture is drawn
  const showSeen = (answer) => {
    const isDrawn = typeof answer?.seen === "object";
    ownCanvas.hidden = !isDrawn;
    photo.hidden = isDrawn || Boolean(own && !answer);
    if (!isDrawn) {
      if (own && answer) set(photo, { src: answer.seen, alt: "Your picture, as the network gets it" });
      return;
    }
    if (seenOf === answer) return;
    seenOf = answer;
    Object.assign(ownCanvas, { width: answer.seen.width, height: answer.seen.height });
    ownCanvas.getContext("2d").drawImage(answer.seen, 0, 0);
    set(ownCanvas, { "aria-label": own ? "Your picture, as the network gets it" : photo.alt });
  };

  // In a notebook the kernel has the photographs.
  const kernelPhotos = {};
  const showPhoto = (name, soon) => {
    const { line, label } = byName[name];
    const source = folder ? fileOf(name) : live[name]?.seen ?? kernelPhotos[name];
    const isDrawn = typeof live[name]?.seen === "object";
    if (source && !soon && !isDrawn && photo.getAttribute("src") !== source) set(photo, { src: source });
    set(photo, { alt: `Photograph: ${label}` });
    write(credit, line);
    if (!folder && !source) {
      kernelPhotos[name] = "";
      runtime.ask({ do: "picture", photo: name }).then(({ seen }) => {
        kernelPhotos[name] = seen;
        view.redraw();
      }, () => {});
    }
  };

  view.onReset(backToGallery);
  let drawnFor; // the answer whose blocks are drawn,
  let allOf; // and the block of which all channels are
  let photoWas;
  return view.start((state) => {
    if (own && photoWas !== undefined && state.photo !== photoWas) { // by an arrow key
      own = undefined;
      mine.stop();
    }
    if (state.photo !== photoWas) queueMicrotask(look);
    photoWas = state.photo;
    const answer = answerTo(state.photo);
    const waiting = own && !answer; // the reader's picture, while nobody has looked at it
    // In a moment the network answers, from what is here: nothing is fetched meanwhile.
    const soon = ready && !inKernel && !own && !live[state.photo];
    if (!own) showPhoto(state.photo, soon);
    else write(credit, own.film ? "The camera." : "Your picture, as the network gets it.");
    if (!soon) showSeen(answer);
    rows.forEach(({ name, share, bar }, i) => {
      const each = answer?.first[i];
      write(name, each ? each.name : "?");
      write(share, each ? percentText(each.percent) : "");
      bar.style.width = each ? `${each.percent}%` : "0";
    });
    const chosen = answer?.first[state.rank - 1];
    shade.hidden = !chosen;
    if (chosen) {
      paintShade(shade, chosen, answer);
      set(shade, { "aria-label": `What speaks for ${chosen.name} is bright: strongest ${whereOf(chosen.map, answer.width, answer.height)}` });
    }

    const { t, c, n, s, size, residual } = table[state.block];
    const blocks = answer?.blocks;
    const strip = fileOf(state.photo, "-blocks");
    const channel = blocks ? Math.min(state.channel, c - 1) : byName[state.photo].channels[state.block];
    if (!soon && (blocks !== drawnFor || !blocks)) {
      drawnFor = blocks;
      tiles.forEach(({ image, canvas }, i) => {
        canvas.hidden = !blocks;
        image.hidden = inKernel || Boolean(blocks);
        if (blocks) paintChannel(canvas, blocks[i], blocks[i].liveliest);
        else if (folder && image.getAttribute("src") !== strip) set(image, { src: strip });
      });
    }
    if (!soon) {
      large.canvas.hidden = !blocks;
      large.image.hidden = inKernel || Boolean(blocks);
      slider.element.hidden = !blocks;
      all.hidden = !blocks;
    }
    if (blocks) paintChannel(large.canvas, blocks[state.block], channel);
    else if (!soon) {
      large.place(state.block);
      if (folder && large.image.getAttribute("src") !== strip) set(large.image, { src: strip });
    }
    if (blocks && allOf !== blocks[state.block]) {
      allOf = blocks[state.block];
      paintAll(all, allOf);
      set(all, { "aria-label": `All ${c} channels of the output of block ${state.block}, side by side` });
    }
    const side = blocks?.[state.block].width ?? size;
    write(row, `Block ${state.block} belongs to the row t = ${t}, c = ${c}, n = ${n}, s = ${s} of table 2. `
      + `It passes on ${c} channels of ${side}×${side} numbers${residual ? ", and has a residual" : ""}.`);
    write(words, blocks ? `Channel ${channel}; below, all of them with one scale.`
      : inKernel ? "Start the network to see its channels."
        : `Channel ${channel}, in which most happens; load the network to see the others.`);
    set(large.canvas, { "aria-label": `Channel ${channel} of the output of block ${state.block}` });
    set(large.image, { alt: `Channel ${channel} of the output of block ${state.block}` });

    if (waiting || !answer) view.say("Nobody has looked at your picture yet.");
    else {
      const [{ name, percent: most }] = answer.first;
      const map = chosen ? ` What speaks for ${chosen.name} is strongest ${whereOf(chosen.map, answer.width, answer.height)}.` : "";
      view.say(`The network says: ${name}, with ${percentText(most)}.${map}${own || live[state.photo] ? "" : " (PyTorch, in float32, when this book was made.)"}`);
    }
  });
}

// 97.1 % (95.0 to 98.8)
const agreementText = ([mean, low, high]) => `${mean.toFixed(1)}\u00a0% (95\u00a0% interval ${low.toFixed(1)} to ${high.toFixed(1)})`;

export default { render };
