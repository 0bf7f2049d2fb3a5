"use strict";
(() => {
  const root = document.documentElement;
  const cells = [...document.querySelectorAll("article.cell")];

  // Light and dark

  const darkness = matchMedia("(prefers-color-scheme: dark)");
  const themeButton = document.getElementById("theme");

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : darkness.matches;
  }

  function showTheme() {
    themeButton.setAttribute("aria-pressed", String(isDark()));
  }

  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
    zoomed.forEach((redraw) => redraw());
  });
  darkness.addEventListener("change", showTheme);

  // Which cells are shown

  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const outcomeButtons = [...document.querySelectorAll("button[data-filter-outcome]")];

  function applyFilter() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = new Set();
    for (const button of outcomeButtons) {
      if (button.getAttribute("aria-pressed") === "true") {
        outcomes.add(button.dataset.filterOutcome);
      }
    }
    let count = 0;
    for (const cell of cells) {
      const hasWords = words.every((word) => cell.dataset.words.includes(word));
      cell.hidden = !(hasWords && outcomes.has(cell.dataset.outcome));
      count += cell.hidden ? 0 : 1;
    }
    shown.textContent = `${count} of ${cells.length} cells`;
  }

  if (filter) {
    filter.addEventListener("input", applyFilter);
  }
  for (const button of outcomeButtons) {
    button.addEventListener("click", () => {
      const isPressed = button.getAttribute("aria-pressed") === "true";
      button.setAttribute("aria-pressed", String(!isPressed));
      applyFilter();
    });
  }

  // Parts that are unpacked when they are opened

  // Each part is packed as what comes after a sample, which the page has once.
  const sample = document.getElementById("sample").dataset;

  function bytesOf(packed) {
    return Uint8Array.from(atob(packed), (sign) => sign.charCodeAt(0));
  }

  async function unpack(box) {
    if (box.dataset.state) {
      return;
    }
    box.dataset.state = "unpacking";
    try {
      const parts = [sample.beginning, box.dataset.packed].map(bytesOf);
      const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
      const content = new Uint8Array(await new Response(stream).arrayBuffer());
      box.innerHTML = new TextDecoder().decode(content.subarray(Number(sample.bytes)));
      box.dataset.state = "unpacked";
    } catch (error) {
      box.textContent = `This browser cannot unpack this part (${error}): see report.md instead.`;
      box.dataset.state = "failed";
    }
  }

  document.addEventListener(
    "toggle",
    (event) => {
      const box = event.target.querySelector(":scope > [data-packed]");
      if (event.target.open && box) {
        unpack(box);
      }
    },
    true, // it does not bubble
  );

  // Cells by keyboard and by address

  function openAddressed() {
    const cell = location.hash ? document.getElementById(location.hash.slice(1)) : null;
    const details = cell?.querySelector("details");
    if (details) {
      details.open = true;
      cell.scrollIntoView();
    }
  }

  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const summary = event.target.closest?.("article.cell > details > summary");
    if (!step || !summary) {
      return;
    }
    const visible = cells.filter((cell) => !cell.hidden);
    const next = visible[visible.indexOf(summary.closest("article.cell")) + step];
    if (next) {
      event.preventDefault();
      next.querySelector("summary").focus();
    }
  });
  addEventListener("hashchange", openAddressed);

  // The time axis: its views, and the sound that moves along it

  function showView(axis, button) {
    for (const other of axis.querySelectorAll("button[data-view]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    for (const figure of axis.querySelectorAll("figure.timeline")) {
      const slot = figure.querySelector("[data-slot]");
      const wanted = figure.querySelector(`template[data-view="${button.dataset.view}"]`);
      if (!wanted) {
        continue;
      }
      const shelf = document.createElement("template");
      shelf.dataset.view = slot.dataset.slot;
      shelf.dataset.end = slot.dataset.end;
      shelf.content.append(...slot.childNodes);
      slot.append(wanted.content);
      slot.dataset.slot = wanted.dataset.view;
      slot.dataset.end = wanted.dataset.end;
      wanted.replaceWith(shelf);
      players.get(figure)?.showCursor();
    }
  }

  // A sound plays longer than the view of the beginning reaches.
  function showWhole(axis) {
    const buttons = axis.querySelectorAll("button[data-view]");
    const last = buttons[buttons.length - 1];
    if (last && last.getAttribute("aria-pressed") !== "true") {
      showView(axis, last);
    }
  }

  class Player {
    constructor(figure) {
      this.audio = figure.querySelector("audio");
      this.button = figure.querySelector("[data-part=play]");
      this.cursor = figure.querySelector("[data-part=cursor]");
      this.slot = figure.querySelector("[data-slot]");
      this.pieces = JSON.parse(figure.dataset.pieces);
      const [lastAtMs, , lastLengthMs] = this.pieces[this.pieces.length - 1];
      this.endMs = lastAtMs + lastLengthMs;
      this.atMs = 0;
      this.isPlaying = false;
      this.nowMs = 0;
      this.frame = 0;
    }

    toggle() {
      if (this.isPlaying) {
        this.stop();
      } else {
        this.start();
      }
    }

    start() {
      for (const other of players.values()) {
        other.stop();
      }
      if (this.atMs >= this.endMs) {
        this.atMs = 0;
        this.audio.currentTime = 0;
      }
      this.isPlaying = true;
      this.nowMs = performance.now();
      this.showButton();
      this.requestStep();
    }

    requestStep() {
      this.frame = requestAnimationFrame(() => this.step());
    }

    stop() {
      this.isPlaying = false;
      cancelAnimationFrame(this.frame);
      this.audio.pause();
      this.showButton();
    }

    pieceAt(atMs) {
      return this.pieces.find(([start, , length]) => start <= atMs && atMs < start + length);
    }

    // Inside of a piece the sound says where it is; in a hole, and before the first, the clock.
    step() {
      const nowMs = performance.now();
      const before = this.pieceAt(this.atMs);
      if (this.audio.ended && !this.audio.seeking) {
        this.atMs = this.endMs;
      } else if (before && !this.audio.paused) {
        this.atMs = before[0] + this.audio.currentTime * 1000 - before[1];
      } else if (!before) {
        this.atMs += nowMs - this.nowMs;
      }
      this.nowMs = nowMs;
      this.follow(this.pieceAt(this.atMs));
      this.showCursor();
      if (this.atMs >= this.endMs) {
        this.stop();
      } else {
        this.requestStep();
      }
    }

    follow(piece) {
      if (!piece) {
        this.audio.pause();
      } else if (this.audio.paused) {
        this.audio.currentTime = (piece[1] + this.atMs - piece[0]) / 1000;
        this.audio.play().catch((error) => this.fail(error));
      }
    }

    fail(error) {
      if (error.name !== "AbortError") { // that is a pause while it was about to begin
        this.stop();
        this.button.textContent = "cannot be played here";
      }
    }

    showButton() {
      this.button.setAttribute("aria-pressed", String(this.isPlaying));
    }

    showCursor() {
      const percent = (100 * this.atMs) / Number(this.slot.dataset.end);
      this.cursor.hidden = percent > 100;
      this.cursor.style.left = `${Math.min(100, percent)}%`;
      this.cursor.dataset.atMs = this.atMs.toFixed(1);
    }
  }

  const players = new Map();

  function playerOf(figure) {
    if (!players.has(figure)) {
      players.set(figure, new Player(figure));
    }
    return players.get(figure);
  }

  // Charts that zoom

  const zoomed = [];
  const ZOOM_HEIGHT = 280;

  function colour(figure, name) {
    return getComputedStyle(figure).getPropertyValue(`--${name}`).trim();
  }

  function zoom(figure) {
    const data = JSON.parse(figure.dataset.zoom);
    const chart = figure.querySelector(".chart");
    let plot = null;

    function options() {
      const line = { stroke: colour(figure, "line"), width: 1 };
      const axis = { stroke: colour(figure, "text"), grid: line, ticks: line };
      const series = data.names.map((name, number) => ({
        label: data.unit ? `${name}, ${data.unit}` : name,
        stroke: colour(figure, data.looks[number]),
        width: 1.5,
        points: { show: true, size: 4 },
      }));
      return {
        width: Math.max(200, chart.clientWidth),
        height: ZOOM_HEIGHT,
        scales: { x: { time: false } },
        series: [{ label: data.axis }, ...series],
        axes: [{ ...axis, label: data.axis }, { ...axis, size: 64 }],
      };
    }

    function draw() {
      plot?.destroy();
      plot = new uPlot(options(), data.columns, chart);
    }

    function move(factor, shift) {
      const { min, max } = plot.scales.x;
      const middle = (min + max) / 2 + shift * (max - min);
      const half = (factor * (max - min)) / 2;
      plot.setScale("x", { min: middle - half, max: middle + half });
    }

    chart.replaceChildren();
    chart.className = "chart plain";
    draw();
    zoomed.push(draw);
    new ResizeObserver(() => {
      plot.setSize({ width: Math.max(200, chart.clientWidth), height: ZOOM_HEIGHT });
    }).observe(figure);
    const moves = [
      ["closer", 0.5, 0],
      ["wider", 2, 0],
      ["to the left", 1, -0.5],
      ["to the right", 1, 0.5],
    ];
    const buttons = moves.map(([name, factor, shift]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => move(factor, shift));
      return button;
    });
    const all = document.createElement("button");
    all.type = "button";
    all.textContent = "all";
    const places = data.columns[0];
    all.addEventListener("click", () => {
      plot.setScale("x", { min: places[0], max: places[places.length - 1] });
    });
    const tools = document.createElement("div");
    tools.className = "tools";
    tools.append(...buttons, all);
    figure.append(tools);
    buttons[0].focus();
  }

  // One listener for what is there now, and for what is unpacked later

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) {
      return;
    }
    if (button.dataset.part === "play") {
      const figure = button.closest("figure");
      showWhole(figure.closest(".axis"));
      playerOf(figure).toggle();
    } else if (button.dataset.part === "zoom") {
      const figure = button.closest("figure");
      button.remove();
      zoom(figure);
    } else if (button.dataset.view) {
      showView(button.closest(".axis"), button);
    }
  });

  showTheme();
  for (const box of document.querySelectorAll("details[open] > [data-packed]")) {
    unpack(box); // it was open before anybody listened
  }
  openAddressed();
})();
