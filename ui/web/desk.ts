// The phone volunteer's page: takes the server's snapshots, shows them, and
// turns presses into commands.
import "./places";
import { CaseForm } from "./desk/caseform";
import { Directory as Services } from "./desk/directory";
import { focusCard, say } from "./desk/dom";
import { Headset, known } from "./desk/headset";
import { Monitor, type Step } from "./desk/monitor";
import { Notices } from "./desk/notices";
import { Phone, type Trouble } from "./desk/phone";
import { Picker } from "./desk/picker";
import { Ring } from "./desk/ring";
import { Socket } from "./desk/socket";
import type { Directory, FromServer, Snapshot, Sound, ToServer } from "./desk/types";
import { busy, byTelephone, type Local, View } from "./desk/view";
import { Words } from "./desk/words";

const shortcutGuard = 700; // a key meant for something else must not answer a call

const words = new Words(document);
const monitor = new Monitor(words, location);
const view = new View(words, monitor);
const local: Local = {
  online: false, elsewhere: false, lostAt: 0, nextTry: 0, unasked: [], muted: false, trouble: "", working: false, saved: "", unsent: false, canNotify: false,
  aside: false, canRing: { number: false, colleague: false },
};
let snapshot: Snapshot | null = null;
let offeredAt = 0;
let chosen: Sound | "" = ""; // what to speak through, until the hotline says the same
let settled: Sound | "" = ""; // what the hotline said last
let ready = false; // this page has been Ready: its sound is kept up
let dialled = "";
let notice: Notification | null = null;
let wake: WakeLockSentinel | null = null;
let wakeAsked = false;
let troubleFor = ""; // the command that local.trouble is about
let wrapUp: ToServer | null = null; // waits until the last answers are saved
let leaving = false;
let directory: Directory | null = null;
let toCall = wished(); // whom this page is to call: a person of the worklist, or an own caller again

// Commands whose refusal says nothing about this person's own phone.
const wishes = ["transfer", "consult", "consult.transfer", "consult.join", "consult.cancel", "drop", "leave", "help", "record", "call.out", "call.agent", "call.item", "call.again", "monitor", "monitor.take", "monitor.end"];

const mutedTalk = document.querySelector<HTMLElement>('[data-part="muted-talk"]')!;
const speaker = document.getElementById("caller") as HTMLAudioElement;
const phone = new Phone(speaker, {
  offer: (sdp) => socket.send({ type: "rtc.offer", sdp }),
  changed: () => render(),
  trouble: (kind) => troubled(kind),
}, new URLSearchParams(location.search).has("plain-audio"));
const ring = new Ring(() => phone.audioContext());
const form = new CaseForm(document.getElementById("case") as HTMLFormElement, {
  send: (contact, fields, shown, n) => socket.send({ type: "case.save", contact, fields, shown, n }),
  conflict: (theirs) => {
    const told = words.t("js.case.conflict", { theirs: theirs || words.t("js.case.conflict.empty") });
    say("say-now", told);
    return { told, mine: words.t("js.case.conflict.mine"), theirs: words.t("js.case.conflict.theirs") };
  },
  changed: () => {
    if (wrapUp && !form.unsent) { const message = wrapUp; wrapUp = null; send(message); }
    render();
  },
});
const pickers = ["transfer", "dial"].map((id) => new Picker(document.getElementById(id) as HTMLFormElement, words, {
  send: (message) => socket.send(message),
  directory: () => directory,
  contact: () => snapshot?.call?.contact,
  self: () => snapshot?.agent.id ?? "",
}));
const [transfer, dialOut] = pickers;
const notices = new Notices(words, (id) => socket.send({ type: "notice.seen", item: id }));
const services = new Services(words, () => {
  const call = snapshot?.call;
  return call && !snapshot?.monitoring && !call.internal && !call.protected && snapshot?.agent.state !== "offered" ? call.contact : "";
});
const channel = document.getElementById("main")?.dataset.socket ?? "/ws/agent";
const practice = channel === "/ws/practice";
const socket = new Socket(location.origin.replace(/^http/, "ws") + channel, {
  message: received,
  open: () => {
    const back = local.lostAt !== 0;
    local.online = true;
    local.lostAt = 0;
    form.resend();
    chosen = "";
    phone.repairSoon(0);
    if (back) say("say-soon", words.t("js.say.back"));
    render();
  },
  lost: () => {
    if (!local.lostAt && snapshot) local.lostAt = Date.now();
    local.online = false;
    if (monitor.pending) monitor.pending.sent = false;
    ring.stop();
    render();
  },
  refused: () => void signedOut(),
  nextTry: (at) => { local.nextTry = at; render(); },
  alive: () => phone.live && phone.connected,
  delay: () => phone.figures?.rtt ?? 0,
});

