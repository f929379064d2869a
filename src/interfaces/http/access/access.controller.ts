/** API keys, grants and persons in the words of the API. Positions are strings; times are ISO-8601 UTC. */
import { Body, Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Request, Response } from 'express';
import { IsOptional } from 'class-validator';
import { ReadDirectory } from '../../../application/access/access-queries.js';
import {
  keyIn,
  LONGEST_OVERLAP_SECONDS,
  USUAL_OVERLAP_SECONDS,
  type AccessOrder,
  type MadeKey,
} from '../../../application/access/access-orders.js';
import type { DirectoryOutcome } from '../../../application/access/access-directory.js';
import { listGrants, listKeys, listSubjects } from '../../../application/access/access-views.js';
import { CreateApiKey, OrderAccess, RotateApiKey } from '../../../application/commands/access.js';
import { hashOf } from '../../../application/log/event-hash.js';
import { Clock } from '../../../application/runtime/clock.js';
import type { Json } from '../../../domain/json.js';
import type { Grant, Projects } from '../../../domain/access/grants.js';
import { ROLES, type Role } from '../../../domain/access/permissions.js';
import { answer, location, tag } from '../server/answer.js';
import { callerOf } from '../server/caller.js';
import {
  ChoiceText,
  CursorText,
  Field,
  FlagText,
  InstantText,
  instantOf,
  IntegerText,
  NoQuery,
  OneOf,
  OpaqueId,
  Reason,
  Text,
  WholeNumber,
} from '../server/fields.js';
import { grantAnswer, keyAnswer, meAnswer, subjectAnswer } from './answers.js';
import { GrantList, ProjectList } from './fields.js';
import { principalOf } from './principal.js';

/** Every change says why. */
class ReasonedBody {
  @Reason()
  reason!: string;

  @IsOptional()
  @OpaqueId()
  actor_id?: string | null;
}

class CreateKeyBody extends ReasonedBody {
  @OpaqueId()
  name!: string;

  @GrantList()
  grants!: readonly Grant[];

  @IsOptional()
  @InstantText()
  expires_at?: string | null;
}

class RotateKeyBody extends ReasonedBody {
  @IsOptional()
  @WholeNumber(0, LONGEST_OVERLAP_SECONDS)
  overlap_seconds?: number | null;

  @IsOptional()
  @InstantText()
  expires_at?: string | null;
}

const LONGEST_ISSUER = 500;
const LONGEST_SUBJECT = 255;

class SubjectBody extends ReasonedBody {
  @Text(LONGEST_ISSUER)
  issuer!: string;

  @Text(LONGEST_SUBJECT)
  subject!: string;
}

class GrantBody extends SubjectBody {
  @OneOf(...ROLES)
  role!: Role;

  @ProjectList()
  projects!: Projects;
}

class KeyPath {
  @Field(
    'the id of a key: 12 characters of a-z 2-7',
    (value) => typeof value === 'string' && /^[a-z2-7]{12}$/.test(value),
    { type: 'string', pattern: '^[a-z2-7]{12}$' },
  )
  id!: string;
}

const ROWS_PER_PAGE = { most: 200, usual: 50 };

class ListQuery {
  @IsOptional()
  @IntegerText(1, ROWS_PER_PAGE.most)
  limit?: string;

  @IsOptional()
  @CursorText()
  cursor?: string;
}

class GrantsQuery extends ListQuery {
  @IsOptional()
  @Text(LONGEST_ISSUER)
  issuer?: string;

  @IsOptional()
  @Text(LONGEST_SUBJECT)
  subject?: string;

  @IsOptional()
  @ChoiceText(...ROLES)
  role?: Role;
}

class SubjectsQuery extends ListQuery {
  @IsOptional()
  @FlagText()
  blocked?: string;
}

const pageOf = ({ limit, cursor }: ListQuery) => ({
  limit: Number(limit ?? ROWS_PER_PAGE.usual),
  cursor: cursor ?? null,
});

const ROUTE = 'api/v1/access';

