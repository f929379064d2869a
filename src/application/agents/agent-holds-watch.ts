import type { OnError } from '../runtime/errors.js';
import { AGENT_STREAM_PREFIX, agentOf } from '../../domain/agent/hold.js';
import type { AgentHolds } from './agent-holds.js';
import type { Agents } from './agents.js';
import type { Clock } from '../runtime/clock.js';
import type { EventLog } from '../log/event-log.js';
import { followLog } from '../log/follow-log.js';
import type { Ids } from '../log/ids.js';
import { every } from '../runtime/every.js';

/** Milliseconds between two looks at every agent's stream. */
export type HoldsWatchLimits = Readonly<{ everyMs: number }>;

export const DEFAULT_HOLDS_WATCH_LIMITS: HoldsWatchLimits = { everyMs: 5_000 };

type Ports = Readonly<{ log: EventLog; agents: Agents; clock: Clock; ids: Ids }>;

/** Brings other instances' holds here: the subscription at once, the reading of the streams for certainty. */
export class AgentHoldsWatch {
  private readonly ending = new AbortController();
  private loops: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly holds: AgentHolds,
    private readonly ports: Ports,
    private readonly onError: OnError,
    private readonly limits: HoldsWatchLimits = DEFAULT_HOLDS_WATCH_LIMITS,
  ) {}

  /**
   * Resolves when every agent has been looked at once, as far as the log can be read: until then none may be called.
   * @param after where the subscription begins; what came before it, the streams tell
   */
  async start(after: bigint | 'start'): Promise<void> {
    const { clock } = this.ports;
    const { signal } = this.ending;
    const told = (what: string) => (error: unknown) => this.onError(`${what} failed and is tried again`, error);
    const following = this.follow(after, told("Following agents' streams"));
    let firstLook: () => void = () => undefined;
    const looked = new Promise<void>((resolve) => (firstLook = resolve));
    const look = () => this.readAll().finally(firstLook);
    this.loops = Promise.all([
      every(clock, this.limits.everyMs, signal, look, told("Reading agents' streams")),
      following,
    ]);
    await looked;
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.loops;
  }

  private async readAll(): Promise<void> {
    // All of them are looked at, whatever becomes of one.
    const looked = await Promise.allSettled(this.ports.agents.list().map(({ name }) => this.holds.refresh(name)));
    for (const each of looked) if (each.status === 'rejected') throw each.reason;
  }

  private async follow(after: bigint | 'start', onError: (error: unknown) => void): Promise<void> {
    const { log, clock, ids } = this.ports;
    const { signal } = this.ending;
    for await (const seen of followLog({ log, clock, ids, prefix: AGENT_STREAM_PREFIX, after, signal, onError }))
      if (seen.kind === 'event') await this.holds.refresh(agentOf(seen.event.stream)).catch(onError);
  }
}
