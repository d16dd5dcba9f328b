// The case form: every answer is sent within a second, kept in this tab until
// the server says that it is on disk, and sent again after an interruption.
import { type Case, type Conflict, type Fields, type FieldValue, known } from "./types";

const typingPause = 700;
const retryAfter = 5000;

export interface CaseEvents {
  send(contact: string, fields: Fields, shown: Fields, n: number): boolean; // false: no connection
  changed(): void;
  conflict(theirs: string): { told: string; mine: string; theirs: string }; // words for it
}

interface Sent { contact: string; fields: Fields }

export class CaseForm {
  savedAt = "";
  private contact = "";
  private n = 0;
  private pending: Fields = {};
  private stored: Fields = {}; // what the server has told last
  private sent = new Map<number, Sent>();
  private disputes = new Map<string, Conflict>(); // of which the page shows both sides
  private timer = 0;

  constructor(private readonly form: HTMLFormElement, private readonly on: CaseEvents) {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => this.touched(event.target as HTMLInputElement, typingPause));
    form.addEventListener("change", (event) => this.touched(event.target as HTMLInputElement, 0));
  }

  /** A case is on the page. */
  get busy(): boolean { return this.contact !== ""; }

  /** The edition of the questions on this page. */
  get edition(): number { return Number(this.form.dataset.form); }

  /** Takes the questions as they are now, while no case is on the page. */
  renew(fresh: HTMLElement): void {
    if (this.contact) return;
    this.form.replaceChildren(...fresh.childNodes);
    this.form.dataset.form = fresh.dataset.form;
  }

  /** Questions that should be asked and have no answer, in their own words. */
  unasked(): string[] {
    if (!this.contact || this.form.hasAttribute("data-protected")) return [];
    const open = [...this.form.querySelectorAll<HTMLElement>("[data-must]")].filter((field) => {
      const controls = [...field.querySelectorAll<HTMLInputElement>("[name]")];
      return controls.some((c) => !c.disabled) && !controls.some((c) => c.type === "radio" || c.type === "checkbox" ? c.checked : c.value !== "");
    });
    return open.map((field) => field.querySelector("label, legend")?.firstChild?.textContent?.trim() ?? "").filter((words) => words !== "");
  }

  /** Something here is not on the server's disk yet. */
  get unsent(): boolean { return Object.keys(this.pending).length > 0 || this.sent.size > 0; }

  /** Shows the case of the contact, without touching what is being written. */
  show(contact: string, shown: Case | null, isProtected: boolean, caller: string): void {
    if (contact !== this.contact) this.turnTo(contact);
    // The caller's own number stands there already; confirming it saves it.
    const fields: Fields = { callback_number: caller, ...shown?.fields };
    this.stored = shown?.fields ?? {};
    const fresh = this.unconfirmed();
    for (const control of this.controls()) {
      if (!(control.name in fresh)) set(control, fields[control.name] ?? null);
    }
    if (!this.savedAt && known(shown?.saved_at)) this.savedAt = shown!.saved_at;
    this.guard(isProtected || this.specialistChosen());
  }

  saved(n: number, at: string, conflicts: Conflict[]): void {
    const answered = this.sent.get(n);
    if (!answered) return;
    this.sent.delete(n);
    this.savedAt = at;
    for (const one of conflicts) if (answered.contact === this.contact) this.disagree(one);
    this.remember();
    this.on.changed();
  }

  /** The server could not save: what was in it stays unsent and is tried again. */
  refused(n: number): void {
    const open = this.sent.get(n);
    if (!open) return;
    this.sent.delete(n);
    // Of a call that is over nothing can be saved any more; the server said so.
    if (open.contact === this.contact) {
      this.pending = { ...open.fields, ...this.pending };
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.flush(), retryAfter);
    }
    this.remember();
    this.on.changed();
  }

  /** The connection is back: everything without an answer goes again. */
  resend(): void {
    const open = [...this.sent.values()];
    this.sent.clear();
    for (const { contact, fields } of open) this.dispatch(contact, fields);
    this.flush();
  }

  flush(): void {
    clearTimeout(this.timer);
    if (!this.contact || Object.keys(this.pending).length === 0) return;
    const fields = this.pending;
    this.pending = {};
    this.dispatch(this.contact, fields);
  }

  private dispatch(contact: string, fields: Fields): void {
    const shown = contact === this.contact ? this.shownFor(fields) : {};
    this.sent.set(++this.n, { contact, fields });
    this.remember();
    this.on.send(contact, fields, shown, this.n);
    this.on.changed();
  }

  /** What stood in the fields when they were changed: what is on its way to the
   * server, else what the server told. */
  private shownFor(fields: Fields): Fields {
    const known: Fields = { ...this.stored };
    for (const { contact, fields } of this.sent.values()) if (contact === this.contact) Object.assign(known, fields);
    // What the other person wrote was on the page when this was decided.
    for (const name of Object.keys(fields)) {
      const open = this.disputes.get(name);
      if (open) known[name] = open.theirs;
      this.settle(name);
    }
    return Object.fromEntries(Object.keys(fields).map((name) => [name, known[name] ?? null]));
  }

  /** Somebody else has changed the field meanwhile. Nothing is overwritten: the
   * page shows both and asks. */
  private disagree({ field, theirs, mine }: Conflict): void {
    const control = this.form.querySelector<HTMLInputElement>(`[name="${field}"]`);
    const place = control?.closest<HTMLElement>(".field, fieldset, .opts");
    const later = [...this.sent.values()].some((sent) => sent.contact === this.contact && field in sent.fields);
    if (!control || !place || field in this.pending || later) return; // what was written since decides
    this.settle(field);
    this.disputes.set(field, { field, theirs, mine });
    const words = this.on.conflict(this.labelOf(field, theirs));
    const note = document.createElement("div");
    note.className = "note warn wrap";
    note.dataset.conflict = field;
    const told = document.createElement("p");
    told.dir = "auto";
    told.textContent = words.told;
    note.append(told);
    for (const [label, keep] of [[words.mine, true], [words.theirs, false]] as const) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "btn";
      button.textContent = label;
      button.addEventListener("click", () => {
        control.focus();
        if (!keep) {
          this.settle(field);
          for (const one of this.controls()) if (one.name === field) set(one, theirs);
          return;
        }
        this.pending[field] = mine;
        for (const one of this.controls()) if (one.name === field) set(one, mine);
        this.flush();
      });
      note.append(button);
    }
    place.after(note);
  }

  /** The question is answered, or asked again. */
  private settle(field: string): void {
    this.disputes.delete(field);
    this.form.querySelector(`[data-conflict="${field}"]`)?.remove();
  }

  /** A value in the words of the page. */
  private labelOf(field: string, value: FieldValue): string {
    const values = Array.isArray(value) ? value : [String(value ?? "")];
    return values.map((one) => this.form.querySelector<HTMLInputElement>(`input[name="${field}"][value="${CSS.escape(one)}"]`)?.closest("label")?.textContent?.trim() ?? (one === "true" ? "✓" : one)).join(", ");
  }

  private touched(control: HTMLInputElement, pause: number): void {
    if (!control.name || !this.contact) return;
    if (control.type === "radio" && !control.checked) return;
    const value = this.read(control);
    const open = this.disputes.get(control.name);
    if (open && JSON.stringify(open.mine) === JSON.stringify(value)) return; // left as it is while the page asks
    this.pending[control.name] = value;
    if (control.name === "callback_confirmed") {
      const number = this.form.querySelector<HTMLInputElement>('[name="callback_number"]');
      if (number?.value) this.pending.callback_number = number.value;
    }
    if (control.name === "talk_freely" || control.name === "child_alone") this.guard(this.specialistChosen());
    this.remember();
    this.on.changed();
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.flush(), pause);
  }

  private read(control: HTMLInputElement): FieldValue {
    if (control.closest("[data-list]")) {
      return [...this.form.querySelectorAll<HTMLInputElement>(`input[name="${control.name}"]:checked`)].map((c) => c.value);
    }
    if (control.type === "checkbox") return control.checked;
    if (control.dataset.number !== undefined) {
      const digits = control.value.replace(/\D/g, "");
      if (!digits && control.name.startsWith("own_")) return null; // nothing is not 0
      return Number(digits); // emptied: 0, which the record leaves out
    }
    return control.value;
  }

  /** Protected: everything that could expose the caller is emptied and closed, at once and before the server answers. */
  private guard(closed: boolean): void {
    this.form.toggleAttribute("data-protected", closed);
    // Of a child that is alone no name and no words are kept; where it is, is.
    const child = this.form.querySelector<HTMLInputElement>('input[name="child_alone"]')?.checked ?? false;
    for (const control of this.controls()) {
      if (urgency.includes(control.name)) continue;
      const shut = closed || child && control.dataset.child !== undefined;
      if (shut) {
        if (control.type === "radio" || control.type === "checkbox") control.checked = false; else control.value = "";
        delete this.pending[control.name];
        for (const { fields } of this.sent.values()) delete fields[control.name];
      }
      control.disabled = shut;
    }
    const alone = this.form.querySelector<HTMLElement>('[data-part="child"]');
    if (alone) alone.hidden = closed || !child;
    const note = this.form.querySelector<HTMLElement>('[data-part="protected"]');
    if (note) note.hidden = !closed;
    if (closed || child) this.remember();
  }

  private specialistChosen(): boolean {
    return this.form.querySelector<HTMLInputElement>('input[name="talk_freely"][value="specialist"]')?.checked ?? false;
  }

  private controls(): HTMLInputElement[] {
    return [...this.form.elements].filter((e): e is HTMLInputElement => "name" in e && (e as HTMLInputElement).name !== "");
  }

  private unconfirmed(): Fields {
    const all: Fields = {};
    for (const { contact, fields } of this.sent.values()) if (contact === this.contact) Object.assign(all, fields);
    return Object.assign(all, this.pending);
  }

  private turnTo(contact: string): void {
    this.flush();
    this.contact = contact;
    this.savedAt = "";
    this.form.reset();
    for (const field of [...this.disputes.keys()]) this.settle(field);
    for (const fold of this.form.querySelectorAll("details")) fold.open = false;
    if (!contact) return;
    const kept = sessionStorage.getItem(storageKey(contact));
    if (!kept) return;
    this.pending = JSON.parse(kept) as Fields;
    for (const control of this.controls()) {
      if (control.name in this.pending) set(control, this.pending[control.name]);
    }
    this.timer = window.setTimeout(() => this.flush(), 0);
  }

  /** sessionStorage, not localStorage: it is personal data on a private laptop. */
  private remember(): void {
    const open = new Map<string, Fields>();
    for (const { contact, fields } of this.sent.values()) open.set(contact, { ...open.get(contact), ...fields });
    if (Object.keys(this.pending).length > 0) open.set(this.contact, { ...open.get(this.contact), ...this.pending });
    for (let i = sessionStorage.length - 1; i >= 0; i--) {
      const key = sessionStorage.key(i);
      if (key?.startsWith("case:") && !open.has(key.slice(5))) sessionStorage.removeItem(key);
    }
    for (const [contact, fields] of open) sessionStorage.setItem(storageKey(contact), JSON.stringify(fields));
  }
}

/** All that a protected case may hold: how urgent it is. */
const urgency = ["danger_now", "urgent_need", "child_alone", "safe_tonight", "talk_freely"];

const storageKey = (contact: string): string => `case:${contact}`;

function set(control: HTMLInputElement, value: FieldValue): void {
  if (control.type === "radio" || control.type === "checkbox") {
    control.checked = control.type === "radio" ? control.value === value : Array.isArray(value) ? value.includes(control.value) : value === true;
    // What is offered no more is seen where it was chosen before.
    const gone = control.closest<HTMLElement>("[data-off]");
    if (gone) gone.hidden = !control.checked;
    return;
  }
  const text = value === null || value === undefined ? "" : String(value);
  if (control.value !== text) control.value = text;
}
