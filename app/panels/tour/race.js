// The race: one model, one class, one seed, two orders, side by side.
//
// Both take turns, pass by pass, so that neither waits for the other inside a pass; a clock adds up
// what its own passes took from here, without the pictures that are looked at in between.

const LOOK_EVERY = 8; // passes of the slow one between two looks at its picture

async function race(area, isOver, say, asking) {
  const texts = words.stops.race;
  const lanes = [];
  const settings = { surest: { reveal: "confidence" }, raster: { reveal: "raster" } };
  for (const [name, wish] of Object.entries(settings)) {
    lanes.push(await createLane(area, texts[name], { steps: STEPS, seed: SEED, ...wish }, asking));
  }
  while (!isOver() && lanes.some((lane) => !lane.isDone())) {
    for (const lane of lanes) if (!lane.isDone() && !isOver()) await lane.step();
  }
  if (lanes.every((lane) => lane.isDone())) say(resultOf(lanes));
}

function resultOf(lanes) {
  const [fast, slow] = lanes.map((lane) => lane.result());
  return fill(words.stops.race.result, {
    surest_passes: count(words.passes, fast.passes),
    surest_seconds: seconds.format(fast.took_ms / 1000),
    raster_passes: count(words.passes, slow.passes),
    raster_seconds: seconds.format(slow.took_ms / 1000),
    times: Math.round(slow.took_ms / fast.took_ms),
  });
}

async function createLane(area, title, settings, asking) {
  const plate = createPlate(area, title);
  const bar = make("progress", "bar", plate.figure);
  bar.setAttribute("aria-label", title);
  let frame = await asking.begin(settings);
  const passes = asking.passes(frame, () => false, false);
  let [done, took_ms] = [0, 0];

  function show() {
    Object.assign(bar, { max: frame.steps, value: done });
    const passed = fill(words.stops.race.count, { count: done, all: count(words.passes, frame.steps) });
    const time = fill(words.seconds, { seconds: seconds.format(took_ms / 1000) });
    plate.note(`${passed} · ${time}`);
  }

  async function step() {
    const { value } = await passes.next();
    frame = value;
    done += 1;
    took_ms += frame.took_ms;
    show();
    const isSlow = frame.steps > 4 * STEPS;
    if (frame.done_decoding || !isSlow || done % LOOK_EVERY === 0) {
      plate.show(await asking.pictureOf(frame), frame);
    }
  }

  plate.show(null, frame);
  show();
  return { step, isDone: () => Boolean(frame.done_decoding), result: () => ({ passes: done, took_ms }) };
}
