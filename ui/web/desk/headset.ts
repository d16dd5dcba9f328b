// The buttons of a headset: the telephony page (0x0B) of USB HID, which headsets
// of all makers declare, through WebHID, which Chromium has (HID Usage Tables
// 1.5, §14 and §11). Nothing here touches the sound: whatever goes wrong, the
// headset is a headset without buttons. A button counts only after it was tried
// on the sound check, because makers mean different things by the same bits.

// The part of WebHID that is used; TypeScript does not know it yet.
interface Item {
  usages?: number[]; usageMinimum?: number; usageMaximum?: number; isRange?: boolean;
  isArray?: boolean; logicalMinimum?: number; reportSize: number; reportCount: number;
}
interface Report { reportId: number; items: Item[] }
interface Collection { usagePage: number; usage: number; inputReports?: Report[]; outputReports?: Report[] }
interface InputReport extends Event { reportId: number; data: DataView }
export interface Device extends EventTarget {
  vendorId: number; productId: number; productName: string; opened: boolean; collections: Collection[];
  open(): Promise<void>; close(): Promise<void>; sendReport(id: number, data: Uint8Array): Promise<void>;
}
interface HID extends EventTarget { getDevices(): Promise<Device[]>; requestDevice(wish: { filters: { usagePage: number }[] }): Promise<Device[]> }

const hid = (): HID | undefined => (navigator as Navigator & { hid?: HID }).hid;
const telephony = 0x0b;
const usages = { call: 0x0b0020, mute: 0x0b002f } as const; // hook switch, phone mute
const lamps = { call: 0x080017, ring: 0x080018, mute: 0x080009 } as const; // off-hook, ring, mute

export type Button = keyof typeof usages;
export type Lamp = keyof typeof lamps;
/** A button is down while it is pressed, or shows a state that lasts. */
export type Kind = "presses" | "stays";
export interface Known { device: string; call?: Kind; mute?: Kind }

const key = "device.headset";
const nameOf = (device: Device): string => `${device.vendorId}:${device.productId}`;

export function known(): Known | null {
  try { return JSON.parse(localStorage.getItem(key) ?? "null") as Known | null; } catch { return null; }
}

export function keep(what: Known | null): void {
  try { if (what) localStorage.setItem(key, JSON.stringify(what)); else localStorage.removeItem(key); } catch { /* storage is off: no buttons */ }
}

export const possible = (): boolean => !!hid();

/** Asks the person which headset; null when none was chosen. */
export async function ask(): Promise<Device | null> {
  return (await hid()?.requestDevice({ filters: [{ usagePage: telephony }] }))?.[0] ?? null;
}

const bit = (data: DataView, at: number): number => (at >> 3) < data.byteLength ? (data.getUint8(at >> 3) >> (at & 7)) & 1 : 0;

function number(data: DataView, at: number, size: number): number {
  let value = 0;
  for (let n = 0; n < Math.min(size, 31); n++) value |= bit(data, at + n) << n;
  return value;
}

const usageOf = (item: Item, n: number): number | undefined =>
  item.isRange ? (item.usageMinimum ?? 0) + n <= (item.usageMaximum ?? 0) ? (item.usageMinimum ?? 0) + n : undefined : item.usages?.[Math.min(n, item.usages.length - 1)];

/** What a report says of the buttons; what it does not name is left out. */
function read(device: Device, id: number, data: DataView): Partial<Record<Button, boolean>> {
  const found: Partial<Record<Button, boolean>> = {};
  for (const collection of device.collections) {
    if (collection.usagePage !== telephony) continue;
    for (const report of collection.inputReports ?? []) {
      if (report.reportId !== id) continue;
      let at = 0;
      for (const item of report.items) {
        for (let n = 0; n < item.reportCount; n++, at += item.reportSize) {
          const value = number(data, at, item.reportSize);
          for (const [name, usage] of Object.entries(usages) as [Button, number][]) {
            if (item.isArray) {
              for (let m = 0; m < (item.usages?.length ?? 0); m++) if (item.usages![m] === usage) found[name] = found[name] || value - (item.logicalMinimum ?? 0) === m;
            } else if (usageOf(item, n) === usage) found[name] = value !== 0;
          }
        }
      }
    }
  }
  return found;
}

