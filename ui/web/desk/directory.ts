// Who helps with what: found while somebody types, read to the caller, and
// noted on the case when the caller is passed on.
import { part, text } from "./dom";
import type { Words } from "./words";

interface Service { id: string; name: string; org: string; phone?: string; where?: string; when?: string; who?: string; languages?: string; closed?: boolean }

const pause = 250;

export class Directory {
  private readonly input = document.getElementById("services-q") as HTMLInputElement | null; // a call that is only practised has none
  private readonly list = document.querySelector<HTMLElement>('[data-part="services-list"]');
  private timer = 0;
  private running: AbortController | null = null;
  private contact = "";

  /** calling: the contact whom one can pass on now, "" when there is none. */
  constructor(private readonly words: Words, private readonly calling: () => string) {
    document.getElementById("services")?.addEventListener("submit", (event) => { event.preventDefault(); void this.look(); });
    this.input?.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => void this.look(), pause);
    });
  }

  /** Another call, or another state of it: who can be passed on has changed. */
  turn(): void {
    const now = this.calling();
    if (now === this.contact) return;
    this.contact = now;
    text("services-said", "");
    for (const button of this.list?.querySelectorAll<HTMLElement>("[data-refer]") ?? []) button.hidden = !now;
    for (const asked of this.list?.querySelectorAll<HTMLElement>("[data-agrees]") ?? []) asked.hidden = true;
  }

  private async look(): Promise<void> {
    const typed = this.input?.value.trim() ?? "";
    this.running?.abort();
    if (typed.length < 2) { this.show([], ""); return; }
    this.running = new AbortController();
    try {
      const answer = await fetch(`/desk/directory?q=${encodeURIComponent(typed)}`, { signal: this.running.signal, redirect: "manual", cache: "no-store" });
      if (!answer.ok) return;
      this.show(await answer.json() as Service[], typed);
    } catch (problem) {
      if ((problem as Error).name !== "AbortError") text("services-said", this.words.t("js.services.lost"));
    }
  }

  private show(found: Service[], typed: string): void {
    text("services-said", !typed ? "" : found.length ? this.words.n("js.services.found", found.length) : this.words.t("js.services.none"));
    part("services-list", found.length > 0);
    this.list?.replaceChildren(...found.map((one) => this.row(one)));
  }

  private row(one: Service): HTMLElement {
    const item = document.createElement("li");
    item.className = "stack-s";
    item.append(line("b", one.name), line("p", [one.org, one.where].filter(Boolean).join(" · ")));
    if (one.phone) { const number = line("p", ""); const digits = line("bdi", one.phone); digits.dir = "ltr"; digits.className = "num"; number.append(digits); item.append(number); }
    for (const [key, value] of [["when", one.when], ["who", one.who], ["languages", one.languages]] as const) {
      if (value) item.append(line("p", this.words.t(`js.services.${key}`, { value })));
    }
    if (one.closed) { const tag = line("p", this.words.t("js.services.closed")); tag.className = "tag warn"; item.append(tag); }
    const refer = button(this.words.t("js.services.refer"), this.words.t("js.services.refer.who", { org: one.org }));
    refer.dataset.refer = "";
    refer.hidden = !this.calling();
    const asks = document.createElement("div");
    asks.className = "note stack-s slim-note";
    asks.dataset.agrees = "";
    asks.hidden = true;
    const question = line("p", this.words.t("js.services.agrees", { org: one.org }));
    question.tabIndex = -1;
    const yes = button(this.words.t("js.services.agrees.yes")), no = button(this.words.t("js.services.agrees.no"));
    asks.append(question, yes, no);
    refer.addEventListener("click", () => { refer.hidden = true; asks.hidden = false; question.focus(); });
    for (const [press, agrees] of [[yes, "yes"], [no, "no"]] as const) {
      press.addEventListener("click", () => void this.refer(one, agrees).then((done) => { if (done) { asks.hidden = true; refer.hidden = false; this.input?.focus(); } }));
    }
    item.append(refer, asks);
    return item;
  }

  private async refer(one: Service, agrees: string): Promise<boolean> {
    const contact = this.calling();
    try {
      const answer = await fetch("/desk/refer", { method: "POST", redirect: "manual", body: new URLSearchParams({ contact, service: one.id, agrees }) });
      const said = await answer.json() as { text: string };
      text("services-said", said.text);
      return answer.ok;
    } catch {
      text("services-said", this.words.t("js.services.lost"));
      return false;
    }
  }
}

function line(kind: string, words: string): HTMLElement {
  const e = document.createElement(kind);
  e.textContent = words;
  e.dir = "auto";
  return e;
}

function button(words: string, label = ""): HTMLButtonElement {
  const e = document.createElement("button");
  e.type = "button";
  e.className = "btn";
  e.textContent = words;
  if (label) e.setAttribute("aria-label", label);
  return e;
}