function received(message: FromServer): void {
  switch (message.type) {
    case "state": return newState(message.state);
    case "rtc.answer": return void phone.answer(message.sdp);
    case "directory": return listed(message);
    case "case.saved":
      if (troubleFor === "case.save") local.trouble = "";
      return form.saved(message.n, message.at, message.conflicts ?? []);
    case "elsewhere":
      socket.stop();
      phone.stop();
      ring.stop();
      local.elsewhere = true;
      return render();
    case "error":
      // Asked for only to take back "then: break"; see the notes' buttons.
      if (message.for === "ready" && snapshot?.agent.state === "wrap") return;
      if (message.for === "case.save") { wrapUp = null; form.refused(message.n ?? 0); }
      if (message.for === "rtc.offer") phone.refused();
      if (message.for === "sound") takeBack();
      if (message.for === "directory") return; // there is nobody to ring, then
      if (monitor.pending && message.for.startsWith("monitor")) monitor.pending.sent = false;
      if (pickers.some((picker) => picker.refused(message.text))) return;
      local.aside = wishes.includes(message.for);
      if (message.text !== local.trouble) say("say-now", message.text); // a repeated failure is said once
      local.trouble = message.text;
      troubleFor = message.for;
      return render();
  }
}

function listed(list: Directory): void {
  directory = list;
  const others = (list.agents ?? []).filter((one) => one.id !== snapshot?.agent.id);
  local.canRing = { number: list.outgoing, colleague: list.calls && others.length > 0 };
  for (const picker of pickers) picker.fill();
  render();
}

/** The server is there but the session is over: only signing in helps. What is
 * unsent stays in this tab and goes out after that. */
async function signedOut(): Promise<void> {
  const answer = await fetch("/desk", { method: "HEAD", redirect: "manual", cache: "no-store" }).catch(() => null);
  if (answer?.type !== "opaqueredirect") return;
  leaving = true;
  location.assign("/login");
}

function newState(told: Snapshot): void {
  if (chosen === told.agent.sound) chosen = "";
  const next = chosen ? through(told, chosen) : told;
  if (!chosen) settled = told.agent.sound;
  const before = snapshot;
  snapshot = next;
  words.learn(next.lines ?? {});
  if (practice && next.agent.reason === "practised") { leaving = true; sessionStorage.clear(); location.assign("/desk/start"); return; }
  if (telephone() && ready) { ready = false; phone.stop(); } // the microphone is given back
  view.update(next);
  notices.show(next.notices ?? []);
  const state = next.agent.state, contact = next.call?.contact ?? "";
  const moved = !before || before.agent.state !== state || (before.call?.contact ?? "") !== contact || !before.monitoring !== !next.monitoring;
  if (contact !== (before?.call?.contact ?? "")) { local.muted = next.call?.muted ?? false; closeKeypad(); }
  if (next.monitoring?.mode !== before?.monitoring?.mode) stepped(before, next);
  if (moved) {
    // Why a call of one's own was not answered must outlive that call.
    if (!(local.aside && before?.call?.ringing_out)) { local.trouble = ""; local.aside = false; }
    wrapUp = null;
    settleWish(next);
    services.turn();
    for (const picker of pickers) picker.close(false);
    entered(next, before);
  }
  phone.listen(heard());
  form.show(state === "offered" || next.monitoring || next.call?.internal ? "" : contact, next.case, next.call?.protected ?? false, next.call?.number ?? "");
  if (next.form !== form.edition) void renewForm();
  render();
  if (next.call?.consult && !before?.call?.consult && transfer.open) {
    transfer.close(false);
    document.getElementById("consult-h")?.focus({ preventScroll: true });
  }
}

let renewing = false;

