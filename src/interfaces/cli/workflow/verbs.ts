/** The verbs of `workflow`: what each is for, and what runs it. Only the verb that is called is loaded. */

export type Verb = Readonly<{
  name: string;
  summary: string;
  /** A verb over HTTP, by its arguments; @returns the exit code. */
  run?: (args: readonly string[]) => Promise<number>;
  /** A program of its own, which reads its arguments and ends the process by itself. */
  load?: () => Promise<unknown>;
}>;

const api = (name: string, summary: string, load: () => Promise<Verb['run']>): Verb => ({
  ...{ name, summary },
  run: async (args) => (await load())!(args),
});

const program = (name: string, summary: string, load: () => Promise<unknown>): Verb => ({ name, summary, load });

const control = (action: 'pause' | 'resume' | 'retry' | 'cancel' | 'execute', summary: string) =>
  api(action, summary, async () => (await import('./control.js')).controlVerb(action));

/** By what they are for. */
export const GROUPS: readonly (readonly [title: string, verbs: readonly Verb[]])[] = [
  [
    'Executions, over HTTP',
    [
      api('start', 'start an execution', async () => (await import('./start.js')).start),
      api('list', 'executions, the newest first', async () => (await import('./executions.js')).list),
      api('get', 'one execution', async () => (await import('./executions.js')).get),
      program('watch', 'how far an execution is, live', () => import('../watch/main.js')),
      control('pause', 'no further step starts'),
      control('resume', 'goes on after a pause'),
      control('retry', 'starts a failed step again'),
      control('cancel', 'ends an execution'),
      control('execute', 'one step, or all that remain'),
      api('events', 'the whole history of an execution', async () => (await import('./executions.js')).events),
      api('pack', 'downloads the audit pack of an execution', async () => (await import('./pack.js')).pack),
      api('definitions', 'installed workflow definitions', async () => (await import('./executions.js')).definitions),
      api('webhooks', 'subscriptions to events', async () => (await import('./webhooks.js')).webhooks),
      api('profile', 'addresses and keys by name', async () => (await import('./profile.js')).profile),
    ],
  ],
  [
    'On the machine, with its settings',
    [
      program('serve', 'serves the API', () => import('../../../main.js')),
      program('quickstart', 'runs the example project and shows its documents', () => import('../quickstart.js')),
      program(
        'replay',
        'the story of an execution; what other rules would have decided',
        () => import('../replay/main.js'),
      ),
      program('audit', 'whether the history is what was recorded and signed', () => import('../audit.js')),
      api('verify', 'whether an audit pack is whole; offline', async () => (await import('./pack.js')).verify),
      program('projections', 'status, rebuilds and repair of the read tables', () => import('../projections.js')),
      program('access', 'API keys, grants and the access log', () => import('../access.js')),
      program(
        'eventstore',
        'the embedded event node alone',
        () => import('../../../infrastructure/embedded-eventstore/main.js'),
      ),
      program('eventstore:adopt', 'takes the log that is there for the right one', () => import('../adopt-log.js')),
      program(
        'eventstore:copy',
        'copies a log to another server',
        () => import('../../../tools/copy-eventstore/main.js'),
      ),
      program(
        'doctor',
        'checks settings, servers, disk and versions; starts nothing',
        () => import('../doctor/main.js'),
      ),
      api('completion', 'completion for bash or zsh', async () =>
        (await import('./completion.js')).completionOf(() => VERBS.map(({ name }) => name)),
      ),
    ],
  ],
];

export const VERBS: readonly Verb[] = GROUPS.flatMap(([, verbs]) => verbs);
