/**
 * What a field may hold. Each decorator's message is the completion of "expected ..."; beside it stands the same as a schema, from
 * which the OpenAPI document is made.
 */
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
export const FlagText = () =>
  Field('true or false', (value) => value === 'true' || value === 'false', { type: 'boolean' });
export const isTrue = (text: string | undefined): boolean => text === 'true';

export const ChoiceText = (...values: readonly string[]) =>
  Field(values.join(' or '), (value) => typeof value === 'string' && values.includes(value), {
    type: 'string',
    enum: values,
  });

const isDigits = (value: unknown): value is string => typeof value === 'string' && /^\d{1,19}$/.test(value);

export const IntegerText = (least: number, most: number) =>
  Field(`a whole number from ${least} to ${most}`, (value) => isDigits(value) && +value >= least && +value <= most, {
    type: 'integer',
    minimum: least,
    maximum: most,
  });

const LARGEST_REVISION = 2n ** 63n - 1n;
export const RevisionText = () =>
  Field('a revision: a whole number from 0', (value) => isDigits(value) && BigInt(value) <= LARGEST_REVISION, {
    type: 'string',
    pattern: '^\\d{1,19}$',
  });
export const revisionOf = (text: string | undefined): bigint | null => (text === undefined ? null : BigInt(text));

const INSTANT = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/;

export const InstantText = () =>
  Field('an ISO-8601 time with its zone (2026-01-31T12:00:00Z; + as %2B), or a date, in UTC', isInstant, {
    type: 'string',
    pattern: INSTANT.source,
  });
const isInstant = (value: unknown): boolean => {
  const day = typeof value === 'string' ? INSTANT.exec(value)?.[1] : undefined;
  return day !== undefined && !Number.isNaN(Date.parse(value as string)) && isDay(day);
};
export const instantOf = (text: string | undefined): Date | undefined =>
  text === undefined ? undefined : new Date(text);

/** Date.parse takes 30 February for 2 March. */
const isDay = (day: string): boolean => {
  const time = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(day);
};

/** What the read side gave out: it reads it, and refuses what it did not give out. */
export const CursorText = () =>
  Field('a cursor as an earlier answer gave it', ...spelled(/^[A-Za-z0-9._~=-]{1,1024}$/));

type Expectation = string | ((dto: object) => string);

/** A JSON Schema of what a field may hold, as far as schemas can say it. */
export type FieldSchema = Readonly<Record<string, unknown>>;

const SCHEMA = 'workflow-executor:field-schema';

/**
 * @param holds gets the value and the whole DTO, for fields that depend on another
 * @param schema never refuses what `holds` takes
 */
export const Field = (
  expected: Expectation,
  holds: (value: unknown, dto: object) => boolean,
  schema: FieldSchema,
): PropertyDecorator => {
  const validate = (value: unknown, args?: ValidationArguments) => holds(value, args?.object ?? {});
  const defaultMessage = (args?: ValidationArguments) =>
    typeof expected === 'string' ? expected : expected(args?.object ?? {});
  const validated = ValidateBy({ name: 'expected', validator: { validate, defaultMessage } });
  return (dto, property) => {
    validated(dto, property);
    Reflect.defineMetadata(SCHEMA, schema, dto, property);
  };
};

export type DocumentedField = Readonly<{ name: string; required: boolean; schema: FieldSchema }>;

/** The fields of a DTO as the OpenAPI document has them, in the order of their declaration. */
export const documentedFields = (dto: Dto): readonly DocumentedField[] =>
  [...fieldsOf(dto)].map((name) => {
    const schema = Reflect.getMetadata(SCHEMA, dto.prototype as object, name) as FieldSchema | undefined;
    if (!schema)
      throw new Error(`${dto.name}.${name}: expected a decorator of fields.ts, which has a schema; got none`);
    return { name, required: !isOptional(dto, name), schema };
  });

const isOptional = (dto: Dto, name: string): boolean =>
  getMetadataStorage()
    .getTargetValidationMetadatas(dto, '', false, false)
    .some(({ propertyName, type }) => propertyName === name && type === 'conditionalValidation');

/** What a text field takes, as a check and as a schema. @param pattern without flags, which schemas do not have */
function spelled(pattern: RegExp): [(value: unknown) => boolean, FieldSchema] {
  return [
    (value: unknown) => typeof value === 'string' && pattern.test(value),
    { type: 'string', pattern: pattern.source },
  ];
}

/** A project, a person, a document type: whatever the caller calls it. */
export const OpaqueId = () =>
  Field('1 to 128 characters of A-Z a-z 0-9 . _ : @ -', ...spelled(/^[A-Za-z0-9._:@-]{1,128}$/));

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const Uuid = () =>
  Field('a UUID', (value) => typeof value === 'string' && UUID.test(value), { type: 'string', format: 'uuid' });

export const OneOf = (...allowed: readonly string[]) =>
  Field(`one of ${allowed.join(', ')}`, (value) => typeof value === 'string' && allowed.includes(value), {
    type: 'string',
    enum: allowed,
  });

export const Flag = () => Field('true or false', (value) => typeof value === 'boolean', { type: 'boolean' });

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const JsonObjectField = () => Field('a JSON object', isObject, { type: 'object', additionalProperties: true });

export const Text = (longest: number) =>
  Field(
    `1 to ${longest} characters`,
    (value) => typeof value === 'string' && value.length > 0 && value.length <= longest,
    { type: 'string', minLength: 1, maxLength: longest },
  );

export const LONGEST_REASON = 1_000;

/** Blanks are no reason. */
export const Reason = () =>
  Field(
    `1 to ${LONGEST_REASON} characters, not all of them blank`,
    (value) => typeof value === 'string' && value.trim().length > 0 && value.length <= LONGEST_REASON,
    { type: 'string', minLength: 1, maxLength: LONGEST_REASON, pattern: '\\S' },
  );

export const WholeNumber = (least: number, most: number) =>
  Field(
    `a whole number from ${least} to ${most}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
    { type: 'integer', minimum: least, maximum: most },
  );

export const PositiveInteger = () =>
  Field('a whole number from 1', (value) => Number.isSafeInteger(value) && (value as number) >= 1, {
    type: 'integer',
    minimum: 1,
  });

/** As workflow definitions and registerAgent() allow it. */
export const AgentName = () =>
  Field('a letter and up to 63 letters, digits, _ -', ...spelled(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/));

/** A file as agents may name it. */
export const FileName = () =>
  Field('a letter or digit and up to 127 letters, digits, . _ -', ...spelled(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/));

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
