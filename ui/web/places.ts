// Places are offered while somebody types where people are. Whoever does not
// find theirs writes it in their own words.
const pause = 200;
let timer = 0;
let running: AbortController | null = null;

async function offer(input: HTMLInputElement): Promise<void> {
  const typed = input.value.trim();
  const list = input.list;
  if (!list || typed.length < 2 || [...list.options].some((option) => option.value === typed)) return;
  running?.abort();
  running = new AbortController();
  try {
    const answer = await fetch(`/places?q=${encodeURIComponent(typed)}`, { signal: running.signal, redirect: "manual" });
    if (!answer.ok) return;
    const found = await answer.json() as { text: string }[];
    list.replaceChildren(...found.map(({ text }) => {
      const option = document.createElement("option");
      option.value = text;
      return option;
    }));
  } catch (problem) {
    if ((problem as Error).name !== "AbortError") return; // out of reach: words of their own will do
  }
}

document.addEventListener("input", (event) => {
  const input = event.target as HTMLInputElement;
  if (input.dataset?.places === undefined) return;
  clearTimeout(timer);
  timer = window.setTimeout(() => void offer(input), pause);
});
export {};
