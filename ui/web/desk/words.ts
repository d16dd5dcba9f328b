// Texts arrive with the page, in the person's language, inside a meta element.
type Values = Record<string, string | number>;

export class Words {
  private readonly texts: Record<string, string>;
  private readonly plural: Intl.PluralRules;
  private readonly apart: boolean; // values stand apart: the text is read from right to left

  constructor(doc: Document) {
    this.texts = JSON.parse(doc.querySelector<HTMLMetaElement>('meta[name="words"]')?.content ?? "{}");
    this.apart = doc.documentElement.dir === "rtl";
    this.plural = new Intl.PluralRules(doc.documentElement.lang || "en");
  }

  /** A line may have got its name after the page was opened. */
  learn(texts: Record<string, string>): void { Object.assign(this.texts, texts); }

  has(key: string): boolean { return key in this.texts; }

  t(key: string, values: Values = {}): string {
    let text = this.texts[key] ?? key;
    for (const [name, value] of Object.entries(values)) {
      // Or a number in groups would be turned around: 48 29 16 read as 16 29 48.
      const whole = this.apart && !/^\d*$/.test(String(value)) ? `\u2068${value}\u2069` : String(value);
      text = text.replaceAll(`{${name}}`, () => whole);
    }
    return text;
  }

  n(key: string, n: number, values: Values = {}): string {
    const form = `${key}.${this.plural.select(n)}`;
    return this.t(this.has(form) ? form : `${key}.other`, { ...values, n });
  }

  or(key: string, plain: string): string { return this.has(key) ? this.texts[key] : plain; }

  duration(seconds: number): string {
    const s = Math.max(0, Math.round(seconds));
    if (s < 60) return this.t("time.seconds", { s });
    if (s < 3600) return this.t("time.minutes", { m: Math.floor(s / 60), s: s % 60 });
    return this.t("time.hours", { h: Math.floor(s / 3600), m: Math.floor(s / 60) % 60 });
  }
}

const two = (n: number): string => String(n).padStart(2, "0");

/** 03:42, or 1:03:42. */
export function clock(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const rest = `${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return s < 3600 ? rest : `${Math.floor(s / 3600)}:${rest}`;
}

/** Time of day, 24 hours, of this computer's zone. */
export function timeOfDay(iso: string): string {
  const at = new Date(iso);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** +12025550147 as +12 025 550 147: groups help reading aloud, whatever the country. */
export function readable(number: string): string {
  if (!/^\+\d{7,15}$/.test(number)) return number;
  if (/^\+1\d{10}$/.test(number)) return number.replace(/^\+1(\d{3})(\d{3})(\d{4})$/, "+1 $1 $2 $3");
  const digits = number.slice(1);
  return "+" + digits.slice(0, 2) + " " + digits.slice(2).replace(/(\d{3})(?=\d{2,})/g, "$1 ");
}
