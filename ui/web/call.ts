// The caller page: microphone, one connection, a keypad on the screen. The call
// lives as long as this page.
import { all, part, text } from "./desk/dom";
import { Phone, type Trouble } from "./desk/phone";
import { clock, Words } from "./desk/words";

const words = new Words(document);
const speaker = document.getElementById("caller") as HTMLAudioElement;
let socket: WebSocket | null = null;
let since = 0, dialled = "", ping = 0;

const phone = new Phone(speaker, {
  offer: (sdp) => tell({ type: "offer", sdp }),
  changed: () => {
    if (!since && phone.connected) { since = Date.now(); text("call-words", words.t("js.call.on")); }
  },
  trouble: (kind) => troubled(kind),
}, new URLSearchParams(location.search).has("plain-audio"));

function tell(message: Record<string, string>): boolean {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(message));
  return true;
}

function busy(on: boolean): void {
  for (const e of all("[data-when]")) e.hidden = (e.dataset.when === "busy") !== on;
}

function troubled(kind: Trouble): void {
  if (kind === "blocked") return;
  part("trouble", true, words.t(`js.call.${kind === "denied" || kind === "missing" || kind === "insecure" ? "mic" : "lost"}`));
  if (kind !== "lost") end();
}

function begin(): void {
  part("trouble", false);
  text("call-words", words.t("js.call.connecting"));
  dialled = "";
  text("dialled", "");
  since = 0;
  busy(true);
  const mine = new WebSocket(location.origin.replace(/^http/, "ws") + "/ws/call" + location.search);
  socket = mine;
  mine.onopen = () => { phone.listen(true); void phone.start(); };
  mine.onmessage = (event) => {
    const message = JSON.parse(String(event.data)) as { type: string; sdp?: string; text?: string };
    if (message.type === "answer") void phone.answer(message.sdp ?? "");
    if (message.type === "error") { part("trouble", true, message.text); end(); }
    if (message.type === "over") { part("trouble", false); end(); text("call-words", ""); }
  };
  mine.onclose = () => {
    if (socket !== mine) return;
    part("trouble", true, words.t("js.call.lost"));
    end();
  };
  ping = window.setInterval(() => tell({ type: "ping" }), 3000);
}

function end(): void {
  clearInterval(ping);
  const mine = socket;
  socket = null;
  if (mine) {
    if (mine.readyState === WebSocket.OPEN) mine.send(JSON.stringify({ type: "end" }));
    mine.close();
  }
  phone.stop();
  busy(false);
  document.querySelector<HTMLElement>('[data-do="call"]')?.focus();
}

function press(digit: string): void {
  if (!tell({ type: "key", digit })) return;
  dialled = (dialled + digit).slice(-16);
  text("dialled", dialled);
}

document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLElement>("[data-do]");
  switch (button?.dataset.do) {
    case "call": return begin();
    case "end": return end();
    case "key": press(button.dataset.digit ?? "");
  }
});
// On a keyboard the digits are the keypad.
document.addEventListener("keydown", (event) => {
  if (socket && !event.ctrlKey && !event.altKey && !event.metaKey && /^[0-9*#]$/.test(event.key)) press(event.key);
});
addEventListener("pagehide", () => { if (socket) end(); });
setInterval(() => text("call-clock", socket && since ? clock((Date.now() - since) / 1000) : ""), 500);
