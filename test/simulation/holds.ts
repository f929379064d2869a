/** Operators who hold and release agents, and the invariants of holds. */
import { HoldAgent } from '../../src/application/commands/control-workflow.js';
import type { HoldOrder, HoldOutcome } from '../../src/application/agents/agent-holds.js';
import type { RecordedEvent } from '../../src/application/log/event-log.js';
import { agentStream } from '../../src/domain/agent/hold.js';
import { AGENT_NAMES } from './agents.js';
import type { Cluster } from './cluster.js';
import type { Claimed, EventStore } from './event-store.js';
import type { Random } from '../../src/testing/random.js';
import { isPassing, type Requests } from './requests.js';

type Acknowledged = Readonly<{ agent: string; type: HoldOrder['type']; outcome: HoldOutcome; by: string; at: number }>;

/** An instance that can read the log knows of a hold after this time: it looks every five seconds. */
const KNOWN_WITHIN_MS = 20_000;

export class Holds {
  readonly unexpected: string[] = [];
  private readonly acknowledged: Acknowledged[] = [];

  constructor(
    private readonly cluster: Cluster,
    private readonly random: Random,
    private readonly requests: Requests,
  ) {}

  /** Sends the command once: an operator without an answer does not repeat it much later. */
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
        if (!isPassing(error)) this.unexpected.push(`${type} ${agent}: ${String(error)}`);
        return true;
      },
    });
  }

  /**
   * An instance that has answered a hold claims no step of that agent until its release; after a while no instance does.
   * Holds and releases take turns, and every acknowledged command is in the log.
   */
  violations(store: EventStore): readonly string[] {
    return AGENT_NAMES.flatMap((agent) => {
      const history = store.eventsOf(agentStream(agent));
      const claims = [...store.claims].filter(
        (claim) => claim.agent === agent && store.has(claim.stream, claim.eventId),
      );
      const turns = history.filter(({ type }, index) => type !== (index % 2 === 0 ? 'AgentHeld' : 'AgentReleased'));
      return [
        ...turns.map(({ revision }) => `I10 the event ${revision} of agent ${agent} changes nothing`),
        ...this.unrecorded(agent, history),
        ...this.claimedAfterAnswer(agent, history, claims),
        ...claimedLater(agent, history, claims),
      ];
    });
  }

  private unrecorded(agent: string, history: readonly RecordedEvent[]): readonly string[] {
    const held = { HoldAgent: 'AgentHeld', ReleaseAgent: 'AgentReleased' };
    return this.acknowledged
      .filter((it) => it.agent === agent)
      .filter(({ type, outcome: { revision } }) =>
        revision === null ? type === 'HoldAgent' : history[Number(revision)]?.type !== held[type],
      )
      .map(({ type }) => `I1 a ${type} of agent ${agent} was acknowledged and is not in the log`);
  }

  private claimedAfterAnswer(agent: string, history: readonly RecordedEvent[], claims: readonly Claimed[]) {
    const holds = this.acknowledged.filter((it) => it.agent === agent && it.type === 'HoldAgent');
    return holds.flatMap(({ by, at, outcome: { revision } }) => {
      const until = releasedAt(history, Number(revision));
      const wrong = claims.filter((claim) => claim.worker === by && claim.at > at && claim.at < until);
      return wrong.map(({ step }) => `I7 ${by} claimed ${step} of an agent whose hold it had acknowledged`);
    });
  }
}

const claimedLater = (agent: string, history: readonly RecordedEvent[], claims: readonly Claimed[]) =>
  history.flatMap(({ type, recordedAt }, revision) => {
    if (type !== 'AgentHeld') return [];
    const until = releasedAt(history, revision);
    const knownAt = (claim: Claimed) => Math.max(recordedAt.getTime(), claim.calmSince) + KNOWN_WITHIN_MS;
    const wrong = claims.filter((claim) => claim.at > knownAt(claim) && claim.at < until);
    return wrong.map(({ worker, step }) => `I7 ${worker} claimed ${step} of agent ${agent}, long held`);
  });

const releasedAt = (history: readonly RecordedEvent[], revision: number): number =>
  history[revision + 1]?.recordedAt.getTime() ?? Infinity;
