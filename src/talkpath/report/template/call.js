  // --- the cursor ----------------------------------------------------------------------------------------------------------------
  const mark = () => {
    if (!ready) return;
    const c = over.getContext("2d");
    c.clearRect(0, 0, width, height);
    const at = x(position);
    if (at >= gutter() - 1 && at <= width) { c.fillStyle = colour("cursor"); c.fillRect(at - 1, 0, 2, height); c.beginPath(); c.moveTo(at - 6, 0); c.lineTo(at + 6, 0); c.lineTo(at, 8); c.fill(); }
    $("now").textContent = clock(position);
    chart.setAttribute("aria-valuenow", position.toFixed(2));
    chart.setAttribute("aria-valuetext", clock(position));
  };
  const show = (t) => {
    if (t >= view.from && t <= view.to) return;
    const length = view.to - view.from;
    view.from = Math.max(0, Math.min(duration - length, t - length / 4)); view.to = view.from + length;
    draw();
  };
  const go = (t, address = true) => {
    const was = playing;
    if (was) stop();
    position = Math.max(0, Math.min(duration, t));
    show(position); mark(); tell();
    if (address) history.replaceState(null, "", `#t=${position.toFixed(2)}`);
    if (was) play();
  };
  const tell = () => {
    const near = tiers.flatMap(([name, items]) => items.filter((i) => i.from - 0.011 <= position && position <= Math.max(i.to, i.from + 0.05))
      .map((i) => ({ begins: Math.abs(i.from - position) < 0.02, length: i.to - i.from, text: `${name}: ${i.text}` })))
      .sort((a, b) => b.begins - a.begins || a.length - b.length); // what begins here comes first, then the shortest
    told.textContent = near.slice(0, 3).map((i) => i.text).join(" · ");
    for (const row of document.querySelectorAll("tr.here")) row.classList.remove("here");
    for (const link of document.querySelectorAll("td a.jump")) if (link.hash === `#t=${position.toFixed(2)}`) link.closest("tr").classList.add("here");
  };
  const zoom = (factor, about = position) => {
    const length = Math.min(duration, Math.max(Math.min(0.5, duration), (view.to - view.from) * factor));
    const share = (about - view.from) / (view.to - view.from), inside = share >= 0 && share <= 1;
    view.from = Math.max(0, Math.min(duration - length, inside ? about - share * length : about - length / 2));
    view.to = view.from + length;
    draw();
  };
  const jump = (way) => {
    const next = way > 0 ? events.find((t) => t > position + 0.006) : events.findLast((t) => t < position - 0.006);
    if (next !== undefined) go(next);
  };

  // --- sound -----------------------------------------------------------------------------------------------------------------------
  let context, buffer, source, analyser, gains, startedAt = 0, startedFrom = 0, playing = false;
  const prepare = async () => {
    context = new AudioContext();
    buffer = await context.decodeAudioData(bytes(data.audio).buffer);
    analyser = context.createAnalyser();
    analyser.connect(context.destination);
    const merger = context.createChannelMerger(2);
    merger.connect(analyser);
    gains = [0, 1].map(() => [0, 1].map((ear) => { const gain = context.createGain(); gain.connect(merger, 0, ear); return gain; }));
  };
  const balance = () => {
    const side = $("side") ? $("side").value : "mono";
    const loud = { both: [[1, 0], [0, 1]], caller: [[1, 1], [0, 0]], heard: [[0, 0], [1, 1]], mono: [[1, 1], [0, 0]] }[side];
    gains.forEach((ears, i) => ears.forEach((gain, ear) => { gain.gain.value = loud[i][ear]; }));
  };
  const play = async () => {
    if (playing || !data.audio) return;
    playing = true;
    if (!context) await prepare();
    await context.resume();
    if (!playing) return;
    if (position >= duration - 0.05) position = 0;
    balance();
    source = context.createBufferSource();
    source.buffer = buffer;
    const splitter = context.createChannelSplitter(2);
    source.connect(splitter);
    for (let i = 0; i < buffer.numberOfChannels; i++) for (const gain of gains[i]) splitter.connect(gain, i);
    startedAt = context.currentTime; startedFrom = position;
    source.start(0, position);
    $("play").setAttribute("aria-pressed", "true"); $("play-word").textContent = "Pause"; $("play").firstElementChild.textContent = "❚❚";
    requestAnimationFrame(move);
  };
  const stop = () => {
    playing = false;
    if (source) { source.stop(); source.disconnect(); source = null; }
    if ($("play")) { $("play").setAttribute("aria-pressed", "false"); $("play-word").textContent = "Play"; $("play").firstElementChild.textContent = "▶"; $("level").value = -60; }
  };
  const loudness = () => {
    if (!analyser) return -96;
    const wave = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(wave);
    return Math.max(-96, 10 * Math.log10(wave.reduce((sum, v) => sum + v * v, 0) / wave.length + 1e-12));
  };
  const move = () => {
    if (!playing || !source) return;
    position = Math.min(duration, startedFrom + context.currentTime - startedAt);
    $("level").value = loudness();
    show(position); mark();
    if (position >= duration) { stop(); tell(); } else requestAnimationFrame(move);
  };

  // --- hands -------------------------------------------------------------------------------------------------------------------------
  const hit = (event) => {
    const box = chart.getBoundingClientRect(), px = event.clientX - box.left - 1, py = event.clientY - box.top - 1;
    const row = rows.find((r) => py >= r.top && py < r.top + r.head + r.height);
    const items = row && row.kind === "tier" ? row.items : [];
    const item = items.filter((i) => px >= x(i.from) - 4 && px <= Math.max(x(i.to), x(i.from) + (i.letter ? 14 : 4)) + 2)
      .sort((a, b) => a.to - a.from - (b.to - b.from))[0];
    return { px, py, item, t: Math.max(0, Math.min(duration, time(px))) };
  };
  chart.addEventListener("pointerdown", (event) => {
    const { item, t, px } = hit(event);
    if (px >= gutter() && event.button === 0) go(item ? item.from : t);
  });
  chart.addEventListener("pointermove", (event) => {
    const { item, px, py, t } = hit(event);
    if (event.buttons === 1 && !item && px >= gutter()) go(t);
    tip.hidden = !item;
    if (item) {
      tip.textContent = `${clock(item.from)} ${item.text}`;
      tip.style.left = `${Math.max(0, Math.min(px + 12, width - tip.offsetWidth - 4))}px`;
      tip.style.top = `${Math.min(py + 14, height - tip.offsetHeight - 4)}px`;
    }
  });
  chart.addEventListener("pointerleave", () => { tip.hidden = true; });
  chart.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== chart) return; // the page scrolls until the picture is asked for
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      const by = ((event.deltaX || event.deltaY) / width) * (view.to - view.from), length = view.to - view.from;
      view.from = Math.max(0, Math.min(duration - length, view.from + by)); view.to = view.from + length;
      draw();
    } else zoom(Math.exp(event.deltaY * 0.002), time(event.clientX - chart.getBoundingClientRect().left - 1));
  }, { passive: false });
  scroll.addEventListener("input", () => {
    const length = view.to - view.from;
    view.from = (scroll.value / 1000) * (duration - length); view.to = view.from + length;
    draw();
  });
  const click = (id, action) => { if ($(id)) $(id).addEventListener("click", action); };
  click("play", () => (playing ? stop() : play()));
  click("in", () => zoom(0.5));
  click("out", () => zoom(2));
  click("all", () => { view.from = 0; view.to = duration; draw(); });
  click("before", () => jump(-1));
  click("after", () => jump(1));
  if ($("side")) $("side").addEventListener("change", () => { if (gains) balance(); });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input")) return;
    const step = event.shiftKey ? 0.1 : 1, onChart = event.target === chart;
    const keys = {
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => $("all").click(), n: () => jump(1), p: () => jump(-1),
      ...(onChart || event.target === document.body ? { ArrowLeft: () => go(position - step), ArrowRight: () => go(position + step) } : {}),
      ...(onChart ? { Home: () => go(0), End: () => go(duration), PageUp: () => go(position - 10), PageDown: () => go(position + 10) } : {}),
      ...(event.target.closest("button, a") ? {} : { " ": () => (playing ? stop() : play()) }),
    };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
  const follow = () => {
    const found = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
    if (found) go(Number(found[1]), false);
  };
  addEventListener("hashchange", () => { follow(); chart.scrollIntoView({ block: "nearest" }); });
  click("save", (event) => { event.currentTarget.href = URL.createObjectURL(new Blob([JSON.stringify(report, null, 1)], { type: "application/json" })); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("beforeprint", () => { document.documentElement.dataset.theme = "light"; draw(); });
  addEventListener("afterprint", () => { delete document.documentElement.dataset.theme; draw(); });
  new ResizeObserver(() => { if (chart.clientWidth !== width) draw(); }).observe(chart);
  draw();
  follow();
  window.callReport = { ready: true, state: () => ({ position, playing, from: view.from, to: view.to, level_dbov: loudness() }) };
})();
