/** Shows the clock of the machine beside that of this browser, where a page has both. */
export function compareClocks(words: Record<string, string>): void {
  const box = document.querySelector<HTMLElement>("[data-clock]");
  if (box) compare(box, words);
}

/** Both clocks, every second. Where they differ, the machine's can be set. */
function compare(box: HTMLElement, words: Record<string, string>): void {
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

