// The first start: the clock of the machine beside the one of this browser, the
// time zones to choose from, printing, and waiting until the hotline is there.
import { compareClocks } from "./clocks";

const words = JSON.parse(document.querySelector<HTMLMetaElement>('meta[name="words"]')?.content ?? "{}") as Record<string, string>;
for (const live of document.querySelectorAll<HTMLElement>("[data-live]")) live.hidden = false;

compareClocks(words);

const zone = document.querySelector<HTMLInputElement>("#zone");
if (zone) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone.value === "" || zone.value === "UTC") zone.value = here;
  for (const name of Intl.supportedValuesOf("timeZone")) document.querySelector("#zones")!.append(new Option(name, name));
}

document.querySelector("[data-print]")?.addEventListener("click", () => print());

const begin = document.querySelector<HTMLElement>("[data-begin]"), starting = document.querySelector<HTMLElement>("[data-starting]");
if (begin && starting) void wait(begin, starting);

/** Asks until the hotline answers in the place of these pages. */
async function wait(begin: HTMLElement, starting: HTMLElement): Promise<void> {
  begin.hidden = true;
  for (;;) {
    const well = await fetch("/healthz", { cache: "no-store", redirect: "error" }).then((answer) => answer.ok, () => false);
    if (well) break;
    await new Promise((later) => setTimeout(later, 500));
  }
  starting.textContent = words["js.setup.ready"]!;
  begin.hidden = false;
  begin.querySelector<HTMLElement>("button, a")?.focus();
}