/** The questions about a case have changed: they are fetched before the next call. */
async function renewForm(): Promise<void> {
  if (renewing || form.busy) return;
  renewing = true;
  const answer = await fetch("/desk", { redirect: "manual", cache: "no-store" }).catch(() => null);
  if (answer?.ok) {
    // Drawn by our own server from escaped templates; scripts inside never run.
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("case");
    if (fresh) form.renew(fresh);
  }
  renewing = false;
}

/** Whether anybody may hear the microphone now. */
function heard(): boolean {
  if (!snapshot || local.muted) return false;
  if (snapshot.monitoring) return snapshot.monitoring.mode !== "listen";
  const call = snapshot.call;
  if (!call || !["on_call", "on_hold"].includes(snapshot.agent.state) || call.ringing_out) return false;
  return !!call.consult || snapshot.agent.state === "on_call" && !call.held;
}

/** The wish to step into a call comes true, or has to give way to one's own call. */
function settleWish(next: Snapshot): void {
  const wish = monitor.pending;
  if (!wish) return;
  if (next.monitoring || next.call?.contact === wish.contact) { monitor.pending = null; return; }
  if (!busy(next)) return;
  monitor.pending = null;
  local.trouble = words.t("js.join.busy");
  local.aside = true;
}

function stepped(before: Snapshot | null, next: Snapshot): void {
  monitor.ask(null);
  if (next.monitoring) {
    if (!before?.monitoring) local.muted = false;
    say("say-soon", `${words.t(`js.monitor.${next.monitoring.mode}.h`)}. ${words.t(`js.monitor.${next.monitoring.mode}.p`, { name: next.monitoring.agent })}`);
  } else if (!next.call) say("say-soon", words.t("js.monitor.over"));
}

/** What happens once when a state begins. */
function entered(next: Snapshot, before: Snapshot | null): void {
  const state = next.agent.state;
  if (state === "offered" && next.call) {
    offeredAt = Date.now();
    ring.start();
    say("say-now", view.offerWords(next.call));
    notify(next);
  } else {
    ring.stop();
    notice?.close();
    notice = null;
    if (before?.agent.state === "offered" && (state === "ready" || state === "missed" || state === "break")) say("say-now", words.t("js.ring.over"));
  }
  if (state === "on_call" && next.call && !next.monitoring && !next.call.ringing_out && before && before.agent.state !== "on_hold") say("say-soon", words.t("js.say.oncall"));
  if (state === "ready") socket.send({ type: "directory" });
  if (state === "wrap") { resetWrap(); if (before) say("say-now", words.t("js.say.wrap")); }
  if (toCall) {
    void callWished();
  } else if (monitor.pending) {
    if (state !== "offered" && monitor.pending.agreed && !monitor.pending.sent) void stepIn();
  } else if (!next.monitoring && (state === "offline" || state === "break" || state === "missed")) {
    // Off the phone: the microphone is given back.
    if (before && !local.working) { ready = false; phone.stop(); }
  } else if ((state !== "problem" || !before) && !ready && !local.working && !telephone()) {
    void reattach(); // the page was loaded again
  }
  void keepAwake();
}

/** After a reload: the permission is still there, so the sound comes back by itself. */
async function reattach(): Promise<void> {
  ready = true;
  local.working = true;
  await phone.start();
  local.working = false;
  render();
}

const through = (state: Snapshot, sound: Sound): Snapshot => ({ ...state, agent: { ...state.agent, sound } });

/** What a person chooses to speak through counts at once on this page: what is
 * pressed next is meant for it, and reaches the hotline after the choice. */
function choose(sound: Sound): void {
  if (!snapshot) return;
  chosen = sound;
  send({ type: "sound", mode: sound });
  newState(snapshot);
}

/** The hotline refused the choice. */
function takeBack(): void {
  chosen = "";
  if (snapshot && settled) newState(through(snapshot, settled));
}

/** Whether calls come to a telephone and this page only shows them. */
const telephone = (): boolean => !!snapshot && byTelephone(snapshot.agent.sound);

async function goReady(): Promise<void> {
  if (local.working) return;
  local.trouble = "";
  if (telephone()) return send({ type: "ready" });
  local.working = true;
  render();
  const works = await phone.start();
  local.working = false;
  ready = works;
  if (works) send({ type: "ready" });
  render();
}

