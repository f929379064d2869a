import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { Response } from 'express';
import { GetArtifact } from '../../../application/queries/get-execution.js';
import { ArtifactPath, NoQuery } from './queries.js';
import { tag } from '../server/entity-tag.js';

@Controller('api/v1/workflow')
export class ArtifactsController {
  constructor(private readonly queries: QueryBus) {}

  /** The file's bytes. Agents name the type: a browser must neither guess another nor open it here. */
  @Get(':execution_id/artifacts/:name')
  async file(@Param() path: ArtifactPath, @Query() _none: NoQuery, @Res() response: Response): Promise<void> {
    const { name, sha256, contentType, content } = await this.queries.execute(
      new GetArtifact(path.execution_id.toLowerCase(), path.name),
    );
    // Not response.set(), which adds a charset that the agent did not name.
    response.setHeader('Content-Type', contentType);
    response.setHeader('Content-Disposition', attachment(name));
    response.setHeader('X-Content-Type-Options', 'nosniff');
    tag(response, sha256);
    response.send(Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  }
}

/** RFC 6266: a plain name for old clients, and the exact one. */
const attachment = (name: string): string => {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const exact = encodeURIComponent(name).replace(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
};
