// Shows the server's snapshot: sets data-state and texts, never HTML.
import { CallControl } from "./control";
import { all, list, focusCard, part, pressed, say, show, text } from "./dom";
import type { Monitor } from "./monitor";
import { type Call, type Earlier, known, type Snapshot, type Sound } from "./types";
import type { Phone } from "./phone";
import { clock, timeOfDay, type Words } from "./words";

export type Screen =
  | "connecting" | "off" | "ready" | "break" | "offer" | "oncall" | "alarm" | "lost" | "wrap" | "problem" | "elsewhere" | "join" | "monitor";

export interface Local {
  online: boolean; elsewhere: boolean; lostAt: number; nextTry: number; muted: boolean; trouble: string; working: boolean;
  saved: string; unsent: boolean; canNotify: boolean;
  unasked: string[]; // questions that should be asked and have no answer
  aside: boolean; // the trouble is about a wish, not about this person's phone
  canRing: { number: boolean; colleague: boolean };
}

const marks: Record<string, string> = { R: "▲", O: "◆", Y: "●", G: "■", W: "○" };
const longBreak = 30 * 60_000;
const onCall = (state: string): boolean => state === "on_call" || state === "on_hold";

export class View {
  /** Server time minus this computer's time, so that no clock needs to be right. */
  private skew = 0;
  private reminded = false;
  private snapshot: Snapshot | null = null;
  private screenNow: Screen = "connecting";
  private readonly title = document.title;

  private readonly control: CallControl;

  constructor(private readonly words: Words, private readonly monitor: Monitor) {
    this.control = new CallControl(words);
  }

  get screen(): Screen { return this.screenNow; }

  update(snapshot: Snapshot): void {
    if (snapshot.call && !snapshot.monitoring) this.control.tell(this.snapshot?.call ?? null, snapshot.call, snapshot.agent.id);
    this.snapshot = snapshot;
    this.skew = Date.parse(snapshot.now) - Date.now();
  }

  show(local: Local, phone: Phone): void {
    const s = this.snapshot;
    const screen = screenOf(s, local, this.monitor);
    this.screenNow = screen;
    document.body.dataset.state = screen;
    turnCards(screen === "alarm" ? "oncall" : screen);
    const hasCall = !!s?.call && screen !== "join" && screen !== "monitor";
    const working = hasCall && !s!.call!.internal && s!.agent.state !== "offered" && screen !== "offer";
    show('[data-show="idle"]', !hasCall);
    show('[data-show="offer"]', screen === "offer");
    show('[data-show="case"]', working);
    show('[data-show="past"]', working && !!s?.call?.earlier?.length);

    const w = this.words;
    text("link-words", w.t(local.online ? "js.link.good" : "js.link.lost"));
    for (const bars of all('[data-part="link"] .bars')) bars.dataset.n = local.online ? "4" : "0";
    for (const tag of all('[data-part="link"]')) tag.classList.toggle("stop", !local.online && screen !== "connecting");
    part("trouble", local.trouble !== "" && screen !== "problem", local.trouble);
    part("working", local.working, w.t("js.sound.working"));
    const unasked = local.unasked.length > 0 && s?.case != null, questions = w.t("js.unasked", { questions: local.unasked.join(" · ") });
    part("unasked", unasked, questions);
    text("unasked-start", unasked ? questions : "");
    if (screen === "problem") text("problem-words", local.trouble || w.or(`js.dead.${s?.agent.reason ?? ""}`, w.t("js.sound.lost")));
    text("saved", local.unsent ? w.t(local.online ? "js.saved.saving" : "js.saved.waiting")
      : local.saved ? w.t("js.saved.at", { clock: timeOfDay(local.saved) }) : w.t("js.saved.none"));
    show('[data-do="notify"]', local.canNotify);
    if (s) this.showSnapshot(s, screen, local, phone);
    this.tick(local);
  }

