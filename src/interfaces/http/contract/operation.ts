/** What a contract says of a route beside what the code says itself: path, method, parameters, body, permission. */
import type { ErrorName } from './errors.js';
import type { AnswerHeader, RequestHeader } from './headers.js';
import type { Schema } from './schema.js';

export type Answer = Readonly<{
  description: string;
  /** By media type; none: the answer has no body. */
  content?: Readonly<Record<string, Schema>>;
  headers?: readonly AnswerHeader[];
}>;

export type FieldText = Readonly<{ description?: string; example?: unknown; schema?: Schema }>;

export type Operation = Readonly<{
  /** Stable: clients are generated with it as the name of a function. */
  id: string;
  tag: string;
  summary: string;
  description?: string;
  /** Parameters and members of the body that need other words than `FIELDS` has. */
  fields?: Readonly<Record<string, FieldText>>;
  headers?: readonly RequestHeader[];
  /** Of a body that no DTO describes. */
  body?: Schema;
  answers: Readonly<Record<number, Answer>>;
  errors: readonly ErrorName[];
}>;

/** By method and the route's template, as in `access-table.ts`. */
export type Contract = Readonly<Record<string, Operation>>;
