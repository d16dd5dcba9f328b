// What a supervisor tells everybody at work: it stands beside the call, is read
// out and goes away by a press. It never moves the focus and never rings.
import { say } from "./dom";
import type { Notice } from "./types";
import { timeOfDay, type Words } from "./words";

export class Notices {
  private readonly bar = document.querySelector<HTMLElement>('[data-part="notices"]')!;
  private known = new Map<string, HTMLElement>();

  constructor(private readonly words: Words, private readonly seen: (id: string) => boolean) {}

  show(list: Notice[]): void {
    for (const [id, row] of this.known) if (!list.some((one) => one.id === id)) { row.remove(); this.known.delete(id); }
    for (const one of list) {
      if (this.known.has(one.id)) continue;
      const row = this.row(one);
      this.known.set(one.id, row);
      this.bar.append(row);
      say(one.urgent ? "say-now" : "say-soon", `${this.words.t("js.notice.by", { name: one.by })} ${one.text}`);
    }
    list.forEach((one, at) => { // urgent ones stand first
      const row = this.known.get(one.id)!;
      if (this.bar.children[at] !== row) this.bar.insertBefore(row, this.bar.children[at] ?? null);
    });
    this.bar.hidden = list.length === 0;
  }

  private row(one: Notice): HTMLElement {
    const row = document.createElement("div");
    row.className = one.urgent ? "note stop" : "note warn";
    row.dataset.notice = one.id;
    const words = document.createElement("p"), text = document.createElement("b"), by = document.createElement("span");
    text.dir = "auto";
    text.textContent = one.text;
    by.className = "small";
    by.textContent = ` ${this.words.t("js.notice.by", { name: one.by })} ${timeOfDay(one.at).slice(0, 5)}`;
    words.append(text, by);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn";
    button.textContent = this.words.t("js.notice.seen");
    button.addEventListener("click", () => { if (this.seen(one.id)) button.disabled = true; });
    row.append(words, button);
    return row;
  }
}