/** The wish is in the address; loading the page again must not call twice. */
function wished(): ToServer | null {
  const wish = new URLSearchParams(location.search);
  const item = wish.get("item"), contact = wish.get("again");
  if (!item && !contact) return null;
  wish.delete("item");
  wish.delete("again");
  history.replaceState(null, "", location.pathname + (String(wish) && `?${wish}`));
  return item ? { type: "call.item", item } : { type: "call.again", contact };
}

/** Calls the person for whom this page was opened: sound first. */
async function callWished(): Promise<void> {
  const wish = toCall;
  toCall = null;
  local.working = true;
  render();
  const works = telephone() || await phone.start();
  local.working = false;
  ready = works && !telephone();
  if (works && wish) send(wish);
  render();
}

/** Sound first: whoever listens in must hear at once. */
async function stepIn(): Promise<void> {
  const wish = monitor.pending;
  if (!wish || local.working) return;
  wish.agreed = true;
  local.trouble = "";
  local.working = true;
  render();
  const works = telephone() || await phone.start();
  local.working = false;
  if (works && monitor.pending === wish) {
    ready = !telephone();
    wish.sent = socket.send(monitor.message(wish.contact, wish.step));
  }
  render();
}

function step(to: Step | null): void {
  if (to && snapshot?.monitoring) send(monitor.message(snapshot.monitoring.contact, to));
  render();
}

function troubled(kind: Trouble): void {
  if (kind === "blocked") return render();
  local.trouble = words.t(`js.sound.${kind}`);
  say("say-now", local.trouble);
  render();
}

function send(message: ToServer): void {
  if (socket.send(message)) return;
  local.trouble = words.t("js.error.send");
  render();
}

function render(): void {
  const now = snapshot?.agent.state;
  headset.show({ ring: now === "offered", call: now === "on_call" || now === "on_hold", mute: local.muted });
  local.saved = form.savedAt;
  local.unsent = form.unsent;
  local.unasked = form.unasked();
  local.canNotify = typeof Notification !== "undefined" && Notification.permission === "default";
  view.show(local, phone);
}

// --- presses ------------------------------------------------------------------

const presses: Record<string, (button: HTMLElement) => void> = {
  "case-code": () => {
    const input = document.getElementById("case-code") as HTMLInputElement;
    const digits = input.value.replace(/\D/g, "");
    if (!snapshot?.call || !digits) return input.focus();
    form.flush(); // what was written in this call goes with it
    send({ type: "case.open", contact: snapshot.call.contact, digits });
    input.value = "";
    input.closest("details")!.open = false;
  },
  ready: () => void goReady(),
  break: (button) => send({ type: "break", reason: button.dataset.reason }),
  robot: () => send({ type: "demo.call" }),
  notify: () => void Notification.requestPermission().then(render),
  accept: () => { ring.stop(); void phone.unblock(); send({ type: "accept", contact: snapshot?.call?.contact }); },
  decline: () => { ring.stop(); send({ type: "decline", contact: snapshot?.call?.contact }); },
  continue: () => void phone.start().then(() => phone.unblock()),
  mute: (button) => {
    local.muted = !local.muted;
    mutedTalk.hidden = true; // at once: nothing may move under the next press
    // Done here first: the caller must not hear another word.
    phone.listen(heard());
    if (!snapshot?.monitoring) socket.send({ type: "mute", on: local.muted });
    tell(button, local.muted);
  },
  hold: (button) => {
    const hold = !snapshot?.call?.held;
    if (hold) phone.listen(false);
    send({ type: hold ? "hold" : "resume" });
    tell(button, hold);
  },
  emergency: (button) => {
    const on = !snapshot?.call?.emergency;
    send({ type: "emergency", on });
    tell(button, on);
  },
  rescue: () => { send({ type: "rescue" }); focusCard(); },
  end: () => { form.flush(); send({ type: "end" }); },
  unreached: () => { form.flush(); send({ type: "unreached" }); },
  transfer: () => transfer.show("transfer"),
  add: () => transfer.show("add"),
  help: (button) => {
    const on = !snapshot?.call?.help;
    send({ type: "help", on });
    tell(button, on);
  },
  record: () => send({ type: "record", on: (snapshot?.call?.recording ?? "off") === "off" }),
  drop: (button) => send({ type: "drop", party: button.dataset.party }),
  leave: () => { form.flush(); send({ type: "leave" }); },
  "consult.transfer": () => send({ type: "consult.transfer" }),
  "consult.join": () => { send({ type: "consult.join" }); focusCard(); },
  "consult.cancel": () => { send({ type: "consult.cancel" }); focusCard(); },
  "dial.number": () => dialOut.show("number"),
  "dial.colleague": () => dialOut.show("colleague"),
  join: () => void stepIn(),
  "join.cancel": () => {
    monitor.pending = null;
    if (snapshot) entered(snapshot, snapshot);
    render();
  },
  monitor: (button) => {
    if (snapshot?.monitoring) step(monitor.press(button.dataset.mode as Step, snapshot.monitoring));
    if (monitor.asks) document.getElementById("sure-h")?.focus();
  },
  sure: () => step(monitor.sure(true)),
  "sure.no": () => step(monitor.sure(false)),
  "monitor.end": () => send({ type: "monitor.end" }),
  keypad: () => {
    transfer.close(false);
    const pad = document.getElementById("keypad")!;
    pad.hidden = !pad.hidden;
    for (const b of document.querySelectorAll('[data-do="keypad"]')) b.setAttribute("aria-expanded", String(!pad.hidden));
    if (!pad.hidden) pad.querySelector("button")?.focus();
  },
  key: (button) => dial(button.dataset.digit ?? ""),
  retry: () => socket.retryNow(),
  here: () => { local.elsewhere = false; snapshot = null; ready = false; socket.start(); render(); },
};

