/** What a field may hold. Each decorator's message is the completion of "expected ...". */
import { IsOptional, ValidateBy, type ValidationArguments, getMetadataStorage, validateSync } from 'class-validator';
import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { bounded, badRequest, LISTED_PROBLEMS, problem, type Problem } from './refusal.js';

type Dto = new () => object;

/**
 * Bodies, queries and path parameters -> their DTO, or 400 with the first problems and their number. Only the DTO's own properties are copied,
 * and none is converted or walked: a document of many megabytes passes through as it is.
 */
@Injectable()
export class RequestPipe implements PipeTransform {
  transform(value: unknown, { metatype }: ArgumentMetadata): unknown {
    if (!isDto(metatype)) return value;
    const known = fieldsOf(metatype);
    const given = (value ?? {}) as Readonly<Record<string, unknown>>;
    const dto = new metatype();
    for (const name of known) if (Object.hasOwn(given, name)) Object.assign(dto, { [name]: given[name] });
    const unknown = Object.keys(given).filter((name) => !known.has(name));
    const problems = problemsOf(dto);
    if (problems.length + unknown.length > 0) {
      const expected = known.size > 0 ? `one of the known names ${[...known].join(', ')}` : 'no parameter';
      // Of a hundred thousand unknown names the answer lists a few: each sentence costs more than the name did.
      const listed = unknown.slice(0, LISTED_PROBLEMS).map((name) => problem(bounded(name), expected, given[name]));
      throw badRequest([...problems, ...listed], { total: problems.length + unknown.length });
    }
    return dto;
  }
}

const isDto = (metatype: ArgumentMetadata['metatype']): metatype is Dto =>
  metatype !== undefined && !([Object, String, Number, Boolean, Array] as unknown[]).includes(metatype);

const fieldsOf = (metatype: Dto): ReadonlySet<string> =>
  new Set(
    getMetadataStorage()
      .getTargetValidationMetadatas(metatype, '', false, false)
      .map(({ propertyName }) => propertyName),
  );

/** The message of each constraint is what was expected. */
const problemsOf = (dto: object): Problem[] =>
  validateSync(dto, { stopAtFirstError: true, forbidUnknownValues: false }).map(({ property, value, constraints }) =>
    problem(property, Object.values(constraints ?? {}).join(' and '), value),
  );

// Fields of a query string are text.
export const FlagText = () => Field('true or false', (value) => value === 'true' || value === 'false');
export const isTrue = (text: string | undefined): boolean => text === 'true';

export const ChoiceText = (...values: readonly string[]) =>
  Field(values.join(' or '), (value) => typeof value === 'string' && values.includes(value));

const isDigits = (value: unknown): value is string => typeof value === 'string' && /^\d{1,19}$/.test(value);

export const IntegerText = (least: number, most: number) =>
  Field(`a whole number from ${least} to ${most}`, (value) => isDigits(value) && +value >= least && +value <= most);

const LARGEST_REVISION = 2n ** 63n - 1n;
export const RevisionText = () =>
  Field('a revision: a whole number from 0', (value) => isDigits(value) && BigInt(value) <= LARGEST_REVISION);
export const revisionOf = (text: string | undefined): bigint | null => (text === undefined ? null : BigInt(text));

const INSTANT = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

export const InstantText = () =>
  Field('an ISO-8601 time with its zone (2026-01-31T12:00:00Z; + as %2B), or a date, in UTC', (value) => {
    const day = typeof value === 'string' ? INSTANT.exec(value)?.[1] : undefined;
    return day !== undefined && !Number.isNaN(Date.parse(value as string)) && isDay(day);
  });
export const instantOf = (text: string | undefined): Date | undefined =>
  text === undefined ? undefined : new Date(text);

/** Date.parse takes 30 February for 2 March. */
const isDay = (day: string): boolean => {
  const time = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(day);
};

/** What the read side gave out: it reads it, and refuses what it did not give out. */
export const CursorText = () =>
  Field(
    'a cursor as an earlier answer gave it',
    (value) => typeof value === 'string' && /^[A-Za-z0-9._~=-]{1,1024}$/.test(value),
  );

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

export const LONGEST_REASON = 1_000;

/** Blanks are no reason. */
export const Reason = () =>
  Field(
    `1 to ${LONGEST_REASON} characters, not all of them blank`,
    (value) => typeof value === 'string' && value.trim().length > 0 && value.length <= LONGEST_REASON,
  );

export const PositiveInteger = () =>
  Field('a whole number from 1', (value) => Number.isSafeInteger(value) && (value as number) >= 1);

/** As workflow definitions and registerAgent() allow it. */
export const AgentName = () =>
  Field('a letter and up to 63 letters, digits, _ -', matches(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/));

/** A file as agents may name it. */
export const FileName = () =>
  Field('a letter or digit and up to 127 letters, digits, . _ -', matches(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/));

/** The operator and the reason, as they are recorded with what the operator does. */
export class OperatorBody {
  @IsOptional()
  @OpaqueId()
  actor_id?: string | null;

  @IsOptional()
  @Text(LONGEST_REASON)
  reason?: string | null;
}

/** For routes without parameters: a client that sends one gets its mistake in the answer. */
export class NoQuery {}

export class ExecutionPath {
  @Uuid()
  execution_id!: string;
}
