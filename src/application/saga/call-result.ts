import type { CallResult } from '../../domain/agent/circuit.js';
import type { StepCommand } from '../../domain/workflow/commands.js';

/** What a failure of our own artifact store is called: no agent is to blame for it. */
export const ARTIFACT_STORE_FAILED = 'ARTIFACT_STORE';
export const ARTIFACT_DAMAGED = { altered: 'ARTIFACT_ALTERED', missing: 'ARTIFACT_MISSING' } as const;
const OF_OUR_STORE: readonly string[] = [ARTIFACT_STORE_FAILED, ...Object.values(ARTIFACT_DAMAGED)];

/** What a call says about its agent; null where it was ended before the agent could answer, or says nothing about it. */
export const resultOf = (report: StepCommand | null): CallResult | null => {
  if (report?.type === 'CompleteStep' || report?.type === 'DeferStep') return { kind: 'answered' };
  if (report?.type !== 'FailStep') return null;
  const { error, retryAfterMs } = report.data;
  if (OF_OUR_STORE.includes(error.code ?? '')) return null;
  // An agent that refuses is there: only what another call may be spared of counts against it.
  return error.type === 'transient' ? { kind: 'failed', retryAfterMs } : { kind: 'answered' };
};
