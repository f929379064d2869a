/** Errors that an engineer could make. A simulator that misses any of them proves nothing. */
import type { Edit } from './batch.js';

export type Mutant = Readonly<{ name: string; edits: readonly Edit[] }>;

const mutant = (name: string, file: string, ...changes: readonly (readonly [search: string, replace: string])[]) => ({
  name,
  edits: changes.map(([search, replace]) => ({ file, search, replace })),
});

const APPEND = 'src/application/log/append.ts';
const DECIDE_STEP = 'src/domain/workflow/decide-step.ts';
const RETRY = 'src/domain/workflow/retry-policy.ts';
const HEARTBEAT = 'src/domain/workflow/heartbeat.ts';
const REPORT = 'src/application/commands/report-task.ts';
const HOLDS = 'src/application/agents/agent-holds.ts';
const WRITER = 'src/application/log/stream-writer.ts';
const OWN = 'src/infrastructure/eventstore/own-events.ts';
const DATABASE = 'test/simulation/database.ts';

const append = 'await log.append(stream, events, expected)';
const writes = ['      database.writeRows(writes);\n', '      database.moveCheckpoints(writes);\n'] as const;
const between = "    });\n    await machine.ask('second transaction', () => {\n      database.mustLead(session);\n";

export const mutants: readonly Mutant[] = [
  mutant('append with ANY', APPEND, [append, 'await log.append(stream, events, (await log.read(stream)).revision)']),
  mutant('fresh event ids on retry', APPEND, [
    append,
    'await log.append(stream, events.map((it) => ({ ...it, id: tried === 1 ? it.id : it.id.slice(0, -1) + tried })), expected)',
  ]),
  mutant('unknown append taken as success', APPEND, [
    'unknown ||= error instanceof AppendOutcomeUnknown;',
    "if (error instanceof AppendOutcomeUnknown) return { revision: (expected === 'none' ? -1n : expected) + BigInt(events.length), position: 0n };",
  ]),
  mutant('refused append taken as success', APPEND, [
    'unknown ||= error instanceof AppendOutcomeUnknown;',
    "if (error instanceof LogUnavailable) return { revision: (expected === 'none' ? -1n : expected) + BigInt(events.length), position: 0n };",
  ]),
  mutant('key per attempt', DECIDE_STEP, [':${step.generation}`', ':${step.generation}:${data.attempt}`']),
  mutant('timers in memory only', 'src/domain/workflow/summary.ts', [
    "if (step.status === 'waiting') return step.retryAt;",
    "if (step.status === 'waiting') return null;",
  ]),
  mutant('no sweep', 'src/application/saga/saga-scheduler.ts', ['() => this.sweep()', 'async () => undefined']),
  mutant('rows first, checkpoint in a second transaction', DATABASE, [writes[1], between + writes[1]]),
  mutant('checkpoint first, rows in a second transaction', DATABASE, [
    writes.join(''),
    writes[1] + between + writes[0],
  ]),
  mutant('retry on validation', RETRY, ["error.type !== 'transient'", "error.type === 'fatal'"]),
  mutant('ignore retry_on_failure: false', RETRY, [
    'if (of <= 1)',
    "if (of <= 1 && attempt <= 2) return { ...no('attempts_exhausted'), rule: 'retry', delayMs: 1000 };\n  if (of <= 1)",
  ]),
  {
    name: 'ignore pause',
    edits: [
      ...mutant('', DECIDE_STEP, ["state.status !== 'running' || !current", '!current']).edits,
      ...mutant('', 'src/domain/workflow/next-effects.ts', [
        "const mayStart = state.status === 'running' &&",
        'const mayStart =',
      ]).edits,
    ],
  },
  mutant('off by one in max_retries', RETRY, ['if (attempt >= of)', 'if (attempt > of)']),
  mutant('skip the final-state check', 'src/domain/workflow/decide-operator.ts', [
    "if (state.status === 'completed') throw conflict('cancel', state);",
    '',
  ]),
  mutant('retry after a cancel', 'src/domain/workflow/decide-operator.ts', [
    "if (state.status === 'completed' || state.status === 'cancelled') throw conflict('retry', state);",
    '',
  ]),
  mutant('a take-over costs a retry', 'src/domain/workflow/evolve.ts', [
    'tries: Math.max(0, step.tries - 1),',
    'tries: step.tries,',
  ]),
  mutant('late report accepted', DECIDE_STEP, [
    'current.step.id === stepId && current.step.attempt === attempt',
    'true',
  ]),
  mutant(
    'claim not checked',
    DECIDE_STEP,
    ["const due = step.status === 'pending' ||", 'const due = true ||'],
    [' || step.attempt !== data.attempt - 1', ''],
  ),
  mutant('result dropped while paused', DECIDE_STEP, [
    "const live = state.status === 'running' || state.status === 'paused';",
    "const live = state.status === 'running';",
  ]),
  mutant('Retry-After ignored', RETRY, ['retryAfterMs !== null && retryAfterMs >= backoff', 'retryAfterMs === -1']),
  mutant('repeated command carried out again', WRITER, [
    'if (fold.commands.includes(commandId)) return { fold, appended: null };',
    '',
  ]),
  mutant('refused read taken as an empty stream', WRITER, [
    'const { events } = await log.read(stream, from);',
    'const { events } = await log.read(stream, from).catch(() => ({ events: [] as readonly RecordedEvent[] }));',
  ]),
  mutant('an event of a batch is skipped', 'src/application/projections/applier.ts', [
    'events.filter(({ recorded }) => progress.isBehind(recorded.position))',
    'events.filter(({ recorded }, index) => index !== 1 && progress.isBehind(recorded.position))',
  ]),
  mutant(
    'stale task token accepted',
    REPORT,
    ["found?.status === 'running' && found.attempt === attempt", "found?.status === 'running' && attempt > 0"],
    ['    const { step, attempt } = ref;\n', '    const { step } = ref;\n    const { attempt } = found.step;\n'],
  ),
  mutant('task token not checked', 'src/infrastructure/agents/agent-task-reports.ts', [
    ' || !timingSafeEqual(bytes.subarray(0, MAC_BYTES), this.mac(content))',
    '',
  ]),
  mutant('a start is taken for the reported result', REPORT, [
    'outcome.appended.some(({ event }) => endsAttempt(event))',
    "report.type !== 'heartbeat' && outcome.appended.length > 0",
  ]),
  mutant(
    'heartbeat timeout ignored',
    HEARTBEAT,
    [
      '!!deferred?.heartbeatDueAt && Date.parse(deferred.heartbeatDueAt) <= now.getTime()',
      'deferred === undefined && now.getTime() === 0',
    ],
    ['return due && Date.parse(due) < Date.parse(deadline) ? due : deadline;', 'return due ? deadline : deadline;'],
  ),
  mutant('a heartbeat does not extend its timeout', 'src/domain/workflow/evolve.ts', [
    'deferred: step.deferred && { heartbeatDueAt },',
    'deferred: step.deferred,',
  ]),
  {
    name: 'a deferred attempt is taken over',
    edits: [
      ...mutant('', DECIDE_STEP, ['if (running.step.deferred) return [];', '']).edits,
      ...mutant('', 'src/domain/workflow/next-effects.ts', [
        'step.deferred || isAlive(step.worker)',
        'isAlive(step.worker)',
      ]).edits,
    ],
  },
  mutant('a held agent is called', HOLDS, ['return hold === null;', 'return hold !== undefined;']),
  mutant("other instances' holds are ignored", HOLDS, [
    'return (await this.read(agent)).state;',
    'return (this.known.get(agent) ?? (await this.read(agent))).state;',
  ]),
  mutant('an open circuit stays open', 'src/domain/agent/circuit.ts', [
    "(state === 'open' && (now >= trialAt || now < (since ?? now)))",
    "(state === 'open' && now < 0 && now >= trialAt && since !== null)",
  ]),
  mutant('a slot is not released', 'src/application/agents/agent-limiter.ts', ['    this.taken--;\n  }', '  }']),
  mutant('own events that are not here are dropped', OWN, [
    'if (here.length === places.count) return here;',
    'return here;',
  ]),
  mutant('an own event is repeated instead of the next', OWN, [
    'if (here.length === places.count) return here;',
    'if (here.length === places.count) return [here[0]!, ...here.slice(0, -1)];',
  ]),
  mutant('own events are reordered', OWN, ['found.push(...events);', 'found.unshift(...events);']),
  mutant('own events are one revision too far', OWN, [
    'revision: revision - before + BigInt(index)',
    'revision: revision + BigInt(index)',
  ]),
  mutant('own events have another time', OWN, ['new Date(created)', 'new Date(created + 1)']),
  mutant('the log is not read for own events', OWN, [
    'return answered ?? this.fromLog(places, isWanted);',
    'return answered ?? this.whenAnswered(places, isWanted).then((found) => found ?? new Promise(() => undefined));',
  ]),
];
