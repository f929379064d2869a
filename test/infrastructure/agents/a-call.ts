import type { AgentCall } from '../../../src/application/agents/agents.js';
import { Clock } from '../../../src/application/runtime/clock.js';

export const aCall = (overrides: Partial<AgentCall> = {}): AgentCall => ({
  agent: 'regdata',
  input: {
    execution_id: '5b8f7a52-7a5e-4df0-8d8e-0d1d4e1f2a10',
    project_id: 'project-1',
    document_type: 'ib',
    step: 'enrich',
    attempt: 2,
    metadata: { language: 'en' },
    checkpoint: { last_completed_step: null, intermediate_results: {} },
  },
  idempotencyKey: '5b8f7a52-7a5e-4df0-8d8e-0d1d4e1f2a10:enrich:1',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  deadline: new Date('2031-05-06T07:08:09.010Z'),
  signal: new AbortController().signal,
  ...overrides,
});

/** A clock that stands still. */
export class StoppedClock extends Clock {
  constructor(private readonly at: Date) {
    super();
  }

  now(): Date {
    return this.at;
  }

  wakeAt(): () => void {
    throw new Error('A clock that stands still wakes nobody');
  }

  wakeAfter(): () => void {
    return this.wakeAt();
  }
}
