// Records a bulletin in the browser as plain 16-bit samples and puts it into the
// form as a WAV file, as if it had been chosen: the server sees one kind of upload.

const recorder = document.querySelector<HTMLElement>("[data-recorder]");
const file = document.querySelector<HTMLInputElement>("#sound");
const longest = 90; // seconds, as the server allows

if (recorder && file && navigator.mediaDevices?.getUserMedia && "AudioContext" in window) {
  recorder.hidden = false;
  const button = recorder.querySelector<HTMLButtonElement>('[data-do="record"]')!;
  const said = recorder.querySelector<HTMLElement>('[data-part="said"]')!;
  const seconds = recorder.querySelector<HTMLElement>('[data-part="seconds"]')!;
  const listen = recorder.querySelector<HTMLAudioElement>('[data-part="listen"]')!;
  let stop: (() => void) | null = null;

  button.addEventListener("click", async () => {
    if (stop) {
      stop();
      return;
    }
    button.disabled = true;
    try {
      stop = await record();
      said.textContent = said.dataset.running ?? "";
      button.textContent = button.dataset.stop ?? "";
    } catch {
      said.textContent = said.dataset.denied ?? "";
    }
    button.disabled = false;
  });

  async function record(): Promise<() => void> {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    const context = new AudioContext();
    const source = context.createMediaStreamSource(stream);
    // ScriptProcessor needs no second file and no inline code, which the pages forbid.
    const tap = context.createScriptProcessor(4096, 1, 1);
    const parts: Int16Array[] = [];
    let count = 0;
    let over = false;
    const finish = (): void => {
      if (over) return;
      over = true;
      stop = null;
      tap.disconnect();
      source.disconnect();
      for (const track of stream.getTracks()) track.stop();
      void context.close();
      const sound = wav(parts, count, context.sampleRate);
      const chosen = new DataTransfer();
      chosen.items.add(new File([sound], "bulletin.wav", { type: "audio/wav" }));
      file!.files = chosen.files;
      listen.src = URL.createObjectURL(sound);
      listen.hidden = false;
      button.textContent = button.dataset.start ?? "";
      said.textContent = said.dataset.recorded ?? "";
    };
    tap.onaudioprocess = (event) => {
      const heard = event.inputBuffer.getChannelData(0);
      const part = new Int16Array(heard.length);
      for (let i = 0; i < heard.length; i++) part[i] = Math.max(-1, Math.min(1, heard[i] ?? 0)) * 32767;
      parts.push(part);
      count += part.length;
      seconds.textContent = `${Math.floor(count / context.sampleRate)} s`;
      if (count / context.sampleRate >= longest - 1) finish();
    };
    source.connect(tap);
    tap.connect(context.destination);
    return finish;
  }
}

// wav writes the header of a mono 16-bit PCM file in front of the samples.
function wav(parts: Int16Array[], count: number, rate: number): Blob {
  const header = new DataView(new ArrayBuffer(44));
  const word = (at: number, letters: string): void => [...letters].forEach((c, i) => header.setUint8(at + i, c.charCodeAt(0)));
  word(0, "RIFF");
  header.setUint32(4, 36 + 2 * count, true);
  word(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, rate, true);
  header.setUint32(28, 2 * rate, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  word(36, "data");
  header.setUint32(40, 2 * count, true);
  return new Blob([header.buffer, ...parts.map((p) => p.buffer as ArrayBuffer)], { type: "audio/wav" });
}