  private showSnapshot(s: Snapshot, screen: Screen, local: Local, phone: Phone): void {
    const w = this.words;
    const state = screen === "lost" ? "lost" : screen === "elsewhere" ? "elsewhere" : screen === "problem" ? "problem" : screen === "monitor" ? "monitoring" : s.agent.state;
    const then = s.agent.next === "break" ? ` · ${w.t("js.next.break")}` : "";
    text("state-words", w.t(`state.${state}`) + then);
    // Somebody else has chosen the state, or what comes after the call.
    const steered = s.agent.next_by ? `js.steered.next.${s.agent.next}` : `js.steered.${s.agent.state}`;
    const steerer = s.agent.next_by || s.agent.by;
    part("steered", !!steerer, steerer ? w.t(steered, { name: steerer, reason: w.or(`break.${s.agent.why}`, "") }) : "");
    part("mode-tag", s.mode.active);
    const mode = w.t(s.mode.active ? `js.mode.is.${s.mode.mode}` : "js.mode.on");
    text("mode", mode);
    part("mode-note", s.mode.active, known(s.mode.since) ? `${mode}. ${w.t("js.mode.note", { clock: timeOfDay(s.mode.since).slice(0, 5) })}` : mode);
    show('[data-do="robot"]', s.demo);
    part("call-out", local.canRing.number || local.canRing.colleague);
    part("call-number", local.canRing.number);
    part("call-colleague", local.canRing.colleague);
    if (screen === "join") this.monitor.showPending(local.working);
    const telephone = byTelephone(s.agent.sound);
    this.showSounds(s, telephone);
    const blocked = phone.blocked || !phone.live;
    const talks = !telephone && (onCall(s.agent.state) || !!s.monitoring);
    part("continue", talks && blocked && !local.working);
    part("no-sound", talks && (blocked || !phone.connected), w.t(phone.blocked ? "js.sound.blocked" : "js.sound.again"));
    if (screen === "break") {
      text("break-words", s.agent.state === "missed" ? w.t("js.break.missed")
        : w.t("js.break.reason", { reason: w.or(`break.${s.agent.reason}`, w.t("state.break")) }));
    }
    if (s.call) this.showCall(s.call, screen, local, phone);
    if (s.monitoring) this.monitor.show(s.monitoring, local.muted);
    if (s.case) {
      text("case-title", s.case.code ? w.t("js.case.code", { code: pairs(s.case.code) }) : w.t("js.case.code", { code: "" }).trim());
      const level = s.case.level;
      for (const box of all('[data-part="level"]')) { box.hidden = !level; box.dataset.level = level; }
      text("level-mark", marks[level] ?? "");
      text("level-name", level ? w.t(`level.${level}`) : "");
      text("level-todo", level ? w.t(level === "R" && s.call?.emergency ? "level.todo.told" : `level.todo.${level}`) : "");
    }
    const facts = s.call?.facts ?? [];
    part("facts", facts.length > 0);
    list("facts-list", facts.map((fact) => `${fact.label}: ${fact.value}`));
    part("script", !!s.script?.length);
    part("script-usual", !s.script?.length);
    list("script", s.script ?? [], s.script_language);
    part("known", !!s.known?.length);
    list("known-list", (s.known ?? []).map((one) => w.t("js.known", { text: one.text, clock: timeOfDay(one.as_of).slice(0, 5) })), s.known?.[0]?.language);
    part("asks", !!s.asks?.length);
    list("asks-list", s.asks ?? []);
    part("tough", s.case?.level === "R" || !!s.call?.emergency || !!s.call?.protected);
  }

  /** What calls are answered with, and everything that depends on it. */
  private showSounds(s: Snapshot, telephone: boolean): void {
    const known = s.agent.sounds ?? [];
    show("[data-mic]", !telephone);
    show("[data-telephone]", telephone);
    part("sounds", known.length > 1);
    for (const label of all("label[data-sound]")) {
      const one = label.dataset.sound as Sound;
      label.hidden = !known.includes(one);
      label.querySelector("input")!.checked = one === s.agent.sound;
    }
  }

