/** Values from outside, made fit for messages: short, on one line, without control characters and halves of characters. */

const LENGTH = 100;

/** What came in place of what was expected. */
export const received = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return `an object with ${Object.keys(value).length} members`;
  return bounded(JSON.stringify(typeof value === 'string' ? value.slice(0, LENGTH + 1) : value));
};

export const bounded = (text: string): string => {
  const plain = text.slice(0, LENGTH + 1).replace(/\p{C}/gu, escaped);
  return plain.length > LENGTH ? `${plain.slice(0, LENGTH - 1)}…` : plain;
};

const escaped = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;

/** Refused at the edge, before the application is asked. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: unknown = {},
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
}

/** One thing that is wrong with a request: which field, what was expected of it, what came. */
export type Problem = Readonly<{ field: string; expected: string; received: string }>;

export const problem = (field: string, expected: string, value: unknown): Problem => ({
  field,
  expected,
  received: received(value),
});

const SHOWN_IN_MESSAGE = 3;
/** Problems that an answer lists, at most. */
export const LISTED_PROBLEMS = 20;

/** 400. @param total how many problems there are, where not all of them were put into words */
export const badRequest = (
  problems: readonly Problem[],
  { code = 'INVALID_REQUEST', total = problems.length }: Readonly<{ code?: string; total?: number }> = {},
): Refusal => {
  const shown = problems.slice(0, SHOWN_IN_MESSAGE).map(sentence);
  const more = total - shown.length;
  const message = [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
  return new Refusal(400, code, message, problems.slice(0, LISTED_PROBLEMS));
};

const sentence = ({ field, expected, received: came }: Problem) => `${field}: expected ${expected}, got ${came}`;

/** @param length what was announced; undefined where the limit was met on the way */
export const bodyTooLarge = (limit: number, length: number | undefined): Refusal =>
  tooLarge(`at most ${limit} bytes`, length === undefined ? 'more' : String(length));

export const bodyTooComplex = (members: number): Refusal =>
  tooLarge(`at most ${members} members of arrays and objects in all`, 'more');

/** It was within the bounds and needed too much time or memory anyway. */
export const bodyUnreadable = (why: string): Refusal => tooLarge('a body that can be read with little effort', why);

const tooLarge = (expected: string, came: string): Refusal => {
  const problems: readonly Problem[] = [{ field: 'body', expected, received: came }];
  return new Refusal(413, 'BODY_TOO_LARGE', `body: expected ${expected}, got ${came}`, problems);
};
