// The page of an export that is being made looks by itself how far it is. What
// changes is one region; a reader who works without scripts loads the page again.

const every = 2000;

async function look(): Promise<void> {
  const old = document.querySelector<HTMLElement>("#job[data-busy]");
  if (!old) return;
  try {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (answer.ok && new URL(answer.url).pathname === location.pathname) {
      const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#job");
      if (next && next.innerHTML !== old.innerHTML) {
        const held = old.contains(document.activeElement);
        old.replaceWith(next);
        if (held) next.querySelector<HTMLElement>("a, button")?.focus();
      }
    }
  } catch {
    // The network is away; the next look may find it.
  }
  setTimeout(() => void look(), every);
}

setTimeout(() => void look(), every);
