import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { Response } from 'express';
import { GetAuditPack } from '../../../application/audit/pack/audit-pack.js';
import { clientLeft } from '../server/client-left.js';
import { ExecutionPath, NoQuery } from '../executions/queries.js';

@Controller('api/v1/workflow')
export class AuditController {
  constructor(private readonly queries: QueryBus) {}

  /** One ZIP that proves the execution's history to whoever has nothing else. Made for each request, of the latest. */
  @Get(':execution_id/audit-pack')
  async pack(@Param() path: ExecutionPath, @Query() _none: NoQuery, @Res() response: Response): Promise<void> {
    const { name, content } = await this.queries.execute(
      new GetAuditPack(path.execution_id.toLowerCase(), clientLeft(response)),
    );
    response.setHeader('Content-Type', 'application/zip');
    response.setHeader('Content-Disposition', `attachment; filename="${name}"`);
    response.setHeader('Cache-Control', 'no-store');
    response.send(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  }
}
