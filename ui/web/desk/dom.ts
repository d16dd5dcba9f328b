// The page's own elements, by the names that the templates give them.
export function all<E extends HTMLElement = HTMLElement>(selector: string): E[] { return [...document.querySelectorAll<E>(selector)]; }

export function show(selector: string, on: boolean): void { for (const e of all(selector)) if (e.hidden === on) e.hidden = !on; }

export function text(name: string, words: string): void {
  for (const e of all(`[data-part="${name}"]`)) if (e.textContent !== words) e.textContent = words;
}

export function part(name: string, on: boolean, words?: string): void {
  if (words !== undefined) text(name, words);
  show(`[data-part="${name}"]`, on);
}

/** The entries of a list, left alone where they are the same. */
export function list(name: string, entries: string[], language?: string): void {
  for (const e of all(`[data-part="${name}"]`)) {
    if ([...e.children].map((item) => item.textContent).join("\n") === entries.join("\n")) continue;
    e.replaceChildren(...entries.map((words) => { const item = document.createElement("li"); item.textContent = words; item.dir = "auto"; if (language) item.lang = language; return item; }));
  }
}

export function pressed(name: string, on: boolean): void {
  for (const e of all(`[data-do="${name}"]`)) e.setAttribute("aria-pressed", String(on));
}

/** Buttons that make no sense now stay where they are, so that nothing jumps. */
export function usable(name: string, on: boolean): void {
  for (const e of all<HTMLButtonElement>(`[data-do="${name}"]`)) if (e.disabled === on) e.disabled = !on;
}

/** The heading of the card that is shown: the place to be after one's own press. */
export function focusCard(): void {
  document.querySelector<HTMLElement>("[data-card]:not([hidden]) h1")?.focus({ preventScroll: true });
}

export function say(id: "say-now" | "say-soon", words: string): void {
  const region = document.getElementById(id)!;
  region.textContent = "";
  setTimeout(() => { region.textContent = words; }, 50);
}
