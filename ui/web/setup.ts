// The first start: the clock of the machine beside the one of this browser, the
// time zones to choose from, printing, and waiting until the hotline is there.
const words = JSON.parse(document.querySelector<HTMLMetaElement>('meta[name="words"]')?.content ?? "{}") as Record<string, string>;
for (const live of document.querySelectorAll<HTMLElement>("[data-live]")) live.hidden = false;

const clock = document.querySelector<HTMLElement>("[data-clock]");
if (clock) compare(clock);

const zone = document.querySelector<HTMLInputElement>("#zone");
if (zone) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone.value === "" || zone.value === "UTC") zone.value = here;
  for (const name of Intl.supportedValuesOf("timeZone")) document.querySelector("#zones")!.append(new Option(name, name));
}

document.querySelector("[data-print]")?.addEventListener("click", () => print());

const begin = document.querySelector<HTMLElement>("[data-begin]"), starting = document.querySelector<HTMLElement>("[data-starting]");
if (begin && starting) void wait(begin, starting);

/** Both clocks, every second. Where they differ, the machine's can be set. */
function compare(box: HTMLElement): void {
  const behind = Date.now() - Number(box.dataset.clock); // what the browser is ahead, but for the time of the way
  const show = (at: number): string => new Date(at).toISOString().slice(0, 19).replace("T", " ") + " UTC";
  const differs = Math.abs(behind) > 60_000;
  for (const part of box.querySelectorAll<HTMLElement>("[data-differs]")) part.hidden = !differs;
  box.querySelector("[data-clock-words]")!.textContent = differs
    ? words["js.setup.differ"]!.replace("{minutes}", String(Math.round(Math.abs(behind) / 60_000))) : words["js.setup.same"]!;
  const tick = (): void => {
    const now = Date.now();
    box.querySelector("[data-box-clock]")!.textContent = show(now - behind);
    box.querySelector("[data-browser-clock]")!.textContent = show(now);
    box.querySelector<HTMLInputElement>('input[name="now"]')!.value = String(now);
    for (const command of box.querySelectorAll("[data-command]")) command.textContent = show(now).slice(0, 19);
  };
  tick();
  setInterval(tick, 1000);
  box.closest("form")?.addEventListener("submit", tick);
}

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
