import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { publicly, tag } from '../server/answer.js';
import { NoQuery } from '../server/fields.js';

/** The contract of this API, for programs and for people. Neither is read or made before somebody asks. */
@Controller()
export class ReferenceController {
  @Get('openapi.json')
  async document(@Query() _none: NoQuery, @Res() response: Response): Promise<void> {
    const { documentFor } = await import('./document-file.js');
    const { text, version } = await documentFor(publicly(response, '/'));
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    tag(response, version);
    response.send(text);
  }

  @Get('docs')
  async page(@Query() _none: NoQuery, @Req() request: Request, @Res() response: Response): Promise<void> {
    const { referencePage } = await import('./document-file.js');
    const { text, version, headers } = await referencePage(request.path.endsWith('/') ? '../' : '');
    response.set(headers);
    tag(response, version);
    response.send(text);
  }
}
