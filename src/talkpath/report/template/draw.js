  // --- drawing: waveforms, spectra, evidence, events ----------------------------------------------------------------------------
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
          const from = Math.round(x((i * data.evidence_ms) / 1000)), to = Math.round(x(((i + 1) * data.evidence_ms) / 1000));
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
    if ((item.room === undefined ? to : x(item.room)) < gutter() || from > width) return;
    const tone = colour(item.tone);
    c.fillStyle = c.strokeStyle = tone;
    if (item.words !== undefined) {
      c.fillRect(from, y, 2, h); c.fillRect(from, y + h - 1, to - from, 1);
      c.save(); c.beginPath(); c.rect(from, y - 2, x(item.room) - from - 4, h + 4); c.clip(); // as far as nobody else's stand there
      c.fillStyle = colour("ink"); c.fillText(item.words, Math.max(from, gutter()) + 4, y + h / 2 - 0.5); c.restore();
    } else if (item.letter && item.from === item.to) {
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

