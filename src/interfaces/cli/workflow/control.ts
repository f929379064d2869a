/** `workflow pause|resume|retry|cancel|execute` */
import { UsageError } from '../../../composition/run-until-signal.js';
import { ACTOR_OPTIONS, ACTOR_USAGE, actedBy, apiLine, COMMON_USAGE, once, oneId } from './api-verb.js';
import { EXIT } from './exit.js';
import { executionLine, type ShownExecution, type ShownStep } from './lines.js';

type Action = 'pause' | 'resume' | 'retry' | 'cancel' | 'execute';

const DOES: Readonly<Record<Action, string>> = {
  pause: 'No further step starts; a call in flight is waited for.',
  resume: 'Goes on with the steps that remain.',
  retry: 'Starts a failed step again: the one that failed, unless --step names another.',
  cancel: 'Ends the execution.',
  execute: 'Runs steps of an execution that was started with --hold, or that is paused.',
};

const OWN_USAGE: Partial<Record<Action, string>> = {
  retry: '  --step STEP      the name or the id of the step\n',
  execute: '  --mode MODE      next_step, or remaining (the usual one)\n',
};

const usageOf = (action: Action): string => `Usage: workflow ${action} EXECUTION [OPTIONS]
${DOES[action]}
${OWN_USAGE[action] ?? ''}${ACTOR_USAGE}
  --if-revision N  only where the execution is at that revision
${COMMON_USAGE}`;

const OPTIONS = { ...ACTOR_OPTIONS, 'if-revision': { type: 'string' } } as const;
const STEP = { step: { type: 'string' } } as const;
const MODE = { mode: { type: 'string' } } as const;

type Values = Readonly<Partial<Record<'by' | 'reason' | 'if-revision' | 'step' | 'mode', string>>>;
type Found = Readonly<{ execution: ShownExecution; steps: readonly ShownStep[] }>;

export const controlVerb =
  (action: Action) =>
  async (args: readonly string[]): Promise<number> => {
    const usage = usageOf(action);
    const own = action === 'retry' ? STEP : action === 'execute' ? MODE : {};
    const line = apiLine(usage, { ...OPTIONS, ...own }, args);
    if (!line) return EXIT.done;
    const values = line.values as Values;
    const id = oneId(line.positionals, 'EXECUTION', usage);
    const revision = revisionOf(values['if-revision']);
    const mode = values.mode ?? 'remaining';
    if (mode !== 'remaining' && mode !== 'next_step')
      throw new UsageError(`Expected next_step or remaining as --mode, got ${JSON.stringify(mode)}`);
    const details = () =>
      line.client.call<Found>('/api/v1/workflow', { query: { execution_id: id, include_steps: 'true' } });
    const asked =
      action === 'execute'
        ? { mode }
        : { action, ...(action === 'retry' && { step_id: stepOf((await details()).steps, values.step) }) };
    const controlled = await line.client.call<{ execution: ShownExecution }>(
      `/api/v1/workflow/${action === 'execute' ? 'execute' : 'control'}`,
      {
        method: 'POST',
        body: { execution_id: id, ...asked, ...actedBy(values, line.connection.key) },
        headers: { ...once(), ...(revision !== undefined && { 'if-match': `"${revision}"` }) },
      },
    );
    line.show(controlled, [executionLine(controlled.execution)]);
    return EXIT.done;
  };

const revisionOf = (text: string | undefined): string | undefined => {
  if (text === undefined || /^\d{1,18}$/.test(text)) return text;
  throw new UsageError(`Expected a revision as --if-revision, got ${JSON.stringify(text)}`);
};

/** @throws UsageError where the steps leave open which one is meant */
const stepOf = (steps: readonly ShownStep[], named: string | undefined): string => {
  const chosen =
    named === undefined
      ? steps.filter(({ status }) => status === 'failed')
      : steps.filter(({ id, step_name }) => id === named.toLowerCase() || step_name === named);
  if (chosen.length === 1) return chosen[0]!.id;
  const names = steps.map(({ step_name, status }) => `${step_name} (${status})`).join(', ');
  throw new UsageError(
    named === undefined
      ? `Expected one failed step, there are ${chosen.length}; name a step with --step: ${names}`
      : `Expected a step of the execution as --step: ${names}; got ${JSON.stringify(named)}`,
  );
};
