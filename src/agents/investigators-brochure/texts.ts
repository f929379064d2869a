import { z } from 'zod';

/** What neither XML nor Postgres takes, and line breaks: layout is the document's affair. */
const UNPRINTABLE = /[\p{Cc}\p{Surrogate}\p{Noncharacter_Code_Point}\u2028\u2029]/u;

/** @param longest UTF-16 units */
export const text = (longest: number) =>
  z
    .string()
    .min(1, 'expected a text, got an empty one')
    .max(longest, `expected at most ${longest} characters`)
    .refine((value) => !UNPRINTABLE.test(value), 'expected no control characters, line breaks or non-characters')
    .refine((value) => value.trim() !== '', 'expected a text, got white space');

/** A text that may be empty. */
export const words = (longest: number) =>
  z
    .string()
    .max(longest, `expected at most ${longest} characters`)
    .refine((value) => !UNPRINTABLE.test(value), 'expected no control characters, line breaks or non-characters');

export const webAddress = z.url({ protocol: /^https?$/, message: 'expected an http or https URL' }).max(500);

export const orNull = <T extends z.ZodType>(schema: T) => schema.nullable().default(null);

/** `2016`, `2016-11` or `2016-11-09`. */
export const date = z.string().regex(/^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$/, {
  message: 'expected a date as YYYY, YYYY-MM or YYYY-MM-DD',
});

export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 in hexadecimal');

export const NO_DATA = 'No data available';
