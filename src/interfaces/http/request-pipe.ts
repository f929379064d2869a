import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { getMetadataStorage, validateSync } from 'class-validator';
import { bounded } from './received.js';
import { badRequest, problem, type Problem } from './refusal.js';

type Dto = new () => object;

/**
 * Bodies, queries and path parameters -> their DTO, or 400 with every problem. Only the DTO's own properties are copied,
 * and none is converted or walked: a document of many megabytes passes through as it is.
 */
@Injectable()
export class RequestPipe implements PipeTransform {
  transform(value: unknown, { metatype }: ArgumentMetadata): unknown {
    if (!isDto(metatype)) return value;
    const known = fieldsOf(metatype);
    const given = Object.entries((value ?? {}) as Readonly<Record<string, unknown>>);
    const dto = new metatype();
    Object.assign(dto, Object.fromEntries(given.filter(([name]) => known.has(name))));
    const names = known.size > 0 ? `one of the known names ${[...known].join(', ')}` : 'no parameter';
    const strangers = given
      .filter(([name]) => !known.has(name))
      .map(([name, stranger]) => problem(bounded(name), names, stranger));
    const problems = [...problemsOf(dto), ...strangers];
    if (problems.length > 0) throw badRequest(problems);
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
