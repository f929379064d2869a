import { IsOptional } from 'class-validator';
import { Field, Uuid } from '../server/fields.js';
import { CursorText, InstantText, IntegerText, OneOf, RevisionText } from '../server/query-fields.js';

export const EVENTS_PER_PAGE = { most: 1_000, usual: 200 };
const MOST_TYPES = 50;

const named = (value: unknown): readonly string[] => [value].flat().flatMap((each) => String(each).split(','));

/** Repeated, or with commas between them. */
const EventTypes = () =>
  Field(`1 to ${MOST_TYPES} event types (type=A,B or type=A&type=B)`, (value) => {
    const types = named(value);
    return types.length <= MOST_TYPES && types.every((type) => /^[\w$.:-]{1,200}$/.test(type));
  });

export const typesOf = (value: unknown): readonly string[] | null =>
  value === undefined ? null : [...new Set(named(value))].sort();

export class EventsQuery {
  @IsOptional()
  @OneOf('log', 'projection')
  source?: 'log' | 'projection';

  @IsOptional()
  @OneOf('asc', 'desc')
  order?: 'asc' | 'desc';

  @IsOptional()
  @OneOf('json', 'cloudevents')
  format?: 'json' | 'cloudevents';

  @IsOptional()
  @EventTypes()
  type?: string | string[];

  @IsOptional()
  @RevisionText()
  after_revision?: string;

  @IsOptional()
  @CursorText()
  cursor?: string;

  @IsOptional()
  @IntegerText(1, EVENTS_PER_PAGE.most)
  limit?: string;
}

export class DiffQuery {
  @IsOptional()
  @RevisionText()
  from?: string;

  @IsOptional()
  @RevisionText()
  to?: string;
}

export class ComparePath {
  @Uuid()
  execution_id!: string;

  @Uuid()
  other_id!: string;
}

/** Parts of ExecutionQuery. */
export class MomentQuery {
  @IsOptional()
  @RevisionText()
  at_revision?: string;

  @IsOptional()
  @InstantText()
  as_of?: string;
}