  private showCall(call: Call, screen: Screen, local: Local, phone: Phone): void {
    const w = this.words;
    text("number", this.control.who(call));
    part("offer-from", call.internal || this.control.guest(call, this.snapshot?.agent.id ?? "") === "asked", w.t(call.internal ? "js.offer.colleague" : "js.offer.asked"));
    text("offer-title", w.t(call.call_back ? "js.offer.back" : "js.offer.title"));
    part("back", !!call.call_back && !call.ringing_out);
    part("back-words", !!call.call_back, call.call_back ? w.or(`js.back.${call.call_back}`, w.t("js.back.other")) : "");
    text("line", this.line(call));
    text("language", this.language(call));
    text("path", this.path(call));
    text("waited", w.duration(call.waited_s));
    const earlier = call.earlier ?? [];
    part("by-code", call.by_code);
    part("before", earlier.length > 0, w.n("js.before", earlier.length));
    text("before-words", w.t(earlier.length ? "js.before.words" : "js.before.none"));
    if (screen === "offer") this.list("preview-past", earlier); else this.list("past", earlier);
    text("oncall-title", w.t(screen === "alarm" ? "js.alarm.title" : call.ringing_out ? "js.out.title" : call.held && !call.consult ? "state.on_hold" : "state.on_call"));
    pressed("mute", local.muted);
    pressed("hold", call.held && !call.consult);
    pressed("emergency", call.emergency);
    part("muted-words", local.muted && !call.held);
    part("held-words", call.held && !call.consult);
    show("[data-caller]", !call.internal);
    this.control.show(call, this.snapshot?.agent.id ?? "");
    part("caller-left", call.caller_left);
    part("rescue", call.can_rescue && !call.rescue && !call.internal && !call.consult);
    part("rescue-words", call.rescue);
    text("flag-words", w.t(call.emergency ? "js.flag.on" : "js.flag.off"));
    const sound = phone.connected ? phone.quality : "none";
    text("sound-words", w.t(`js.sound.${sound === "none" && phone.connected ? "good" : sound}`));
    for (const bars of all('[data-part="sound-bars"]')) bars.dataset.n = { good: "4", fair: "3", poor: "1", none: phone.connected ? "4" : "0" }[sound];
    text("lost-words", w.t("js.lost.call"));
  }

  /** Who has been on a break for long is asked once whether that is so: breaks
   * that were forgotten look the same. */
  private remind(long: boolean): void {
    const fresh = long && !this.reminded;
    this.reminded = long;
    part("break-long", long);
    if (fresh) say("say-soon", this.words.t("js.break.long"));
  }

  /** Once a second: everything that counts. */
  tick(local: Local): void {
    const s = this.snapshot, w = this.words, now = Date.now();
    if (this.screenNow === "lost") {
      const left = Math.max(0, Math.ceil((local.nextTry - now) / 1000));
      text("lost-try", local.nextTry && left ? w.n("js.lost.try", left) : w.t("js.lost.trying"));
      text("lost-clock", clock((now - local.lostAt) / 1000));
      part("lost-long", now - local.lostAt > 120_000);
      part("lost-number", !!s?.call);
      if (!s?.call) text("lost-words", w.t("js.lost.idle"));
    }
    if (!s) return;
    const server = now + this.skew;
    const since = (iso: string): string => (known(iso) ? clock((server - Date.parse(iso)) / 1000) : "");
    text("state-clock", since(s.agent.since));
    text("wrap-clock", since(s.agent.since));
    text("monitor-clock", since(s.agent.since));
    this.remind(s.agent.state === "break" && known(s.agent.since) && server - Date.parse(s.agent.since) > longBreak);
    const age = Math.max(0, (server - Date.parse(s.now)) / 1000);
    text("waiting", s.waiting ? w.n("js.waiting", s.waiting, { longest: clock(s.longest_s + age) }) : w.t("js.waiting.zero"));
    for (const tag of all('[data-part="waiting"]')) tag.classList.toggle("warn", s.waiting > 0);
    if (!s.call) { if (document.title !== this.title) document.title = this.title; return; }
    text("call-clock", since(s.call.ringing_out ? s.agent.since : s.call.answered_at));
    if (this.screenNow === "offer") {
      const until = Date.parse(s.call.ring_until), total = Math.max(1000, until - Date.parse(s.agent.since));
      const left = Math.max(0, until - server);
      text("ring-clock", clock(left / 1000).replace(/^0/, ""));
      text("ring-words", w.n("js.ring", Math.ceil(left / 1000)));
      for (const bar of all('[data-part="ring-bar"]')) bar.style.setProperty("--left", `${Math.min(100, (left / total) * 100)}%`);
      document.title = `☎ ${w.t("js.ring.title")} – ${this.title}`;
    } else if (document.title !== this.title) document.title = this.title;
  }

