import { Controller, Get, Query } from '@nestjs/common';
import { Definitions, type PublishedDefinition } from '../../../application/workflow/definitions.js';
import type { StepDefinition } from '../../../domain/workflow/events.js';
import { answer } from '../server/answer.js';
import { NoQuery } from '../server/fields.js';

/** The workflow definitions of this instance. */
@Controller('api/v1/workflow')
export class DefinitionsController {
  constructor(private readonly published: Definitions) {}

  @Get('definitions')
  definitions(@Query() _none: NoQuery) {
    return answer({ definitions: this.published.all().map(definitionAnswer) });
  }
}

/** As in a definition file, with every default filled in. */
const definitionAnswer = ({ definition, hash }: PublishedDefinition) => ({
  name: definition.name,
  document_type: definition.documentType,
  hash,
  steps: definition.steps.map(stepAnswer),
});

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

const stepAnswer = (step: StepDefinition) => ({
  name: step.name,
  agent: step.agent,
  required: step.required,
  timeout_minutes: step.timeoutMs / MINUTE_MS,
  heartbeat_timeout_seconds: step.heartbeatTimeoutMs === undefined ? null : step.heartbeatTimeoutMs / SECOND_MS,
  retry_on_failure: step.retry.maximumAttempts > 1,
  max_retries: step.retry.maximumAttempts - 1,
  on_exhausted: step.onExhausted ?? 'fail',
  running_state: step.runningState,
  completed_state: step.completedState,
  weight: step.weight,
});