// What the buttons of a headset do is what the buttons on the page do. A button
// that stays down shows a state; one that comes up again is a press.
const headset = new Headset((button, down) => {
  const kind = known()?.[button], state = snapshot?.agent.state;
  const press = (name: string): void => presses[name](document.querySelector<HTMLElement>(`[data-do="${name}"]`)!);
  if (!kind || !snapshot || snapshot.monitoring) return;
  const talking = state === "on_call" || state === "on_hold";
  if (button === "mute") {
    if (talking && (kind === "presses" ? down : down !== local.muted)) press("mute");
  } else if (state === "offered") {
    if (down) press("accept");
  } else if (talking && (kind === "presses") === down) press("end");
});
headset.follow();

function tell(button: HTMLElement, on: boolean): void {
  say("say-soon", words.t(on ? "js.say.on" : "js.say.off", { name: button.dataset.name ?? "" }));
  render();
}

function dial(digit: string): void {
  dialled = (dialled + digit).slice(-16);
  for (const e of document.querySelectorAll('[data-part="dialled"]')) e.textContent = dialled;
  send({ type: "keys", digits: digit });
}

function closeKeypad(): void {
  dialled = "";
  document.getElementById("keypad")!.hidden = true;
  for (const b of document.querySelectorAll('[data-do="keypad"]')) b.setAttribute("aria-expanded", "false");
  for (const e of document.querySelectorAll('[data-part="dialled"]')) e.textContent = "";
}

document.addEventListener("change", (event) => {
  const input = event.target as HTMLInputElement;
  if (input.closest("[data-sound]")) choose(input.value as Sound);
});

document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLElement>("[data-do]");
  if (button) {
    if (local.aside) { local.trouble = ""; local.aside = false; render(); }
    presses[button.dataset.do!]?.(button);
  }
  const menu = document.querySelector<HTMLDetailsElement>(".menu[open]");
  if (menu && !menu.contains(event.target as Node)) menu.open = false;
});

// Ctrl+Shift+digit only, so that typing never gives a command; by position, so
// that every keyboard layout has them.
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.altKey || event.metaKey) return;
  if (event.ctrlKey && event.shiftKey) {
    const buttons = document.querySelectorAll<HTMLButtonElement>(`[data-key="${event.code}"]`);
    const button = [...buttons].find((b) => !b.disabled && onCard(b));
    if (!button) return;
    event.preventDefault();
    if (view.screen === "offer" && Date.now() - offeredAt < shortcutGuard) return;
    button.click();
    return;
  }
  if (!event.ctrlKey && (event.target as Element).closest?.("#keypad") && /^[0-9*#]$/.test(event.key)) {
    event.preventDefault();
    dial(event.key);
  }
});

