// Probabilities of codes, reshaped in the browser: the model is asked once, sliders are free.
//
// `logits` are those of all codes at one cell, before temperature and top-p, as the server sends
// them. Plain arithmetic, so that it can be read (and tested) alone.

/** Numbers of 16 bits each (IEEE half precision, little-endian), from base64. */
function halvesOfBase64(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const length = bytes.length / 2;
  return Float32Array.from({ length }, (_, i) => halfOf(view.getUint16(2 * i, true)));
}

function halfOf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * How probable every code is to be drawn; a Float64Array that sums to 1.
 *
 * As in the engine: temperature divides the logits, 0 takes the likeliest; top-p keeps the
 * likeliest codes whose probability together reaches it, and those that equal the last of them.
 */
function shapeOdds(logits, temperature = 1, topP = 1) {
  const best = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  if (temperature <= 0) {
    const odds = new Float64Array(logits.length);
    odds[logits.indexOf(best)] = 1;
    return odds;
  }
  const odds = Float64Array.from(logits, (logit) => Math.exp((logit - best) / temperature));
  normalise(odds);
  if (topP >= 1) return odds;
  let [sum, floor] = [0, 1];
  for (const p of odds.slice().sort().reverse()) {
    if (sum >= topP) break;
    sum += p;
    floor = p;
  }
  for (let code = 0; code < odds.length; code++) if (odds[code] < floor) odds[code] = 0;
  return normalise(odds);
}

function normalise(odds) {
  const sum = odds.reduce((all, one) => all + one, 0);
  for (let code = 0; code < odds.length; code++) odds[code] /= sum;
  return odds;
}

/** In nats; e to this power is the number of equally likely codes that would be as open. */
function entropyOf(odds) {
  return odds.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
}

/** A share in percent as people write it: never 0 % for what can happen. */
function percentOf(share) {
  if (share <= 0) return "0 %";
  if (share < 0.001) return `< ${decimal(0.1, 1)} %`;
  return `${decimal(100 * share, share < 0.1 ? 1 : 0)} %`;
}
