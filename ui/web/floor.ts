// Keeps the floor page up to date. The server draws the parts; a part whose
// content did not change is left alone, so that reading is not disturbed.
const live = document.querySelector<HTMLElement>("[data-live]");
let last = Date.now();
let alarms = Number(document.querySelector("[data-alarms]")?.getAttribute("data-alarms") ?? 0);
let context: AudioContext | null = null;
document.addEventListener("pointerdown", () => { context ??= new AudioContext(); void context.resume(); });

function beep(): void {
  if (!context) return;
  for (const at of [0, 0.3, 0.6]) {
    const tone = context.createOscillator(), level = context.createGain(), from = context.currentTime + at;
    tone.frequency.value = 990;
    level.gain.setValueAtTime(0.2, from);
    level.gain.exponentialRampToValueAtTime(0.001, from + 0.2);
    tone.connect(level).connect(context.destination);
    tone.start(from);
    tone.stop(from + 0.21);
  }
}

function show(html: string): void {
  if (!live) return;
  last = Date.now();
  // Drawn by our own server from escaped templates; scripts inside never run,
  // by the way it is inserted and by the content security policy.
  const next = new DOMParser().parseFromString(html, "text/html");
  for (const fresh of next.querySelectorAll<HTMLElement>("[data-region]")) {
    const old = live.querySelector<HTMLElement>(`[data-region="${fresh.dataset.region}"]`);
    if (old && old.outerHTML !== fresh.outerHTML) old.replaceWith(document.adoptNode(fresh));
  }
  const now = Number(live.querySelector("[data-alarms]")?.getAttribute("data-alarms") ?? 0);
  if (now > alarms) {
    beep();
    const region = document.getElementById("say-now");
    if (region) region.textContent = live.querySelector("[data-alarm-words]")?.textContent ?? "";
  }
  alarms = now;
}

if (live?.dataset.live) {
  const source = new EventSource(live.dataset.live);
  source.addEventListener("floor", (event) => show(String((event as MessageEvent).data)));
  setInterval(() => {
    const stale = document.querySelector<HTMLElement>("[data-stale]");
    if (stale) stale.hidden = Date.now() - last < 10_000;
  }, 1000);
}
