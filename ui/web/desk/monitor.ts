// A supervisor in somebody else's call: on the way there from the floor page,
// and while listening, whispering or speaking.
import { all, focusCard, part, pressed, text } from "./dom";
import type { Monitoring, MonitorMode } from "./types";
import type { Words } from "./words";

export type Step = MonitorMode | "take";
const steps: readonly string[] = ["listen", "whisper", "barge", "take"];

/** These are heard by the caller or end somebody's part: asked once. */
const asks = (step: Step): boolean => step === "barge" || step === "take";

export class Monitor {
  /** The call to step into, until the server has let this person in. */
  pending: { contact: string; step: Step; agreed: boolean; sent: boolean } | null = null;
  private asking: Step | null = null; // on the card, before Join and Take over

  /** The wish is in the address; loading the page again must not repeat it. */
  constructor(private readonly words: Words, place: Location) {
    const wish = new URLSearchParams(place.search);
    const contact = wish.get("monitor"), step = wish.get("mode") ?? "listen";
    if (!contact) return;
    wish.delete("monitor");
    wish.delete("mode");
    history.replaceState(null, "", place.pathname + (String(wish) && `?${wish}`));
    if (steps.includes(step)) this.pending = { contact, step: step as Step, agreed: !asks(step as Step), sent: false };
  }

  message(contact: string, step: Step): { type: string; contact: string; mode?: string } {
    return step === "take" ? { type: "monitor.take", contact } : { type: "monitor", contact, mode: step };
  }

  /** A press on the card. Returns what may be sent at once. */
  press(step: Step, now: Monitoring): Step | null {
    if (step === now.mode) return null;
    if (!asks(step)) { this.ask(null); return step; }
    this.ask(step);
    return null;
  }

  /** The answer to the one question. */
  sure(yes: boolean): Step | null {
    const step = this.asking;
    this.ask(null);
    focusCard();
    return yes ? step : null;
  }

  get asks(): boolean { return this.asking !== null; }

  ask(step: Step | null): void { this.asking = step; }

  showPending(working: boolean): void {
    const pending = this.pending;
    if (!pending) return;
    text("join-title", this.words.t(`js.join.${pending.step}.h`));
    text("join-words", this.words.t(`js.join.${pending.step}.p`));
    part("join-go", !working && !pending.sent, this.words.t(pending.agreed ? "js.join.again" : `js.sure.${pending.step}.go`));
  }

  show(now: Monitoring, muted: boolean): void {
    const w = this.words, name = now.agent;
    text("monitor-title", w.t(`js.monitor.${now.mode}.h`));
    text("monitor-name", name);
    text("monitor-words", w.t(`js.monitor.${now.mode}.p`, { name }));
    part("monitor-mic", now.mode !== "listen");
    part("muted-words", muted && now.mode !== "listen");
    pressed("mute", muted);
    for (const button of all('[data-do="monitor"]')) {
      if (button.dataset.mode !== "take") button.setAttribute("aria-pressed", String(button.dataset.mode === now.mode));
    }
    part("modes", this.asking === null);
    part("sure", this.asking !== null);
    if (!this.asking) return;
    text("sure-words", w.t(`js.sure.${this.asking}`, { name }));
    text("sure-go", w.t(`js.sure.${this.asking}.go`));
  }
}
