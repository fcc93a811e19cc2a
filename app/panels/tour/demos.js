// The demonstrations: each runs the real model and shows what comes of it, by the stop's name.
//
// A demonstration gets the place for its plates, a question whether it is to end, and a way to say
// something. Passes of the model are asked for one after another, never two at once.

const STEPS = 8; // the paper's number of passes
const SEED = 5;

function createDemos(asking) {
  const openIn = ({ grid, masked }) => countCells(unpackCells(masked, grid * grid));
  const keptOf = (frame) => {
    const all = frame.grid ** 2;
    return fill(words.tiles, { kept: all - openIn(frame), all });
  };

  /** Decodes a new picture on a plate; gives the tiles that were kept in each pass. */
  async function run(plate, settings, isOver, seen = () => {}) {
    let frame = await asking.begin({ seed: SEED, steps: STEPS, ...settings });
    plate.show(null, frame);
    const kept = [];
    for await (const next of asking.passes(frame, isOver)) {
      kept.push(openIn(frame) - openIn(next));
      frame = next;
      const picture = await asking.pictureOf(frame);
      plate.show(picture, frame);
      plate.note(count(words.passes, kept.length));
      seen(frame, picture);
    }
    return kept;
  }

  async function compare(area, isOver, runs) {
    const plates = runs.map(([title]) => createPlate(area, title));
    for (const [i, [, settings]] of runs.entries()) {
      if (!isOver()) await run(plates[i], settings, isOver);
    }
  }

  /** The square of the person's picture that the model would see. */
  const pagePicture = () => document.querySelector("#canvas .mgs-picture");

  async function beforeAndAfter(area, { before, after }, draw) {
    const frame = await asking.beginGap();
    const plates = [before, after].map((title) => createPlate(area, title));
    plates[0].show(pagePicture(), null, frame.window);
    await draw(plates[1], frame);
  }

  return {
    tokens: (area) =>
      beforeAndAfter(area, words.stops.tokens, async (plate, frame) =>
        plate.show(await asking.readBack(frame))),

    hole: (area) =>
      beforeAndAfter(area, words.stops.hole, (plate, frame) =>
        plate.show(pagePicture(), frame, frame.window)),

    async confidence(area, isOver) {
      const texts = words.stops.confidence;
      const plate = createPlate(area, texts.picture);
      const slider = make("input", "slider", plate.figure);
      Object.assign(slider, { type: "range", min: 1, max: 1, step: 1, value: 1 });
      slider.setAttribute("aria-label", texts.slider);
      const seen = [];
      const show = (index) => {
        const { frame, picture } = seen[index];
        plate.show(picture, frame);
        plate.note(keptOf(frame));
        slider.setAttribute("aria-valuetext", keptOf(frame));
      };
      slider.addEventListener("input", () => show(slider.value - 1));
      await run(plate, {}, isOver, (frame, picture) => {
        seen.push({ frame, picture });
        Object.assign(slider, { max: seen.length, value: seen.length });
        show(seen.length - 1);
      });
    },

    async cosine(area, isOver) {
      for (const schedule of ["cosine", "linear"]) {
        if (isOver()) return;
        const plate = createPlate(area, words.stops.cosine[schedule]);
        addBars(plate, await run(plate, { schedule }, isOver));
      }
    },

    temperature(area, isOver) {
      const texts = words.stops.temperature;
      const runs = Object.entries({ low: 0, middle: 1, high: 3 });
      const titled = runs.map(([name, value]) => [fill(texts[name], { value }), { temperature: value, top_p: 1 }]);
      return compare(area, isOver, titled);
    },

    passes(area, isOver) {
      const { one, many } = words.stops.passes;
      return compare(area, isOver, [
        [one, { steps: 1 }],
        [fill(many, { steps: STEPS }), { steps: STEPS }],
      ]);
    },

    race: (area, isOver, say) => race(area, isOver, say, asking),
  };
}