/** Reports that set the lamps; a headset may have none. */
function lit(device: Device, on: Record<Lamp, boolean>): { id: number; data: Uint8Array }[] {
  const reports: { id: number; data: Uint8Array }[] = [];
  for (const collection of device.collections) {
    if (collection.usagePage !== telephony) continue;
    for (const report of collection.outputReports ?? []) {
      const bits = report.items.reduce((sum, item) => sum + item.reportSize * item.reportCount, 0), data = new Uint8Array(Math.ceil(bits / 8));
      let at = 0, has = false;
      for (const item of report.items) {
        for (let n = 0; n < item.reportCount; n++, at += item.reportSize) {
          for (const [name, usage] of Object.entries(lamps) as [Lamp, number][]) {
            if (usageOf(item, n) !== usage) continue;
            has = true;
            if (on[name]) data[at >> 3] |= 1 << (at & 7);
          }
        }
      }
      if (has) reports.push({ id: report.reportId, data });
    }
  }
  return reports;
}

// A headset answers a lamp with a report of its own, as if a button was pressed.
const echo = 300;

/** One headset whose buttons are heard and whose lamps are set. */
export class Headset {
  private device: Device | null = null;
  private was: Partial<Record<Button, boolean>> = {};
  private shown = "";
  private quiet = 0;
  private readonly hear = (event: Event): void => this.heard(event as InputReport);

  /** pressed is told that a button went down or up. */
  constructor(private readonly pressed: (button: Button, down: boolean) => void) {}

  async use(device: Device): Promise<boolean> {
    try {
      if (!device.opened) await device.open();
    } catch { return false; } // another program has it, or it was unplugged
    this.device?.removeEventListener("inputreport", this.hear);
    this.device = device;
    this.was = {};
    this.shown = "";
    device.addEventListener("inputreport", this.hear);
    return true;
  }

  /** Takes the headset that was tried before, now and whenever it is plugged in. */
  follow(): void {
    const mine = known();
    if (!mine || !hid()) return;
    const find = (): void => void hid()!.getDevices().then((all) => { const one = all.find((d) => nameOf(d) === mine.device); if (one) void this.use(one); }).catch(() => undefined);
    hid()!.addEventListener("connect", find);
    find();
  }

  show(on: Record<Lamp, boolean>): void {
    const device = this.device, wish = JSON.stringify(on);
    if (!device || wish === this.shown) return;
    this.shown = wish;
    this.quiet = Date.now() + echo;
    for (const { id, data } of lit(device, on)) void device.sendReport(id, data).catch(() => undefined);
  }

  private heard(event: InputReport): void {
    if (!this.device) return;
    for (const [button, down] of Object.entries(read(this.device, event.reportId, event.data)) as [Button, boolean][]) {
      if (this.was[button] === down || (this.was[button] === undefined && !down)) { this.was[button] = down; continue; }
      this.was[button] = down;
      if (Date.now() >= this.quiet) this.pressed(button, down);
    }
  }
}

/** Finds out what a button means: pressed once, does it come up again by itself? */
export async function tried(device: Device, which: Button): Promise<Kind> {
  return new Promise((done) => {
    let waiting = 0;
    const probe = new Headset((button, down) => {
      if (button !== which) return;
      clearTimeout(waiting);
      if (!down && waiting) return done("presses");
      waiting = window.setTimeout(() => done("stays"), 1500);
    });
    void probe.use(device);
  });
}

export const remember = (device: Device, kinds: Partial<Record<Button, Kind>>): void => keep({ device: nameOf(device), ...kinds });
