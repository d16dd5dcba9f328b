// The sound check: microphone, loudspeaker, bell and network are tried before
// a caller does. What is measured goes to the server, which judges it.
import { canRoute, choose, chosen, type Device, route } from "./desk/devices";
import { all, part, text } from "./desk/dom";
import { ask, type Button, Headset, keep, type Kind, known, possible, remember, tried } from "./desk/headset";
import { Phone, type Trouble } from "./desk/phone";
import { Ring } from "./desk/ring";
import { Socket } from "./desk/socket";
import type { FromServer } from "./desk/types";
import { Words } from "./desk/words";

const measureFor = 5000; // of speech, and of the network

const words = new Words(document);
const speaker = document.getElementById("caller") as HTMLAudioElement;
const result = document.getElementById("result") as HTMLFormElement;
const answers: Record<string, string> = {};
const figures = { peak: 0, noise: 1, since: 0, rtt: 0, jitter: 0, loss: 0, samples: 0 };
let begun = false;
let recorder: MediaRecorder | null = null;

const phone = new Phone(speaker, {
  offer: (sdp) => socket.send({ type: "rtc.offer", sdp }),
  changed: () => undefined,
  trouble: (kind) => troubled(kind),
}, false);
const ring = new Ring(() => phone.audioContext());
const socket = new Socket(location.origin.replace(/^http/, "ws") + "/ws/practice", {
  message: received,
  open: () => { if (begun) phone.repairSoon(0); },
  lost: () => { if (begun) text("net-words", words.t("js.soundcheck.net.lost")); },
  refused: () => undefined,
  nextTry: () => undefined,
  alive: () => phone.live && phone.connected,
  delay: () => phone.figures?.rtt ?? 0,
});

function received(message: FromServer): void {
  if (message.type === "rtc.answer") void phone.answer(message.sdp);
  if (message.type === "error") part("trouble", true, message.text);
}

function troubled(kind: Trouble): void {
  if (kind === "blocked") return;
  part("trouble", true, words.t(`js.sound.${kind}`));
}

async function begin(): Promise<void> {
  part("trouble", false);
  begun = true;
  const works = await phone.start();
  if (!phone.live) { begun = false; return; }
  for (const e of all('[data-show="running"]')) e.hidden = false;
  await fillDevices();
  figures.since = Date.now();
  figures.peak = 0;
  figures.noise = 1;
  text("mic-words", words.t("js.soundcheck.mic.speak"));
  if (!works) text("net-words", words.t("js.soundcheck.net.lost"));
}

async function fillDevices(): Promise<void> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  for (const select of all<HTMLSelectElement>("select[data-device]")) {
    const device = select.dataset.device as Device;
    const kind = device === "ring" ? "audiooutput" : device;
    const found = devices.filter((one) => one.kind === kind && one.deviceId && one.deviceId !== "default" && one.deviceId !== "communications");
    const options = [["", words.t(device === "ring" ? "js.soundcheck.device.same" : "js.soundcheck.device.usual")]];
    found.forEach((one, n) => options.push([one.deviceId, one.label || words.t("js.soundcheck.device.n", { n: String(n + 1) })]));
    select.replaceChildren(...options.map(([id, label]) => {
      const option = document.createElement("option");
      option.value = id;
      option.textContent = label;
      option.selected = id === chosen(device);
      return option;
    }));
    select.disabled = options.length < 2 || (kind === "audiooutput" && !canRoute());
  }
}

/** How loud the microphone is, as dBFS; the noise is the quietest moment. */
function measure(): void {
  if (!begun || !phone.live) return;
  const now = phone.peak();
  for (const bar of all('[data-part="level"]')) bar.style.setProperty("--v", `${Math.round(phone.level() * 100)}%`);
  if (now > 0) {
    figures.peak = Math.max(figures.peak, now);
    figures.noise = Math.min(figures.noise, now);
  }
  if (Date.now() - figures.since > measureFor) {
    const peak = decibel(figures.peak);
    text("mic-words", words.t(`js.soundcheck.mic.${peak < -50 ? "silent" : peak < -30 ? "quiet" : peak > -1 ? "loud" : "good"}`));
  }
  const stats = phone.figures;
  if (stats && stats.samples !== figures.samples) {
    figures.samples = stats.samples;
    figures.rtt = Math.max(figures.rtt * 0.5, stats.rtt);
    figures.jitter = stats.jitter;
    figures.loss = stats.loss;
    if (figures.samples > 1) {
      text("net-words", words.t(`js.soundcheck.net.${phone.quality}`));
      for (const bars of all('[data-part="net-bars"]')) bars.dataset.n = { good: "4", fair: "3", poor: "1", none: "0" }[phone.quality];
    }
  }
  finishable();
}

