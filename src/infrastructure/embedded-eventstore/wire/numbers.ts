/** Revisions and positions as callers send them: unsigned, 64 bits. */
import { DELETED } from './records.js';
import { invalidArgument } from './errors.js';

/** The largest number of 64 bits: the end in reads, "no stream" where a revision is expected. */
const NONE = 2n ** 64n - 1n;

/** @throws a refusal for a number between the largest revision and NONE */
export function unlessNone<T>(text: string, none: T): bigint | T {
  const value = BigInt.asUintN(64, BigInt(text));
  if (value === NONE) return none;
  if (value > DELETED) throw invalidArgument(`Expected a number of at most ${DELETED}, got ${value}`);
  return value;
}
