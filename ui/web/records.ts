// Search as you type: the list is fetched again a moment after the last key,
// and only the list is changed. Without this script the button does the same.
const form = document.getElementById("search") as HTMLFormElement | null;
const pause = 250;
let timer = 0;
let running: AbortController | null = null;

async function look(): Promise<void> {
  if (!form) return;
  const asked = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (typeof value === "string" && value.trim() !== "") asked.append(name, value.trim());
  const address = `${form.action}?${asked}`;
  running?.abort();
  running = new AbortController();
  try {
    const answer = await fetch(address, { signal: running.signal, redirect: "manual" });
    if (answer.type === "opaqueredirect") return location.reload(); // signed out meanwhile
    if (!answer.ok) return;
    // Drawn by our own server from escaped templates; scripts inside never run.
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["found", "kinds"]) {
      const old = document.getElementById(id), fresh = next.getElementById(id);
      if (old && fresh) old.replaceChildren(...fresh.childNodes);
    }
    history.replaceState(null, "", address);
  } catch (problem) {
    if ((problem as Error).name !== "AbortError") return; // the box is out of reach; the button says so
  }
}

form?.addEventListener("input", (event) => {
  clearTimeout(timer);
  timer = window.setTimeout(() => void look(), (event.target as HTMLInputElement).type === "search" ? pause : 0);
});
export {};
