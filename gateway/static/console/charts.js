// Draws the console's charts: <canvas data-chart="ID"> with <script type="application/json" id="ID">.
//
// The JSON: {kind: "line" | "bar" | "stacked", labels: [...], series: [{name, values}],
// unit: "count" | "money" | "ms" | "percent", currency}; the series of all others has rest: true.
// Chart.js comes with django-unfold.
// Each canvas has a table of the same numbers beside it for those who do not see it.
"use strict";
(() => {
  // Told apart also without red and green; the last stands for "the rest".
  const COLOURS = [
    "#0f9488", "#6366f1", "#f59e0b", "#ec4899", "#0ea5e9", "#84cc16", "#a855f7", "#94a3b8",
  ];
  const dark = () => document.documentElement.classList.contains("dark");
  const language = document.documentElement.lang || "en";
  const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 2 });
  const full = new Intl.NumberFormat(language, { maximumFractionDigits: 6 });

  const shown = (value, chart) => {
    if (value === null || value === undefined) {
      return "–";
    }
    switch (chart.unit) {
      case "money":
        return `${full.format(value)} ${chart.currency}`;
      case "ms":
        return value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`;
      case "percent":
        return `${full.format(value)} %`;
      default:
        return value >= 10000 ? short.format(value) : full.format(value);
    }
  };

  // A point that no line leads to would not be seen.
  const radius = ({ dataset: { data }, dataIndex: at }) =>
    (data[at - 1] ?? data[at + 1] ?? null) === null ? 3 : 0;

  const dataset = (series, index, chart) => {
    const colour = COLOURS[series.rest ? COLOURS.length - 1 : index % COLOURS.length];
    const filled = chart.kind !== "line";
    return {
      label: series.name,
      data: series.values,
      borderColor: colour,
      backgroundColor: filled ? colour : `${colour}22`,
      borderWidth: filled ? 0 : 2,
      borderRadius: 2,
      fill: !filled && chart.series.length === 1,
      pointRadius: radius,
      pointHitRadius: 12,
      tension: 0.25,
      spanGaps: false,
    };
  };

  const draw = (canvas) => {
    const chart = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
    const lines = dark() ? "rgba(255,255,255,.08)" : "rgba(0,0,0,.06)";
    const words = dark() ? "#cbd5e1" : "#475569";
    const stacked = chart.kind === "stacked";
    Chart.getChart(canvas)?.destroy();
    new Chart(canvas, {
      type: chart.kind === "line" ? "line" : "bar",
      data: {
        labels: chart.labels,
        datasets: chart.series.map((series, index) => dataset(series, index, chart)),
      },
      options: {
        animation: false,
        maintainAspectRatio: false,
        responsive: true,
        interaction: { mode: "index", intersect: false },
        plugins: {
          legend: {
            display: chart.series.length > 1,
            position: "bottom",
            labels: { color: words, boxWidth: 10, boxHeight: 10, usePointStyle: true },
          },
          tooltip: {
            callbacks: { label: (item) => `${item.dataset.label}: ${shown(item.raw, chart)}` },
          },
        },
        scales: {
          x: {
            stacked,
            grid: { display: false },
            ticks: { color: words, maxRotation: 0, autoSkip: true, autoSkipPadding: 16 },
          },
          y: {
            stacked,
            beginAtZero: true,
            grid: { color: lines },
            border: { display: false },
            ticks: { color: words, maxTicksLimit: 5, callback: (value) => shown(value, chart) },
          },
        },
      },
    });
  };

  const drawAll = () => document.querySelectorAll("canvas[data-chart]").forEach(draw);
  window.addEventListener("DOMContentLoaded", () => {
    drawAll();
    // Light and dark are switched without a reload.
    new MutationObserver(drawAll).observe(document.documentElement, {
      attributeFilter: ["class"],
    });
  });
  window.TokensCharts = { draw };
})();
