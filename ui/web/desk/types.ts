// The words that page and server exchange over /ws/agent. The server is the
// only author of state; the page asks and shows.

export type AgentState =
  | "offline" | "checking" | "ready" | "offered" | "on_call" | "on_hold" | "wrap" | "break" | "missed" | "lost" | "problem";

/** What the person speaks through: this page, a desk phone, the own telephone, or a call to the hotline. */
export type Sound = "browser" | "phone" | "number" | "line";

export interface Earlier { at: string; disposition: string; queue: string }

export interface Call {
  contact: string; number: string; language: string; queue: string; path: string[] | null; context: string[] | null; keys: string; waited_s: number;
  facts: { label: string; value: string }[] | null; // what a flow found out
  ring_until: string; answered_at: string; held: boolean; muted: boolean; emergency: boolean; protected: boolean;
  caller_left: boolean; earlier: Earlier[] | null; mode: string;
  parties: Party[] | null; // everybody on the line except this person, the caller first
  consult: Consult | null;
  listened: string[] | null; whisper: string[] | null; // names
  outgoing: boolean; ringing_out: boolean;
  by_code: boolean; // came with the code of the case, which is open
  call_back: string; // why this person is called back; empty when not
  recording: string; recording_policy: string; help: boolean; internal: boolean;
  can_rescue: boolean; rescue: boolean; // an emergency service can be called, and is until one answers
}

export interface Party { id: string; kind: "caller" | "agent" | "number" | "supervisor"; name: string; number: string; state: string; by: string }

/** The second person one talks to while the caller hears music. */
export interface Consult { id: string; kind: string; name: string; number: string; state: string; failed: string }

export type MonitorMode = "listen" | "whisper" | "barge";
export interface Monitoring { contact: string; agent: string; mode: MonitorMode }

/** Whom this person may bring into a call or ring. */
export interface Directory { agents: { id: string; name: string; state: AgentState }[] | null; queues: string[] | null; entries: string[] | null; outgoing: boolean; calls: boolean }

export type FieldValue = string | number | boolean | string[] | null;
export type Fields = Record<string, FieldValue>;

/** A field that somebody else has changed since this page showed it. */
export interface Conflict { field: string; theirs: FieldValue; mine: FieldValue }

export interface Case { code: string; fields: Fields | null; level: string; saved_at: string }

export interface Snapshot {
  agent: { id: string; name: string; login: string; state: AgentState; reason: string; since: string; by: string; next: string; next_by: string; why: string; sound: Sound; sounds: Sound[] | null };
  call: Call | null;
  case: Case | null;
  monitoring: Monitoring | null;
  mode: { active: boolean; mode: string; since: string; expires: string; by: string };
  script?: string[]; script_language?: string; // what to say first on this line
  known?: { text: string; language: string; as_of: string }[]; // bulletins that hold now
  lines?: Record<string, string>; // texts of lines that have a name here
  notices?: Notice[]; // of supervisors, not read yet
  form: number; // edition of the questions about a case
  asks: string[] | null; // what the scenario has people ask besides
  waiting: number; longest_s: number; demo: boolean; practice?: boolean; now: string; operation: string;
}

export interface Notice { id: string; text: string; urgent: boolean; by: string; at: string; until: string }

export type FromServer =
  | { type: "state"; state: Snapshot }
  | { type: "pong" }
  | { type: "rtc.answer"; sdp: string }
  | { type: "case.saved"; n: number; at: string; conflicts?: Conflict[] }
  | { type: "error"; text: string; for: string; n?: number }
  | ({ type: "directory" } & Directory)
  | { type: "elsewhere" };

export type ToServer = { type: string } & Record<string, unknown>;

/** A time that has come: Go writes the year 1 for one that has not. */
export const known = (iso: string | undefined): boolean => !!iso && !iso.startsWith("0001-");
