// Keeps the floor page up to date. The server draws the parts; only what has
// changed in them is touched, so that neither reading nor the focus is disturbed.
const live = document.querySelector<HTMLElement>("[data-live]");
let last = Date.now();
let alarms = Number(document.querySelector("[data-alarms]")?.getAttribute("data-alarms") ?? 0);
let context: AudioContext | null = null;
document.addEventListener("pointerdown", () => { context ??= new AudioContext(); void context.resume(); });

/** Lines in which more people wait, or longer, than is right. */
const overNow = (): string[] => document.querySelector("[data-over]")?.getAttribute("data-over")?.split(" ").filter(Boolean) ?? [];
let over = overNow();
const quiet = document.querySelector<HTMLInputElement>("[data-quiet]");
if (quiet) {
  quiet.checked = localStorage.getItem("floor-quiet") === "yes";
  quiet.addEventListener("change", () => localStorage.setItem("floor-quiet", quiet.checked ? "yes" : "no"));
}

function beep(pitch = 990, times = [0, 0.3, 0.6]): void {
  if (!context) return;
  for (const at of times) {
    const tone = context.createOscillator(), level = context.createGain(), from = context.currentTime + at;
    tone.frequency.value = pitch;
    level.gain.setValueAtTime(0.2, from);
    level.gain.exponentialRampToValueAtTime(0.001, from + 0.2);
    tone.connect(level).connect(context.destination);
    tone.start(from);
    tone.stop(from + 0.21);
  }
}

function show(html: string): void {
  if (!live) return;
  last = Date.now();
  // Drawn by our own server from escaped templates; scripts inside never run,
  // by the way it is inserted and by the content security policy.
  const next = new DOMParser().parseFromString(html, "text/html");
  const focused = document.activeElement as HTMLElement | null;
  for (const fresh of next.querySelectorAll<HTMLElement>("[data-region]")) {
    const old = live.querySelector<HTMLElement>(`[data-region="${fresh.dataset.region}"]`);
    if (old) become(old, fresh);
  }
  // A row that had to move lost the focus on the way.
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  const now = Number(live.querySelector("[data-alarms]")?.getAttribute("data-alarms") ?? 0);
  if (now > alarms) {
    beep();
    const region = document.getElementById("say-now");
    if (region) region.textContent = live.querySelector("[data-alarm-words]")?.textContent ?? "";
  }
  alarms = now;
  // Once for each line that crosses its mark; danger sounds in any case, above.
  const lines = overNow();
  if (quiet && !quiet.checked && lines.some((line) => !over.includes(line))) beep(520, [0, 0.4]);
  over = lines;
}

const rowOf = (node: Node): string | null => (node instanceof Element ? node.getAttribute("data-row") : null);
const alike = (a: Node, b: Node): boolean => a.nodeName === b.nodeName && rowOf(a) === rowOf(b);

/** Makes an element what its new drawing is. Rows keep their identity: a button
 * about to be pressed never becomes another person's. */
function become(old: Element, fresh: Element): void {
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const rows = new Map([...old.children].filter((e) => rowOf(e) !== null).map((e) => [rowOf(e), e]));
  let at: ChildNode | null = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const row = rowOf(next);
    const same: ChildNode | null = row !== null ? rows.get(row) ?? null : at && alike(at, next) ? at : null;
    rows.delete(row);
    if (!same) { old.insertBefore(document.adoptNode(next), at); continue; }
    if (same === at) at = at.nextSibling; else old.insertBefore(same, at);
    if (same instanceof Element) become(same, next as Element);
    else if (same.nodeValue !== next.nodeValue) same.nodeValue = next.nodeValue;
  }
  while (at) { const gone: ChildNode = at; at = at.nextSibling; gone.remove(); }
}

/** No stream any more: is it the network, or has the session ended? What is on
 * the page is about callers and must not stay for whoever passes by. */
async function streamEnded(): Promise<void> {
  const answer = await fetch(location.pathname, { method: "HEAD", redirect: "manual", cache: "no-store" }).catch(() => null);
  if (answer?.type === "opaqueredirect") location.assign("/login");
  if (answer?.status === 404 || answer?.status === 503) location.reload(); // a wall whose link was ended, a hotline that is locked: it shows that
}

if (live?.dataset.live) {
  const source = new EventSource(live.dataset.live);
  source.addEventListener("floor", (event) => show(String((event as MessageEvent).data)));
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) void streamEnded(); };
  setInterval(() => {
    const stale = document.querySelector<HTMLElement>("[data-stale]"), old = Date.now() - last >= 10_000;
    if (stale) stale.hidden = !old;
    document.body.classList.toggle("old", old);
  }, 1000);
}
