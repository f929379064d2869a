/** Tables and announcements as Postgres has them, in memory: what is committed is readable at once and told later. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EventBroadcaster } from '../../../src/application/live/event-broadcaster.js';
import {
  type LiveEvent,
  type Notice,
  LiveSource,
  type HighWaterMark,
  DEFAULT_STREAM_LIMITS,
  type StreamLimits,
} from '../../../src/application/live/live-source.js';
import type { Snapshot, SnapshotReason, StreamSink } from '../../../src/application/live/live-stream.js';
import { LiveStreams } from '../../../src/application/live/live-streams.js';
import { RowChanges, type ChangeListener } from '../../../src/application/live/row-changes.js';
import type { EventView, ExecutionView, Overview } from '../../../src/application/queries/read-model.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

class ToldLater extends RowChanges {
  private readonly listeners = new Set<ChangeListener>();
  readonly untold: Readonly<{ row: EventView; late: boolean }>[] = [];

  tables() {
    return new Map();
  }

  follow(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  interest() {
    return { begun: Promise.resolve(), end: () => undefined };
  }

  tell(count: number): void {
    for (const { row, late } of this.untold.splice(0, count)) {
      const record = JSON.parse(JSON.stringify({ ...row, position: +row.position, revision: +row.revision }));
      for (const each of this.listeners)
        each.changed({
          table: 'workflow_events',
          type: 'INSERT',
          key: {},
          record,
          late,
          at: '2026-01-01T00:00:00.000Z',
        });
    }
  }

  lose(): void {
    this.untold.length = 0;
    for (const each of this.listeners) each.missed('lost');
  }
}

/** Reads answer when they are let, with what the table holds then. */
class HeldSource extends LiveSource {
  readonly held: (() => void)[] = [];
  readonly rows: EventView[] = [];
  private lateAt: bigint | null = null;
  private late = 0n;
  holding = true;
  /** As a checkpoint: events of executions that are held back are passed too. */
  passed = 0n;

  commit(row: EventView, isLate: boolean): void {
    if (isLate) [this.lateAt, this.late] = [this.passed, this.late + 1n];
    this.rows.push(row);
    this.rows.sort((a, b) => +a.position - +b.position);
  }

  position(): bigint {
    return this.rows.reduce((most, { position }) => (BigInt(position) > most ? BigInt(position) : most), 0n);
  }

  async highWaterMark(): Promise<HighWaterMark> {
    return this.reachNow();
  }

  after(position: bigint, limit: number) {
    return this.answer(() => ({
      events: this.rows
        .filter((row) => BigInt(row.position) > position)
        .slice(0, limit)
        .map((row) => this.live(row)),
      highWaterMark: this.reachNow(),
    }));
  }

  ofExecution(executionId: string, after: bigint, limit: number) {
    const ofIt = (row: EventView) => row.execution_id === executionId && BigInt(row.position) > after;
    return this.answer(() =>
      this.rows
        .filter(ofIt)
        .slice(0, limit)
        .map((row) => this.live(row)),
    );
  }

  executions() {
    return this.answer(() => {
      const ids = [...new Set(this.rows.map((row) => row.execution_id))];
      return { executions: ids.map((id) => this.execution(id)), nextCursor: null, highWaterMark: this.reachNow() };
    });
  }

  before(events: readonly EventView[]) {
    return this.answer(() =>
      events.map((event) => {
        const last = this.rows.filter(
          (row) => row.execution_id === event.execution_id && +row.revision < +event.revision,
        );
        const latest = last.at(-1);
        return {
          projectId: 'p-1',
          state: latest?.current_state ?? null,
          revision: BigInt(latest?.revision ?? -1),
        };
      }),
    );
  }

  overview(executionId: string): Promise<Overview> {
    return this.answer(() => ({ execution: this.execution(executionId), steps: [], events: undefined }));
  }

  private execution(id: string): ExecutionView {
    const last = this.rows.filter((row) => row.execution_id === id).at(-1);
    const { position = '0', revision = '-1', current_state = 'created' } = last ?? {};
    return { id, position, revision, current_state } as ExecutionView;
  }

  private live(event: EventView): LiveEvent {
    const before = this.rows.filter(
      (row) => row.execution_id === event.execution_id && +row.revision < +event.revision,
    );
    const previousState = before.at(-1)?.current_state ?? null;
    return { event, position: BigInt(event.position), projectId: 'p-1', previousState, late: false };
  }

  private reachNow(): HighWaterMark {
    return { position: this.position(), lateAt: this.lateAt, late: this.late, exchanged: 0n };
  }

  private async answer<T>(read: () => T): Promise<T> {
    if (this.holding) await new Promise<void>((resolve) => this.held.push(resolve));
    const answer = read();
    await nextTurn();
    return answer;
  }
}

export type Message =
  | Readonly<{ id: bigint; kind: 'snapshot'; reason: SnapshotReason; data: Snapshot['data'] }>
  | Readonly<{ id: bigint; kind: Notice; event: LiveEvent }>
  | Readonly<{ id: bigint; kind: 'end'; state: string }>;

/** A client that takes what it is sent, or not. */
export class HeldSink implements StreamSink {
  readonly messages: Message[] = [];
  isOpen = false;
  private isTaking = true;
  private isGone = false;
  private wake = () => undefined as void;

  open(): void {
    this.isOpen = true;
  }

  snapshot(id: bigint, reason: SnapshotReason, data: Snapshot['data']): void {
    this.messages.push({ id, kind: 'snapshot', reason, data });
  }

  event(id: bigint, notice: Notice, event: LiveEvent): void {
    this.messages.push({ id, kind: notice, event });
  }

  end(id: bigint, state: string): void {
    this.messages.push({ id, kind: 'end', state });
  }

  isFull(): boolean {
    return !this.isTaking;
  }

  async taken(): Promise<boolean> {
    while (!this.isTaking && !this.isGone) await new Promise<void>((resolve) => (this.wake = resolve));
    return !this.isGone;
  }

  take(isTaking: boolean): void {
    this.isTaking = isTaking;
    this.wake();
  }

  leave(): void {
    this.isGone = true;
    this.wake();
  }
}

export const liveWorld = (limits: Partial<StreamLimits> = {}) => {
  const [changes, source, clock] = [new ToldLater(), new HeldSource(), new VirtualClock()];
  const errors: unknown[] = [];
  const all = { ...DEFAULT_STREAM_LIMITS, ...limits };
  const hub = new EventBroadcaster(changes, source, clock, all, (_, error) => errors.push(error));
  hub.start();
  return { changes, source, clock, hub, errors, streams: new LiveStreams(hub, source, all) };
};

export const eventRow = (executionId: string, revision: number, position: number, state = `state-${revision}`) =>
  ({
    id: `${executionId}-${revision}`,
    execution_id: executionId,
    position: String(position),
    revision: String(revision),
    event_type: 'StepProgressed',
    data: {},
    current_state: state,
    percent_complete: 0,
    occurred_at: new Date(0),
    recorded_at: new Date(0),
  }) as unknown as EventView;

/** Lets everything go as far as it can without being let. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 8; turn++) await nextTurn();
};
