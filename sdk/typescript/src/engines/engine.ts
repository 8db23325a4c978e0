import type { EngineName } from "../ddl.js";
import type { Meaning } from "../errors.js";

/** A row by column. */
export type Row = Record<string, unknown>;

/** One connection, within one transaction. */
export interface Session {
  /** Runs a statement with `?` for values; how many rows it changed. */
  run(sql: string, values?: readonly unknown[]): Promise<number>;
  /** Runs a query with `?` for values. */
  rows(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Runs a statement of the author's, with the driver's own placeholders; the rows that it returns, if any. */
  native(sql: string, values: readonly unknown[]): Promise<Row[]>;
  begin(): Promise<void>;
  /** Gives the connection back; with `broken`, it is not used again. */
  release(broken: boolean): void;
}

/** A column within a table; `column` is not quoted. */
export interface Place {
  schema: string | undefined;
  table: string;
  column: string;
}

/** A database, by its dialect. */
export interface Engine {
  readonly name: EngineName;
  /** What follows a query that locks. */
  readonly forUpdate: string;
  open(): Promise<Session>;
  close(): Promise<void>;
  quote(name: string): string;
  /** An expression for a quoted column as exact text. */
  text(column: string): string;
  /** What a driver's error means. */
  sort(error: unknown): Meaning;
  /** Whether an insert was refused because its key is taken. */
  isDuplicate(error: unknown): boolean;
  /** Whether a table is not there. */
  isMissing(error: unknown): boolean;
  /** The next version as an expression with its values; `null` if the kind of column cannot be moved. */
  advance(session: Session, place: Place, held: string): Promise<{ sql: string; values: unknown[] } | null>;
  /** A version's text as JSON. */
  shown(session: Session, place: Place, text: string): Promise<string | number>;
}

/** What a driver's error calls itself. */
export const codeOf = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? "");

/** A whole number as one if a `number` can hold it, else its text. */
export const whole = (text: string): string | number =>
  /^-?\d+$/.test(text) && Number.isSafeInteger(Number(text)) && String(Number(text)) === text ? Number(text) : text;
