/** What a field may hold. Each decorator's message is the completion of "expected ...". */
import { ValidateBy, type ValidationArguments } from 'class-validator';

type Expectation = string | ((dto: object) => string);

/** @param holds gets the value and the whole DTO, for fields that depend on another */
export const Field = (expected: Expectation, holds: (value: unknown, dto: object) => boolean): PropertyDecorator => {
  const validate = (value: unknown, args?: ValidationArguments) => holds(value, args?.object ?? {});
  const defaultMessage = (args?: ValidationArguments) =>
    typeof expected === 'string' ? expected : expected(args?.object ?? {});
  return ValidateBy({ name: 'expected', validator: { validate, defaultMessage } });
};

const matches = (pattern: RegExp) => (value: unknown) => typeof value === 'string' && pattern.test(value);

/** A project, a person, a document type: whatever the caller calls it. */
export const OpaqueId = () =>
  Field('1 to 128 characters of A-Z a-z 0-9 . _ : @ -', matches(/^[A-Za-z0-9._:@-]{1,128}$/));

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const Uuid = () => Field('a UUID', matches(UUID));

export const OneOf = (...allowed: readonly string[]) =>
  Field(`one of ${allowed.join(', ')}`, (value) => typeof value === 'string' && allowed.includes(value));

export const Flag = () => Field('true or false', (value) => typeof value === 'boolean');

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const JsonObjectField = () => Field('a JSON object', isObject);

export const Text = (longest: number) =>
  Field(
    `1 to ${longest} characters`,
    (value) => typeof value === 'string' && value.length > 0 && value.length <= longest,
  );

/** Blanks say nothing. */
export const Reason = (longest: number) =>
  Field(
    `1 to ${longest} characters, not all of them blank`,
    (value) => typeof value === 'string' && value.trim().length > 0 && value.length <= longest,
  );

export const PositiveInteger = () =>
  Field('a whole number from 1', (value) => Number.isSafeInteger(value) && (value as number) >= 1);

/** As workflow definitions and registerAgent() allow it. */
export const AgentName = () =>
  Field('a letter and up to 63 letters, digits, _ -', matches(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/));

/** A file as agents may name it. */
export const FileName = () =>
  Field('a letter or digit and up to 127 letters, digits, . _ -', matches(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/));
