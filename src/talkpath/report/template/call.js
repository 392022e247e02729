"use strict";
(async () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { report } = data;
  const duration = Math.max(report.duration_s, 0.02);
  const $ = (id) => document.getElementById(id);
  const chart = $("chart"), lanes = $("lanes"), over = $("cursor"), tip = $("tip"), told = $("told"), scroll = $("scroll");
  const view = { from: 0, to: duration };
  let position = 0, width = 0, ready = false;

  const clock = (s) => {
    const h = Math.round(s * 100);
    return `${Math.floor(h / 6000)}:${String(Math.floor(h / 100) % 60).padStart(2, "0")}.${String(h % 100).padStart(2, "0")}`;
  };
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const unpack = async (text) =>
    new Uint8Array(await new Response(new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer());
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  // --- what is drawn: lanes, and the events in them ---------------------------------------------------------------------------
  const sides = {};
  for (const [name, side] of Object.entries(data.sides))
    sides[name] = { peaks: new Int8Array((await unpack(side.peaks)).buffer), spectra: await unpack(side.spectra) };
  const evidence = await unpack(data.evidence);
  const s = report.spans;
  const span = (tone, text) => (x) => ({ from: x.start_s, to: x.end_s, tone, text: text(x) });
  const point = (at, tone, text, letter) => ({ from: at, to: at, tone, text, letter });
  const KINDS = { true: "interruption", false: "false interruption", orchestrator: "cut by the application" };
  const tiers = [
    ["Caller speaks", s.caller.map(span("caller", (x) => `the caller speaks ${(x.end_s - x.start_s).toFixed(1)} s`))],
    ["Agent speaks", [
      ...s.agent.map(span("agent", (x) => `the agent is heard ${(x.end_s - x.start_s).toFixed(1)} s`)),
      ...s.paused.map((x) => ({ ...span("agent", (y) => `the agent stands still ${(y.end_s - y.start_s).toFixed(2)} s`)(x), hatched: true })),
      ...report.utterances.filter((u) => u.end === "cut").map((u) =>
        point(u.end_s, "cut", `cut: ${u.heard_s.toFixed(2)} s of ${u.generated_s === null ? "?" : u.generated_s.toFixed(2)} s were heard`, "✂"))]],
    ["Echo", s.echo.map(span("echo", () => "the line returns the agent's voice"))],
    ["Interruptions", report.interruptions.map((i) => ({ from: i.onset_s, to: i.decided_s, tone: i.kind === "true" ? "cut" : "gate",
      text: `${KINDS[i.kind] || i.kind}${i.evidence === null ? "" : `, evidence ${i.evidence.toFixed(2)}`}${i.doubt ? `; ${i.doubt}` : ""}`,
      letter: { true: "I", false: "F", "back-channel": "b", "talk-over": "o", orchestrator: "A" }[i.kind] }))],
    ["Turns", report.turns.map((t) => ({ from: t.caller_end_s, to: t.wire_s ?? t.decided_s ?? t.caller_end_s, tone: t.is_early ? "cut" : "gate",
      mid: t.decided_s, text: `turn ${t.number}: answered after ${t.response_ms === null ? "–" : `${Math.round(t.response_ms)} ms`}${t.is_early ? "; too early" : ""}` }))],
    ["Keys, tones", [
      ...report.keys.map((k) => point(k.at_s, k.is_twice ? "cut" : k.direction === "in" ? "caller" : "agent", `${k.direction === "in" ? "key" : "keys sent"} ${k.digits}${k.is_twice ? ", twice" : ""}`, k.digits)),
      ...report.tones.map((t) => point(t.at_s, "dark", `${t.tone}, ${t.detail}`, "♪")),
      ...report.answers.map((a) => point(a.at_s, "echo", `answered by: ${a.result} (${a.method})`, a.result === "machine" ? "M" : a.result === "human" ? "H" : "?"))]],
    ["Marks", report.marks.map((m) => point(m.at_s, m.is_played ? "dark" : "cut", `mark ${m.name}${m.is_played ? "" : ": cut"}`, m.is_played ? "◆" : "◇"))],
    ["Lost, late", [...s.lost.map(span("cut", (x) => `lost: ${Math.round((x.end_s - x.start_s) * 1000)} ms`)),
      ...s.late.map((x) => ({ ...span("gate", () => "came late")(x), hatched: true }))]],
    ["Dead air", report.talk.dead_air.map((x) => ({ ...span("dark", (y) => `nobody speaks for ${(y.end_s - y.start_s).toFixed(1)} s`)(x), hatched: true }))],
  ].filter(([name, items]) => items.length || name.endsWith("speaks"));
  const rows = [{ kind: "axis", height: 22 }];
  for (const [name, label] of [["caller", "Caller"], ["heard", "Heard by the caller"]])
    if (sides[name]) rows.push({ kind: "wave", side: name, label, height: 58 }, { kind: "spectra", side: name, label: "0–" + report.sample_rate_hz / 2000 + " kHz", height: 46 });
  if (report.source === "log" && evidence.some((v) => v)) rows.push({ kind: "evidence", label: "Evidence that the caller interrupts", height: 34 });
  for (const [label, items] of tiers) rows.push({ kind: "tier", label, items, height: 24 });
  const events = [...new Set(tiers.slice(2).concat([tiers[0]]).flatMap(([, items]) => items.map((i) => i.from)).concat(report.utterances.map((u) => u.start_s)))].sort((a, b) => a - b);
  let height = 0;
  const place = () => { // where there is no room for labels beside the lanes, they lie above their events
    height = 0;
    for (const row of rows) { row.top = height; row.head = row.kind === "tier" && !gutter() ? 13 : 0; height += row.height + row.head; }
  };
  const gutter = () => (width < 700 ? 0 : 132);
  const x = (t) => gutter() + ((t - view.from) / (view.to - view.from)) * (width - gutter());
  const time = (px) => view.from + ((px - gutter()) / (width - gutter())) * (view.to - view.from);

  const bands = data.bands, images = {};
  const spectrumImage = (name) => {
    const key = name + colour("panel");
    if (images[key]) return images[key];
    const canvas = document.createElement("canvas");
    canvas.width = data.spectra; canvas.height = bands;
    const c = canvas.getContext("2d"), image = c.createImageData(data.spectra, bands), packed = sides[name].spectra;
    const mix = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    const from = mix(colour("panel")), to = mix(colour("ink")), hue = mix(colour(name === "caller" ? "caller" : "agent"));
    for (let i = 0; i < data.spectra; i++)
      for (let b = 0; b < bands; b++) {
        const two = packed[i * (bands / 2) + (b >> 1)], level = (b % 2 ? two & 15 : two >> 4) / 15, at = ((bands - 1 - b) * data.spectra + i) * 4;
        const v = Math.max(0, (level - 0.2) / 0.8);
        for (let k = 0; k < 3; k++) image.data[at + k] = v < 0.6 ? from[k] + (hue[k] - from[k]) * v / 0.6 : hue[k] + (to[k] - hue[k]) * (v - 0.6) / 0.4;
        image.data[at + 3] = 255;
      }
    c.putImageData(image, 0, 0);
    return (images[key] = canvas);
  };

  const draw = () => {
    const scale = devicePixelRatio || 1;
    width = chart.clientWidth;
    place();
    for (const canvas of [lanes, over]) {
      canvas.width = Math.round(width * scale); canvas.height = Math.round(height * scale);
      canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
      canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
    }
    const c = lanes.getContext("2d"), left = gutter(), ink = colour("ink"), faint = colour("faint"), line = colour("rule");
    c.clearRect(0, 0, width, height);
    c.font = "12px system-ui, 'DejaVu Sans', sans-serif"; c.textBaseline = "middle";
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800].find((v) => ((v / (view.to - view.from)) * (width - left)) > 64) || 3600;
    c.save(); c.beginPath(); c.rect(left, 0, width - left, height); c.clip();
    for (const row of rows) if (row.kind === "spectra") {
      const per = data.spectra / duration;
      c.imageSmoothingEnabled = (view.to - view.from) * per > width; // many columns in a pixel: their mean, not one of them
      c.imageSmoothingQuality = "high";
      c.drawImage(spectrumImage(row.side), view.from * per, 0, (view.to - view.from) * per, bands, left, row.top, width - left, row.height - 3);
    }
    for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
      c.fillStyle = line; c.fillRect(x(t), 18, 1, height);
      c.fillStyle = faint; c.fillText(step < 1 ? clock(t).slice(0, -1) : clock(t).slice(0, -3), x(t) + 3, 11);
    }
    for (const row of rows) {
      if (row.kind === "wave") wave(c, row, left);
      if (row.kind === "evidence") {
        const base = row.top + row.height - 3, per = (row.height - 6) / 250;
        c.fillStyle = colour("gate");
        for (let i = 0; i < evidence.length; i++) if (evidence[i]) {
          const from = x((i * data.evidence_ms) / 1000), to = x(((i + 1) * data.evidence_ms) / 1000);
          if (to > left && from < width) c.fillRect(from, base - evidence[i] * per, Math.max(1, to - from), evidence[i] * per);
        }
        c.strokeStyle = colour("cut"); c.setLineDash([4, 3]); c.beginPath(); c.moveTo(left, base - 100 * per); c.lineTo(width, base - 100 * per); c.stroke(); c.setLineDash([]);
      }
      if (row.kind === "tier") for (const item of row.items) box(c, row, item);
    }
    c.restore();
    for (const row of rows) {
      c.fillStyle = line; c.fillRect(0, row.top + row.head + row.height - 1, row.kind === "wave" ? left : width, 1);
      if (!row.label) continue;
      if (left) { c.fillStyle = ink; lines(c, row, left); }
      else {
        const w = c.measureText(row.label).width + 6;
        c.globalAlpha = 0.8; c.fillStyle = colour("panel"); c.fillRect(0, row.top + 1, w, 14); c.globalAlpha = 1;
        c.fillStyle = faint; c.fillText(row.label, 3, row.top + 8);
      }
    }
    chart.style.height = `${height + 2}px`;
    const zoomed = view.to - view.from < duration - 1e-6;
    scroll.hidden = !zoomed;
    if (zoomed) scroll.value = Math.round((1000 * view.from) / (duration - (view.to - view.from)));
    ready = true;
    mark();
  };
  const lines = (c, row, left) => {
    const words = row.label.split(" "), all = [""];
    for (const word of words) {
      const longer = (all.at(-1) + " " + word).trim();
      if (c.measureText(longer).width > left - 10 && all.at(-1)) all.push(word); else all[all.length - 1] = longer;
    }
    all.forEach((text, i) => c.fillText(text, 6, row.top + row.height / 2 + (i - (all.length - 1) / 2) * 14));
  };
  const wave = (c, row, left) => {
    const { peaks } = sides[row.side], per = data.columns / duration, middle = row.top + row.height / 2, half = row.height / 2 - 3;
    c.fillStyle = colour(row.side === "caller" ? "caller" : "agent");
    // A power of 0.6 shows quiet sound too; both ends of the scale stay where they are.
    const bent = (v) => Math.sign(v) * Math.pow(Math.abs(v) / 127, 0.6) * half;
    for (let px = left; px < width; px++) {
      const first = Math.max(0, Math.floor(time(px) * per)), last = Math.min(data.columns - 1, Math.max(first, Math.ceil(time(px + 1) * per) - 1));
      let low = 127, high = -127;
      for (let i = first; i <= last; i++) { low = Math.min(low, peaks[2 * i]); high = Math.max(high, peaks[2 * i + 1]); }
      if (high >= low) c.fillRect(px, middle - bent(high), 1, Math.max(1, bent(high) - bent(low)));
    }
  };
  const box = (c, row, item) => {
    const from = x(item.from), to = Math.max(from + 3, x(item.to)), y = row.top + row.head + 4, h = row.height - 9;
    if (to < gutter() || from > width) return;
    const tone = colour(item.tone);
    c.fillStyle = c.strokeStyle = tone;
    if (item.letter && item.from === item.to) {
      c.fillRect(from, y, 2, h); c.fillText(item.letter, from + 4, y + h / 2 + 0.5);
    } else if (item.hatched) {
      c.strokeRect(from + 0.5, y + 0.5, to - from - 1, h - 1);
      c.save(); c.beginPath(); c.rect(from, y, to - from, h); c.clip(); c.beginPath();
      for (let k = from - h; k < to; k += 5) { c.moveTo(k, y + h); c.lineTo(k + h, y); }
      c.stroke(); c.restore();
    } else {
      c.fillRect(from, y, to - from, h);
      if (item.mid !== undefined && item.mid !== null) { c.fillStyle = colour("panel"); c.fillRect(x(item.mid) - 1, y, 2, h); }
      if (item.letter && to - from > 11) { c.fillStyle = colour("panel"); c.fillText(item.letter, from + 3, y + h / 2 + 0.5); }
      else if (item.letter) { c.fillStyle = tone; c.fillText(item.letter, to + 2, y + h / 2 + 0.5); }
    }
  };

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
