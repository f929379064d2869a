import { Controller, Get, Query } from '@nestjs/common';
import { Definitions } from '../../../application/workflow/definitions.js';
import { answer, definitionAnswer } from '../server/answers.js';
import { NoQuery } from './queries.js';

/** What is installed on this instance. */
@Controller('api/v1/workflow')
export class CatalogueController {
  constructor(private readonly installed: Definitions) {}

  @Get('definitions')
  definitions(@Query() _none: NoQuery) {
    return answer({ definitions: this.installed.all().map(definitionAnswer) });
  }
}
