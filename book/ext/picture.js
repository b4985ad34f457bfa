// A picture as the trained network wants it, made off the page's main thread: upright, on white, its short side 256
// pixels, the middle 224x224 of that, and each colour normalised. As torchvision does it, with Pillow's way to resize.

const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
const LARGEST = 16e6; // pixels: what is larger is made smaller by the browser first, which costs less memory

// Which pixels of `from` make each of `count` pixels, from `start` on, of a row of `to`, and with what weights: a
// triangle as wide as the pixel that it makes, as Pillow's bilinear filter.
const filtersOf = (from, to, start, count) => {
  const scale = from / to;
  const wide = Math.max(1, scale);
  return Array.from({ length: count }, (_, i) => {
    const center = (start + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - wide + 0.5));
    const last = Math.min(from, Math.trunc(center + wide + 0.5));
    const weights = Array.from({ length: last - first }, (__, j) => Math.max(0, 1 - Math.abs((first + j - center + 0.5) / wide)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((weight) => weight / total) };
  });
};

// Pillow rounds between the two passes, too, and halves go up.
const rounded = (value) => Math.floor(value + 0.5);

// Resize an image and cut a square out of it: { data: RGBA, width, height } -> RGBA of side x side pixels.
export const cutOut = ({ data, width, height }, { newWidth, newHeight, left, top, side }) => {
  const columns = filtersOf(width, newWidth, left, side);
  const rows = filtersOf(height, newHeight, top, side);
  const above = rows[0].first;
  const below = rows[side - 1].first + rows[side - 1].weights.length;
  const narrow = new Uint8ClampedArray(side * (below - above) * 4);
  for (let y = above; y < below; y++) {
    for (let x = 0; x < side; x++) {
      const { first, weights } = columns[x];
      let [red, green, blue] = [0, 0, 0];
      for (let i = 0, at = 4 * (y * width + first); i < weights.length; i++, at += 4) {
        red += weights[i] * data[at];
        green += weights[i] * data[at + 1];
        blue += weights[i] * data[at + 2];
      }
      const place = 4 * ((y - above) * side + x);
      narrow[place] = rounded(red);
      narrow[place + 1] = rounded(green);
      narrow[place + 2] = rounded(blue);
      narrow[place + 3] = 255;
    }
  }
  const out = new Uint8ClampedArray(side * side * 4);
  for (let y = 0; y < side; y++) {
    const { first, weights } = rows[y];
    for (let x = 0; x < 4 * side; x++) {
      let value = 0;
      for (let i = 0, at = 4 * (first - above) * side + x; i < weights.length; i++, at += 4 * side) value += weights[i] * narrow[at];
      out[4 * y * side + x] = rounded(value);
    }
  }
  return out;
};

// Where the middle of a picture lies that is made smaller or larger first; rounded as Python rounds.
const middle = (length, side) => {
  const half = (length - side) / 2;
  return half % 1 === 0.5 ? 2 * Math.round(half / 2) : Math.round(half);
};
export const placeOf = (width, height, side) => {
  const short = Math.trunc((side * 256) / 224);
  const long = Math.trunc((short * Math.max(width, height)) / Math.min(width, height));
  const [newWidth, newHeight] = width <= height ? [short, long] : [long, short];
  return { newWidth, newHeight, left: middle(newWidth, side), top: middle(newHeight, side), side };
};

// Colours as numbers, red first, then green, then blue.
export const normalised = (pixels) => {
  const count = pixels.length / 4;
  const values = new Float32Array(3 * count);
  for (let colour = 0; colour < 3; colour++) {
    for (let i = 0; i < count; i++) values[colour * count + i] = (pixels[4 * i + colour] / 255 - MEAN[colour]) / DEVIATION[colour];
  }
  return values;
};

// A file, a frame of a film, or what was fetched -> what the network gets, and what the reader sees of it. What is `cut`
// already is the square itself.
export const prepared = async (picture, side, cut) => {
  let bitmap;
  try {
    bitmap = picture instanceof ImageBitmap ? picture : await createImageBitmap(picture); // upright, as EXIF says
  } catch {
    throw new Error("this file holds no picture that the browser can read; a JPEG, a PNG or a WebP will do");
  }
  const { width, height } = bitmap;
  let image;
  try {
    const shrunk = Math.min(1, Math.sqrt(LARGEST / (width * height)));
    const size = [width, height].map((length) => Math.max(1, Math.round(shrunk * length)));
    const context = new OffscreenCanvas(...size).getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, ...size);
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, ...size);
    image = context.getImageData(0, 0, ...size);
  } catch {
    throw new Error(`a picture of ${width}×${height} pixels is more than this browser can open; make it smaller`);
  } finally {
    bitmap.close();
  }
  const place = cut ? { newWidth: side, newHeight: side, left: 0, top: 0, side } : placeOf(width, height, side);
  const pixels = cutOut(image, place);
  return { values: normalised(pixels), seen: await createImageBitmap(new ImageData(pixels, side, side)), size: [width, height] };
};

// ---------------------------------------------------------------------------------------------- what comes out

// Numbers as steps of 1/127 of the largest: enough to draw them.
const inSteps = (values) => {
  let most = 1e-9;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return { most, steps: Int8Array.from(values, (value) => Math.round((127 * value) / most)) };
};

// The channel that differs most from place to place.
const liveliestOf = (values, channels) => {
  const size = values.length / channels;
  let [best, most] = [0, -1];
  for (let channel = 0; channel < channels; channel++) {
    let [total, squares] = [0, 0];
    for (let i = channel * size; i < (channel + 1) * size; i++) {
      total += values[i];
      squares += values[i] * values[i];
    }
    const variance = squares - (total * total) / size;
    if (variance > most) [best, most] = [channel, variance];
  }
  return best;
};

// The outputs of the network, as the page shows them.
export const answerOf = (outputs) => {
  const scores = outputs.output.data;
  const most = scores.reduce((a, b) => Math.max(a, b));
  const total = scores.reduce((sum, score) => sum + Math.exp(score - most), 0);
  const [, , height, width] = outputs.head.dims;
  const { data: maps } = outputs.maps;
  const first = [...outputs.first.data].map(Number).map((category, i) => ({
    category,
    name: outputs.names.data[i],
    percent: (100 * Math.exp(scores[category] - most)) / total,
    map: [...maps.slice(i * height * width, (i + 1) * height * width)],
  }));
  const blocks = [];
  for (let i = 0; outputs[`blocks.${i}`]; i++) {
    const { data, dims: [, channels, high, wide] } = outputs[`blocks.${i}`];
    blocks.push({ channels, height: high, width: wide, liveliest: liveliestOf(data, channels), ...inSteps(data) });
  }
  return { first, height, width, blocks };
};
