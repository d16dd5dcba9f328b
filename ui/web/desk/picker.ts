// Chooses a colleague, a line or an outside number, for a transfer, one more
// person on the line, or a call of one's own. The lists come from the server.
import { type AgentState, type Directory, type ToServer } from "./types";
import { focusCard } from "./dom";
import type { Words } from "./words";

export type Purpose = "transfer" | "add" | "number" | "colleague";

export interface PickerEvents {
  send(message: ToServer): boolean;
  directory(): Directory | null;
  contact(): string | undefined;
  self(): string;
}

const askEvery = 5000; // colleagues come and go while one chooses
const filterFrom = 7; // names

export class Picker {
  purpose: Purpose | null = null;
  private timer = 0;
  private asked = false; // sent, no answer yet
  private opener: HTMLElement | null = null;

  constructor(private readonly form: HTMLFormElement, private readonly words: Words, private readonly on: PickerEvents) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit((event.submitter as HTMLButtonElement | null)?.value ?? "talk");
    });
    form.addEventListener("change", () => { this.wrong(""); this.chosen(); });
    form.addEventListener("input", (event) => {
      const input = event.target as HTMLInputElement;
      if (input.dataset.pick === "find") this.filter();
      // Typing a number chooses it.
      if (input.name === "number") { this.radio("number")!.checked = true; this.chosen(); }
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.close(true);
    });
    this.piece("back").addEventListener("click", () => this.close(true));
  }

  get open(): boolean { return this.purpose !== null; }

  /** Opened by the person: the focus goes with it. */
  show(purpose: Purpose): void {
    if (this.purpose === purpose) return this.close(true);
    if (!this.open) this.opener = document.activeElement as HTMLElement | null;
    this.purpose = purpose;
    this.form.reset();
    this.settle(false);
    this.wrong("");
    const transfer = purpose === "transfer", call = purpose === "number" || purpose === "colleague";
    this.piece("title").textContent = this.words.t(`js.pick.${purpose}.h`);
    this.piece("lead").textContent = this.words.t(`js.pick.${purpose}.p`);
    this.piece("talk-words").textContent = this.words.t(call ? "js.pick.call" : transfer ? "js.pick.talk" : "js.pick.first");
    this.piece("send").hidden = !transfer;
    this.piece("people").hidden = purpose === "number";
    this.piece("caller-line").hidden = purpose !== "number";
    this.piece("outside-choice").hidden = purpose === "number";
    this.piece("outside-legend").classList.toggle("sr", purpose === "number");
    this.form.hidden = false;
    this.panel().hidden = true;
    this.expand(true);
    this.fill();
    this.on.send({ type: "directory" });
    this.timer = window.setInterval(() => this.on.send({ type: "directory" }), askEvery);
    this.piece("title").focus({ preventScroll: true });
  }

  /** back: by the person's own press, so the focus returns to where it was. */
  close(back: boolean): void {
    if (!this.open) return;
    const inside = this.form.contains(document.activeElement);
    this.purpose = null;
    this.settle(false);
    clearInterval(this.timer);
    this.form.hidden = true;
    this.panel().hidden = false;
    this.expand(false);
    if (!inside && !back) return;
    if (back && this.opener?.isConnected && this.opener.offsetParent) this.opener.focus({ preventScroll: true });
    else focusCard();
  }

  /** The directory has come, for the first time or with news. */
  fill(): void {
    const list = this.on.directory();
    if (!this.open) return;
    const colleagues = (list?.agents ?? []).filter((one) => one.id !== this.on.self());
    colleagues.sort((a, b) => Number(reachable(b.state)) - Number(reachable(a.state)) || a.name.localeCompare(b.name));
    this.options("people-list", colleagues.map((one) => ({
      value: `agent ${one.id}`, name: one.name, note: this.words.t(`state.${one.state}`), state: one.state, closed: !reachable(one.state),
    })));
    const none = this.piece("people-none");
    none.hidden = colleagues.some((one) => reachable(one.state));
    none.textContent = this.words.t(list ? "js.pick.none" : "js.pick.waiting");
    this.piece("filter").hidden = this.purpose === "number" || colleagues.length < filterFrom;
    const lines = list?.queues ?? [], entries = list?.entries ?? [];
    this.piece("lines").hidden = this.purpose !== "transfer" || lines.length + entries.length === 0;
    this.options("line-list", [
      ...lines.map((id) => ({ value: `queue ${id}`, name: this.words.or(`queue.${id}`, id), note: "", state: "", closed: false })),
      ...entries.map((id) => ({ value: `entry ${id}`, name: this.words.t("js.pick.entry", { number: `\u2066${id}\u2069` }), note: "", state: "", closed: false })),
    ]);
    this.piece("outside").hidden = !list?.outgoing || this.purpose === "colleague";
    this.callerLines(lines);
    this.filter();
    this.chosen();
  }

  /** The server refused; the choice stays, so that another try costs one press. */
  refused(text: string): boolean {
    if (!this.open || !this.asked) return false;
    this.settle(false);
    this.wrong(text);
    return true;
  }

  private submit(button: string): void {
    if (this.asked) return;
    const to = this.target();
    if (!to) return;
    const contact = this.on.contact();
    let message: ToServer;
    if (this.purpose === "number") message = { type: "call.out", number: to.id, queue: this.select().value };
    else if (this.purpose === "colleague") message = { type: "call.agent", agent: to.id };
    else message = { type: this.purpose === "transfer" && (button === "send" || to.kind === "queue" || to.kind === "entry") ? "transfer" : "consult", contact, to };
    this.wrong("");
    if (this.on.send(message)) this.settle(true);
    else this.wrong(this.words.t("js.error.send"));
  }

  private target(): { kind: string; id: string } | null {
    const chosen = this.purpose === "number" ? "number" : this.form.querySelector<HTMLInputElement>('input[name="to"]:checked')?.value;
    if (!chosen) {
      this.wrong(this.words.t("js.pick.choose"));
      (this.form.querySelector<HTMLElement>('input[name="to"]:enabled') ?? this.piece("title")).focus();
      return null;
    }
    if (chosen !== "number") {
      const [kind, id] = chosen.split(" ", 2);
      return { kind, id };
    }
    const number = this.number().value.replace(/[\s().\-/]/g, "").replace(/^00/, "+");
    if (/^\+?\d{3,15}$/.test(number)) return { kind: "number", id: number };
    this.wrong(this.words.t("js.pick.number.wrong"), true);
    this.number().focus();
    return null;
  }

  /** What the choice means for the buttons. */
  private chosen(): void {
    const line = /^(queue|entry) /.test(this.radioChosen());
    const talk = this.piece<HTMLButtonElement>("talk");
    talk.disabled = line;
    this.piece("hint").textContent = line ? this.words.t("js.pick.line") : "";
    this.piece("outside-number").hidden = this.purpose !== "number" && this.radioChosen() !== "number";
  }

  private settle(asked: boolean): void {
    this.asked = asked;
    // Not "disabled": that would take the focus from the button just pressed.
    for (const button of this.form.querySelectorAll('[type="submit"]')) button.setAttribute("aria-disabled", String(asked));
    this.form.setAttribute("aria-busy", String(asked));
  }

  private wrong(words: string, atNumber = false): void {
    const note = this.piece("wrong");
    note.hidden = words === "";
    note.textContent = words;
    if (atNumber) this.number().setAttribute("aria-invalid", "true"); else this.number().removeAttribute("aria-invalid");
    if (words) document.getElementById("say-now")!.textContent = words;
  }

  private filter(): void {
    const find = this.piece<HTMLInputElement>("find").value.trim().toLocaleLowerCase();
    for (const option of this.piece("people-list").querySelectorAll<HTMLElement>(".opt")) {
      const chosen = option.querySelector("input")!.checked;
      option.hidden = !chosen && !(option.dataset.name ?? "").includes(find);
    }
  }

  private options(list: string, wanted: { value: string; name: string; note: string; state: string; closed: boolean }[]): void {
    const box = this.piece(list);
    const old = new Map([...box.querySelectorAll<HTMLElement>(".opt")].map((e) => [e.querySelector("input")!.value, e]));
    const focused = document.activeElement as HTMLElement | null;
    for (const [value, gone] of old) if (!wanted.some((one) => one.value === value)) gone.remove();
    wanted.forEach((one, at) => {
      let option = old.get(one.value);
      if (!option) {
        option = document.createElement("label");
        option.className = "opt";
        const input = document.createElement("input"), line = document.createElement("span"), name = document.createElement("bdi"), dot = document.createElement("i"), note = document.createElement("small");
        input.type = "radio";
        input.name = "to";
        input.value = one.value;
        dot.className = "dot";
        line.append(name, dot, note);
        option.append(input, line);
      }
      const input = option.querySelector("input")!, dot = option.querySelector<HTMLElement>(".dot")!;
      input.disabled = one.closed;
      if (one.closed) input.checked = false;
      option.dataset.name = one.name.toLocaleLowerCase();
      option.querySelector("bdi")!.textContent = one.name;
      option.querySelector("small")!.textContent = one.note;
      dot.hidden = one.state === "";
      dot.dataset.state = one.state;
      // Left where it stands: taken out and put back, it would lose a press that has begun.
      if (box.children[at] !== option) box.insertBefore(option, box.children[at] ?? null);
    });
    // One that had to move has lost the focus.
    if (focused && focused !== document.activeElement && box.contains(focused)) focused.focus({ preventScroll: true });
  }

  private callerLines(lines: string[]): void {
    const select = this.select(), before = select.value;
    if ([...select.options].map((o) => o.value).join(" ") !== lines.join(" ")) {
      select.replaceChildren(...lines.map((id) => new Option(this.words.or(`queue.${id}`, id), id)));
      if (lines.includes(before)) select.value = before;
    }
    this.piece("caller-line").hidden = this.purpose !== "number" || lines.length < 2;
  }

  private expand(on: boolean): void {
    for (const button of document.querySelectorAll(`[aria-controls="${this.form.id}"]`)) button.setAttribute("aria-expanded", String(on));
  }

  private panel(): HTMLElement { return this.form.parentElement!.querySelector<HTMLElement>('[data-panel="main"]')!; }
  private piece<E extends HTMLElement = HTMLElement>(name: string): E { return this.form.querySelector<E>(`[data-pick="${name}"]`)!; }
  private radio(value: string): HTMLInputElement | null { return this.form.querySelector(`input[name="to"][value="${value}"]`); }
  private radioChosen(): string { return this.form.querySelector<HTMLInputElement>('input[name="to"]:checked')?.value ?? ""; }
  private number(): HTMLInputElement { return this.form.elements.namedItem("number") as HTMLInputElement; }
  private select(): HTMLSelectElement { return this.form.elements.namedItem("line") as HTMLSelectElement; }
}

/** Only a phone that is Ready rings; nobody is left waiting for a break to end. */
const reachable = (state: AgentState): boolean => state === "ready";
