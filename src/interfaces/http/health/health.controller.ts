import { Controller, Get, Query } from '@nestjs/common';
import { Health } from '../../../application/runtime/health.js';
import { answer } from '../server/answers.js';
import { NoQuery } from '../executions/queries.js';
import { Refusal } from '../server/refusal.js';

@Controller('health')
export class HealthController {
  constructor(private readonly health: Health) {}

  /** Answers as long as the process does: whoever restarts it on a failure must not ask more than that. */
  @Get('live')
  live(@Query() _none: NoQuery) {
    return answer({ live: true });
  }

  @Get('ready')
  async ready(@Query() _none: NoQuery) {
    const { ready, checks } = await this.health.check();
    if (ready) return answer({ ready, checks });
    const failing = Object.keys(checks).filter((name) => !checks[name]?.ok);
    const message = `Not ready: ${failing.join(', ')}. Ask again`;
    throw new Refusal(503, 'NOT_READY', message, { ready, checks }, { 'Retry-After': '1' });
  }
}
