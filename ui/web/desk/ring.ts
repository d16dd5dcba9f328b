// The ring: a soft two-tone from WebAudio, so that no sound file can be missing.
// Where a second device was chosen it rings there too: a headset that lies on
// the table is not heard.
import { chosen, route } from "./devices";

export class Ring {
  private timer = 0;
  private second: { id: string; context: AudioContext; out: MediaStreamAudioDestinationNode; element: HTMLAudioElement } | null = null;

  /** context may be null before the person has pressed anything on the page. */
  constructor(private readonly context: () => AudioContext | null) {}

  start(): void {
    if (this.timer) return;
    this.strike();
    this.timer = window.setInterval(() => this.strike(), 3000);
    navigator.vibrate?.([300, 200, 300]);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = 0;
    navigator.vibrate?.(0);
  }

  private strike(): void {
    const context = this.context();
    if (!context) return;
    void context.resume();
    const second = this.aside(context);
    for (const [at, hz] of [[0, 660], [0.22, 880], [0.55, 660], [0.77, 880]]) {
      const tone = context.createOscillator(), level = context.createGain(), from = context.currentTime + at;
      tone.frequency.value = hz;
      level.gain.setValueAtTime(0, from);
      level.gain.linearRampToValueAtTime(0.25, from + 0.02);
      level.gain.exponentialRampToValueAtTime(0.001, from + 0.2);
      tone.connect(level).connect(context.destination);
      if (second) level.connect(second);
      tone.start(from);
      tone.stop(from + 0.21);
    }
  }

  /** The second device, if one was chosen. */
  private aside(context: AudioContext): AudioNode | null {
    const id = chosen("ring");
    if (!id) return null;
    if (this.second?.id !== id || this.second.context !== context) {
      const out = context.createMediaStreamDestination(), element = new Audio();
      element.srcObject = out.stream;
      this.second = { id, context, out, element };
      void route(element, id).then(() => element.play()).catch(() => undefined);
    }
    return this.second.out;
  }
}
