// Microphone, connection and loudspeaker. The microphone track stays off until
// a caller is connected; the connection stays up while Ready, so that answering
// takes no set-up time and the browser does not put the page to sleep.
import { chosen, route } from "./devices";

export type Trouble = "denied" | "missing" | "insecure" | "lost" | "link" | "blocked";

export interface PhoneEvents {
  offer(sdp: string): boolean; // false: no way to send it now
  changed(): void;
  trouble(kind: Trouble): void;
}

export type Quality = "good" | "fair" | "poor" | "none";

const gatherFor = 1000;
const connectWithin = 8000;
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Phone {
  quality: Quality = "none";
  /** What the quality is made of: milliseconds, milliseconds, per cent. */
  figures: { rtt: number; jitter: number; loss: number; samples: number } | null = null;
  private mic: MediaStreamTrack | null = null;
  private pc: RTCPeerConnection | null = null;
  private context: AudioContext | null = null;
  private meter: AnalyserNode | null = null;
  private open = false;
  private awaitingAnswer: RTCPeerConnection | null = null;
  private repairTimer = 0;
  private wasRefused = false;
  private lossBefore = { lost: 0, received: 0 };

  /** plain: no echo cancellation and the like, for tests that measure sound. */
  constructor(private readonly speaker: HTMLAudioElement, private readonly on: PhoneEvents, private readonly plain: boolean) {
    setInterval(() => void this.watch(), 2000);
  }

  get live(): boolean { return this.mic?.readyState === "live" && !this.mic.muted; }
  get connected(): boolean { return this.pc?.connectionState === "connected"; }
  get blocked(): boolean { return !!this.speaker.srcObject && this.speaker.paused; }

  /** Whether the caller hears the microphone. */
  listen(open: boolean): void {
    this.open = open;
    if (this.mic) this.mic.enabled = open;
  }

  /** Microphone and connection, ready for calls. Resolves when sound flows. */
  async start(): Promise<boolean> {
    if (!(await this.takeMicrophone())) return false;
    void this.context?.resume();
    if (this.connected) return true;
    await this.connect();
    const end = Date.now() + connectWithin;
    while (!this.connected && !this.wasRefused && Date.now() < end) await wait(50);
    if (!this.connected && !this.wasRefused) this.on.trouble("link");
    return this.connected;
  }

  /** A press of the person: whatever the browser held back may play now. */
  async unblock(): Promise<void> {
    void this.context?.resume();
    await this.speaker.play().catch(() => undefined);
    this.on.changed();
  }

  async answer(sdp: string): Promise<void> {
    const pc = this.awaitingAnswer;
    if (!pc || pc.signalingState !== "have-local-offer") return;
    this.awaitingAnswer = null;
    try { await pc.setRemoteDescription({ type: "answer", sdp }); } catch { this.repairSoon(500); }
  }

  /** The server does not take the offer; it has told the person why. */
  refused(): void {
    this.wasRefused = true;
    this.awaitingAnswer = null;
    this.repairSoon(5000);
  }

  /** A fresh connection with the same microphone: after a network change. */
  repairSoon(delay: number): void {
    clearTimeout(this.repairTimer);
    this.repairTimer = window.setTimeout(() => { if (this.mic && !this.connected) void this.connect(); }, delay);
  }

  stop(): void {
    clearTimeout(this.repairTimer);
    this.pc?.close();
    this.pc = this.awaitingAnswer = null;
    this.mic?.stop();
    this.mic = this.meter = null;
    this.speaker.srcObject = null;
    this.on.changed();
  }

  /** The loudest sample of the last moment, 0 to 1 of what can be sent. */
  peak(): number {
    if (!this.meter) return 0;
    const samples = new Float32Array(this.meter.fftSize);
    this.meter.getFloatTimeDomainData(samples);
    let peak = 0;
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
    return peak;
  }

  /** How loud the microphone is as people hear it, 0 to 1. */
  level(): number {
    const peak = this.peak();
    return peak < 0.001 ? 0 : Math.min(1, Math.max(0, 1 + Math.log10(peak) / 2.2)); // −44 dBFS … 0
  }

  audioContext(): AudioContext | null { return this.context; }

  /** What the microphone hears, for somebody else to use and to stop. */
  copy(): MediaStream | null {
    if (!this.mic) return null;
    const track = this.mic.clone();
    track.enabled = true;
    return new MediaStream([track]);
  }

  private async takeMicrophone(): Promise<boolean> {
    if (this.live) return true;
    if (!navigator.mediaDevices?.getUserMedia) { this.on.trouble(isSecureContext ? "missing" : "insecure"); return false; }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: { ...(chosen("audioinput") ? { deviceId: { ideal: chosen("audioinput") } } : {}), echoCancellation: !this.plain, noiseSuppression: !this.plain, autoGainControl: !this.plain },
      });
      const track = stream.getAudioTracks()[0];
      this.mic = track;
      track.onended = track.onmute = () => { this.on.changed(); if (this.mic === track) this.on.trouble("lost"); };
      track.onunmute = () => this.on.changed();
      // The meter listens to a copy: the track itself is silent until answered.
      this.context ??= new AudioContext();
      this.meter = this.context.createAnalyser();
      this.meter.fftSize = 1024;
      this.context.createMediaStreamSource(new MediaStream([track.clone()])).connect(this.meter);
      track.enabled = this.open;
      this.on.changed();
      return true;
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      this.on.trouble(name === "NotFoundError" || name === "OverconstrainedError" ? "missing" : "denied");
      return false;
    }
  }

  private async connect(): Promise<void> {
    if (!this.mic) return;
    this.wasRefused = false;
    const old = this.pc;
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.pc = pc;
    this.lossBefore = { lost: 0, received: 0 };
    if (old) { old.onconnectionstatechange = old.ontrack = null; old.close(); }
    const transceiver = pc.addTransceiver(this.mic, { direction: "sendrecv" });
    preferPCMU(transceiver);
    pc.ontrack = (event) => {
      this.speaker.srcObject = new MediaStream([event.track]);
      void route(this.speaker, chosen("audiooutput"));
      this.speaker.play().catch(() => { this.on.trouble("blocked"); });
    };
    pc.onconnectionstatechange = () => {
      if (this.pc !== pc) return;
      this.on.changed();
      // "failed" can take half a minute; a caller is waiting, so act sooner.
      if (pc.connectionState === "disconnected") this.repairSoon(2000);
      if (pc.connectionState === "failed") this.repairSoon(200);
    };
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc);
    if (this.pc !== pc || !pc.localDescription) return;
    this.awaitingAnswer = pc;
    if (!this.on.offer(pc.localDescription.sdp)) { this.awaitingAnswer = null; return; }
    window.setTimeout(() => { if (this.pc === pc && pc.connectionState !== "connected") this.repairSoon(0); }, connectWithin);
  }

  private async watch(): Promise<void> {
    const pc = this.pc;
    if (!pc || pc.connectionState !== "connected") {
      // In a call nobody has time to press: a connection that is over is made anew.
      if (pc && this.open && (pc.connectionState === "closed" || pc.connectionState === "failed")) this.repairSoon(0);
      this.quality = "none";
      this.on.changed();
      return;
    }
    let loss = 0, jitter = 0, delay = 0;
    for (const report of (await pc.getStats()).values()) {
      if (report.type === "inbound-rtp") {
        const lost = report.packetsLost - this.lossBefore.lost;
        const received = report.packetsReceived - this.lossBefore.received;
        this.lossBefore = { lost: report.packetsLost, received: report.packetsReceived };
        loss = lost + received > 0 ? Math.max(0, lost) / (lost + received) : 0;
        jitter = report.jitter ?? 0;
      }
      if (report.type === "candidate-pair" && report.nominated) delay = report.currentRoundTripTime ?? 0;
    }
    this.figures = { rtt: delay * 1000, jitter: jitter * 1000, loss: loss * 100, samples: (this.figures?.samples ?? 0) + 1 };
    const next = quality(delay * 1000, jitter * 1000, loss * 100);
    if (next !== this.quality) { this.quality = next; this.on.changed(); }
  }
}

/** Simplified E-model (ITU-T G.107), as words. */
function quality(rtt: number, jitter: number, loss: number): Quality {
  const delay = rtt + 2 * jitter + 10;
  const r = Math.max(0, (delay < 160 ? 94.8 - delay / 40 : 94.8 - (delay - 120) / 10) - 2.5 * loss);
  const mos = 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r);
  return mos >= 4 ? "good" : mos >= 3.6 ? "fair" : "poor";
}

// The hotline speaks G.711 µ-law on every wire; asking for it first saves work.
function preferPCMU(transceiver: RTCRtpTransceiver): void {
  const codecs = RTCRtpReceiver.getCapabilities?.("audio")?.codecs;
  if (!codecs || !transceiver.setCodecPreferences) return;
  const first = codecs.filter((c) => /PCMU|telephone-event/i.test(c.mimeType));
  const rest = codecs.filter((c) => !/PCMU|telephone-event/i.test(c.mimeType));
  try { transceiver.setCodecPreferences([...first, ...rest]); } catch { /* the browser's own order then */ }
}

function gathered(pc: RTCPeerConnection): Promise<void> {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const end = window.setTimeout(resolve, gatherFor);
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState === "complete") { clearTimeout(end); resolve(); }
    });
  });
}