  offerWords(call: Call): string {
    const earlier = call.earlier?.length ?? 0;
    return this.words.t("js.say.offer", {
      line: this.line(call), language: this.language(call), before: earlier ? this.words.n("js.before", earlier) : this.words.t("js.before.none"),
    });
  }

  line(call: { queue: string }): string { return this.words.or(`queue.${call.queue}`, call.queue); }
  language(call: Call): string { return call.language ? this.words.or(`lang.${call.language}`, call.language) : "–"; }

  private path(call: Call): string {
    const w = this.words;
    // What has no words says nothing to the person who answers and is left out.
    const steps = (call.path ?? []).map((step) => {
      const [menu, key = ""] = step.split(":", 2);
      const language = menu === "language" ? w.or(`lang.${key}`, "") : "";
      return language ? w.t("path.language", { value: language }) : w.or(`path.${step}`, "");
    }).filter((words) => words !== "");
    steps.push(...(call.context ?? [])); // what a menu elsewhere found out, as it said it
    return steps.join(" · ") || call.keys || w.t("path.none");
  }

  private list(name: string, earlier: Earlier[]): void {
    for (const list of all(`[data-part="${name}"]`)) {
      list.replaceChildren(...earlier.map((contact) => {
        const item = document.createElement("li");
        const when = document.createElement("b");
        when.textContent = this.when(contact.at);
        const what = document.createElement("p");
        what.textContent = [this.line(contact), contact.disposition && this.words.or(`ending.${contact.disposition}`, contact.disposition)].filter(Boolean).join(" – ");
        item.append(when, what);
        return item;
      }));
    }
  }

  private when(iso: string): string {
    const at = new Date(iso), today = new Date(), before = new Date(today.getTime() - 86_400_000);
    const time = timeOfDay(iso).slice(0, 5);
    if (at.toDateString() === today.toDateString()) return this.words.t("time.today", { clock: time });
    if (at.toDateString() === before.toDateString()) return this.words.t("time.yesterday", { clock: time });
    return `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")} ${time}`;
  }
}

/** Calls come to a telephone; this page only shows them. */
export const byTelephone = (sound: Sound): boolean => sound === "phone" || sound === "number" || sound === "line";

/** Whoever has a call or notes of their own cannot step into another one. */
export const busy = (s: Snapshot): boolean => !s.monitoring && (onCall(s.agent.state) || s.agent.state === "wrap");

function screenOf(s: Snapshot | null, local: Local, monitor: Monitor): Screen {
  if (local.elsewhere) return "elsewhere";
  if (!local.online) return local.lostAt ? "lost" : "connecting";
  if (!s) return "connecting";
  if (s.monitoring) return "monitor";
  if (monitor.pending && s.agent.state !== "offered") return "join";
  switch (s.agent.state) {
    case "ready": return "ready";
    case "offered": return s.call ? "offer" : "ready";
    case "on_call": case "on_hold": return s.call?.emergency ? "alarm" : "oncall";
    case "wrap": return "wrap";
    case "break": case "missed": return "break";
    case "problem": return "problem";
    // "lost" while this page is connected: the server waits for sound or a heartbeat.
    case "lost": return s.call ? (s.call.emergency ? "alarm" : "oncall") : "problem";
    default: return local.trouble && !local.aside ? "problem" : "off";
  }
}

/** Shows one card. Who was on the card that goes away is put on the new one's
 * heading, where no key does anything; nobody else's focus moves. */
function turnCards(name: string): void {
  const focused = document.activeElement?.closest<HTMLElement>("[data-card]");
  for (const card of all("[data-card]")) {
    const on = card.dataset.card === name;
    if (card.hidden === on) card.hidden = !on;
  }
  if (focused?.hidden) focusCard();
}

/** 123456 as 12 34 56: codes are read aloud in pairs. */
const pairs = (code: string): string => code.replace(/(..)(?=.)/g, "$1 ");