@Controller(ROUTE)
export class AccessController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly clock: Clock,
  ) {}

  /** For whatever credential counts. */
  @Get('me')
  async me(@Query() _none: NoQuery, @Req() request: Request) {
    const { directory } = await this.directoryOf(false);
    return answer(meAnswer(principalOf(request), directory));
  }

  @Get('keys')
  async keys(@Query() query: ListQuery, @Res({ passthrough: true }) response: Response) {
    const { directory, uses } = await this.directoryOf(true);
    const { rows, nextCursor } = listKeys(directory, pageOf(query));
    const keys = rows.map((key) => keyAnswer(key, uses.get(key.id), this.clock.now()));
    return tagged(response, { keys, next_cursor: nextCursor });
  }

  @Get('keys/:id')
  async key(@Query() _none: NoQuery, @Param() { id }: KeyPath, @Res({ passthrough: true }) response: Response) {
    const { directory, uses } = await this.directoryOf(true);
    return tagged(response, { key: keyAnswer(keyIn(directory, id), uses.get(id), this.clock.now()) });
  }

  /** The one answer that shows the key. */
  @Post('keys')
  @HttpCode(201)
  async createKey(
    @Query() _none: NoQuery,
    @Body() { name, grants, expires_at, reason, actor_id }: CreateKeyBody,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ) {
    const asked = { name, grants: grants.map(plain), expiresAt: instantOf(expires_at ?? undefined) ?? null };
    const made = await this.commands.execute(new CreateApiKey(asked, callerOf(request, actor_id, reason)));
    return this.shownOnce(made, response);
  }

  @Post('keys/:id/rotate')
  @HttpCode(201)
  async rotateKey(
    @Query() _none: NoQuery,
    @Param() { id }: KeyPath,
    @Body() { overlap_seconds, expires_at, reason, actor_id }: RotateKeyBody,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ) {
    const overlapMs = (overlap_seconds ?? USUAL_OVERLAP_SECONDS) * 1_000;
    const asked = { id, overlapMs, expiresAt: instantOf(expires_at ?? undefined) ?? null };
    const made = await this.commands.execute(new RotateApiKey(asked, callerOf(request, actor_id, reason)));
    return this.shownOnce(made, response);
  }

  @Post('keys/:id/revoke')
  @HttpCode(200)
  async revokeKey(
    @Query() _none: NoQuery,
    @Param() { id }: KeyPath,
    @Body() body: ReasonedBody,
    @Req() request: Request,
  ) {
    const outcome = await this.order({ type: 'RevokeApiKey', id }, body, request);
    const key = keyAnswer(keyIn(outcome.directory, id), undefined, this.clock.now());
    return answer({ key, ...changeOf(outcome) });
  }

  @Get('grants')
  async grants(@Query() query: GrantsQuery, @Res({ passthrough: true }) response: Response) {
    const { directory } = await this.directoryOf(false);
    const { issuer = null, subject = null, role = null } = query;
    const { rows, nextCursor } = listGrants(directory, { issuer, subject, role, ...pageOf(query) });
    return tagged(response, { grants: rows.map(grantAnswer), next_cursor: nextCursor });
  }

  @Post('grants')
  @HttpCode(200)
  grant(@Query() _none: NoQuery, @Body() body: GrantBody, @Req() request: Request) {
    return this.orderOfPerson({ type: 'GrantRole', subject: subjectOf(body), grant: plain(body) }, body, request);
  }

  @Post('grants/withdraw')
  @HttpCode(200)
  withdraw(@Query() _none: NoQuery, @Body() body: GrantBody, @Req() request: Request) {
    return this.orderOfPerson({ type: 'WithdrawRole', subject: subjectOf(body), grant: plain(body) }, body, request);
  }

  @Get('subjects')
  async subjects(@Query() query: SubjectsQuery, @Res({ passthrough: true }) response: Response) {
    const { directory } = await this.directoryOf(false);
    const blocked = query.blocked === undefined ? null : query.blocked === 'true';
    const { rows, nextCursor } = listSubjects(directory, { blocked, ...pageOf(query) });
    return tagged(response, { subjects: rows.map(subjectAnswer), next_cursor: nextCursor });
  }

  @Post('subjects/block')
  @HttpCode(200)
  block(@Query() _none: NoQuery, @Body() body: SubjectBody, @Req() request: Request) {
    return this.orderOfPerson({ type: 'BlockSubject', subject: subjectOf(body) }, body, request);
  }

  @Post('subjects/unblock')
  @HttpCode(200)
  unblock(@Query() _none: NoQuery, @Body() body: SubjectBody, @Req() request: Request) {
    return this.orderOfPerson({ type: 'UnblockSubject', subject: subjectOf(body) }, body, request);
  }

  private directoryOf(uses: boolean) {
    return this.queries.execute(new ReadDirectory(uses));
  }

  private order(order: AccessOrder, { actor_id, reason }: ReasonedBody, request: Request): Promise<DirectoryOutcome> {
    return this.commands.execute(new OrderAccess(order, callerOf(request, actor_id, reason)));
  }

  private async orderOfPerson(
    order: Exclude<AccessOrder, Readonly<{ type: 'RevokeApiKey' }>>,
    body: SubjectBody,
    request: Request,
  ) {
    const outcome = await this.order(order, body, request);
    const { issuer, subject } = order.subject;
    const [found] = listSubjects(outcome.directory, { blocked: null, cursor: null, limit: Infinity }).rows.filter(
      (each) => each.issuer === issuer && each.subject === subject,
    );
    return answer({ subject: found ? subjectAnswer(found) : null, ...changeOf(outcome) });
  }

  private shownOnce({ key, secret, position }: MadeKey, response: Response) {
    location(response, `/${ROUTE}/keys/${key.id}`);
    response.setHeader('Cache-Control', 'no-store');
    const shown = keyAnswer(key, undefined, this.clock.now());
    return answer({ key: shown, secret, position: position?.toString() ?? null });
  }
}

const tagged = <Data extends Json>(response: Response, data: Data) => {
  tag(response, hashOf(data));
  return answer(data);
};

const changeOf = ({ changed, position }: DirectoryOutcome) => ({ changed, position: position?.toString() ?? null });

const subjectOf = ({ issuer, subject }: SubjectBody) => ({ issuer, subject });

/** No members but these get into events. */
const plain = ({ role, projects }: Grant): Grant => ({
  role,
  projects: projects === 'all' ? 'all' : [...new Set(projects)],
});
