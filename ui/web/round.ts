// Keeps the page of a round up to date while it runs. The server draws the
// parts; what somebody reads or has the focus on is not disturbed elsewhere.
const every = 3000;

async function follow(): Promise<void> {
  if (!document.querySelector("[data-follow]")) return;
  if (!document.hidden) {
    const answer = await fetch(location.pathname, { redirect: "manual", cache: "no-store" }).catch(() => null);
    if (answer?.type === "opaqueredirect") return location.assign("/login");
    if (answer?.ok) show(await answer.text());
  }
  setTimeout(() => void follow(), every);
}

function show(html: string): void {
  // Drawn by our own server from escaped templates; scripts inside never run.
  const next = new DOMParser().parseFromString(html, "text/html");
  // Once it is over, other buttons belong on the page.
  if (!next.querySelector("[data-follow]")) return location.reload();
  for (const fresh of next.querySelectorAll<HTMLElement>("[data-region]")) {
    const old = document.querySelector<HTMLElement>(`[data-region="${fresh.dataset.region}"]`);
    if (old && old.innerHTML !== fresh.innerHTML) old.replaceChildren(...fresh.childNodes);
  }
}

setTimeout(() => void follow(), every);
export {};
