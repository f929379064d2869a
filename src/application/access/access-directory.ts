/** API keys, grants and blocked persons, as far as this instance has read the log. */
import {
  directory,
  DIRECTORY_STREAM,
  readDirectoryEvent,
  type Directory,
  type DirectoryCommand,
} from '../../domain/access/directory.js';
import type { CommandContext } from '../log/envelope.js';
import type { EventLog } from '../log/event-log.js';
import { followLog } from '../log/follow-log.js';
import { ForeignEvents } from '../log/foreign-events.js';
import type { Ids } from '../log/ids.js';
import { SmallStream, type SmallFold } from '../log/small-stream.js';
import { every, type Clock } from '../runtime/clock.js';
import type { OnError } from '../runtime/errors.js';

const stream = new SmallStream(directory, readDirectoryEvent);

export type DirectoryOutcome = Readonly<{
  directory: Directory;
  changed: boolean;
  /** Of the directory's stream; null before its first event. */
  revision: bigint | null;
  /** Of the event appended; null where none was. */
  position: bigint | null;
}>;

type Ports = Readonly<{ log: EventLog; clock: Clock; foreign?: ForeignEvents }>;

export class AccessDirectory {
  private folded: SmallFold<Directory> = stream.unread;
  private readonly listeners = new Set<() => void>();
  private readonly ports: Required<Ports>;

  constructor({ log, clock, foreign = new ForeignEvents() }: Ports) {
    this.ports = { log, clock, foreign };
  }

  get current(): Directory {
    return this.folded.state;
  }

  /** @param listener called after each change. @returns ends that */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Reads what is new. @throws LogUnavailable, HistoryDamaged */
  async refresh(): Promise<Directory> {
    return (await this.read()).state;
  }

  /** @throws what the decider refuses with, LogUnavailable */
  async execute(command: DirectoryCommand, context: CommandContext): Promise<DirectoryOutcome> {
    const { folded, changed, position } = await stream.execute(this.ports, DIRECTORY_STREAM, command, context, () =>
      this.read(),
    );
    this.keep(folded);
    const { state, revision } = folded;
    return { directory: state, changed, revision: revision === 'none' ? null : revision, position };
  }

  private async read(): Promise<SmallFold<Directory>> {
    const read = await stream.read(this.ports, DIRECTORY_STREAM, this.folded);
    this.keep(read);
    return read;
  }

  /** Of two reads that overlap, the older may end last. */
  private keep(read: SmallFold<Directory>): void {
    const { revision: present } = this.folded;
    if (read.revision === 'none' || (present !== 'none' && read.revision <= present)) return;
    this.folded = read;
    for (const listener of [...this.listeners]) listener();
  }
}

/** `everyMs`: between two looks at the stream, whatever the subscription says: a revocation counts within that time. */
type WatchLimits = Readonly<{ everyMs: number }>;

/** Learns of other instances' orders: from the subscription at once, and by reading the stream for certainty. */
export class AccessDirectoryWatch {
  private readonly ending = new AbortController();
  private loops: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly directory: AccessDirectory,
    private readonly ports: Readonly<{ log: EventLog; clock: Clock; ids: Ids }>,
    private readonly onError: OnError,
    private readonly limits: WatchLimits = { everyMs: 1_000 },
  ) {}

  /** Resolves when the stream has been read once: until then nobody can be let in. */
  async start(): Promise<void> {
    const { clock, log, ids } = this.ports;
    const { signal } = this.ending;
    const failed = (error: unknown) => this.onError('Reading who may do what failed and is tried again', error);
    const head = await log.head();
    await this.directory.refresh();
    const look = async () => void (await this.directory.refresh());
    const follow = async () => {
      const followed = { log, clock, ids, prefix: DIRECTORY_STREAM, after: head, signal, onError: failed };
      for await (const seen of followLog(followed)) if (seen.kind === 'event') await look().catch(failed);
    };
    this.loops = Promise.all([every(clock, this.limits.everyMs, signal, look, failed), follow()]);
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loops;
  }
}
