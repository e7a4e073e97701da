"use strict";
// Draws each call's figure when one scrolls to it, and opens the call that a link points to.

const PRINT_WIDTH_PX = 700; // A4 less its margins
// The buttons are named one by one: Plotly's own set has one that uploads the chart.
const CONFIG = {
  responsive: true,
  displaylogo: false,
  plotlyServerURL: "",
  modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
};

// gzip in base64 -> text
async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
  const text = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(text).text();
}

const plotlyReady = unpack(document.getElementById("plotly").textContent).then((source) => {
  const script = document.createElement("script"); // the page's policy knows its hash
  script.textContent = source;
  document.head.append(script);
});

async function draw(chart) {
  const packed = chart.dataset.figure;
  if (!packed) return;
  delete chart.dataset.figure; // once only
  await plotlyReady;
  const figure = JSON.parse(await unpack(packed));
  await Plotly.newPlot(chart, figure.data, figure.layout, CONFIG);
}

const charts = [...document.querySelectorAll(".chart")];

const inSight = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) draw(entry.target);
  }
}, { rootMargin: "600px" });
charts.forEach((chart) => inSight.observe(chart));

function openTarget() {
  const call = location.hash && document.getElementById(location.hash.slice(1));
  if (!call || call.tagName !== "DETAILS") return;
  call.open = true;
  call.scrollIntoView();
}
addEventListener("hashchange", openTarget);
openTarget();

const drawn = () => charts.filter((chart) => chart.data && chart.closest("details").open);
addEventListener("beforeprint", () => drawn().forEach((chart) => Plotly.relayout(chart, { width: PRINT_WIDTH_PX })));
addEventListener("afterprint", () => drawn().forEach((chart) => Plotly.relayout(chart, { width: null, autosize: true })));
