// One WebSocket to the server, reopened for ever. A socket over a dead network
// looks alive for minutes, so it is only trusted while pongs come back.
import type { FromServer, ToServer } from "./types";

const pingEvery = 2000;
const pongWithin = 3000;
const retries = [1000, 2000, 4000, 8000];

export interface SocketEvents {
  message(message: FromServer): void;
  open(): void;
  lost(): void;
  nextTry(at: number): void; // 0: trying now
  refused(): void; // the server did not let the socket open, or was not there
  alive(): boolean; // whether the microphone is live, told with every ping
  delay(): number; // of sound, there and back, in milliseconds; 0: not known
}

export class Socket {
  private ws: WebSocket | null = null;
  private attempt = 0;
  private retryTimer = 0;
  private pingTimer = 0;
  private pongDue = 0;
  private stopped = false;

  constructor(private readonly url: string, private readonly on: SocketEvents) {
    addEventListener("online", () => { if (!this.up) this.retryNow(); });
    addEventListener("offline", () => this.drop());
    document.addEventListener("visibilitychange", () => { if (!document.hidden && !this.up) this.retryNow(); });
  }

  get up(): boolean { return this.ws?.readyState === WebSocket.OPEN; }

  start(): void { this.stopped = false; this.retryNow(); }

  /** Ends the connection for good: another page is the phone now. */
  stop(): void { this.stopped = true; this.close(); }

  send(message: ToServer): boolean {
    if (!this.up) return false;
    this.ws!.send(JSON.stringify({ v: 1, ...message }));
    return true;
  }

  retryNow(): void {
    if (this.stopped) return;
    this.close();
    this.on.nextTry(0);
    const ws = new WebSocket(this.url);
    this.ws = ws;
    const giveUp = window.setTimeout(() => { if (ws.readyState === WebSocket.CONNECTING) ws.close(); }, 5000);
    ws.onopen = () => {
      clearTimeout(giveUp);
      if (this.ws !== ws) return;
      this.attempt = 0;
      this.on.open();
      this.beat();
      this.pingTimer = window.setInterval(() => this.beat(), pingEvery);
    };
    ws.onmessage = (event) => {
      if (this.ws !== ws) return;
      this.pongDue = 0;
      const message = JSON.parse(String(event.data)) as FromServer;
      if (message.type !== "pong") this.on.message(message);
    };
    let opened = false;
    ws.addEventListener("open", () => { opened = true; });
    ws.onclose = () => {
      clearTimeout(giveUp);
      if (this.ws !== ws) return;
      if (!opened) this.on.refused();
      this.drop();
    };
  }

  private beat(): void {
    if (this.pongDue && Date.now() > this.pongDue) { this.drop(); return; }
    if (this.send({ type: "ping", mic: this.on.alive(), rtt: Math.round(this.on.delay()) }) && !this.pongDue) {
      this.pongDue = Date.now() + pongWithin;
      window.setTimeout(() => { if (this.pongDue && Date.now() >= this.pongDue) this.drop(); }, pongWithin + 50);
    }
  }

  private drop(): void {
    this.close();
    if (this.stopped) return;
    this.on.lost();
    // A little chance keeps many pages from coming back in the same moment.
    const wait = retries[Math.min(this.attempt++, retries.length - 1)] * (0.85 + Math.random() * 0.3);
    clearTimeout(this.retryTimer);
    this.retryTimer = window.setTimeout(() => this.retryNow(), wait);
    this.on.nextTry(Date.now() + wait);
  }

  private close(): void {
    clearInterval(this.pingTimer);
    clearTimeout(this.retryTimer);
    this.pongDue = 0;
    const ws = this.ws;
    this.ws = null;
    if (ws) { ws.onopen = ws.onmessage = ws.onclose = null; ws.close(); }
  }
}