const decibel = (level: number): number => Math.round(20 * Math.log10(Math.max(level, 1e-4)));

function finishable(): void {
  const missing = [
    Date.now() - figures.since <= measureFor ? "speak" : "", answers.heard ? "" : "heard", answers.rang ? "" : "rang", figures.samples > 1 ? "" : "net",
  ].filter(Boolean);
  result.querySelector<HTMLButtonElement>('[data-do="finish"]')!.disabled = missing.length > 0;
  part("missing", missing.length > 0);
}

async function playback(): Promise<void> {
  const stream = phone.copy();
  if (!stream || recorder) return;
  text("playback-words", words.t("js.soundcheck.record"));
  const pieces: Blob[] = [];
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = (event) => { if (event.data.size) pieces.push(event.data); };
  recorder.onstop = () => {
    for (const track of stream.getTracks()) track.stop();
    const sound = new Audio(URL.createObjectURL(new Blob(pieces, { type: recorder?.mimeType })));
    recorder = null;
    text("playback-words", words.t("js.soundcheck.play"));
    sound.onended = () => { text("playback-words", ""); URL.revokeObjectURL(sound.src); };
    void route(sound, chosen("audiooutput")).then(() => sound.play()).catch(() => text("playback-words", words.t("js.sound.blocked")));
  };
  recorder.start();
  setTimeout(() => recorder?.stop(), 3000);
}

// --- the buttons of a headset ---------------------------------------------------

let skip: (() => void) | null = null;

function showHeadset(): void {
  part("headset", possible());
  part("headset-off", !!known());
  if (known()) text("headset-words", words.t("js.soundcheck.headset.on"));
}

/** Each button is pressed once, so that the page knows what it means here. */
async function tryHeadset(): Promise<void> {
  skip?.();
  keep(null);
  const device = await ask().catch(() => null);
  if (!device) return showHeadsetSaying("none");
  if (!await new Headset(() => undefined).use(device)) return showHeadsetSaying("busy");
  const kinds: Partial<Record<Button, Kind>> = {};
  for (const button of ["call", "mute"] as const) {
    text("headset-words", words.t(`js.soundcheck.headset.${button}`));
    part("headset-skip", true);
    const kind = await Promise.race([tried(device, button), new Promise<null>((done) => { skip = () => done(null); })]);
    if (kind) kinds[button] = kind;
  }
  skip = null;
  part("headset-skip", false);
  if (Object.keys(kinds).length) remember(device, kinds);
  showHeadsetSaying(Object.keys(kinds).length ? "on" : "none");
}

function showHeadsetSaying(what: string): void {
  showHeadset();
  text("headset-words", words.t(`js.soundcheck.headset.${what}`));
}

document.addEventListener("click", (event) => {
  switch ((event.target as Element).closest<HTMLElement>("[data-do]")?.dataset.do) {
    case "begin": return void begin();
    case "playback": return void playback();
    case "headset": return void tryHeadset();
    case "headset-skip": return skip?.();
    case "headset-off":
      keep(null);
      return showHeadsetSaying("off");
    case "ring":
      void phone.audioContext()?.resume();
      ring.start();
      setTimeout(() => ring.stop(), 2500);
  }
});

document.addEventListener("change", (event) => {
  const input = event.target as HTMLInputElement | HTMLSelectElement;
  if (input instanceof HTMLSelectElement && input.dataset.device) {
    choose(input.dataset.device as Device, input.value);
    if (input.dataset.device === "audioinput") { phone.stop(); void begin(); }
    if (input.dataset.device === "audiooutput") void route(speaker, input.value);
  } else if (input.name === "heard" || input.name === "rang") {
    answers[input.name] = input.value;
    finishable();
  }
});

result.addEventListener("submit", () => {
  const values: Record<string, string> = {
    peak: String(decibel(figures.peak)), noise: String(decibel(figures.noise)), rtt: String(Math.round(figures.rtt)), jitter: String(Math.round(figures.jitter)),
    loss: figures.loss.toFixed(2), heard: answers.heard, rang: answers.rang,
  };
  for (const [name, value] of Object.entries(values)) (result.elements.namedItem(name) as HTMLInputElement).value = value;
  ring.stop();
  phone.stop();
});

setInterval(measure, 100);
showHeadset();
socket.start();
