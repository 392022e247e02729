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
    sides[name] = { peaks: new Int8Array((await unpack(side.peaks)).buffer), spectra: side.spectra && (await unpack(side.spectra)) };
  const evidence = await unpack(data.evidence);
  const s = report.spans;
  const span = (tone, text) => (x) => ({ from: x.start_s, to: x.end_s, tone, text: text(x) });
  const point = (at, tone, text, letter) => ({ from: at, to: at, tone, text, letter });
  const KINDS = { true: "interruption", false: "false interruption", orchestrator: "cut by the application" };
  const words = (who) => ((report.session && report.session.said) || []).filter((x) => x.who === who)
    .map((x, i, all) => ({ room: i + 1 < all.length ? all[i + 1].at_s : duration, from: x.at_s, to: Math.max(x.end_s, x.at_s + 0.02), tone: who, words: x.heard_text || `(${x.text})`,
      text: x.heard_text === x.text ? x.text : `${x.heard_text} ✂ not heard: ${x.text.startsWith(x.heard_text) ? x.text.slice(x.heard_text.length).trim() : x.text}` }));
  const ran = report.session ? [
    ...report.session.tools.map((t) => point(t.at_s, t.is_error ? "cut" : "dark", `tool ${t.name}${t.is_error ? ": failed" : ""}`, "⚙")),
    ...report.session.notes.map((n) => point(n.at_s, n.kind === "session.error" || n.kind === "agent_tool.failed" ? "cut" : "dark", n.text ? `${n.kind}: ${n.text}` : n.kind, n.kind === "session.error" ? "!" : "◆"))] : [];
  const tiers = [
    ["Caller's words", words("caller")],
    ["Agent's words", words("agent")],
    ["Caller speaks", s.caller.map(span("caller", (x) => `the caller speaks ${(x.end_s - x.start_s).toFixed(1)} s`))],
    ["Agent speaks", [
      ...s.agent.map(span("agent", (x) => `the agent is heard ${(x.end_s - x.start_s).toFixed(1)} s`)),
      ...s.paused.map((x) => ({ ...span("agent", (y) => `the agent stands still ${(y.end_s - y.start_s).toFixed(2)} s`)(x), hatched: true })),
      ...report.utterances.filter((u) => u.end === "cut").map((u) =>
        point(u.end_s, "cut", `cut: ${u.heard_s.toFixed(2)} s of ${u.generated_s === null ? "?" : u.generated_s.toFixed(2)} s were heard`, "✂"))]],
    ["Echo", s.echo.map(span("echo", () => "the line returns the agent's voice"))],
    ["Interruptions", report.interruptions.map((i) => ({ from: i.onset_s, to: i.decided_s, tone: i.kind === "true" ? "cut" : "gate",
      text: `${KINDS[i.kind] || i.kind}${i.evidence === null ? "" : `, evidence ${i.evidence.toFixed(2)}`}${i.doubt ? `; ${i.doubt}` : ""}`,
      letter: { true: "I", false: "F", "back-channel": "b", "talk-over": "o", orchestrator: "A", echo: "e", noise: "n" }[i.kind] }))],
    ["Turns", report.turns.map((t) => ({ from: t.caller_end_s, to: t.wire_s ?? t.decided_s ?? t.caller_end_s, tone: t.is_early ? "cut" : "gate",
      mid: t.decided_s, text: `turn ${t.number}: answered after ${t.response_ms === null ? "–" : `${Math.round(t.response_ms)} ms`}${t.is_early ? "; too early" : ""}` }))],
    ["Keys, tones", [
      ...report.keys.map((k) => point(k.at_s, k.is_twice ? "cut" : k.direction === "in" ? "caller" : "agent", `${k.direction === "in" ? "key" : "keys sent"} ${k.digits}${k.is_twice ? ", twice" : ""}`, k.digits)),
      ...report.tones.map((t) => point(t.at_s, "dark", `${t.tone}, ${t.detail}`, "♪")),
      ...report.answers.map((a) => point(a.at_s, "echo", `answered by: ${a.result} (${a.method})`, a.result === "machine" ? "M" : a.result === "human" ? "H" : "?"))]],
    ["Tools, errors", ran],
    ["Marks", report.marks.map((m) => point(m.at_s, m.is_played ? "dark" : "cut", `mark ${m.name}${m.is_played ? "" : ": cut"}`, m.is_played ? "◆" : "◇"))],
    ["Lost, late", [...s.lost.map(span("cut", (x) => `lost: ${Math.round((x.end_s - x.start_s) * 1000)} ms`)),
      ...s.late.map((x) => ({ ...span("gate", () => "came late")(x), hatched: true }))]],
    ["Dead air", report.talk.dead_air.map((x) => ({ ...span("dark", (y) => `nobody speaks for ${(y.end_s - y.start_s).toFixed(1)} s`)(x), hatched: true }))],
  ].filter(([name, items]) => items.length || name.endsWith("speaks"));
  const rows = [{ kind: "axis", height: 22 }];
  for (const [name, label] of [["caller", "Caller"], ["heard", "Heard by the caller"]])
    if (sides[name]) {
      rows.push({ kind: "wave", side: name, label, height: 58 });
      if (sides[name].spectra) rows.push({ kind: "spectra", side: name, label: `0–${report.sample_rate_hz / 2000} kHz`, height: 46 });
    }
  if (report.source === "log" && evidence.some((v) => v)) rows.push({ kind: "evidence", label: "Evidence that the caller interrupts", height: 34 });
  for (const [label, items] of tiers) rows.push({ kind: "tier", label, items, height: 24 });
  const events = [...new Set(tiers.filter(([name]) => name !== "Agent speaks").flatMap(([, items]) => items.map((i) => i.from)).concat(report.utterances.map((u) => u.start_s)))].sort((a, b) => a - b);
  let height = 0;
  const place = () => { // where there is no room for labels beside the lanes, they lie above their events
    height = 0;
    for (const row of rows) { row.top = height; row.head = row.kind === "tier" && !gutter() ? 13 : 0; height += row.height + row.head; }
  };
  const gutter = () => (width < 700 ? 0 : 132);
  const x = (t) => gutter() + ((t - view.from) / (view.to - view.from)) * (width - gutter());
  const time = (px) => view.from + ((px - gutter()) / (width - gutter())) * (view.to - view.from);

