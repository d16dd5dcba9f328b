// Who else is on the line, what they hear, and what can be done about it.
import { all, focusCard, part, pressed, say, text, usable } from "./dom";
import type { Call, Party } from "./types";
import { readable, type Words } from "./words";

/** Numbers keep their direction in every language. */
const ltr = (number: string): string => `\u2066${readable(number)}\u2069`;

export class CallControl {
  private drawn = "";

  constructor(private readonly words: Words) {}

  /** Who the call is with: the caller, or whoever was rung. */
  who(call: Call): string {
    const first = call.parties?.[0];
    if (call.protected) return this.words.t("js.number.protected");
    if (call.number) return readable(call.number);
    if (first && first.kind !== "caller" && (first.name || first.number)) return first.name || readable(first.number);
    return this.words.t("js.number.hidden");
  }

  show(call: Call, self: string): void {
    const w = this.words, consult = call.consult, guest = this.guest(call, self);
    const parties = (call.parties ?? []).filter((p) => p.id !== self);
    part("ringing-out", call.ringing_out);
    part("guest", guest !== "", w.t(`js.guest.${guest || "joined"}`));
    part("consult", !!consult && !guest);
    if (consult) {
      const name = consult.name || ltr(consult.number), talking = consult.state === "talking" && !consult.failed;
      text("consult-title", w.t(consult.failed ? "js.consult.back" : `js.consult.${talking ? "talking" : "ringing"}`, { name }));
      text("consult-words", consult.failed ? consult.failed
        : w.t(parties.some((p) => p.kind === "caller" && p.state === "held") ? "js.consult.music" : "js.consult.meanwhile"));
      text("consult-back", w.t(consult.failed ? "js.consult.close" : "js.consult.cancel"));
      part("consult-transfer", talking);
      part("consult-join", talking);
    }
    const listened = call.listened ?? [], whisper = call.whisper ?? [];
    part("listened", listened.length > 0);
    if (listened.length) text("listened-words", w.n("js.listened", listened.length, { names: this.names(listened) }));
    part("whisper", whisper.length > 0);
    if (whisper.length) text("whisper-words", w.n("js.whisper", whisper.length, { names: this.names(whisper) }));
    this.list(parties.filter((p) => p.state !== "listening" && p.state !== "whispering"), !guest);
    const alone = (!consult || !!consult.failed) && !call.ringing_out && !guest && !call.internal;
    part("leave", !guest && parties.some((p) => (p.kind === "agent" || p.kind === "number") && p.state === "talking"));
    usable("leave", alone);
    usable("hold", alone);
    usable("transfer", alone);
    usable("add", alone);
    usable("keypad", !call.ringing_out && !guest && !call.internal);
    pressed("help", call.help);
    part("help-words", call.help);
    const running = known(call.recording) && call.recording !== "off";
    pressed("record", running);
    part("record", call.recording_policy !== "never" && !call.protected && !call.ringing_out && !guest);
    part("recording", running);
    if (running) text("recording-words", w.t(`js.recording.${call.recording}`));
    for (const mark of all(".rec")) mark.dataset.on = String(call.recording === "on");
  }

  /** Whether this person only visits a colleague's call: asked about it while
   * the caller hears music, or joined to it. */
  guest(call: Call, self: string): "asked" | "joined" | "" {
    if (call.consult && (call.consult.id === self || call.consult.id === `agent:${self}`)) return "asked";
    return call.parties?.some((party) => party.id === self) ? "joined" : "";
  }

  /** What a person who does not see the card must hear about. */
  tell(before: Call | null, call: Call, self: string): void {
    if (!before || before.contact !== call.contact) return;
    const guest = this.guest(call, self);
    if (guest !== this.guest(before, self) && guest) return say("say-soon", this.words.t(`js.guest.${guest}`));
    const w = this.words;
    const fresh = (now: string[] | null, then: string[] | null): string[] => (now ?? []).filter((name) => !(then ?? []).includes(name));
    const listened = fresh(call.listened, before.listened), whisper = fresh(call.whisper, before.whisper);
    if (listened.length) return say("say-soon", w.n("js.listened", listened.length, { names: this.names(listened) }));
    if (whisper.length) return say("say-soon", w.n("js.whisper", whisper.length, { names: this.names(whisper) }));
    const consult = guest ? null : call.consult, earlier = guest ? null : before.consult;
    if (consult?.failed && !earlier?.failed) return say("say-now", consult.failed);
    if (consult && !consult.failed && consult.state !== earlier?.state) {
      return say("say-soon", w.t(`js.consult.${consult.state === "ringing" ? "ringing" : "talking"}`, { name: consult.name || ltr(consult.number) }));
    }
    const joined = (call.parties ?? []).filter((p) => p.kind !== "caller" && p.id !== self && p.state === "talking" && !(before.parties ?? []).some((q) => q.id === p.id && q.state === "talking"));
    if (joined.length) return say("say-soon", w.t("js.joined", { name: this.names(joined.map((p) => this.name(p))) }));
    if (earlier && !earlier.failed && !consult) return say("say-soon", w.t("js.consult.back"));
    if (before.ringing_out && !call.ringing_out) return say("say-soon", w.t("js.out.answered"));
    if (before.recording !== call.recording && known(call.recording)) say("say-soon", w.t(`js.recording.${call.recording}`));
  }

  private list(parties: Party[], leads: boolean): void {
    const shown = parties.length > 1 ? parties : [];
    part("parties", shown.length > 0);
    const now = JSON.stringify([leads, shown]);
    if (now === this.drawn) return;
    this.drawn = now;
    for (const list of all('[data-part="party-list"]')) {
      const focused = list.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.party : undefined;
      list.replaceChildren(...shown.map((party) => this.item(party, leads)));
      if (focused === undefined) continue;
      const again = [...list.querySelectorAll<HTMLElement>("[data-party]")].find((button) => button.dataset.party === focused);
      if (again) again.focus({ preventScroll: true }); else focusCard();
    }
  }

  private item(party: Party, leads: boolean): HTMLElement {
    const item = document.createElement("li"), who = document.createElement("span"), name = document.createElement("b"), state = document.createElement("span");
    name.dir = "auto";
    name.textContent = this.name(party);
    state.className = "small soft";
    state.textContent = this.words.or(`js.party.${party.state}`, party.state);
    who.append(name, " ", state);
    item.append(who);
    if (leads && (party.kind === "agent" || party.kind === "number")) {
      const drop = document.createElement("button");
      drop.type = "button";
      drop.className = "btn";
      drop.dataset.do = "drop";
      drop.dataset.party = party.id;
      drop.textContent = this.words.t("js.drop");
      drop.setAttribute("aria-label", `${this.words.t("js.drop")}: ${this.name(party)}`);
      item.append(drop);
    }
    return item;
  }

  private name(party: Party): string {
    return party.name || (party.kind === "caller" ? this.words.t("js.party.caller") : ltr(party.number));
  }

  private names(names: string[]): string {
    return new Intl.ListFormat(document.documentElement.lang || "en", { type: "conjunction" }).format(names);
  }
}

const known = (recording: string | undefined): recording is string => recording === "on" || recording === "off" || recording === "paused" || recording === "notice";
