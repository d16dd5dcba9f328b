// Records a prompt in the browser: microphone, level, cutting, listening as on
// the telephone, saving. The server makes telephone sound of it, so that what
// is heard before saving is what callers will hear.
const box = document.querySelector<HTMLElement>("[data-recorder]");
if (box && typeof AudioWorkletNode !== "undefined" && navigator.mediaDevices) start(box);

/** Words of the page, by their key without "js.prompt.". */
function words(): (key: string) => string {
  const all = JSON.parse(document.querySelector<HTMLMetaElement>('meta[name="words"]')?.content ?? "{}") as Record<string, string>;
  return (key) => all["js.prompt." + key] ?? key;
}

function start(box: HTMLElement): void {
  const say = words();
  const find = <E extends HTMLElement>(selector: string): E => box.querySelector<E>(selector)!;
  const record = find<HTMLButtonElement>("[data-record]"), stop = find<HTMLButtonElement>("[data-stop]");
  const listen = find<HTMLButtonElement>("[data-listen]"), save = find<HTMLButtonElement>("[data-save]");
  const meter = find<HTMLMeterElement>("meter"), clock = find("[data-clock]"), status = find("[data-say]");
  const taken = find("[data-taken]"), heard = find<HTMLAudioElement>("[data-heard]");
  const from = find<HTMLInputElement>("#from"), to = find<HTMLInputElement>("#to");
  const longest = 120; // seconds, as the server takes

  let parts: Float32Array[] = [], samples = 0, rate = 48000;
  let end: (() => void) | null = null;
  find("[data-live]").hidden = false;

  async function open(): Promise<void> {
    status.textContent = "";
    let stream: MediaStream;
    try {
      // The voice as it is: what a headset improves for a call spoils a recording.
      stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: true, channelCount: 1 } });
    } catch {
      status.textContent = say("nomic");
      return;
    }
    const context = new AudioContext();
    try {
      await context.audioWorklet.addModule(box.dataset.worklet!);
    } catch {
      for (const track of stream.getTracks()) track.stop();
      void context.close();
      status.textContent = say("failed");
      return;
    }
    rate = context.sampleRate;
    parts = [];
    samples = 0;
    const source = context.createMediaStreamSource(stream), node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    node.port.onmessage = (message: MessageEvent<Float32Array>) => {
      parts.push(message.data);
      samples += message.data.length;
      let peak = 0;
      for (const x of message.data) peak = Math.max(peak, Math.abs(x));
      meter.value = Math.max(peak, meter.value * 0.9);
      clock.textContent = (samples / rate).toFixed(1) + " s";
      if (samples / rate >= longest) end?.();
    };
    source.connect(node);
    end = () => {
      end = null;
      source.disconnect();
      for (const track of stream.getTracks()) track.stop();
      void context.close();
      done();
    };
    taken.hidden = true;
    record.hidden = true;
    stop.hidden = false;
    stop.focus();
    status.textContent = say("speak");
  }

  function done(): void {
    stop.hidden = true;
    record.hidden = false;
    record.textContent = say("again");
    meter.value = 0;
    const seconds = samples / rate;
    if (seconds < 0.3) {
      status.textContent = say("short");
      record.focus();
      return;
    }
    const [first, last] = speech();
    for (const slider of [from, to]) slider.max = seconds.toFixed(2);
    from.value = first.toFixed(2);
    to.value = last.toFixed(2);
    heard.hidden = true;
    taken.hidden = false;
    status.textContent = say("taken");
    listen.focus();
  }

  const all = (): Float32Array => {
    const sound = new Float32Array(samples);
    let at = 0;
    for (const part of parts) { sound.set(part, at); at += part.length; }
    return sound;
  };

  /** Where somebody begins and ends to speak, in seconds, with some air. */
  function speech(): [number, number] {
    const sound = all(), step = Math.round(rate / 50);
    let first = -1, last = 0;
    for (let at = 0; at + step <= sound.length; at += step) {
      let sum = 0;
      for (let i = at; i < at + step; i++) sum += sound[i]! * sound[i]!;
      if (Math.sqrt(sum / step) > 0.008) { if (first < 0) first = at; last = at + step; }
    }
    if (first < 0) return [0, samples / rate];
    return [Math.max(0, first / rate - 0.2), Math.min(samples / rate, last / rate + 0.3)];
  }

  /** 16-bit WAV of what lies between the two marks. */
  function file(): Blob {
    const sound = all().subarray(Math.floor(Number(from.value) * rate), Math.ceil(Number(to.value) * rate));
    const view = new DataView(new ArrayBuffer(44 + 2 * sound.length));
    const text = (at: number, letters: string): void => { for (let i = 0; i < letters.length; i++) view.setUint8(at + i, letters.charCodeAt(i)); };
    text(0, "RIFF"); view.setUint32(4, 36 + 2 * sound.length, true); text(8, "WAVEfmt "); view.setUint32(16, 16, true);
    view.setUint16(20, 1, true); view.setUint16(22, 1, true); view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true);
    view.setUint16(32, 2, true); view.setUint16(34, 16, true); text(36, "data"); view.setUint32(40, 2 * sound.length, true);
    sound.forEach((x, i) => view.setInt16(44 + 2 * i, Math.max(-1, Math.min(1, x)) * 32767, true));
    return new Blob([view], { type: "audio/wav" });
  }

  async function send(url: string): Promise<Response | null> {
    const form = new FormData();
    form.append("sound", file(), "recording.wav");
    try {
      return await fetch(url, { method: "POST", body: form });
    } catch {
      status.textContent = say("offline");
      return null;
    }
  }

  record.addEventListener("click", () => void open());
  stop.addEventListener("click", () => end?.());
  from.addEventListener("input", () => { if (Number(from.value) > Number(to.value) - 0.2) from.value = String(Math.max(0, Number(to.value) - 0.2)); });
  to.addEventListener("input", () => { if (Number(to.value) < Number(from.value) + 0.2) to.value = String(Number(from.value) + 0.2); });
  listen.addEventListener("click", async () => {
    const answer = await send(box.dataset.preview!);
    if (!answer) return;
    if (!answer.ok) { status.textContent = answer.headers.get("Content-Type")?.startsWith("text/plain") ? await answer.text() : say("failed"); return; }
    URL.revokeObjectURL(heard.src);
    heard.src = URL.createObjectURL(await answer.blob());
    heard.hidden = false;
    status.textContent = "";
    void heard.play().catch(() => undefined); // the controls are there
  });
  save.addEventListener("click", async () => {
    save.disabled = true;
    const answer = await send(box.dataset.recorder!);
    save.disabled = false;
    if (!answer) return;
    if (answer.ok) location.assign(answer.url);
    else status.textContent = say("refused");
  });
}
