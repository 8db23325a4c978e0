const MOMENT = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d*))?(?:Z|\+00(?::00)?)?$/;

/** A plain JSON value as the text that a database would take for it; `null` is NULL. */
export function asText(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

/** Whether the text that the row holds (read with the session at UTC) is the expected version, to the last digit. */
export function sameVersion(stored: string | null, expected: unknown): boolean {
  const text = asText(expected);
  if (stored === null || text === null) return stored === null && text === null;
  const moment = (of: string) => {
    const found = MOMENT.exec(of);
    return found ? `${found[1]} ${found[2]} ${(found[3] ?? "").replace(/0+$/, "")}` : null;
  };
  return stored === text || (moment(stored) !== null && moment(stored) === moment(text));
}

/** The later of now and one unit after `text`, in its own form; `null` if the text is no moment. */
export function advanceText(text: string, nowMs: number): string | null {
  const found = /^(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d:\d\d)(\.\d{1,6})?(Z|\+00(?::00)?)?$/.exec(text);
  if (!found) return null;
  const digits = (found[4] ?? ".").length - 1;
  const whole = Date.parse(`${found[1]}T${found[3]}Z`);
  if (Number.isNaN(whole)) return null;
  const held = BigInt(whole) * 1000n + BigInt((found[4] ?? ".0").slice(1).padEnd(6, "0")) + 10n ** BigInt(6 - digits);
  const now = BigInt(nowMs) * 1000n;
  const later = held > now ? held : now;
  const iso = new Date(Number(later / 1000n)).toISOString();
  const micros = String(later % 1_000_000n).padStart(6, "0");
  const fraction = digits > 0 ? `.${micros.slice(0, digits)}` : "";
  return `${iso.slice(0, 10)}${found[2]}${iso.slice(11, 19)}${fraction}${found[5] ?? ""}`;
}