/** Not every button is displayed (phones show the dock instead, a list may cover
 * it), but its card must be. */
function onCard(button: HTMLElement): boolean {
  const hidden = button.closest<HTMLElement>("[hidden]");
  return !hidden || hidden.dataset.panel === "main" && !hidden.parentElement?.closest("[hidden]");
}

// --- notes after the call -------------------------------------------------------

const wrap = document.getElementById("wrap") as HTMLFormElement;
wrap.addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = new FormData(wrap).get("disposition");
  const wrong = wrap.querySelector<HTMLElement>('[data-part="wrap-wrong"]')!;
  wrong.hidden = chosen !== null;
  if (chosen === null) {
    say("say-now", wrong.textContent ?? "");
    wrap.querySelector<HTMLInputElement>("input")?.focus();
    return;
  }
  form.flush();
  const next = (event.submitter as HTMLElement | null)?.dataset.next;
  if (next === "break") send({ type: "break", reason: "short" });
  else if (snapshot?.agent.next && !snapshot.agent.next_by) send({ type: "ready" });
  const message = { type: "wrap", contact: snapshot?.call?.contact, disposition: chosen };
  // The notes are closed after their last word is on disk, not before.
  if (form.unsent) wrapUp = message; else send(message);
});

function resetWrap(): void {
  wrap.reset();
  wrap.querySelector<HTMLElement>('[data-part="wrap-wrong"]')!.hidden = true;
  for (const fold of wrap.querySelectorAll("details")) fold.open = false;
}

// --- the browser around the page ------------------------------------------------

function notify(next: Snapshot): void {
  if (!document.hidden || typeof Notification === "undefined" || Notification.permission !== "granted" || !next.call) return;
  notice = new Notification(words.t("js.ring.title"), {
    body: words.t("js.ring.notice", { line: view.line(next.call), language: view.language(next.call) }), tag: next.call.contact,
  });
  notice.onclick = () => { window.focus(); notice?.close(); };
}

/** The screen stays on while calls can come; the browser lets go when hidden. */
async function keepAwake(): Promise<void> {
  const want = !!snapshot && ["ready", "offered", "on_call", "on_hold"].includes(snapshot.agent.state);
  if (!want) { void wake?.release(); wake = null; return; }
  if (wake || wakeAsked || document.hidden || !navigator.wakeLock) return;
  wakeAsked = true;
  try {
    wake = await navigator.wakeLock.request("screen");
    wake.onrelease = () => { wake = null; };
  } catch { /* low battery: the browser decides */ }
  wakeAsked = false;
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) void keepAwake(); });

document.querySelector("[data-signout]")?.addEventListener("click", () => {
  form.flush();
  sessionStorage.clear();
  socket.send({ type: "signout" });
});
addEventListener("beforeunload", (event) => {
  form.flush();
  const inCall = !!snapshot?.call && !snapshot.monitoring && ["on_call", "on_hold", "lost"].includes(snapshot.agent.state);
  if (!local.elsewhere && !leaving && (inCall || form.unsent)) event.preventDefault();
});

setInterval(() => view.tick(local), 500);
/** Somebody speaks into a call while Mute is on. */
function talksUnheard(): boolean { return !!snapshot?.call && !snapshot.call.held && phone.level() > 0.4; }

let loudWhileMuted = 0; // tenths of a second
(function meter(): void {
  setTimeout(meter, 100);
  loudWhileMuted = !local.muted ? 0 : Math.min(20, loudWhileMuted + (talksUnheard() ? 1 : 0));
  if (loudWhileMuted >= 3 && mutedTalk.hidden) { mutedTalk.hidden = false; say("say-now", words.t("js.muted.talking")); }
  if (!local.muted && !mutedTalk.hidden) mutedTalk.hidden = true; // another call has begun
  if (document.hidden) return;
  for (const bar of document.querySelectorAll<HTMLElement>('[data-part="level-ready"],[data-part="level-call"]')) {
    if (bar.offsetParent) bar.style.setProperty("--v", `${Math.round((local.muted ? 0 : phone.level()) * 100)}%`);
  }
})();
socket.start();
