import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { getMetadataStorage, validateSync } from 'class-validator';
import { bounded } from './received.js';
import { badRequest, LISTED_PROBLEMS, problem, type Problem } from './refusal.js';

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
    const strangers = Object.keys(given).filter((name) => !known.has(name));
    const problems = problemsOf(dto);
    if (problems.length + strangers.length > 0) {
      const expected = known.size > 0 ? `one of the known names ${[...known].join(', ')}` : 'no parameter';
      // A caller who sends a hundred thousand of them reads of a few: each sentence costs more than the name did.
      const told = strangers.slice(0, LISTED_PROBLEMS).map((name) => problem(bounded(name), expected, given[name]));
      throw badRequest([...problems, ...told], { total: problems.length + strangers.length });
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
