// Which microphone, loudspeaker and bell this computer uses. Device names are
// no personal data, so they may stay in the browser; ids of devices that are
// gone are ignored by it.
export type Device = "audioinput" | "audiooutput" | "ring";

const key = (device: Device): string => `device.${device}`;

export function chosen(device: Device): string {
  try { return localStorage.getItem(key(device)) ?? ""; } catch { return ""; }
}

export function choose(device: Device, id: string): void {
  try { if (id) localStorage.setItem(key(device), id); else localStorage.removeItem(key(device)); } catch { /* storage is off: the default is used */ }
}

type Speaker = HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };

/** Where the browser can choose, sound goes to the chosen device; elsewhere, and
 * when the device is gone, to the usual one. */
export async function route(element: HTMLAudioElement, id: string): Promise<void> {
  const speaker = element as Speaker;
  if (!speaker.setSinkId) return;
  await speaker.setSinkId(id).catch(() => speaker.setSinkId!("").catch(() => undefined));
}

export const canRoute = (): boolean => "setSinkId" in HTMLMediaElement.prototype;
