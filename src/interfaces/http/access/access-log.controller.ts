import { Controller, Get, Query } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import { IsOptional } from 'class-validator';
import { ACCESS_KINDS, type AccessEntry } from '../../../application/access/access-log-pages.js';
import { ReadAccessLog } from '../../../application/access/access-queries.js';
import { answer } from '../server/answer.js';
import { ChoiceText, CursorText, InstantText, instantOf, IntegerText, Text } from '../server/fields.js';

const ENTRIES_PER_PAGE = { most: 200, usual: 50 };
const LONGEST_SUBJECT = 255;

class AccessLogQuery {
  @IsOptional()
  @Text(LONGEST_SUBJECT)
  subject?: string;

  @IsOptional()
  @ChoiceText(...ACCESS_KINDS)
  kind?: string;

  @IsOptional()
  @InstantText()
  from?: string;

  @IsOptional()
  @InstantText()
  until?: string;

  @IsOptional()
  @IntegerText(1, ENTRIES_PER_PAGE.most)
  limit?: string;

  @IsOptional()
  @CursorText()
  cursor?: string;
}

/** What was denied and given out, and every change of keys and grants; the latest first. */
@Controller('api/v1/access/log')
export class AccessLogController {
  constructor(private readonly queries: QueryBus) {}

  @Get()
  async log(@Query() { subject, kind, from, until, limit, cursor }: AccessLogQuery) {
    const about = { subject: subject ?? null, kind: kind ?? null };
    const period = { from: instantOf(from) ?? null, until: instantOf(until) ?? null };
    const asked = { ...about, ...period, cursor: cursor ?? null, limit: Number(limit ?? ENTRIES_PER_PAGE.usual) };
    const { entries, nextCursor } = await this.queries.execute(new ReadAccessLog(asked));
    return answer({ entries: entries.map(entryAnswer), next_cursor: nextCursor });
  }
}

/** `data` is the event's own, without what proves a key. */
const entryAnswer = ({ id, kind, recordedAt, position, stream, revision, actor, reason, data }: AccessEntry) => ({
  ...{ id, kind, recorded_at: recordedAt.toISOString(), actor, reason, data },
  ...{ stream, revision: String(revision), position: String(position) },
});
