import { Controller, Get, Query } from '@nestjs/common';
import { Agents } from '../../../application/agents.js';
import { Definitions } from '../../../application/definitions.js';
import { answer, definitionAnswer } from '../answers.js';
import { NoQuery } from '../dto/queries.js';

/** What is installed on this instance. */
@Controller('api/v1/workflow')
export class CatalogueController {
  constructor(
    private readonly installed: Definitions,
    private readonly known: Agents,
  ) {}

  @Get('definitions')
  definitions(@Query() _none: NoQuery) {
    return answer({ definitions: this.installed.all().map(definitionAnswer) });
  }

  @Get('agents')
  agents(@Query() _none: NoQuery) {
    return answer({ agents: this.known.list() });
  }
}
