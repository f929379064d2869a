import {
  answersAfter,
  cancel,
  fails,
  failsTimes,
  given,
  inTurn,
  neverAnswers,
  nextStep,
  passes,
  pause,
  remaining,
  reportsByToken,
  resume,
  retry,
  start,
  succeeds,
  type Run,
} from '../../src/testing/index.js';
import { registerAgent } from '../../src/infrastructure/agents/registry.js';

const step = (name: string, more: object = {}) => ({ name, agent: `${name}-agent`, timeout_minutes: 10, ...more });
const definition = (...steps: readonly object[]) => ({ name: 'report-generation', steps });

const TWO = definition(step('collect'), step('write'));
const collect = succeeds({ rows: 3 });
const typesOf = ({ events }: Run) => events.map(({ type }) => type);
const waitsOf = ({ attempts }: Run) => attempts.map(({ waited }) => waited);

describe('a run', () => {
  it('shows which steps ran, with which inputs, in which order, and what came of them', async () => {
    const write = succeeds(({ checkpoint, metadata }) => ({
      text: [metadata['in']!, checkpoint.intermediate_results['rows']!],
    }));
    const run = await given({ definition: TWO, agents: { 'collect-agent': collect, 'write-agent': write } }).when(
      start({ projectId: 'p-1', metadata: { in: 'en' }, triggeredBy: 'ann', reason: 'first draft' }),
    );
    expect(run).toMatchObject({ state: 'completed', percentComplete: 100, elapsed: 0, allowedActions: [] });
    expect(run.outputs).toEqual({ rows: 3, text: ['en', 3] });
    expect(run.attempts.map(({ step: name, agent, attempt, ended }) => [name, agent, attempt, ended])).toEqual([
      ['collect', 'collect-agent', 1, 'completed'],
      ['write', 'write-agent', 1, 'completed'],
    ]);
    expect(run.attempts[1]!.input).toMatchObject({
      project_id: 'p-1',
      document_type: 'report',
      step: 'write',
      attempt: 1,
      metadata: { in: 'en' },
      checkpoint: { last_completed_step: 'collect', intermediate_results: { rows: 3 } },
    });
    expect(run.execution).toMatchObject({ project_id: 'p-1', triggered_by: 'ann', current_state: 'completed' });
    expect(run.steps['write']).toMatchObject({ status: 'completed', attempt: 1, output: { text: ['en', 3] } });
    expect(run.story).toEqual([
      '0 s WorkflowStarted: reason: first draft',
      '0 s StepStarted collect #1',
      '0 s StepCompleted collect #1',
      '0 s StepStarted write #1',
      '0 s StepCompleted write #1',
      '0 s WorkflowCompleted',
    ]);
  });

  it('waits between retries as the definition says, or as the agent asks, for hours in no time', async () => {
    const hourly = { initial_interval_ms: 3_600_000, backoff_coefficient: 3, maximum_interval_ms: 86_400_000 };
    const agent = inTurn(fails(), fails({ code: 'BUSY', retryAfter: { minutes: 59 } }), fails(), succeeds());
    const run = await given({
      definition: definition(step('write', { retry: hourly })),
      agents: { 'write-agent': agent },
    }).when(start());
    expect(run.state).toBe('completed');
    expect(waitsOf(run)).toEqual([null, 3_600_000, 10_800_000, 32_400_000]);
    expect(run.story[2]).toBe(
      '0 s StepFailed write #1: transient FAKE_ERROR: The fake agent failed; retry in 3600 s (attempt 1 of 4)',
    );
    expect(new Set(run.attempts.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);

    const asked = await given({
      definition: definition(step('write')),
      agents: { 'write-agent': failsTimes(1, succeeds(), { retryAfter: { minutes: 5 } }) },
    }).when(start());
    expect(waitsOf(asked)).toEqual([null, 300_000]);
    expect(asked.story[2]).toMatch(/; retry in 300 s, as the agent asked \(attempt 1 of 4\)$/);
  });

  it('fails where the retries are used up, or the error is of a kind that is not retried', async () => {
    const used = await given({ definition: definition(step('write')), agents: { 'write-agent': fails() } }).when(
      start(),
    );
    expect(used.state).toBe('failed');
    expect(waitsOf(used)).toEqual([null, 1_000, 2_000, 4_000]);
    expect(used.story.at(-2)).toMatch(/; fail, as attempts exhausted \(attempt 4 of 4\)$/);
    const fatal = await given({
      definition: definition(step('write')),
      agents: { 'write-agent': fails({ type: 'validation', code: 'NO_DATA', message: 'There is no data' }) },
    }).when(start());
    expect(fatal).toMatchObject({ state: 'failed', allowedActions: ['retry', 'cancel'] });
    expect(fatal.attempts).toMatchObject([{ error: { type: 'validation', code: 'NO_DATA' } }]);
  });

  it('times an attempt out whose agent answers too late, or never', async () => {
    const agents = {
      'write-agent': inTurn(neverAnswers(), answersAfter({ minutes: 11 }), answersAfter({ minutes: 9 })),
    };
    const run = await given({ definition: definition(step('write')), agents }).when(start());
    expect(run.attempts.map(({ error, startedAt, endedAt }) => [error?.code, startedAt, endedAt])).toEqual([
      ['TIMEOUT', 0, 600_000],
      ['TIMEOUT', 601_000, 1_201_000],
      [undefined, 1_203_000, 1_743_000],
    ]);
  });

  it('follows agents that report by token: progress, silence, a result, a failure', async () => {
    const beats = [
      { after: { seconds: 10 }, percent: 40, message: 'section 1' },
      { after: { seconds: 10 }, percent: 80 },
    ];
    const agents = {
      'write-agent': inTurn(
        reportsByToken(beats),
        reportsByToken([], fails({ code: 'LATE' })),
        reportsByToken(beats, succeeds({ text: 'x' })),
      ),
    };
    const run = await given({ definition: definition(step('write', { heartbeat_timeout_seconds: 30 })), agents }).when(
      start(),
    );
    expect(run.attempts.map(({ error, progress }) => [error?.code ?? null, progress])).toEqual([
      [
        'HEARTBEAT_TIMEOUT',
        [
          { at: 10_000, percent: 40, message: 'section 1' },
          { at: 20_000, percent: 80, message: 'section 1' },
        ],
      ],
      ['LATE', []],
      [null, [expect.objectContaining({ percent: 40 }), expect.objectContaining({ percent: 80 })]],
    ]);
    expect(run).toMatchObject({ state: 'completed', outputs: { text: 'x' } });
    expect(run.story).toContain('10 s StepProgressed write #1: 40 %, section 1');
  });

  it('keeps the files that agents make, and large outputs whole', async () => {
    const large = 'x'.repeat(100_000);
    const made = [
      { name: 'draft.txt', content_type: 'text/plain', content_base64: Buffer.from('draft').toString('base64') },
    ];
    const seen: unknown[] = [];
    const agents = {
      'collect-agent': succeeds({ large }, { artifacts: made, metadata: { version: '2' } }),
      'write-agent': succeeds(({ checkpoint }) => {
        seen.push(checkpoint.intermediate_results['large']);
        return {};
      }),
    };
    const run = await given({ definition: TWO, agents }).when(start());
    expect(seen).toEqual([large]);
    expect(run.outputs).toEqual({ large });
    expect(run.files.map(({ content, ...file }) => ({ ...file, text: Buffer.from(content).toString() }))).toEqual([
      { step: 'collect', name: 'draft.txt', contentType: 'text/plain', text: 'draft' },
    ]);
    expect(run.steps['collect']!.agent_metadata).toEqual({ version: '2' });
  });
});

describe("an operator's orders", () => {
  const agents = { 'collect-agent': answersAfter({ minutes: 2 }, collect), 'write-agent': succeeds() };

  it('are carried out at their moments, with their reasons', async () => {
    const test = given({ definition: TWO, agents });
    const pausing = await test.when(start(), passes({ minutes: 1 }), pause('new data'), passes({ seconds: 1 }));
    expect(pausing).toMatchObject({ state: 'paused', elapsed: 61_000, execution: { pause_state: 'pausing' } });
    const paused = await test.when(passes({ days: 1 }));
    expect(paused).toMatchObject({ state: 'paused', execution: { pause_state: 'paused' } });
    expect(paused.attempts.map(({ step: name }) => name)).toEqual(['collect']);
    const resumed = await test.when(resume('it is in'));
    expect(resumed.state).toBe('completed');
    expect(
      resumed.events.filter(({ reason }) => reason).map(({ type, at, reason, actor }) => [type, at, reason, actor?.id]),
    ).toEqual([
      ['WorkflowPaused', 60_000, 'new data', 'tester'],
      ['WorkflowResumed', 86_461_000, 'it is in', 'tester'],
    ]);
  });

  it('end a call, whose late answer counts no more', async () => {
    const run = await given({ definition: TWO, agents }).when(
      start(),
      passes({ minutes: 1 }),
      cancel('a mistake'),
      passes({ hours: 1 }),
    );
    expect(run.state).toBe('cancelled');
    expect(run.attempts).toMatchObject([{ ended: 'abandoned', endedAt: 60_000 }]);
    expect(run.outputs).toEqual({});
  });

  it('go step by step', async () => {
    const test = given({ definition: TWO, agents });
    expect(await test.when(start({ autoExecute: false }))).toMatchObject({ state: 'created', attempts: [] });
    expect(await test.when(nextStep())).toMatchObject({ state: 'collect_completed', attempts: [{ step: 'collect' }] });
    expect(await test.when(remaining())).toMatchObject({ state: 'completed' });
  });

  it('retry a step that failed, in a new generation', async () => {
    const failing = given({
      definition: TWO,
      agents: { ...agents, 'write-agent': inTurn(fails({ type: 'fatal' }), succeeds()) },
    });
    expect(await failing.when(start())).toMatchObject({ state: 'failed' });
    const run = await failing.when(retry('write', 'corrected'));
    expect(run).toMatchObject({ state: 'completed', steps: { write: { generation: 2, attempt: 2 } } });
    expect(typesOf(run)).toContain('StepRetryRequested');
  });

  it('are refused as the API refuses them', async () => {
    const test = given({ definition: TWO, agents });
    await expect(test.when(pause())).rejects.toThrow(
      'pause(): expected an execution that was started; call when(start()) first',
    );
    await test.when(start());
    await expect(test.when(resume())).rejects.toThrow(
      'Cannot resume an execution that is completed. This state is final.',
    );
    await expect(test.when(retry('wirte'))).rejects.toThrow(
      'retry(): expected a step of the definition (collect, write), got "wirte"',
    );
    await expect(test.when(start())).rejects.toThrow('make another given()');
    const [one, two] = [test.when(passes({ hours: 1 })), test.when(passes({ hours: 1 }))];
    await expect(two).rejects.toThrow('expected the call before to have ended; await it');
    expect(await one).toMatchObject({ state: 'completed' });
  });
});

describe('the agents', () => {
  it('may be real ones: registered functions, which may do real work, and whose errors are recorded', async () => {
    registerAgent('collect-agent', async ({ step: name }: { step: string }) => {
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      return { success: true, data: { by: name } };
    });
    const broken = async () => Promise.reject(new Error('no key'));
    const run = await given({ definition: TWO, agents: { 'write-agent': broken } }).when(start());
    expect(run.outputs).toEqual({ by: 'collect' });
    expect(run.attempts.at(-1)!.error).toMatchObject({
      type: 'transient',
      code: 'AGENT_THREW',
      message: expect.stringMatching(/no key/),
    });
  });

  it('are all there, and no others', () => {
    const other = definition(step('send'), step('file'));
    expect(() => given({ definition: other, agents: { 'sned-agent': succeeds(), 'file-agent': {} as never } })).toThrow(
      new Error(
        'The agents do not fit the definition:\n' +
          '  step "send": expected its agent "send-agent" among those that are known: sned-agent, file-agent, collect-agent\n' +
          '  agents.sned-agent: expected an agent that a step names (send-agent, file-agent)\n' +
          '  agents.file-agent: expected a function, such as succeeds(), got object',
      ),
    );
  });
});

describe('the definition', () => {
  it('may be a file', () => {
    expect(() => given({ definition: 'definitions/ib-generation.json' })).toThrow(
      /step "enrich": expected its agent "regdata"/,
    );
    expect(() => given({ definition: new URL('../../definitions/ib-generation.json', import.meta.url) })).toThrow(
      /"regdata"/,
    );
    expect(() => given({ definition: 'none.json' })).toThrow(
      /expected a definition file that can be read, .*none\.json/,
    );
  });

  it('is checked as the application checks it', () => {
    expect(() => given({ definition: definition(step('write', { timeout_minutes: -1, retries: 3 })) })).toThrow(
      /^The workflow definition is not valid:\n {2}steps\[0\]\.timeout_minutes: Expected minutes above 0.*\n {2}steps\[0\]: .*retries/,
    );
  });
});

describe('a test', () => {
  const agents = {
    'collect-agent': failsTimes(2, collect),
    'write-agent': reportsByToken([{ after: { minutes: 1 }, percent: 5 }], succeeds()),
  };
  const run = (seed: number) =>
    given({ definition: TWO, agents, seed }).when(start(), passes({ seconds: 2 }), pause(), resume());

  it('has the same events for the same seed, to the hash, and others for another', async () => {
    const [first, again, other] = [await run(7), await run(7), await run(8)];
    expect(again).toEqual(first);
    expect(other.execution.id).not.toBe(first.execution.id);
    expect(typesOf(other)).toEqual(typesOf(first));
  });

  it('begins when it is said to', async () => {
    const now = new Date('2031-05-06T07:08:09.000Z');
    const { execution } = await given({ definition: TWO, agents, now }).when(start());
    expect(execution.created_at).toEqual(now);
  });

  it('ends at a limit of virtual time or of events, and says what it waits for', async () => {
    const retry = { initial_interval_ms: 86_400_000 };
    const waiting = { definition: definition(step('write', { retry })), agents: { 'write-agent': fails() } };
    await expect(given({ ...waiting, limits: { virtualTime: { hours: 1 } } }).when(start())).rejects.toThrow(
      'The execution does not come to rest in 3600 s of virtual time (limits.virtualTime): it waits to retry step "write" after ' +
        'attempt 1 of step "write", at 2030-01-02T00:00:00.000Z',
    );
    await expect(given({ ...waiting, limits: { events: 2 } }).when(start())).rejects.toThrow(
      'The execution has more than 2 events (limits.events): it waits to retry step "write"',
    );
    const silent = { definition: definition(step('write')), agents: { 'write-agent': neverAnswers() } };
    await expect(given({ ...silent, limits: { virtualTime: { minutes: 1 } } }).when(start())).rejects.toThrow(
      'it waits for agent "write-agent" to answer attempt 1 of step "write", which has time until 2030-01-01T00:10:00.000Z',
    );
  });

  it('ends where an agent waits without virtual time, or goes round in circles', async () => {
    const one = definition(step('write'));
    const stuck = async () => new Promise<never>(() => undefined);
    await expect(
      given({ definition: one, agents: { 'write-agent': stuck }, limits: { realTime: { ms: 20 } } }).when(start()),
    ).rejects.toThrow(
      'Virtual time stands still, as agent "write-agent" in step "write" has been at work for 20 ms of real time (limits.realTime)',
    );
    const circles = given({
      definition: one,
      limits: { wakeUps: 50 },
      agents: {
        'write-agent': async (_, { wait }) => {
          for (;;) await wait({ ms: 0 });
        },
      },
    });
    await expect(circles.when(start())).rejects.toThrow(
      'more than 50 wake-ups at one moment (limits.wakeUps): it waits for agent',
    );
  });

  it('goes on where the test runner fakes timers', async () => {
    jest.useFakeTimers();
    try {
      expect(await run(7)).toMatchObject({ state: 'completed' });
    } finally {
      jest.useRealTimers();
    }
  });

  it.each<[string, () => unknown]>([
    ['passes(): expected a duration such as { minutes: 5 }', () => passes(5 as never)],
    ['each at least 0, got {"minutes":-1}', () => passes({ minutes: -1 })],
    [
      'start(): expected projectId, metadata, triggeredBy, autoExecute, reason, got project_id',
      () => start({ project_id: 'p' } as never),
    ],
    ['start(): expected an object with projectId', () => start('p' as never)],
    ['pause(): expected its reason as a text, got {"reason":"x"}', () => pause({ reason: 'x' } as never)],
    ['fails(): expected type, code, message, retryAfter, got retry_after', () => fails({ retry_after: 5 } as never)],
    ['failsTimes(): expected a whole number from 1 on, got 0', () => failsTimes(0)],
    ['inTurn(): the number of agents: expected a whole number from 1 on', () => (inTurn as () => unknown)()],
    [
      'given(): expected definition, agents, seed, now, limits, got agent',
      () => given({ definition: TWO, agent: {} } as never),
    ],
    ['given(): expected seed to be a whole number, got x', () => given({ definition: TWO, seed: 'x' as never })],
    ['given(): expected now to be a Date, got Invalid Date', () => given({ definition: TWO, now: new Date('x') })],
    [
      'limits: expected virtualTime, events, wakeUps, realTime, got time',
      () => given({ definition: TWO, agents, limits: { time: 1 } as never }),
    ],
    [
      'limits.events: expected a whole number from 1 on, got -1',
      () => given({ definition: TWO, agents, limits: { events: -1 } }),
    ],
  ])('says what is wrong with what it is given: %s', (message, give) => {
    expect(give).toThrow(message);
  });

  it('takes orders that were made, and no functions', async () => {
    const test = given({ definition: TWO, agents });
    await expect(test.when(start as never)).rejects.toThrow(
      'when(): expected orders such as start() and passes({ minutes: 1 }), got function',
    );
    await expect((test.when as () => Promise<Run>).call(test)).rejects.toThrow('got none');
    await expect(test.when(undefined as never)).rejects.toThrow('got undefined');
  });
});
