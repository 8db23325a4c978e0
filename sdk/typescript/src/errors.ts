/** The handler cannot be made: a setting is missing or wrong. The message says which. */
export class Misconfigured extends Error {
  override name = "Misconfigured";
}

/** Throw it in an effect to undo the effect, with a code of your own that reviewers see: `CREDIT_LIMIT_REACHED`. */
export class WritebackFailed extends Error {
  override name = "WritebackFailed";
  constructor(readonly code: string) {
    if (!/^[A-Z][A-Z0-9_]{0,63}$/.test(code)) {
      throw new TypeError("a code is a capital, then up to 63 capitals, digits and underscores");
    }
    super(code);
  }
}

/** A database error that may pass: the whole transaction is undone and may be tried again. */
export class Transient extends Error {
  override name = "Transient";
}

/** Another request holds the key or the row for longer than the lock timeout. */
export class Busy extends Error {
  override name = "Busy";
}

/** The key is held by another change. */
export class KeyReused extends Error {
  override name = "KeyReused";
}

/** What a driver's error means. */
export type Meaning = "busy" | "transient" | "notFound" | "other";
