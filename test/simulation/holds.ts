/** Operators who hold agents and release them, and what must hold of it. */
import { HoldAgent } from '../../src/application/commands/hold-agent.js';
import type { HoldOrder, HoldOutcome } from '../../src/application/agents/agent-holds.js';
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import { agentStream } from '../../src/domain/agent/hold.js';
import { AGENT_NAMES } from './agents.js';
import type { Cluster } from './cluster.js';
import type { Claimed, EventStore } from './event-store.js';
import type { Random } from './random.js';
import { isPassing, type Requests } from './requests.js';

type Acknowledged = Readonly<{ agent: string; type: HoldOrder['type']; outcome: HoldOutcome; by: string; at: number }>;

/** An instance that can read the log has heard of a hold after this: it looks every five seconds. */
const HEARD_WITHIN_MS = 20_000;

export class Holds {
  readonly astonished: string[] = [];
  private readonly acknowledged: Acknowledged[] = [];

  constructor(
    private readonly cluster: Cluster,
    private readonly random: Random,
    private readonly requests: Requests,
  ) {}

  /** Once: who gets no answer does not hold it much later. */
  order(): void {
    const type = this.random.weighted({ HoldAgent: 3, ReleaseAgent: 2 });
    this.ask(this.random.pick(AGENT_NAMES), type, 1);
  }

  releaseAll(): void {
    for (const agent of AGENT_NAMES) this.ask(agent, 'ReleaseAgent', 8);
  }

  private ask(agent: string, type: HoldOrder['type'], attempts: number): void {
    const { happenings, timeline } = this.cluster;
    const caller = {
      actor: { type: 'user', id: 'ann' },
      reason: null,
      idempotencyKey: null,
      traceparent: null,
    } as const;
    this.requests.make({
      what: `${type} ${agent}`,
      attempts,
      send: ({ hold }) => hold.execute(new HoldAgent(agent, { type, reason: 'it is being mended' }, caller)),
      answered: (outcome, { name: by }) => {
        happenings.count(`${type} acknowledged`);
        this.acknowledged.push({ agent, type, outcome, by, at: timeline.now });
      },
      refused: (error) => {
        if (!isPassing(error)) this.astonished.push(`${type} ${agent}: ${String(error)}`);
        return true;
      },
    });
  }

  /**
   * Whoever has answered a hold claims no step of that agent, and after a while nobody does; until it is released. Holds
   * and releases take turns, and what was answered is in the log.
   */
  violations(store: EventStore): readonly string[] {
    return AGENT_NAMES.flatMap((agent) => {
      const history = store.eventsOf(agentStream(agent));
      const claims = [...store.claims].filter(
        (claim) => claim.agent === agent && store.has(claim.stream, claim.eventId),
      );
      const turns = history.filter(({ type }, index) => type !== (index % 2 === 0 ? 'AgentHeld' : 'AgentReleased'));
      return [
        ...turns.map(({ revision }) => `I10 the event ${revision} of agent ${agent} says what was so already`),
        ...this.untold(agent, history),
        ...this.claimedByTheTold(agent, history, claims),
        ...claimedLater(agent, history, claims),
      ];
    });
  }

  private untold(agent: string, history: readonly RecordedEvent[]): readonly string[] {
    const held = { HoldAgent: 'AgentHeld', ReleaseAgent: 'AgentReleased' };
    return this.acknowledged
      .filter((it) => it.agent === agent)
      .filter(({ type, outcome: { revision } }) =>
        revision === null ? type === 'HoldAgent' : history[Number(revision)]?.type !== held[type],
      )
      .map(({ type }) => `I1 a ${type} of agent ${agent} was answered and is not in the log`);
  }

  private claimedByTheTold(agent: string, history: readonly RecordedEvent[], claims: readonly Claimed[]) {
    const holds = this.acknowledged.filter((it) => it.agent === agent && it.type === 'HoldAgent');
    return holds.flatMap(({ by, at, outcome: { revision } }) => {
      const until = releasedAt(history, Number(revision));
      const wrong = claims.filter((claim) => claim.worker === by && claim.at > at && claim.at < until);
      return wrong.map(({ step }) => `I7 ${by} claimed ${step} of an agent whose hold it had answered`);
    });
  }
}

const claimedLater = (agent: string, history: readonly RecordedEvent[], claims: readonly Claimed[]) =>
  history.flatMap(({ type, recordedAt }, revision) => {
    if (type !== 'AgentHeld') return [];
    const until = releasedAt(history, revision);
    const heardAt = (claim: Claimed) => Math.max(recordedAt.getTime(), claim.calmSince) + HEARD_WITHIN_MS;
    const wrong = claims.filter((claim) => claim.at > heardAt(claim) && claim.at < until);
    return wrong.map(({ worker, step }) => `I7 ${worker} claimed ${step} of agent ${agent}, long held`);
  });

const releasedAt = (history: readonly RecordedEvent[], revision: number): number =>
  history[revision + 1]?.recordedAt.getTime() ?? Infinity;
