import {
  agentHold,
  agentStream,
  readAgentEvent,
  type AgentCommand,
  type Hold,
  AGENT_STREAM_PREFIX,
  agentOf,
} from '../../domain/agent/hold.js';
import { type Clock, every } from '../runtime/clock.js';
import type { CommandContext } from '../log/envelope.js';
import { HistoryDamaged, type EventLog, type ExpectedRevision } from '../log/event-log.js';
import type { Notify, OnError } from '../runtime/errors.js';
import { SmallStream, type SmallFold } from '../log/small-stream.js';
import { ForeignEvents } from '../log/foreign-events.js';
import { followLog } from '../log/follow-log.js';
import type { Ids } from '../log/ids.js';
import type { Agents } from './agents.js';

/** Milliseconds between two looks at every agent's stream. */
type HoldsWatchLimits = Readonly<{ everyMs: number }>;

const DEFAULT_HOLDS_WATCH_LIMITS: HoldsWatchLimits = { everyMs: 5_000 };

type Ports = Readonly<{ log: EventLog; agents: Agents; clock: Clock; ids: Ids }>;

/** Learns other instances' holds: from the subscription at once, and by reading the streams for certainty. */
export class AgentHoldsWatch {
  private readonly ending = new AbortController();
  /** Streams that can no longer be read, and that the operator has heard of. */
  private readonly named = new Set<string>();
  private loops: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly holds: AgentHolds,
    private readonly ports: Ports,
    private readonly onError: OnError,
    private readonly limits: HoldsWatchLimits = DEFAULT_HOLDS_WATCH_LIMITS,
  ) {}

  /**
   * Resolves when every agent's stream has been read once, as far as the log can be read: until then none may be called.
   * @param after where the subscription begins; reading the streams finds what came before
   */
  async start(after: bigint | 'start'): Promise<void> {
    const { clock } = this.ports;
    const { signal } = this.ending;
    const logError = (what: string) => (error: unknown) => this.onError(`${what} failed and is tried again`, error);
    const following = this.follow(after, logError("Following agents' streams"));
    let firstLook: () => void = () => undefined;
    const looked = new Promise<void>((resolve) => (firstLook = resolve));
    const look = () => this.readAll().finally(firstLook);
    this.loops = Promise.all([
      every(clock, this.limits.everyMs, signal, look, logError("Reading agents' streams")),
      following,
    ]);
    await looked;
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loops;
  }

  private async readAll(): Promise<void> {
    // All of them are read, even if one fails.
    const looked = await Promise.allSettled(this.ports.agents.list().map(({ name }) => this.holds.refresh(name)));
    for (const each of looked) if (each.status === 'rejected' && !this.isNamed(each.reason)) throw each.reason;
  }

  /** An agent whose stream was ended cannot be asked for its hold for good: that is said once. */
  private isNamed(reason: unknown): boolean {
    if (!(reason instanceof HistoryDamaged)) return false;
    const isNamed = this.named.has(reason.stream);
    this.named.add(reason.stream);
    return isNamed;
  }

  private async follow(after: bigint | 'start', onError: (error: unknown) => void): Promise<void> {
    const { log, clock, ids } = this.ports;
    const { signal } = this.ending;
    for await (const seen of followLog({ log, clock, ids, prefix: AGENT_STREAM_PREFIX, after, signal, onError }))
      if (seen.kind === 'event')
        await this.holds.refresh(agentOf(seen.event.stream)).catch((error: unknown) => {
          if (!this.isNamed(error)) onError(error);
        });
  }
}

const holds = new SmallStream(agentHold, readAgentEvent);
type Folded = SmallFold<Hold>;

export type HoldOutcome = Readonly<{
  hold: Hold;
  changed: boolean;
  /** Of the agent's stream; null where no operator ever held the agent. */
  revision: bigint | null;
  /** Of the event appended; null where none was. */
  position: bigint | null;
}>;

/** A hold or a release that an operator asks for; the context holds who asks, and when. */
export type HoldOrder = Readonly<{ type: AgentCommand['type']; reason: string }>;

/** Which agents operators hold: a fold of the log, as far as this instance has read it. */
export class AgentHolds {
  private readonly known = new Map<string, Folded>();
  private readonly asking = new Set<string>();
  private changed: () => void = () => undefined;

  constructor(
    readonly log: EventLog,
    readonly clock: Clock,
    private readonly notify: Notify = () => undefined,
    readonly foreign = new ForeignEvents(notify),
  ) {}

  /** Undefined as long as the agent's stream was not read: such an agent is not called either. */
  of(agent: string): Hold | undefined {
    return this.known.get(agent)?.state;
  }

  /** Reads the agent's stream where its hold is not known yet. */
  mayCall(agent: string): boolean {
    const hold = this.of(agent);
    if (hold === undefined) this.ask(agent);
    return hold === null;
  }

  /** @param changed called when an agent was held, released, or read for the first time */
  onChange(changed: () => void): void {
    this.changed = changed;
  }

  /** Reads a hold that is not known yet, and calls `onChange` when it is. A failure leaves it unknown. */
  private ask(agent: string): void {
    if (this.asking.has(agent)) return;
    this.asking.add(agent);
    void this.refresh(agent)
      .catch(() => undefined)
      .finally(() => this.asking.delete(agent));
  }

  /** Reads what is new in the agent's stream. */
  async refresh(agent: string): Promise<Hold> {
    return (await this.read(agent)).state;
  }

  /** A hold of a held agent and a release of a free one change nothing. @throws RevisionConflict, LogUnavailable */
  async execute(agent: string, { type, reason }: HoldOrder, context: CommandContext): Promise<HoldOutcome> {
    const command = { type, data: { agent, actor: context.actor, reason, at: context.at.toISOString() } };
    const read = () => this.read(agent);
    const { folded, changed, position } = await holds.execute(this, agentStream(agent), command, context, read);
    const { state, revision } = folded;
    if (changed) {
      this.keep(agent, folded);
      holdNotice(agent, state, context.actor, this.notify);
    }
    return { hold: state, revision: revision === 'none' ? null : revision, changed, position };
  }

  private async read(agent: string): Promise<Folded> {
    const folded = await holds.read(this, agentStream(agent), this.known.get(agent));
    this.keep(agent, folded);
    return folded;
  }

  /** Of two reads that overlap, the older may end last. */
  private keep(agent: string, folded: Folded): void {
    const present = this.known.get(agent);
    if (present && !isNewer(folded.revision, present.revision)) return;
    this.known.set(agent, folded);
    if (!present || (present.state === null) !== (folded.state === null)) this.changed();
  }
}

const isNewer = (a: ExpectedRevision, b: ExpectedRevision) => a !== 'none' && (b === 'none' || a > b);

const holdNotice = (agent: string, hold: Hold, actor: Readonly<{ type: string; id: string }>, notify: Notify): void =>
  notify('log', `Agent ${agent} is ${hold === null ? 'released' : 'held'} by ${actor.type} ${actor.id}`);
