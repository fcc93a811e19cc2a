// A run as curves: what is still masked (the schedule as it was kept), what each step decided, and
// how sure the model was. The shown step is marked, and dragging over a plot scrubs.
//
// Drawn by uPlot (uplot/): 51 KB, one canvas a plot. Gradio's own plots are made in Python, so each
// step of a drag would be a question to the server; a redraw here takes about a millisecond.

const PLOT_HEIGHT = 112; // CSS pixels

const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const percentSaid = (value) => `${Math.round(value)} %`;

// The vertical axis ends at `top`, or at the largest value, but not below `least`.
const PLOTS = [
  {
    title: "plots.masked",
    say: percentSaid,
    top: 100,
    value(step) {
      const { open, masked } = countOpen(step);
      return open ? (100 * masked) / open : 0;
    },
  },
  {
    title: "plots.decided",
    say: (count) => word("cells", { count }),
    isBars: true,
    least: 1,
    value: (step) =>
      step.index ? cellsOf(step, (token) => step.revealedAt?.[token] === step.index - 1) : null,
  },
  {
    title: "plots.confidence",
    say: percentSaid,
    least: 10,
    value(step) {
      if (!step.index || !step.confidence) return null; // nothing was drawn yet
      const drawn = [...step.confidence].filter((_, token) => mayChange(step, token));
      return drawn.length ? (100 * meanOf(drawn)) / 255 : null;
    },
  },
];

function createPlots(root, state, { seek }) {
  const fold = root.querySelector(".mgs-plots");
  const place = fold.querySelector(".mgs-charts");
  const figures = PLOTS.map(makeFigure);
  let shown = []; // the steps that are drawn, to notice new ones

  function makeFigure(plot) {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    const area = document.createElement("div");
    area.setAttribute("aria-hidden", "true"); // the caption says the number
    figure.append(caption, area);
    place.append(figure);
    return { plot, figure, caption, area, chart: null };
  }

  const ink = (alpha = "") => `${getComputedStyle(place).color}${alpha}`;
  const accent = () => getComputedStyle(root).getPropertyValue("--mgs-accent").trim();

  function makeChart({ plot, area }) {
    const axis = { stroke: () => ink(), font: "10px system-ui", ticks: { show: false } };
    const grid = { stroke: "rgba(128, 128, 140, 0.22)", width: 1 };
    const line = { stroke: accent, width: 2, points: { show: false } };
    const bars = { stroke: accent, fill: accent, width: 0, points: { show: false } };
    bars.paths = uPlot.paths.bars({ size: [0.72, 26] });
    const chart = new uPlot(
      {
        width: Math.max(120, area.clientWidth),
        height: PLOT_HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        padding: [6, 8, 0, 0],
        scales: {
          x: { time: false, range: (_, low, high) => [low - 0.5, high + 0.5] },
          y: { range: (_, low, high) => [0, plot.top ?? Math.max(plot.least, high)] },
        },
        axes: [
          { ...axis, grid: { show: false }, size: 20, gap: 2, incrs: [1, 2, 5, 10, 25, 50, 100] },
          { ...axis, grid, size: 34, gap: 3, space: 24, incrs: [1, 2, 5, 10, 25, 50, 100] },
        ],
        series: [{}, plot.isBars ? bars : line],
        hooks: { draw: [drawMark] },
      },
      [[], []],
      area,
    );
    scrubOver(chart);
    return chart;
  }

  /** The shown step: a line across, and a dot where there is a value. */
  function drawMark(chart) {
    const at = state.run?.at ?? 0;
    const { ctx, bbox } = chart;
    const ratio = window.devicePixelRatio || 1;
    const x = chart.valToPos(at, "x", true);
    const value = chart.data[1][at];
    ctx.save();
    ctx.strokeStyle = ink();
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (value !== null && value !== undefined) {
      ctx.setLineDash([]);
      ctx.fillStyle = MARK;
      ctx.strokeStyle = "rgba(0, 0, 0, 0.6)";
      ctx.beginPath();
      ctx.arc(x, chart.valToPos(value, "y", true), 4.5 * ratio, 0, 7);
      ctx.fill();
      ctx.stroke();
    }
    ctx.restore();
  }

  function scrubOver(chart) {
    const follow = (event) => {
      const { left } = chart.over.getBoundingClientRect();
      seek(Math.round(chart.posToVal(event.clientX - left, "x")));
    };
    chart.over.addEventListener("pointerdown", (event) => {
      chart.over.setPointerCapture(event.pointerId);
      follow(event);
    });
    chart.over.addEventListener("pointermove", (event) => event.buttons && follow(event));
  }

  function refresh() {
    const { run } = state;
    if (!fold.open || !run || !place.clientWidth) return;
    const steps = Array.from({ length: run.steps + 1 }, (_, i) => run.trace[i] ?? null);
    const isNew = steps.length !== shown.length || steps.some((step, i) => step !== shown[i]);
    shown = steps;
    for (const part of figures) {
      part.chart ??= makeChart(part);
      if (isNew) {
        const values = steps.map((step) => (step ? part.plot.value(step) : null));
        part.chart.setData([steps.map((_, i) => i), values]);
      } else {
        part.chart.redraw(false);
      }
      const now = part.chart.data[1][run.at];
      const value = now === null || now === undefined ? word("plots.none_yet") : part.plot.say(now);
      part.caption.textContent = word("plots.caption", { title: word(part.plot.title), value });
    }
  }

  function fit() {
    for (const { chart, area } of figures) {
      const width = area.clientWidth;
      if (chart && width && width !== chart.width) chart.setSize({ width, height: PLOT_HEIGHT });
    }
    refresh();
  }

  const repaint = () => {
    shown = [];
    refresh();
  };
  fold.addEventListener("toggle", fit);
  new ResizeObserver(fit).observe(place);
  new MutationObserver(repaint).observe(document.body, { attributeFilter: ["class"] });
  return { refresh };
}
